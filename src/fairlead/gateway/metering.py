"""Whose limits a request meets: its key's, its plan's, its team's, its tenant's; and, with each attempt, its model's."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fairlead.core.call import Caller
from fairlead.core.limits import Gate, Meter, Quota, Refused
from fairlead.core.policy import Limits, least
from fairlead.errors import RateLimited
from fairlead.gateway.world import World
from fairlead.registry.budgets import Metered

NONE = Limits()


class Metering:
    """The meters of one gateway. What was counted outlives a change of the configuration, also of who is gone for a
    while."""

    def __init__(self, world: World) -> None:
        self.meters: dict[Metered, Meter] = {}
        self._callers: dict[tuple[str, str, str, str], tuple[Meter, ...]] = {}
        self._keys: dict[str, Limits] = {}
        self._limits: Mapping[Metered, Limits] = {}
        self.of_models: dict[str, Meter] = {}
        """Of the models that have limits."""
        self.turn_to(world)

    def turn_to(self, world: World) -> None:
        now = time.monotonic()
        self._limits = world.limits
        self._keys = {holder.caller.name: holder.limits for holder in world.keys.values() if not holder.ended}
        self._callers.clear()
        in_use = {*self._limits, *(("key", name) for name in self._keys)}
        for who, meter in list(self.meters.items()):
            if who not in in_use and meter.at_rest(now):
                del self.meters[who]
        models = [name for kind, name, *_ in self._limits if kind == "model"]
        self.of_models = {name: self._meter(("model", name), self._limits["model", name]) for name in models}

    def gate(self, caller: Caller) -> Gate | None:
        """The way in for one request; None where nothing limits it."""
        of = (caller.tenant, caller.team, caller.name, caller.plan)
        meters = self._callers.get(of)
        if meters is None:
            meters = self._callers[of] = tuple(self._of(caller))
        return Gate(meters) if meters else None

    @contextmanager
    def aside(self, caller: Caller, dialect: str, received: float) -> Iterator[None]:
        """While a request is served that asks no model: it counts as one, without tokens. Raises RateLimited."""
        gate = self.gate(caller)
        if gate is None:
            yield
            return
        refused = gate.enter(received, 0)
        if refused is not None:
            raise too_many(refused, told(gate, dialect, received))
        try:
            yield
        finally:
            gate.leave(0)

    def _of(self, caller: Caller) -> Iterator[Meter]:
        own = _narrower(self._keys.get(caller.name, NONE), self._limits.get(("plan", caller.plan), NONE))
        wider: tuple[Metered, ...] = (("team", caller.tenant, caller.team), ("tenant", caller.tenant))
        if own != NONE:
            yield self._meter(("key", caller.name), own)
        for who in wider:
            if who in self._limits:
                yield self._meter(who, self._limits[who])

    def _meter(self, who: Metered, limits: Limits) -> Meter:
        found = self.meters.get(who)
        if found is None:
            found = self.meters[who] = Meter(limits, f"{who[0].capitalize()} {who[-1]!r}")
        found.limits = limits
        return found


def _narrower(one: Limits, other: Limits) -> Limits:
    if other == NONE:
        return one
    return Limits(least(one.rpm, other.rpm), least(one.tpm, other.tpm), least(one.concurrency, other.concurrency))


def limited(refused: Refused) -> str:
    return f"{refused.whose} may be asked {refused.limit:,} {refused.what}"


def too_many(refused: Refused, headers: bytes = b"") -> RateLimited:
    error = RateLimited(
        f"{refused.whose} may make {refused.limit:,} {refused.what}; try again in {refused.retry_after:.1f} s.",
        retry_after=refused.retry_after,
    )
    error.headers = headers
    return error


def told(gate: Gate, dialect: str, now: float) -> bytes:
    """What is left, in the headers that clients of a dialect look for; Google's look for none."""
    if dialect == "gemini":
        return b""
    requests, tokens = gate.quotas(now)
    lines = _anthropic if dialect == "anthropic_messages" else _openai
    found = "" if requests is None else lines("requests", requests)
    return (found if tokens is None else found + lines("tokens", tokens)).encode()


def _openai(what: str, quota: Quota) -> str:
    limit, left, resets = quota
    return (
        f"x-ratelimit-limit-{what}: {limit}\r\nx-ratelimit-remaining-{what}: {left}\r\n"
        f"x-ratelimit-reset-{what}: {resets:.3f}s\r\n"
    )


def _anthropic(what: str, quota: Quota) -> str:
    limit, left, resets = quota
    whole = datetime.datetime.fromtimestamp(time.time() + resets + 0.999, datetime.UTC)
    return (
        f"anthropic-ratelimit-{what}-limit: {limit}\r\nanthropic-ratelimit-{what}-remaining: {left}\r\n"
        f"anthropic-ratelimit-{what}-reset: {whole:%Y-%m-%dT%H:%M:%SZ}\r\n"
    )
