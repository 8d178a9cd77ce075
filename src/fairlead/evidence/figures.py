"""What a report says beyond the ledger's own sums.

cache    what cached input tokens would have cost as plain input, and what they cost: by the price rows they were charged by
ratio    the cost-quality ratio: cost per 1,000 requests in USD, by the average quality expected of the answers (from 0 to
         1, moved by judgements, see `worth`): what 1,000 requests of perfect quality would cost at this exchange; less is
         better, and two months, teams or policies can be compared by it
forecast what the calendar month comes to (UTC), and each budget's period where its payer is
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from fairlead.core.budgets import Budget
from fairlead.core.cost import in_usd, rates_for, rounded
from fairlead.core.model import NANO, Price
from fairlead.evidence import forecast as coming
from fairlead.evidence.forecast import Forecast
from fairlead.evidence.prompt_caches import ModelCache
from fairlead.gateway.balances import owner_of_all
from fairlead.gateway.budgets import whose
from fairlead.gateway.periods import calendar
from fairlead.store.budgets import Spent
from fairlead.store.recalled import Recalled
from fairlead.store.spending import Cached, SideCalls

MOST = 100
"""Accounts that are told of, those nearest to their end first."""
State = Literal["spent", "over", "tight", "fine"]
"""`over`: it is expected to be spent before its period ends; `tight`: it may be."""


class CacheUse(msgspec.Struct, frozen=True):
    tokens: int = 0
    full: int = 0
    """What they would have cost as plain input, in nano-units of USD."""
    paid: int = 0

    @property
    def saved(self) -> int:
        return self.full - self.paid


class Overhead(msgspec.Struct, frozen=True):
    """What routing itself took."""

    side_calls: tuple[SideCalls, ...] = ()
    us: int | None = None
    """Our own time for a request, on the average of the latest ones."""
    looked_at: int = 0

    @property
    def cost(self) -> int:
        return sum(one.cost for one in self.side_calls)


class Month(msgspec.Struct, frozen=True):
    """The calendar's month so far."""

    name: str
    spent: int
    forecast: Forecast | None

    @property
    def expected(self) -> int | None:
        return None if self.forecast is None else self.spent + self.forecast.expected


class Burn(msgspec.Struct, frozen=True):
    """A budget of one payer in its present period."""

    who: str
    per: str
    amount: int
    spent: int
    hard: bool
    state: State
    until: str = ""
    """The day on which its next period begins; empty where it is for good."""
    forecast: Forecast | None = None
    runs_out: str = ""
    """The day on which it is expected to be spent."""

    @property
    def share(self) -> float:
        return self.spent / self.amount if self.amount else 1.0


class Figures(msgspec.Struct, frozen=True):
    cache: CacheUse = CacheUse()
    overhead: Overhead = Overhead()
    quality: float | None = None
    """Of the answers, on the average."""
    ratio: float | None = None
    month: Month | None = None
    budgets: tuple[Burn, ...] = ()
    caches: tuple[ModelCache, ...] = ()
    """Of the models that have to do with providers' prompt caches."""
    recalled: Recalled | None = None
    """What shared context saved; None where there was none."""


