"""Google's own schemas (a part of OpenAPI 3.0) as JSON schemas.

Types are written in capitals there, null is a flag, numbers of items come as strings; everything else has the same
name in both.
"""

from __future__ import annotations

from typing import Any

import orjson

from fairlead.errors import BadRequest

_LISTS = ("anyOf", "any_of", "prefixItems", "prefix_items", "oneOf", "allOf")
_COUNTS = {
    "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties",
    "min_items", "max_items", "min_length", "max_length", "min_properties", "max_properties",
}  # fmt: skip
_OWN: dict[str, str] = {
    "any_of": "anyOf", "prefix_items": "prefixItems", "min_items": "minItems", "max_items": "maxItems",
    "min_length": "minLength", "max_length": "maxLength", "min_properties": "minProperties",
    "max_properties": "maxProperties", "additional_properties": "additionalProperties",
}  # fmt: skip
_LEFT_OUT = {"nullable", "propertyOrdering", "property_ordering", "example"}


def json_schema(raw: bytes) -> bytes:
    """The JSON schema of a schema in Google's form. What is no schema at all stays as it is."""
    try:
        schema = orjson.loads(raw)
        return orjson.dumps(_converted(schema)) if isinstance(schema, dict) else raw
    except (orjson.JSONDecodeError, TypeError, RecursionError):
        raise BadRequest("A schema is nested too deeply.", param="tools", code="invalid_json") from None


def _converted(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    name: str
    out: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _LEFT_OUT:
            continue
        shown = _OWN.get(name, name)
        if name == "type" and isinstance(value, str):
            if value != "TYPE_UNSPECIFIED":
                out["type"] = value.lower()
        elif name in ("properties", "$defs", "defs") and isinstance(value, dict):
            out[shown] = {key: _converted(one) for key, one in value.items()}
        elif name in _LISTS and isinstance(value, list):
            out[shown] = [_converted(one) for one in value]
        elif shown in ("items", "additionalProperties"):
            out[shown] = _converted(value)
        elif name in _COUNTS and isinstance(value, str) and value.isdecimal():
            out[shown] = int(value)
        else:
            out[shown] = value
    if schema.get("nullable") is True:
        _allow_null(out)
    return out


def _allow_null(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
