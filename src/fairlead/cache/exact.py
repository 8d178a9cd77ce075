"""Answers in memory by their names, within a bound: the one not asked for the longest gives way first.

`Answers` is what every place to keep them offers; `tests/cache/test_answers.py` is its contract.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec

from fairlead.cache.answers import Holding, Kept, holdings
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose

WITHOUT = "an answer is kept with a permit for caches only"
Place = tuple[str, bytes]
"""Tenant and name."""


class Held(msgspec.Struct, frozen=True, gc=False):
    user: str
    session: str
    kept: Kept


class Answers(Protocol):
    async def open(self) -> None: ...

    async def find(self, tenant: str, names: tuple[bytes, ...], since: float) -> tuple[bytes, Kept] | None:
        """The first of the names that has an answer given at `since` (epoch seconds) or later, with it."""
        ...

    async def keep(self, permit: SinkPermit, name: bytes, kept: Kept) -> None:
        """In place of what had that name. Nothing where it is larger than all may be."""
        ...

    async def sweep(self) -> int:
        """Erases what nobody is given any more; how many that were."""
        ...

    async def erase(self, whose: Whose | None) -> int:
        """Erases what is kept of somebody, or all; how many answers that were."""
        ...

    def bound(self, most: int, most_bytes: int, ttl: float) -> object:
        """These bounds hold from now on."""
        ...

    async def holdings(self) -> tuple[Holding, ...]:
        """By tenant, largest first."""
        ...

    async def close(self) -> None: ...


class InMemory:
    def __init__(self, most: int, most_bytes: int, ttl: float, now: Callable[[], float] = time.time) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._ttl = ttl
        self._now = now
        self._held: OrderedDict[Place, Held] = OrderedDict()
        self.bytes = 0
        self.evicted = 0
        """Answers that gave way to others."""

    def __len__(self) -> int:
        return len(self._held)

    async def open(self) -> None:
        return

    async def close(self) -> None:
        return

    async def find(self, tenant: str, names: tuple[bytes, ...], since: float) -> tuple[bytes, Kept] | None:
        for name in names:
            place = tenant, name
            held = self._held.get(place)
            if held is None:
                continue
            at = held.kept.at
            if at + self._ttl <= self._now():
                self.drop(place)
            elif at >= since:
                self._held.move_to_end(place)
                return name, held.kept
        return None

    async def keep(self, permit: SinkPermit, name: bytes, kept: Kept) -> None:
        if type(permit) is not SinkPermit or permit.sink != "cache":
            raise TypeError(WITHOUT)
        self.hold(Whose(permit.tenant, permit.user, permit.session), name, kept)

    def hold(self, whose: Whose, name: bytes, kept: Kept) -> list[Place]:
        """Those that had to give way."""
        place = whose.tenant, name
        if place in self._held:
            self.drop(place)
        if kept.size > self._most_bytes:
            return []
        self._held[place] = Held(whose.user, whose.session, kept)
        self.bytes += kept.size
        return self._give_way()

    def _give_way(self) -> list[Place]:
        gone = []
        while self.bytes > self._most_bytes or len(self._held) > self._most:
            oldest = next(iter(self._held))
            self.drop(oldest)
            gone.append(oldest)
        self.evicted += len(gone)
        return gone

    def drop(self, place: Place) -> None:
        self.bytes -= self._held.pop(place).kept.size

    def bound(self, most: int, most_bytes: int, ttl: float) -> list[Place]:
        """Those that have to give way."""
        self._most, self._most_bytes, self._ttl = most, most_bytes, ttl
        return self._give_way()

    async def sweep(self) -> int:
        now = self._now()
        gone = [place for place, held in self._held.items() if held.kept.at + self._ttl <= now]
        for place in gone:
            self.drop(place)
        return len(gone)

    async def erase(self, whose: Whose | None) -> int:
        gone = [
            place
            for place, held in self._held.items()
            if whose is None or whose.holds(place[0], held.user, held.session)
        ]
        for place in gone:
            self.drop(place)
        return len(gone)

    async def holdings(self) -> tuple[Holding, ...]:
        return holdings((tenant, held.kept.size) for (tenant, _), held in self._held.items())
