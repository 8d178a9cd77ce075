"""What side calls of one kind may take, shared among tenants so that none uses up what another needs.

Purse     what they may cost a day: where there are several tenants, half of it is theirs in equal parts, and the other
          half goes to whose requests come first
Places    how many may be under way at once: a tenant is given one more as long as it has fewer than are free, so a
          busy one gets half of them at most, and whoever comes next finds a free one
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

DAY = 86_400


class Purse:
    """Amounts are nano-units of USD; `budget` is None for no bound. `tenants`: how many there are."""

    def __init__(self, budget: int | None) -> None:
        self.budget = budget
        self._spent: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._day = 0

    def affords(self, cost: int, tenant: str, tenants: int) -> bool:
        self._turn()
        if self.budget is None:
            return True
        taken = self._spent + self._held
        taken[tenant] += cost
        if taken.total() > self.budget:
            return False
        own = self.budget // (2 * tenants) if tenants > 1 else 0
        beyond = sum(max(0, amount - own) for amount in taken.values())
        return taken[tenant] <= own or beyond <= self.budget - own * tenants

    def hold(self, cost: int, tenant: str) -> None:
        self._held[tenant] += cost

    def settle(self, held: int, cost: int, tenant: str) -> None:
        """What was held is given back, and what was spent of it counts."""
        self._turn()
        self._held[tenant] -= held
        self._spent[tenant] += cost

    def take_up(self, spent: Mapping[str, int]) -> None:
        """What the ledger knows of today, by tenant."""
        self._turn()
        self._spent.update(spent)

    def _turn(self) -> None:
        day = int(time.time()) // DAY
        if day != self._day:
            self._day = day
            self._spent.clear()


class Places:
    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: Counter[str] = Counter()

    def take(self, tenant: str, tenants: int) -> bool:
        """Whether there is one for this tenant, which then has it until it leaves."""
        free = self.most - self._taken.total()
        if free < 1 or (tenants > 1 and self._taken[tenant] >= free):
            return False
        self._taken[tenant] += 1
        return True

    def leave(self, tenant: str) -> None:
        self._taken[tenant] -= 1
        if not self._taken[tenant]:
            del self._taken[tenant]
