"""`/admin/v1/openapi.json`: the admin API described in OpenAPI 3.1, from the same table that answers it."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from fairlead.server.admin import Asking, Route
from fairlead.version import __version__

PATH = "/admin/v1/openapi.json"
TEMPLATE = "#/components/schemas/{name}"


class Complaint(msgspec.Struct, frozen=True):
    message: str
    type: str
    code: str
    param: str | None


class Problem(msgspec.Struct, frozen=True):
    """How every refusal looks."""

    error: Complaint


def route(others: tuple[Route, ...]) -> Route:
    """Described when somebody asks: it takes longer than all else of a server's start."""

    @functools.cache
    def told() -> dict[str, Any]:
        return describe((*others, own))

    async def does(asking: Asking) -> dict[str, Any]:
        return told()

    own = Route("GET", PATH, does, "viewer", "This description.", dict[str, Any])
    return own


def describe(routes: tuple[Route, ...]) -> dict[str, Any]:
    types = [one for route in routes for one in (route.told, route.said) if one is not None]
    schemas, components = msgspec.json.schema_components((*types, Problem), ref_template=TEMPLATE)
    by_type = dict(zip(map(id, types), schemas, strict=False))
    paths: dict[str, Any] = {}
    for one in routes:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fairlead admin API",
            "version": __version__,
            "description": "Keys, tenants, the audit log and switches of a running gateway.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _operation(route: Route, schemas: dict[int, Any]) -> dict[str, Any]:
    words = [part.strip("{}") for part in route.path.removeprefix("/admin/v1/").split("/")]
    told: dict[str, Any] = {
        "operationId": "_".join((route.method.lower(), *words)).replace(".", "_"),
        "summary": route.what,
        "description": f"Takes the role {route.least}{', and a key whose scope is the gateway' if route.wide else ''}.",
        "parameters": [*_in_path(route), *map(_in_query, route.query)],
        "responses": {
            str(route.status): {"description": "Done.", "content": _json(schemas[id(route.told)])},
            "default": {"description": "Refused.", "content": _json({"$ref": TEMPLATE.format(name="Problem")})},
        },
    }
    if route.said is not None:
        told["requestBody"] = {"content": _json(schemas[id(route.said)])}
    return told


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _in_path(route: Route) -> list[dict[str, Any]]:
    if "{" not in route.path:
        return []
    name = route.path.partition("{")[2].partition("}")[0]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}}]


def _in_query(one: Any) -> dict[str, Any]:
    kind = "integer" if one.number else "string"
    return {"name": one.name, "in": "query", "description": one.what, "schema": {"type": kind}}
