"""The admin API: one table of routes, from which come the surfaces, who may use them, and their description.

Every route names the least role it takes. One that concerns the whole gateway takes a key whose scope that is; the others
see and change what lies in the reach of the key that asks, and know nothing of the rest. The owner of the state directory
has all of it over the socket there, without a key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from fairlead.core.call import Caller
from fairlead.core.grants import Keyholder, reaches
from fairlead.dialects.body import decode
from fairlead.errors import BadRequest, Forbidden, NotFound, Overloaded, StateError
from fairlead.gateway.keyring import Keyring, holder_of
from fairlead.gateway.runtime import Runtime
from fairlead.server.exchange import JSON, Exchange

ROOT = "/admin/v1/"
NOT_KEPT = JSON + b"Cache-Control: no-store\r\n"


class Asking(msgspec.Struct, frozen=True):
    """One request to a route."""

    keyring: Keyring
    own: Keyholder
    """Whose key it came with."""
    which: str
    """What stands for the part of the path in braces."""
    said: Any
    """The body, as the route's type; None where it takes none."""
    query: Mapping[str, str]
    serving: Runtime | None = None
    """Nobody where a command acts in the place of a server; then only keys can be asked for."""

    @property
    def runtime(self) -> Runtime:
        if self.serving is None:
            raise StateError("this takes a running server")
        return self.serving

    def number(self, name: str, usual: int | None, most: int) -> int | None:
        text = self.query.get(name)
        if text is None:
            return usual
        if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) > most:
            raise BadRequest(f"{name} has to be a whole number up to {most}.", param=name)
        return int(text)


class Parameter(msgspec.Struct, frozen=True):
    name: str
    what: str
    number: bool = False


class Route(msgspec.Struct, frozen=True):
    method: str
    path: str
    does: Callable[[Asking], Awaitable[object]]
    least: str
    what: str
    told: Any
    said: Any = None
    status: int = 200
    wide: bool = False
    """Whether it concerns the whole gateway."""
    query: tuple[Parameter, ...] = ()

    @property
    def prefix(self) -> str:
        return self.path.partition("{")[0]

    @property
    def suffix(self) -> str:
        return self.path.partition("}")[2]


class Answering:
    """Routes that differ only in what stands behind the part in braces, as a surface."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes = routes
        self._decoders = {route.path: msgspec.json.Decoder(route.said) for route in routes if route.said is not None}

    async def __call__(self, runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
        status, body = await self.told(runtime.keyring, runtime, caller, exchange.path, exchange.query, exchange.body)
        exchange.send(status, NOT_KEPT, body)

    async def told(
        self, keyring: Keyring, runtime: Runtime | None, caller: Caller, path: str, query: str, body: bytes
    ) -> tuple[int, bytes]:
        """Status and body of the answer. Raises RequestError."""
        route, which = self._chosen(path)
        own = _allowed(route, keyring, caller)
        said = None
        if route.said is not None:
            said = decode(body or b"{}", self._decoders[route.path], frozenset(route.said.__struct_fields__))
        parts = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        try:
            told = await route.does(Asking(keyring, own, which, said, parts, runtime))
        except StateError as problem:
            raise Overloaded(str(problem)) from None
        return route.status, msgspec.json.encode(told)

    def _chosen(self, path: str) -> tuple[Route, str]:
        for route in self._routes:
            if "{" not in route.path:
                return route, ""
            tail, suffix = path.removeprefix(route.prefix), route.suffix
            which = tail.removesuffix(suffix)
            if which and ((suffix and tail.endswith(suffix)) or (not suffix and "/" not in tail)):
                return route, unquote(which)
        there = ", ".join(route.path for route in self._routes)
        raise NotFound(f"There is nothing at {path[:200]}; there is: {there}.", code="unknown_path")


class Tables(msgspec.Struct, frozen=True):
    """As a listener looks paths up."""

    exact: Mapping[str, Mapping[str, Answering]]
    prefixes: tuple[tuple[str, Mapping[str, Answering]], ...]

    def find(self, path: str, method: str) -> Answering:
        methods = self.exact.get(path)
        if methods is None:
            methods = next((one for prefix, one in self.prefixes if path.startswith(prefix)), {})
        if method not in methods:
            raise NotFound(f"there is nothing at {method} {path[:200]}", code="unknown_path")
        return methods[method]


def tables(routes: tuple[Route, ...]) -> Tables:
    exact: dict[str, dict[str, Answering]] = {}
    under: dict[str, dict[str, list[Route]]] = {}
    for route in routes:
        if "{" in route.path:
            under.setdefault(route.prefix, {}).setdefault(route.method, []).append(route)
        else:
            exact.setdefault(route.path, {})[route.method] = Answering((route,))
    prefixes = tuple(
        (prefix, {method: Answering(tuple(some)) for method, some in methods.items()})
        for prefix, methods in under.items()
    )
    return Tables(exact, prefixes)


def _allowed(route: Route, keyring: Keyring, caller: Caller) -> Keyholder:
    if not reaches(caller.role, route.least):
        above = {"viewer": "viewer, operator or admin", "operator": "operator or admin"}.get(route.least, route.least)
        raise Forbidden(f"This takes a key with the role {above}.", code="role")
    if route.wide and caller.scope != "gateway":
        raise Forbidden(f"This concerns the whole gateway; the scope of this key is its {caller.scope}.", code="scope")
    own = holder_of(keyring.world, caller)
    if own is None:
        raise Forbidden("This key was taken back just now.", code="role")
    return own
