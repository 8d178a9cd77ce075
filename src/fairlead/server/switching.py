"""Switching a model or channel off and on while the server runs: `POST /admin/v1/models/{name}/disable` and `enable`.

For keys of the roles operator and admin, and for the owner of the state directory over its socket.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from fairlead.gateway.administration import FOR_GOOD
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.switches import FOREVER, place
from fairlead.server.admin import Asking, Route

ONE = "/admin/v1/models/{name}"
LONGEST = 366 * 86_400


class Length(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST)] | None = None
    """None: until it is switched on."""


class Switched(msgspec.Struct, frozen=True):
    name: str
    off: bool
    seconds: float | None = None
    """How long it is off; None where that is until it is switched on."""
    changed: bool = True
    still: tuple[str, ...] = ()
    """Of its channels, or of the model whose channel it is, those that have a switch of their own and are off by it."""


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


async def disable(asking: Asking) -> Switched:
    runtime, seconds = asking.runtime, asking.said.seconds
    which = place(runtime.world.snapshot, asking.which)
    runtime.switches.disable(which, seconds)
    words = FOR_GOOD if seconds is None else f"for {seconds:g} s"
    runtime.act("switched_off", asking.own.caller, which, words)
    return Switched(which, off=True, seconds=seconds)


async def enable(asking: Asking) -> Switched:
    runtime = asking.runtime
    which = place(runtime.world.snapshot, asking.which)
    changed = runtime.switches.enable(which)
    if changed:
        runtime.act("switched_on", asking.own.caller, which, "")
    return Switched(which, off=False, changed=changed, still=_beside(runtime, which))


def _beside(runtime: Runtime, which: str) -> tuple[str, ...]:
    off, model = runtime.switches.off(), runtime.world.snapshot.models.get(which)
    others = (which.rpartition("@")[0],) if model is None else tuple(one.id for one in model.channels)
    return tuple(one for one in others if one in off)


ROUTES = (
    Route("POST", f"{ONE}/disable", disable, "operator", "Switch a model or channel off.", Switched, Length, wide=True),
    Route("POST", f"{ONE}/enable", enable, "operator", "Switch it on again.", Switched, wide=True),
)


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
