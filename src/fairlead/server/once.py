"""What turns a surface into one that carries a request with an Idempotency-Key out once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha256
from urllib.parse import parse_qsl

from fairlead.core.call import Caller
from fairlead.errors import BadRequest
from fairlead.gateway.idempotency import Asked
from fairlead.gateway.request import Headers, Outlet
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import World, digest
from fairlead.server.exchange import Exchange

NAME = b"idempotency-key"
LONGEST = 255
TOLD = frozenset((b"anthropic-version", b"anthropic-beta", b"openai-beta"))
"""Beside our own, the headers that say more closely what is asked."""

Surface = Callable[[Runtime, Exchange, Caller], Awaitable[object]]


class Copy(Exchange, kw_only=True, eq=False):
    """A request whose answer goes elsewhere than to the client it came from."""

    _outlet: Outlet

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self.started = self.finished = True
        self._outlet.send(status, headers, body)

    def start(self, status: int, headers: bytes, length: int | None = None) -> None:
        self.started = True
        self._outlet.start(status, headers)

    @property
    def direct(self) -> None:
        """It goes to somebody else, who may have to be waited for."""

    async def write(self, piece: bytes) -> None:
        await self._outlet.write(piece)

    def end(self, last: bytes = b"") -> None:
        self.finished = True
        self._outlet.end(last)


class Once:
    """A surface that carries a request with an Idempotency-Key out once."""

    __slots__ = ("_surface",)

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    def fitting(self, headers: Headers) -> Surface:
        """For requests with these headers."""
        return self if NAME in headers else self._surface

    def __call__(self, runtime: Runtime, exchange: Exchange, caller: Caller) -> Awaitable[object]:
        asked, surface = asked_of(runtime.world, exchange, caller), self._surface
        return runtime.once.answer(asked, exchange, lambda outlet: surface(runtime, copy(exchange, outlet), caller))


def copy(exchange: Exchange, outlet: Outlet) -> Copy:
    return Copy(
        exchange._connection,
        exchange.received,
        exchange.method,
        exchange.path,
        exchange.query,
        exchange.headers,
        exchange.body,
        _outlet=outlet,
    )


def asked_of(world: World, exchange: Exchange, caller: Caller) -> Asked:
    key = exchange.headers[NAME]
    if not 0 < len(key) <= LONGEST or not key.isascii():
        raise BadRequest(
            f"Idempotency-Key has to be 1 to {LONGEST} characters of ASCII; a UUID does.", param="Idempotency-Key"
        )
    route = exchange.path.encode("latin-1")
    who = (caller.name, caller.key) if caller.key else (caller.name,)
    name = digest(world.pads, b"\n".join((*(one.encode() for one in who), route, key))).hex()
    said = sha256()
    for part in parts(exchange):
        said.update(b"%d:%b" % (len(part), part))
    return Asked(caller.tenant, name, digest(world.pads, said.digest()))


def parts(exchange: Exchange) -> Iterator[bytes]:
    """All that makes two requests to one path differ in what they ask. A form's boundary is drawn anew each time."""
    yield from (f"{name}={value}".encode() for name, value in sorted(parse_qsl(exchange.query)) if name != "key")
    headers = exchange.headers
    for name in sorted(headers):
        if name.startswith(b"x-fairlead-") or name in TOLD:
            yield b"%b: %b" % (name, headers[name])
    kind, body = headers.get(b"content-type", b""), exchange.body
    if kind.startswith(b"multipart/"):
        boundary = kind.partition(b"boundary=")[2].partition(b";")[0].strip(b' "')
        line = b"--%b" % boundary
        body = body.replace(line, b"") if boundary and body.startswith(line) else body
    yield body
