"""The one gate on every way out. Whatever carries request content beyond this process needs a permit,
and a permit comes only from here, after sensitivity, region and allow-lists were checked.

The checks stand in one table; `decide` uses the same ones to leave channels out early, and `grant` repeats
them at the door, so that a plan from elsewhere (a replay, a stale snapshot) cannot widen what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable

from fairlead.core.call import Call
from fairlead.core.model import Channel
from fairlead.errors import Forbidden

_KEY = object()


class EgressPermit:
    """Proof that this call may go out through this channel. Only `grant` can make one."""

    __slots__ = ("call", "channel", "provider", "purpose")

    def __init__(self, key: object, call: Call, channel: Channel) -> None:
        if key is not _KEY:
            raise TypeError("an EgressPermit is granted by fairlead.core.egress.grant, never made by hand")
        self.call = call.id
        self.channel = channel.id
        self.provider = channel.provider
        self.purpose = call.purpose


def sensitive(call: Call, channel: Channel) -> str | None:
    if not channel.self_hosted and call.sensitive:
        return f"the request is sensitive and {channel.provider} is not self-hosted"
    return None


def region(call: Call, channel: Channel) -> str | None:
    allowed = call.caller.regions
    if allowed is not None and channel.region not in allowed:
        return f"key {call.caller.name} may use the regions {', '.join(sorted(allowed))}; this is {channel.region or 'undeclared'}"
    return None


def provider(call: Call, channel: Channel) -> str | None:
    allowed = call.caller.providers
    if allowed is not None and channel.provider not in allowed:
        return f"key {call.caller.name} may use the providers {', '.join(sorted(allowed))}"
    return None


def model(call: Call, channel: Channel) -> str | None:
    allowed = call.caller.models
    if allowed is not None and channel.model not in allowed:
        return f"key {call.caller.name} may not use {channel.model}"
    return None


CHECKS: tuple[tuple[str, Callable[[Call, Channel], str | None]], ...] = (
    ("sensitive", sensitive),
    ("region", region),
    ("provider_not_allowed", provider),
    ("model_not_allowed", model),
)


def refusal(call: Call, channel: Channel) -> tuple[str, str] | None:
    """(code, words) when the call may not leave through the channel."""
    for code, check in CHECKS:
        words = check(call, channel)
        if words is not None:
            return code, words
    return None


def grant(call: Call, channel: Channel) -> EgressPermit:
    refused = refusal(call, channel)
    if refused is not None:
        raise Forbidden(f"{channel.id} is closed to this request: {refused[1]}", code=refused[0])
    return EgressPermit(_KEY, call, channel)
