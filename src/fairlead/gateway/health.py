"""How the channels are: who may be asked just now, how much each bears, and how often what failed may be tried again.

Everything that is asked of a provider enters here and leaves here, once, whatever becomes of it. The rules are pure
(`core.health`, `core.balance`); this file gives them the time and tells the audit what changed. How often what failed may
be tried elsewhere is in `gateway.further`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from time import monotonic

import msgspec

from fairlead.core.balance import Loads, order
from fairlead.core.execution import Candidate
from fairlead.core.health import NONE, Breakers, Change, Claim, HealthSettings
from fairlead.core.health import Health as State
from fairlead.core.model import Channel
from fairlead.core.plan import Plan
from fairlead.gateway.further import Further

NOBODY = NONE, NONE
LEFT_ALONE = "it has failed of late and is left alone for a while"


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
        self.further = Further(now)
        self._changed = changed

    def turn_to(
        self, settings: HealthSettings, channels: Iterable[str], shares: bool, changed: Iterable[str] = ()
    ) -> None:
        """These are all there are from now on; what is known of them stays, and what was begun to be counted is. Of those
        that `changed`, as they are reached in another way, nothing is known yet."""
        self.breakers.forget(changed)
        kept = frozenset(channels)
        self.shares = self.shares or shares
        self.breakers.settings = settings
        self.breakers.watch(sorted(kept), self.now())
        self.loads.keep(kept)

    def enter(self, channel: Channel, further: bool = False, anyway: bool = False) -> Claim | str:
        """`further`: others were tried before, so that the provider's retry budget has to allow it. `anyway`: nobody
        else is left. A text says why it is not to be asked."""
        scout = False
        if further:
            scout = not self.further.allows(channel.provider)
            if scout and not self.further.spares(channel.provider):
                return f"so much fails at {channel.provider} just now that nothing is tried there a second time"
        now = self.now  # a function that is held: called as a method it would be looked up anew each time
        claim = self.breakers.claim(channel.id, now(), anyway)
        if claim is None:
            return LEFT_ALONE
        claim.provider = channel.provider
        if self.shares:
            self.loads.began(channel.id)
        if further:
            claim.further, claim.scout = True, scout
            if scout:
                self.further.scouts(channel.provider)
        return claim

    def began(self, claim: Claim | None) -> None:
        """Its stream has content. Only its end tells that it was answered, for it may break off; where others wait to hear
        whether anybody is there, this is word enough."""
        if claim is not None and (claim.scout or claim.circuit.channel in self.breakers.opened):
            self.answered(claim)

    def answered(self, claim: Claim) -> None:
        if claim.ok is None:
            claim.ok = True
            if self.further.failing:
                self.further.answered(claim.provider, claim.further, claim.scout)
            if claim.scout:
                self._came_back(claim)
            if self.breakers.well(claim):
                return
            change = self.breakers.answered(claim, self.now())
            if change is not None:
                self._well_again(change, claim.provider)

    def failed(self, claim: Claim, fault: str, retry_after: float | None) -> None:
        """It was the provider's fault."""
        if claim.ok is None:
            claim.ok = False
            self.further.failed(claim.provider, claim.further)
            if claim.scout:
                self._came_back(claim)
            change = self.breakers.failed(claim, self.now(), fault, retry_after or 0.0)
            if change is not None:
                self._changed(change)

    def probed(self, claim: Claim, provider: str, fault: str, retry_after: float) -> None:
        """What a probe came to, without a fault or with one."""
        breakers, now = self.breakers, self.now()
        if not fault:
            change = breakers.answered(claim, now)
            if change is not None:
                self._well_again(change, provider)
            return
        change = breakers.failed(claim, now, fault, retry_after)
        if change is not None:
            self._changed(change)

    def _well_again(self, change: Change, provider: str) -> None:
        """Where a circuit closes, what failed before it opened says nothing any more of what to try."""
        self.further.forget(provider)
        self._changed(change)

    def in_turn(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """The line in which they are tried when everything fails: else only the first would be asked, and no other found
        that is well again."""
        line = sorted(candidates, key=lambda one: self.breakers.turn(one.channel.id))
        return tuple(
            msgspec.structs.replace(one, move="first" if not at else "failover") for at, one in enumerate(line)
        )

    def left(self, claim: Claim, ms: float | None) -> None:
        """It is over. `ms` is what an answer took."""
        if claim.ok is None:
            self.breakers.abandoned(claim)
            if claim.scout:
                self._came_back(claim)
        if self.shares:
            self.loads.ended(claim.circuit.channel, self.now(), ms, claim.ok)

    def quota(self, channel: str, share: float, resets: float) -> None:
        self.loads.quota(channel, share, self.now() + resets)

    def _came_back(self, scout: Claim) -> None:
        scout.scout = False
        self.further.came_back(scout.provider)

    def ejected(self) -> tuple[frozenset[str], frozenset[str]]:
        """Who is not to be asked, and who of them not even as the last resort."""
        if not self.breakers.opened:
            return NOBODY
        now = self.now()
        return self.breakers.ejected(now), self.breakers.resting(now)

    def back_in(self, channels: Iterable[str]) -> float:
        """Seconds until the first of them may be asked again."""
        return self.breakers.back_in(channels, self.now())

    def balanced(self, plan: Plan, seed: int) -> tuple[Plan, tuple[tuple[str, float], ...]]:
        """The plan with its work shared as its policy says: the best models among each other, and the channels of each
        model; and what they were judged by."""
        way, spread = plan.handling.balance, plan.handling.spread
        judged: dict[str, float] = {}
        targets = []
        for target in (target for step in plan.steps for target in step.targets):
            if len(target.channels) > 1:
                by_id = {channel.id: channel for channel in target.channels}
                ordered = self._order(way, list(by_id), seed, judged)
                target = msgspec.structs.replace(target, channels=tuple([by_id[one] for one in ordered]))
            targets.append(target)
        if spread > 1 and not plan.named and not plan.rule:
            by_first = {target.channels[0].id: target for target in targets[:spread]}
            ordered = self._order(way, list(by_first), seed, judged)
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
