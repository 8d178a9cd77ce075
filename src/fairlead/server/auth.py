"""Who asks: the key in the request, looked up by its digest, never by itself.

Where no keys are configured, and none was issued yet, everyone on this machine is `anonymous`. Then web pages are kept out
too: a request whose Host or Origin is not a loopback name is a browser's doing, not the user's.

A key stands in `x-api-key`, or else behind `Bearer` in `Authorization`; an empty `x-api-key` is as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from fairlead.config.values import is_loopback
from fairlead.core.call import Caller
from fairlead.errors import Forbidden, Unauthenticated
from fairlead.gateway.admit import anonymous
from fairlead.gateway.minting import malformed
from fairlead.gateway.world import World
from fairlead.server.exchange import Exchange

LOOPBACK = frozenset((b"localhost", b"127.0.0.1", b"[::1]", b""))
"""The usual ones, and none at all; what else is loopback is found by its address."""
WHERE = (
    "The keys are those under `keys` in fairlead's configuration and those of `fairlead keys create`; without a file, "
    "the one `fairlead serve` printed at its start (also in its state directory, file `key`)."
)
ANYONE = anonymous()


class Proof(msgspec.Struct):
    """Who a request came from, and the key it showed. Requests with the same head share it; a connection keeps its last one, for most
    clients show the same key every time."""

    world: World
    key: bytes
    caller: Caller
    surface: Any = None
    """What answers such requests, once it was looked for; only in their headers, for the connection's next may ask for something else."""


def identify(world: World, exchange: Exchange) -> Caller:
    headers = exchange.headers
    proof = headers.proof
    if type(proof) is Proof and proof.world is world:
        return proof.caller
    if world.open:
        key, caller = b"", _local(headers)
    else:
        key, known = _shown(exchange), exchange.known
        if type(known) is Proof and known.world is world and known.key == key:
            caller = known.caller
        else:
            caller = _found(world, key)
    exchange.known = headers.proof = Proof(world, key, caller)
    return caller


def _found(world: World, key: bytes) -> Caller:
    if malformed(key) and not world.odd:
        raise Unauthenticated(
            "This API key did not come whole: its checksum does not fit. Copy it again, all 52 characters of it.",
            code="malformed_api_key",
        )
    holder = world.holder_of(key)
    if holder is None:
        raise Unauthenticated(f"This API key is not known here. {WHERE}")
    if holder.ended:
        raise Unauthenticated(
            f"This API key is not valid any more: {holder.ended}. Ask who issued it for another.", code="ended_api_key"
        )
    return holder.caller


def _shown(exchange: Exchange) -> bytes:
    """The key that the request shows."""
    headers = exchange.headers
    key = headers.get(b"x-api-key", b"").strip() or _google_key(exchange)
    if not key:
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        key = key.strip()
        if not key or scheme.lower() != b"bearer":
            raise Unauthenticated(
                f"No API key came with the request; send it as 'Authorization: Bearer KEY'. {WHERE}",
                code="missing_api_key",
            )
    return key


def _google_key(exchange: Exchange) -> bytes:
    """As Google's clients send it: in a header of their own, or in the query of Gemini's paths."""
    key = exchange.headers.get(b"x-goog-api-key", b"").strip()
    if not key and exchange.query and exchange.path.startswith("/v1beta/"):
        found = parse_qs(exchange.query).get("key")
        key = found[0].encode("utf-8", "replace") if found else b""
    return key


def _local(headers: Mapping[bytes, bytes]) -> Caller:
    origin = headers.get(b"origin")
    if not _is_local(_host_name(headers.get(b"host", b""))) or (
        origin is not None and not _is_local(_origin_name(origin))
    ):
        raise Forbidden(
            "Without configured keys fairlead answers only programs on this machine. Add `keys` to its configuration "
            "to call it from web pages or under another host name.",
            code="loopback_only",
        )
    return ANYONE


def _is_local(name: bytes) -> bool:
    """Whether a host of a URL, IPv6 addresses in brackets, is this machine itself."""
    return name in LOOPBACK or is_loopback(name.removeprefix(b"[").removesuffix(b"]").decode("latin-1"))


def _host_name(host: bytes) -> bytes:
    """A Host without its port; one that is no proper host stays what it is, and so no loopback name."""
    name, colon, port = host.rpartition(b":")
    if colon and port.isdigit() and (b":" not in name or name.endswith(b"]")):
        host = name
    return host.lower()


def _origin_name(origin: bytes) -> bytes:
    try:
        return (urlsplit(origin).hostname or b"?").lower()
    except ValueError:
        return b"?"
