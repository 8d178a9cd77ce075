"""Switching a model or channel off and on while the server runs: `POST /admin/v1/models/{name}/disable` and `enable`.

For keys of the roles operator and admin, and for the owner of the state directory over its socket.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import unquote

import msgspec

from fairlead.core.call import Caller
from fairlead.dialects.body import decode
from fairlead.errors import Forbidden, NotFound
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.switches import FOREVER, place
from fairlead.server.exchange import JSON, Exchange

PREFIX = "/admin/v1/models/"
SWITCHES = frozenset(("operator", "admin"))
LONGEST = 366 * 86_400


class Length(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST)] | None = None
    """None: until it is switched on."""


FIELDS = frozenset(Length.__struct_fields__)
_LENGTH = msgspec.json.Decoder(Length)


class Switched(msgspec.Struct, frozen=True):
    name: str
    off: bool
    seconds: float | None = None
    """How long it is off; None where that is until it is switched on."""
    changed: bool = True


class ChannelState(msgspec.Struct, frozen=True):
    """How a channel is just now."""

    model: str
    channel: str
    state: str
    """closed, open or half-open; off where somebody switched it off."""
    until: str = ""
    """When it is asked again, where that is known."""
    fault: str = ""
    """The last one."""
    failures: int = 0
    ejections: int = 0


async def switch(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    if caller.role not in SWITCHES:
        raise Forbidden("Only keys with the role operator or admin switch models off and on.", code="role")
    exchange.send(200, JSON, msgspec.json.encode(switched(runtime, exchange, PREFIX, caller)))


def switched(runtime: Runtime, exchange: Exchange, prefix: str, caller: Caller) -> Switched:
    """What `{prefix}{name}/disable` or `/enable` asks for, done and audited."""
    name, _, verb = unquote(exchange.path.removeprefix(prefix)).rpartition("/")
    if not name or verb not in ("disable", "enable"):
        raise NotFound(f"There is nothing at {exchange.path[:200]}; there is {prefix}{{name}}/disable and /enable.")
    which = place(runtime.world.snapshot, name)
    if verb == "enable":
        changed = runtime.switches.enable(which)
        if changed:
            runtime.audit("switched_on", caller, "", which)
        return Switched(which, off=False, changed=changed)
    seconds = decode(exchange.body or b"{}", _LENGTH, FIELDS).seconds
    runtime.switches.disable(which, seconds)
    runtime.audit(
        "switched_off", caller, "", f"{which}, {'until it is switched on' if seconds is None else f'for {seconds:g} s'}"
    )
    return Switched(which, off=True, seconds=seconds)


def channel_states(runtime: Runtime) -> list[ChannelState]:
    """All channels, in the order of the configuration."""
    states = {one.channel: one for one in runtime.health.states()}
    now, switches, found = runtime.switches.now(), runtime.switches, []
    for model in runtime.world.snapshot.models.values():
        for channel in model.channels:
            one = states.get(channel.id)
            offs = [until for name in (model.name, channel.id) if (until := switches.until(name)) is not None]
            state: str = "closed" if one is None else one.state
            until = now + one.seconds if one is not None and one.seconds else 0.0
            if offs:
                state, until = "off", max(offs)
            fault, failures, ejections = ("", 0, 0) if one is None else (one.fault, one.failures, one.ejections)
            found.append(ChannelState(model.name, channel.name, state, _instant(until), fault, failures, ejections))
    return found


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds") if 0 < at < FOREVER else ""
