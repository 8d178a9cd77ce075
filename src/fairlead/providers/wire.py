"""The seam between the gateway and a provider: what is sent, where to, and what comes back.

A *wire* is a protocol some providers speak (one small module each). An *endpoint* is one configured provider:
everything that can be worked out when the configuration loads, so that a request only fills in the rest.
An *upstream* carries an `Outbound` to an endpoint: over HTTP, or inside the process for simulated models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from fairlead.core.call import Call
from fairlead.core.egress import EgressPermit
from fairlead.core.model import Channel
from fairlead.core.record import Usage


class Endpoint(msgspec.Struct, frozen=True):
    """One configured provider."""

    name: str
    kind: str
    dialect: str
    """The dialect it speaks natively; a call in the same dialect passes through untouched."""
    host: str = ""
    port: int = 0
    tls: bool = False
    prefix: str = ""
    """Path before the operation's own, without a trailing slash."""
    headers: bytes = b""
    """Rendered header lines sent with every request, key included. Never logged."""
    secrets: tuple[bytes, ...] = ()
    """The key and what else is secret in them: masked wherever a provider's own words are told to a caller."""
    self_hosted: bool = False
    ca_file: str = ""
    verify: bool = True
    simulated: bool = False
    max_tokens_field: str = ""
    """The name this provider wants for the output limit; empty leaves the caller's own."""
    stream_usage: bool = True
    """Whether `stream_options.include_usage` may be asked of it."""
    connect_timeout: float = 5.0
    first_byte_timeout: float = 120.0
    idle_timeout: float = 120.0
    max_connections: int = 1000

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, {self.kind!r}, {self.host}:{self.port})"


class Outbound(msgspec.Struct, frozen=True):
    """One request, ready to leave."""

    method: str
    path: str
    headers: bytes
    body: bytes


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

    def let_go(self) -> None:
        """All that matters has come; what still comes is of no interest."""
        ...

    def abort(self) -> None:
        """Stop receiving and close the connection now. Harmless after the end."""
        ...


class Upstream(Protocol):
    """Carries requests to endpoints. It takes a permit, so there is no way out that skips the egress check."""

    async def send(
        self, permit: EgressPermit, endpoint: Endpoint, outbound: Outbound, sent: Callable[[], None]
    ) -> Reply:
        """Returns when the answer's head has arrived, and calls `sent` once the request is on its way: from then on
        the provider may be at work. Raises UpstreamBroken when no answer came."""
        ...


class UpstreamBroken(Exception):
    """The exchange with a provider failed below the level of an HTTP answer."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        """connect, connect_timeout, first_byte_timeout, idle_timeout, cut, protocol, stale, too_large, tls"""
        self.detail = detail


class Answer(msgspec.Struct, frozen=True):
    """What has to be known of a complete answer to account for it."""

    usage: Usage | None
    error: str = ""
    """Why a formally successful answer is none (an error in a 200), else empty."""


class Wire(Protocol):
    """One protocol: how a call becomes bytes, and what its answers mean."""

    dialect: str

    def outbound(self, call: Call, channel: Channel, endpoint: Endpoint, max_output: int | None) -> Outbound:
        """`max_output` is set when the limit sent has to differ from the caller's."""
        ...

    def answer(self, body: bytes) -> Answer: ...
