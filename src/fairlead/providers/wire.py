"""The seam between the gateway and a provider: what is sent, where to, and what comes back.

A *wire* is a protocol some providers speak (a row of `wires`). An *endpoint* is one configured provider:
everything that can be worked out when the configuration loads, so that a request only fills in the rest.
An *upstream* carries an `Outbound` to an endpoint: over HTTP, or inside the process for simulated models.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec

from fairlead.core.egress import EgressPermit


class Proxy(msgspec.Struct, frozen=True):
    """What stands between us and a provider."""

    host: str
    port: int
    tls: bool = False
    authorization: bytes = b""
    """The rendered header line that says who we are, where it wants to know. Never logged."""
    secrets: tuple[str, ...] = ()
    """What is secret in that line."""

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


class Endpoint(msgspec.Struct, frozen=True):
    """One configured provider."""

    name: str
    kind: str
    dialect: str
    """The dialect it is asked in when it does not speak the caller's."""
    host: str = ""
    port: int = 0
    tls: bool = False
    prefix: str = ""
    """Path before the operation's own, without a trailing slash; a whole address where a proxy is asked for it."""
    headers: bytes = b""
    """Rendered header lines sent with every request, key included. Never logged."""
    heads: dict[str, bytes] = {}
    """By dialect: the head of a request that goes where all do, with no header line of the caller's. Never logged."""
    dialects: frozenset[str] = frozenset()
    """What else it speaks: a call in such a dialect passes through untouched."""
    key: str = ""
    """Which of its keys is in them, where it has several: its place and the beginning of its digest."""
    keyed: tuple[Endpoint, ...] = ()
    """The same with each of its keys, where it has several."""
    secrets: tuple[bytes, ...] = ()
    """The key and what else is secret in them: masked wherever a provider's own words are told to a caller."""
    self_hosted: bool = False
    ca_file: str = ""
    authorities: str = ""
    """A digest of what stands in `ca_file`: another file under its name makes it another endpoint."""
    verify: bool = True
    simulated: bool = False
    proxy: Proxy | None = None
    cache_hints: bool = False
    """Whether requests tell its prompt cache what to keep, where their callers do not."""
    max_tokens_field: str = ""
    """The name this provider wants for the output limit; empty leaves the caller's own."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` may be asked of it."""
    connect_timeout: float = 5.0
    first_byte_timeout: float = 120.0
    idle_timeout: float = 120.0
    max_connections: int = 1000

    def speaks(self, dialect: str) -> bool:
        return dialect == self.dialect or dialect in self.dialects

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, {self.kind!r}, {self.host}:{self.port})"


class Outbound(msgspec.Struct, frozen=True, gc=False):
    """One request, ready to leave."""

    head: bytes
    """But for the line that tells the body's length."""
    body: bytes
    stream: bool = False


def head(method: str, path: str, headers: bytes) -> bytes:
    return b"%b %b HTTP/1.1\r\n%b" % (method.encode(), path.encode(), headers)


class Reply(Protocol):
    """A provider's answer while it arrives. Whoever holds it reads to the end or aborts."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[bytes, bytes]:
        """Lower-case names."""
        ...

    async def read(self) -> bytes:
        """The next piece of the body as it came; empty at the end. Raises UpstreamBroken when it was cut."""
        ...

    def whole(self) -> bytes | None:
        """All of the body where it has come already; else None, and `body` waits for it."""
        ...

    async def body(self) -> bytes:
        """All of the rest, up to the size cap."""
        ...

    def await_content(self, awaited: bool) -> None:
        """Until further notice what comes does not count as content: it has to begin within `first_byte_timeout`."""
        ...

    def let_go(self) -> None:
        """All that matters has come; what still comes is of no interest."""
        ...

    def abort(self) -> None:
        """Stop receiving and close the connection now. Harmless after the end."""
        ...


class Pouring(Protocol):
    """A reply that can give what arrives to a function, without anybody waking for it: its own `pouring`, where it has one."""

    async def pour(self, give: Callable[[bytes], bool]) -> bool:
        """Every piece goes to `give` in the read that brings it, until that says no: true then, false at the end. Raises
        UpstreamBroken when the answer was cut."""
        ...


class Upstream(Protocol):
    """Carries requests to endpoints. It takes a permit, so there is no way out that skips the egress check."""

    def send(
        self, permit: EgressPermit, endpoint: Endpoint, outbound: Outbound, sent: Callable[[Reply], None]
    ) -> Awaitable[Reply]:
        """The reply, once its head has arrived. `sent` is called as soon as the request is on its way: from then on the
        provider may be at work, and who does not wait for the head any more aborts the reply that it was given. Raises
        UpstreamBroken when no answer came."""
        ...


class UpstreamBroken(Exception):
    """The exchange with a provider failed below the level of an HTTP answer."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        """busy, connect, connect_timeout, first_byte_timeout, idle_timeout, cut, protocol, proxy, stale, too_large, tls"""
        self.detail = detail

    @property
    def ours(self) -> bool:
        """Whether it says nothing of the provider: no connection of ours was free, or one had gone."""
        return self.reason in ("busy", "stale")
