"""Who asks: the key in the request, looked up by its digest, never by itself.

Where no keys are configured everyone on this machine is `anonymous`. Then web pages are kept out too: a request whose
Host or Origin is not a loopback name is a browser's doing, not the user's.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from fairlead.core.call import Caller
from fairlead.errors import Forbidden, Unauthenticated
from fairlead.gateway.admit import anonymous
from fairlead.gateway.world import World
from fairlead.server.exchange import Exchange

LOOPBACK = frozenset((b"localhost", b"127.0.0.1", b"[::1]", b"::1", b""))
WHERE = (
    "The keys are those under `keys` in fairlead's configuration; without a file, the one `fairlead serve` printed "
    "at its start (also in its state directory, file `key`)."
)
ANYONE = anonymous()


class Proof(msgspec.Struct, frozen=True):
    """Who a connection's last request came from, and what showed it: most clients send the same key every time."""

    world: World
    shown: bytes
    caller: Caller


def identify(world: World, exchange: Exchange) -> Caller:
    headers = exchange.headers
    if not world.keys:
        return _local(headers)
    shown = headers.get(b"x-api-key") or headers.get(b"authorization", b"")
    known = exchange.known
    if type(known) is Proof and known.world is world and known.shown == shown:
        return known.caller
    key = headers.get(b"x-api-key")
    if key is None:
        scheme, _, key = shown.partition(b" ")
        if not key or scheme.lower() != b"bearer":
            raise Unauthenticated(
                f"No API key came with the request; send it as 'Authorization: Bearer KEY'. {WHERE}",
                code="missing_api_key",
            )
    holder = world.holder_of(key.strip())
    if holder is None:
        raise Unauthenticated(f"This API key is not known here. {WHERE}")
    exchange.known = Proof(world, shown, holder.caller)
    return holder.caller


def _local(headers: Mapping[bytes, bytes]) -> Caller:
    host = headers.get(b"host", b"")
    name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
    origin = headers.get(b"origin")
    if name.lower() not in LOOPBACK or (origin is not None and _origin_name(origin) not in LOOPBACK):
        raise Forbidden(
            "Without configured keys fairlead answers only programs on this machine. Add `keys` to its configuration "
            "to call it from web pages or under another host name.",
            code="loopback_only",
        )
    return ANYONE


def _origin_name(origin: bytes) -> bytes:
    try:
        return (urlsplit(origin).hostname or b"?").lower()
    except ValueError:
        return b"?"