def cache_use(reads: Iterable[Cached], prices: Mapping[str, Price]) -> CacheUse:
    tokens = full = paid = 0
    for read in reads:
        price = prices.get(read.price_row)
        if price is None:
            continue
        rates = rates_for(price, read.input_tokens // read.attempts)
        plain = in_usd(rounded(read.cached_tokens, rates.input), price)
        tokens += read.cached_tokens
        full += plain
        if rates.cached_input is None:
            paid += plain
        else:
            paid += in_usd(rounded(read.cached_tokens, rates.cached_input), price)
    return CacheUse(tokens, full, paid)


def ratio(cost: int, requests: int, quality: float | None) -> float | None:
    """See above."""
    return cost * 1000 / requests / NANO / quality if requests and quality else None


Days = Mapping[int, Sequence[Spent]]
Sums = dict[tuple[str, ...], dict[int, int]]
"""By payer and day."""


def month(days: Days, now: float) -> Month:
    """`days` are UTC's."""
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    span = calendar("month", datetime.UTC)(now)
    sums = {day: sum(row.cost for row in rows) for day, rows in days.items()}
    today, gone = moment.toordinal(), (now % 86_400) / 86_400
    spent = sum(cost for day, cost in sums.items() if span.date <= day <= today)
    return Month(moment.strftime("%Y-%m"), spent, coming.forecast(sums, today, gone, span.next))


class Clock(msgspec.Struct, frozen=True):
    """Where a payer is: its days, and what was spent on them."""

    zone: datetime.tzinfo
    days: Days
    tenants: frozenset[str] | None
    """Whose clock it is; None for all that have none of their own."""

    def is_of(self, tenant: str, others: frozenset[str]) -> bool:
        return tenant in self.tenants if self.tenants is not None else tenant not in others


def burns(budgets: Iterable[Budget], clocks: Sequence[Clock], plans: Mapping[str, str], now: float) -> tuple[Burn, ...]:
    """`plans` are the plans of keys, for the budgets that are of a plan. What nobody has spent of is told where a budget
    names its payer."""
    others = frozenset[str]().union(*(clock.tenants or () for clock in clocks))
    found: list[Burn] = []
    for budget in budgets:
        for clock in clocks:
            of_tenants = budget.scope not in ("gateway", "model")
            if not of_tenants and clock.tenants is not None:
                continue
            sums = _sums(budget, clock, others if of_tenants else None)
            if not sums and budget.who and budget.scope in ("gateway", "model", "tenant", "team"):
                if not of_tenants or clock.is_of(budget.who[0], others):
                    sums = {budget.who: {}}
            elif not sums and budget.scope == "gateway":
                sums = {(): {}}
            for who, days in sums.items():
                if not budget.plan or plans.get(who[-1]) == budget.plan:
                    found.append(_burn(budget, who, days, clock.zone, now))
    return tuple(sorted(found, key=lambda one: (-one.share, one.who, one.per))[:MOST])


def _sums(budget: Budget, clock: Clock, others: frozenset[str] | None) -> Sums:
    """By payer of the budget's scope whom it is for."""
    found: Sums = {}
    for day, rows in clock.days.items():
        for row in rows:
            if others is not None and not clock.is_of(row.tenant, others):
                continue
            for who in whose(budget.scope, row):
                named = who[1:] if budget.scope in ("key", "tag", "tier") else who
                if budget.who in ((), named):
                    days = found.setdefault(who, {})
                    days[day] = days.get(day, 0) + row.cost
    return found


def _burn(budget: Budget, who: tuple[str, ...], days: Mapping[int, int], zone: datetime.tzinfo, now: float) -> Burn:
    moment = datetime.datetime.fromtimestamp(now, zone)
    span = calendar(budget.per, zone)(now)
    today = moment.toordinal()
    gone = (moment.hour * 3600 + moment.minute * 60 + moment.second) / 86_400
    spent = sum(cost for day, cost in days.items() if day >= span.date)
    left = budget.amount - spent
    expected = coming.forecast(days, today, gone, span.next) if span.next else None
    out = coming.runs_out(days, today, gone, left, span.next)
    state: State = "fine"
    if left <= 0:
        state = "spent"
    elif out is not None:
        state = "over"
    elif expected is not None and expected.high > left:
        state = "tight"
    return Burn(
        owner_of_all(budget.scope, who),
        budget.per,
        budget.amount,
        spent,
        budget.hard,
        state,
        _date(span.next) if span.next else "",
        expected,
        _date(out) if out is not None and left > 0 else "",
    )


def _date(day: int) -> str:
    return datetime.date.fromordinal(day).isoformat()
