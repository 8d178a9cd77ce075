"""What the tiers of a policy have spent today, by tenant, and what is held for requests under way.

Spent and held together never pass a budget: what a request may come to at most is held before it leaves, and given
back when its cost is known. A day begins at midnight where the tenant is.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import msgspec

from fairlead.core.policy import Policy, payer

DAY = 86_400
MOST_DAYS = 7
"""So many are remembered of each account."""
Account = tuple[str, str, str]
"""Tenant, policy, tier."""


class Day(msgspec.Struct):
    date: int
    """Ordinal, where the tenant is."""
    spent: int = 0
    held: int = 0


class Hold(msgspec.Struct, frozen=True):
    account: Account
    date: int
    amount: int


class Tiers:
    def __init__(self, timezones: Mapping[str, ZoneInfo]) -> None:
        self.timezones = timezones
        self._days: dict[Account, dict[int, Day]] = {}
        """The latest, by date."""

    def left(self, tenant: str, policy: Policy, now: float) -> tuple[tuple[str, int], ...]:
        """Of the tiers that have a budget."""
        found = []
        for tier in policy.tiers:
            if tier.budget is not None:
                day = self._day((tenant, payer(policy), tier.name), now)
                found.append((tier.name, tier.budget - day.spent - day.held))
        return tuple(found)

    def hold(self, tenant: str, policy: Policy, tier: str, amount: int, now: float) -> Hold | None:
        """None where the budget would not bear it."""
        budget = next((one.budget for one in policy.tiers if one.name == tier), None)
        account = (tenant, payer(policy), tier)
        day = self._day(account, now)
        if budget is not None and day.spent + day.held + amount > budget:
            return None
        day.held += amount
        return Hold(account, day.date, amount)

    def settle(self, hold: Hold, cost: int) -> None:
        """What was held is given back and what it cost is spent, on the day it was held for."""
        day = self._days.get(hold.account, {}).get(hold.date)
        if day is not None:
            day.held -= hold.amount
            day.spent += cost

    def spent(self, tenant: str, policy: str, tier: str, amount: int, now: float) -> None:
        """Spent today as far as the ledger knows, before this process began included."""
        day = self._day((tenant, policy, tier), now)
        day.spent = max(day.spent, amount)

    @property
    def held(self) -> int:
        """For all that is under way."""
        return sum(day.held for days in self._days.values() for day in days.values())

    def midnight(self, tenant: str, now: float) -> float:
        """When the tenant's day began."""
        here = datetime.datetime.fromtimestamp(now, self._zone(tenant))
        return here.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()

    def midnights(self, now: float) -> tuple[dict[str, int], int]:
        """The same in epoch milliseconds: of the tenants that have a time zone, and of all others."""
        own = {tenant: round(self.midnight(tenant, now) * 1000) for tenant in self.timezones}
        return own, int(now // DAY) * DAY * 1000

    def _zone(self, tenant: str) -> datetime.tzinfo:
        return self.timezones.get(tenant, datetime.UTC)

    def _day(self, account: Account, now: float) -> Day:
        """A clock put back over midnight, or one that leaps ahead and returns, does not give a day's budget again."""
        date = datetime.datetime.fromtimestamp(now, self._zone(account[0])).toordinal()
        days = self._days.setdefault(account, {})
        day = days.get(date) or days.get(date + 1)
        if day is None:
            day = days[date] = Day(date)
            if len(days) > MOST_DAYS:
                del days[next(iter(days))]
        return day
