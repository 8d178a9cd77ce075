"""The one gate on every way out. Whatever carries request content beyond this process needs a permit,
and a permit comes only from here, after sensitivity, region and allow-lists were checked.

There are two kinds of way out: a channel to a provider, and a sink, where content stays behind: a cache, a memory, the
kept conversations, the export of logs. Each sink takes its permit as `transport.send` does.

The checks stand in one table; `decide` uses the same ones to leave channels out early, and `grant` repeats
them at the door, so that a plan from elsewhere (a replay, a stale snapshot) cannot widen what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import msgspec

from fairlead.core.call import Call, is_sensitive
from fairlead.core.model import Channel
from fairlead.core.whose import bounds_of
from fairlead.errors import Forbidden

_KEY = object()


class EgressPermit(msgspec.Struct, frozen=True, gc=False):
    """Proof that this call may go out through this channel. Only `grant` can make one, and `grant_probe` one for nothing:
    without a call there is no content, and whoever carries it takes none with it."""

    _key: object
    provider: str
    call: str = ""
    purpose: str = "probe"
    channel: str = ""

    def __post_init__(self) -> None:
        if self._key is not _KEY:
            raise TypeError("an EgressPermit is granted by fairlead.core.egress.grant, never made by hand")


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


def one_channel(call: Call, channel: Channel) -> str | None:
    allowed = call.caller.channels
    if allowed is not None and channel.id not in allowed:
        return f"tenant {call.caller.tenant} does not list it"
    return None


def kept_elsewhere(call: Call, channel: Channel) -> str | None:
    home = call.facts.home
    if home and channel.id != home:
        return f"what the request names is kept at {home}"
    return None


Check = tuple[str, Callable[[Call, Channel], str | None]]
CHECKS: tuple[Check, ...] = (
    ("sensitive", sensitive),
    ("region", region),
    ("provider_not_allowed", provider),
    ("model_not_allowed", model),
    ("channel_not_allowed", one_channel),
    ("kept_elsewhere", kept_elsewhere),
)


def binding(call: Call) -> tuple[Check, ...]:
    """The checks that could refuse this call a channel."""
    caller = call.caller
    if caller.regions is None and caller.providers is None and caller.models is None and caller.channels is None:
        if not call.facts.home and not is_sensitive(call):
            return ()  # as for most
    binds = (
        call.sensitive,
        caller.regions is not None,
        caller.providers is not None,
        caller.models is not None,
        caller.channels is not None,
        call.facts.home != "",
    )
    return tuple(check for check, binding in zip(CHECKS, binds, strict=True) if binding)


def refusal(call: Call, channel: Channel, checks: tuple[Check, ...] = CHECKS) -> tuple[str, str] | None:
    """(code, words) when the call may not leave through the channel."""
    for code, check in checks:
        words = check(call, channel)
        if words is not None:
            return code, words
    return None


def grant(call: Call, channel: Channel) -> EgressPermit:
    checks = binding(call)
    if checks:
        refused = refusal(call, channel, checks)
        if refused is not None:
            raise Forbidden(f"{channel.id} is closed to this request: {refused[1]}", code=refused[0])
    return EgressPermit(_KEY, channel.provider, call.id, call.purpose, channel.id)


def grant_probe(provider: str) -> EgressPermit:
    """For the question whether a provider is there: it carries nothing of any request."""
    return EgressPermit(_KEY, provider)


def grant_service(call: Call, name: str, *, self_hosted: bool, region: str) -> EgressPermit:
    """For a service of the operator's own that is shown what was asked and answered. No list of models names it: where a
    key is bound to providers or regions, it has to be self-hosted or stand in one of them."""
    refused = ""
    caller = call.caller
    if call.sensitive and not self_hosted:
        refused = "the request is sensitive and it is not self-hosted"
    elif caller.regions is not None and region not in caller.regions:
        refused = f"key {caller.name} may use the regions {', '.join(sorted(caller.regions))}; this is {region or 'undeclared'}"
    elif (caller.providers is not None or caller.channels is not None) and not self_hosted:
        refused = f"key {caller.name} is bound to providers and it is not self-hosted"
    if refused:
        raise Forbidden(
            f"{name} is closed to this request: {refused}", code="sensitive" if call.sensitive else "region"
        )
    return EgressPermit(_KEY, name, call.id, call.purpose)


Sink = Literal["cache", "memory", "conversation", "idempotency", "log", "belongings"]
SINKS: tuple[Sink, ...] = get_args(Sink)
NEVER: dict[Sink, str] = {
    "cache": "what it said could answer another request",
    "memory": "what it said could be put before another model",
}
"""Sinks that a sensitive request's content never enters, wherever they are: it would come out again without its label."""


class SinkPermit:
    """Proof that what this call said may stay behind in this sink. Only `grant_sink` can make one.

    A sink that gives content back later keeps `sensitive` and `bounds` beside it, and whoever takes the content out again
    asks no less of the call it goes into.
    """

    __slots__ = ("bounds", "call", "sensitive", "session", "sink", "tenant", "user")

    def __init__(self, key: object, call: Call, sink: Sink) -> None:
        if key is not _KEY:
            raise TypeError("a SinkPermit is granted by fairlead.core.egress.grant_sink, never made by hand")
        self.call = call.id
        self.tenant = call.caller.tenant
        self.bounds = bounds_of(call.caller)
        self.user = call.user
        self.session = call.wishes.session
        self.sink = sink
        self.sensitive = call.sensitive


def sink_refusal(call: Call, sink: Sink, *, local: bool) -> str | None:
    """Why what the call said may not stay behind there. `local`: on this machine or a store that is self-hosted."""
    if not call.sensitive:
        return None
    if sink in NEVER:
        return f"the request is sensitive and {NEVER[sink]}"
    return None if local else "the request is sensitive and this is not self-hosted"


def grant_sink(call: Call, sink: Sink, *, local: bool) -> SinkPermit:
    refused = sink_refusal(call, sink, local=local)
    if refused is not None:
        raise Forbidden(f"{sink} is closed to this request: {refused}", code="sensitive")
    return SinkPermit(_KEY, call, sink)
