"""How often what failed may be tried elsewhere: the retry budgets of the providers, and who finds out when they are used up.

A provider's own budget (`core.throttle`) bounds what is tried at it a second time. Where many providers fail at once those
budgets would add up, and a provider of which nothing is known has all of its own. So further tries that failed, wherever
they were made, draw on one budget more. Once that is used up, one further try goes to each provider that did not answer
last time: a scout. Others wait for its word. If it is answered all may follow, else none but another scout in a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fairlead.core.throttle import IN_VAIN, Throttle

SPARED_SECONDS = 0.25
"""Between two scouts, over all providers."""
PATIENCE = 1.0
"""Seconds that a scout is waited for; then it is neither well nor failing at once, and may be tried."""


class Further:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.failing: dict[str, Throttle] = {}
        """Of the providers of which something has failed."""
        self._in_vain = Throttle(IN_VAIN)
        self._good: set[str] = set()
        """Who answered last time, as far as that was noted."""
        self._not_before: dict[str, float] = {}
        """When the next scout may go to a provider."""
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        """By provider that a scout is at: who waits for its word."""

    @property
    def doubtful(self) -> bool:
        """Whether so much failed that only those who answered last time are tried in another's place."""
        return bool(self.failing) and not self._in_vain.allows()

    def allows(self, provider: str) -> bool:
        throttle = self.failing.get(provider)
        if throttle is not None and not throttle.allows():
            return False
        return provider in self._good or not self.doubtful

    def spares(self, provider: str) -> bool:
        """Whether a scout goes there now."""
        now = self._now()
        if provider in self._waiting or now < self._not_before.get(provider, now):
            return False
        self._not_before[provider] = now + SPARED_SECONDS * max(1, len(self.failing))
        return True

    def scouts(self, provider: str) -> None:
        self._waiting[provider] = []

    def came_back(self, provider: str) -> None:
        """The scout, with whatever word."""
        for waiting in self._waiting.pop(provider, ()):
            if not waiting.done():
                waiting.set_result(None)

    async def heard(self, provider: str) -> bool:
        """Waits for a scout's word, if one is there and it matters. False where that took too long."""
        others = self._waiting.get(provider)
        if others is None or self.allows(provider):
            return True
        waiting = asyncio.get_running_loop().create_future()
        others.append(waiting)
        done, _ = await asyncio.wait((waiting,), timeout=PATIENCE)
        return bool(done)

    def answered(self, provider: str, further: bool, scout: bool = False) -> None:
        """Only where anything has failed it has to be known who answers."""
        self._good.add(provider)
        found = scout or self.doubtful
        if further:
            self._in_vain = Throttle(IN_VAIN)
        self._in_vain.answered()
        throttle = self.failing.get(provider)
        if throttle is not None:
            throttle.answered()
            if found:
                throttle.found_well()
            if throttle.full:
                self.forget(provider)

    def failed(self, provider: str, further: bool) -> None:
        self._good.discard(provider)
        self.failing.setdefault(provider, Throttle()).failed()
        if further:
            self._in_vain.failed()

    def forget(self, provider: str) -> None:
        """What failed there says nothing any more of what to try."""
        self.failing.pop(provider, None)
        if not self.failing:
            self._good.clear()
            self._in_vain = Throttle(IN_VAIN)
