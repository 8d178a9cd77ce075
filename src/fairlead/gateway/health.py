"""How the channels are: who may be asked just now, how much each bears, and how often what failed may be tried again.

Everything that is asked of a provider enters here and leaves here, once, whatever becomes of it. The rules are pure
(`core.health`, `core.balance`, `core.throttle`); this file gives them the time and tells the audit what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from time import monotonic

import msgspec

from fairlead.core.balance import Loads, order
from fairlead.core.health import NONE, Breakers, Change, Claim, HealthSettings
from fairlead.core.health import Health as State
from fairlead.core.model import Channel
from fairlead.core.plan import Plan
from fairlead.core.throttle import Throttle

SPARED_SECONDS = 0.25


class Entry(msgspec.Struct):
    """One attempt at a channel, from its beginning to its end."""

    channel: Channel
    claim: Claim
    ok: bool | None = None
    """What it said of the channel; None for nothing."""


class Health:
    def __init__(
        self,
        settings: HealthSettings,
        channels: Iterable[str],
        changed: Callable[[Change], None],
        shares: bool = True,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self.now = now
        self.shares = shares
        """Whether any policy shares work by load; else nobody asks how much each bears."""
        self.breakers = Breakers(settings, Random())
        self.breakers.watch(channels, now())
        self.loads = Loads()
        self._throttles: dict[str, Throttle] = {}
        """Of the providers of which something has failed."""
        self._spared_until: dict[str, float] = {}
        """Until when those whose retry budget is used up are not tried in another's place."""
        self._changed = changed

    def turn_to(self, settings: HealthSettings, channels: Iterable[str], shares: bool) -> None:
        """These are all there are from now on; what is known of them stays, and what was begun to be counted is."""
        kept = frozenset(channels)
        self.shares = self.shares or shares
        self.breakers.settings = settings
        self.breakers.watch(sorted(kept), self.now())
        self.loads.keep(kept)

    def enter(self, channel: Channel, *, further: bool = False, anyway: bool = False) -> Entry | str:
        """`further`: others were tried before, so that the provider's retry budget has to allow it. `anyway`: nobody
        else is left. A text says why it is not to be asked."""
        if further and not self._affords(channel.provider):
            return f"so much fails at {channel.provider} just now that nothing is tried there a second time"
        claim = self.breakers.claim(channel.id, self.now(), anyway=anyway)
        if claim is None:
            return "it has failed of late and is left alone for a while"
        if self.shares:
            self.loads.began(channel.id)
        return Entry(channel, claim)

    def _affords(self, provider: str) -> bool:
        """Whether its retry budget allows it. Once it is used up one request in a while goes through all the same: else
        a provider that is well again would never be found behind one that is not."""
        throttle = self._throttles.get(provider)
        if throttle is None or throttle.allows():
            return True
        now = self.now()
        if now < self._spared_until.get(provider, now):
            return False
        self._spared_until[provider] = now + SPARED_SECONDS
        return True

    def answered(self, entry: Entry) -> None:
        if entry.ok is None:
            entry.ok = True
            if self._throttles:
                self._paid_back(entry.channel.provider)
            change = self.breakers.answered(entry.claim, self.now())
            if change is not None:
                self._changed(change)

    def failed(self, entry: Entry, fault: str, retry_after: float | None) -> None:
        """It was the provider's fault."""
        if entry.ok is None:
            entry.ok = False
            self._throttles.setdefault(entry.channel.provider, Throttle()).failed()
            change = self.breakers.failed(entry.claim, self.now(), fault, retry_after or 0.0)
            if change is not None:
                self._changed(change)

    def probed(self, claim: Claim, fault: str, retry_after: float) -> None:
        """What a probe came to, without a fault or with one."""
        breakers, now = self.breakers, self.now()
        change = breakers.failed(claim, now, fault, retry_after) if fault else breakers.answered(claim, now)
        if change is not None:
            self._changed(change)

    def left(self, entry: Entry, ms: float | None) -> None:
        """It is over. `ms` is what an answer took."""
        if entry.ok is None:
            self.breakers.abandoned(entry.claim)
        if self.shares:
            self.loads.ended(entry.channel.id, self.now(), ms, entry.ok)

    def quota(self, channel: str, share: float, resets: float) -> None:
        self.loads.quota(channel, share, self.now() + resets)

    def _paid_back(self, provider: str) -> None:
        throttle = self._throttles.get(provider)
        if throttle is not None:
            throttle.answered()
            if throttle.full:
                del self._throttles[provider]

    def ejected(self) -> tuple[frozenset[str], frozenset[str]]:
        """Who is not to be asked, and who of them not even as the last resort."""
        if self.breakers.all_closed:
            return NONE, NONE
        now = self.now()
        return self.breakers.ejected(now), self.breakers.resting(now)

    def back_in(self, channels: Iterable[str]) -> float:
        """Seconds until the first of them may be asked again."""
        return self.breakers.back_in(channels, self.now())

    def balanced(self, plan: Plan) -> tuple[Plan, tuple[tuple[str, float], ...]]:
        """The plan with its work shared as its policy says: the best models among each other, and the channels of each
        model; and what they were judged by."""
        way, spread = plan.handling.balance, plan.handling.spread
        judged: dict[str, float] = {}
        targets = []
        for target in (target for step in plan.steps for target in step.targets):
            ordered = self._order(way, [channel.id for channel in target.channels], plan.seed, judged)
            by_id = {channel.id: channel for channel in target.channels}
            targets.append(msgspec.structs.replace(target, channels=tuple(by_id[one] for one in ordered)))
        if spread > 1 and not plan.named and not plan.rule:
            by_first = {target.channels[0].id: target for target in targets[:spread]}
            ordered = self._order(way, list(by_first), plan.seed, judged)
            targets[: len(by_first)] = [by_first[one] for one in ordered]
        steps, at = [], 0
        for step in plan.steps:
            end = at + len(step.targets)
            steps.append(msgspec.structs.replace(step, targets=tuple(targets[at:end])))
            at = end
        return msgspec.structs.replace(plan, steps=tuple(steps)), tuple(judged.items())

    def _order(self, way: str, channels: list[str], seed: int, judged: dict[str, float]) -> tuple[str, ...]:
        found = order(way, channels, self.loads, self.now(), seed)
        judged.update(found.inputs)
        return found.channels

    def states(self) -> list[State]:
        return self.breakers.healths(self.now())
