"""Budgets: what may be spent, by whom, in which stretch of time. Pure: time comes in, money is whole nano-units.

    take ──> hold ──settle──> spent, and what is left of the hold is free again
               └───expire───> spent as held, until its late end says what it really was

Rules:
- Of an account with a cap, spent and held together never pass it: a hold that would is not taken, from none of the
  accounts it is for. Only an end dearer than its hold can bring what is spent above a cap.
- A hold belongs to the periods it was taken in: what it comes to is spent there, however late it ends, so that a new
  period begins with nothing and never has less than nothing held.
- A clock put back over the end of a period, or one that leaps ahead and returns, gives no budget twice.
- Several budgets may meet on one account: it is kept once, and the least of their caps binds.
- Mostly nobody looks at an account. Before all of them together have grown by what the nearest of an attempt's had left at
  the last look, none of these can be short; and what is held and spent is posted to each at the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, get_args

import msgspec

Scope = Literal["gateway", "tenant", "team", "key", "tag", "tier", "model"]
Per = Literal["day", "week", "month", "total"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PERIODS: tuple[Per, ...] = get_args(Per)
CHEAPEST = "cheapest"
SHARE, OF_TIER = 8, 2
"""Into so many parts what is left is divided: one attempt may take one, or the longest usual answer."""
MOST_PERIODS = 7
"""So many are remembered of each account, those with something held apart."""


class Budget(msgspec.Struct, frozen=True):
    """One that was set: for whom, how much, in which time, and what then."""

    scope: Scope
    who: tuple[str, ...]
    """The names that tell one account from another in its scope; empty where each has its own."""
    amount: int
    per: Per = "month"
    hard: bool = True
    """Whether what it does not bear is refused."""
    alerts: tuple[float, ...] = ()
    """Shares of the amount that are told when they are spent."""
    then: str = ""
    """For a soft one that is spent: `cheapest`, or the policy that chooses from then on."""
    plan: str = ""
    """For keys of this plan only."""
    issued: bool = False
    """Whether it came with an issued key, and goes with it."""


class Span(msgspec.Struct, frozen=True):
    """A stretch of the calendar: the date it begins on, that of the next one, and both in epoch seconds."""

    date: int
    next: int
    since: float
    until: float


class Period(msgspec.Struct):
    """What an account comes to in one span."""

    date: int
    spent: int = 0
    held: int = 0
    before: int = 0
    """Spent before this process began: what that came to was told then."""
    told: set[int] = msgspec.field(default_factory=set)
    """Amounts whose being spent was told."""


ENDLESS = 1 << 62
"""What is left where nothing is capped."""


class Turns:
    """How often any account's period has become another, and what all that was held or spent so far comes to."""

    __slots__ = ("count", "grown", "unposted")

    def __init__(self) -> None:
        self.count = 0
        self.grown = 0
        """Never less: no account has come to more than this has since."""
        self.unposted: list[Lines] = []
        """Those on which something was held or spent that their accounts have not been told yet."""

    def on(self) -> None:
        """Some account comes to another sum by now, by any amount: every `room` is outgrown."""
        self.count += 1
        self.grown += 2 * ENDLESS

    def post(self) -> None:
        """Before anybody looks at an account."""
        for lines in self.unposted:
            for period in lines.periods:
                period.held += lines.held
                period.spent += lines.spent
            lines.held = lines.spent = 0
            lines.posted = True
        self.unposted.clear()


class Account:
    """The periods of one payer, each by the date it begins on."""

    __slots__ = ("_current", "_periods", "calendar", "per", "scope", "since", "turns", "until", "who")

    def __init__(
        self, scope: Scope, who: tuple[str, ...], per: Per, calendar: Callable[[float], Span], turns: Turns
    ) -> None:
        self.turns = turns
        self.scope = scope
        self.who = who
        self.per = per
        self.calendar = calendar
        self._periods: dict[int, Period] = {}
        self._current = Period(0)
        self.since = self.until = 0.0
        """When the period that was asked for last begins and ends."""

    @property
    def periods(self) -> Mapping[int, Period]:
        self.turns.post()
        return self._periods

    def at(self, now: float) -> Period:
        self.turns.post()
        return self._current if self.since <= now < self.until else self._turned(now)

    def _turned(self, now: float) -> Period:
        """Another period begins, or one that was comes back."""
        span, periods = self.calendar(now), self._periods
        found = periods.get(span.date) or periods.get(span.next)
        if found is None:
            found = periods[span.date] = Period(span.date)
            over = len(periods) - MOST_PERIODS
            for date in [date for date, one in periods.items() if not one.held and one is not found][: max(over, 0)]:
                del periods[date]
        self._current, self.since, self.until = found, span.since, span.until
        self.turns.on()
        return found

    def moved(self, calendar: Callable[[float], Span]) -> None:
        """Its days begin elsewhere from now on."""
        self.calendar = calendar
        self.since = self.until = 0.0
        self.turns.on()


class Bound(msgspec.Struct, frozen=True):
    """An account with all the budgets that meet on it."""

    account: Account
    budgets: tuple[Budget, ...]
    cap: int | None
    """The least of the hard ones."""
    parts: int
    """Into how many what is left is divided: one attempt may take one of them."""
    marks: tuple[int, ...] = ()
    """Amounts that are told when they are spent, ascending."""


class Lines:
    """The accounts that an attempt concerns, in the periods under way: what is held or spent is so in each. It is written
    here, and posted to them when somebody looks."""

    __slots__ = ("bounds", "count", "hard", "held", "periods", "posted", "room", "since", "spent", "until")

    def __init__(self, bounds: tuple[Bound, ...], now: float) -> None:
        self.bounds = bounds
        self.hard = any(one.cap is not None for one in bounds)
        self.periods = tuple([one.account.at(now) for one in bounds])
        self.held = self.spent = 0
        """Not posted yet."""
        self.posted = True
        self.since = max((one.account.since for one in bounds), default=-math.inf)
        self.until = min((one.account.until for one in bounds), default=math.inf)
        self.count = -1
        """How many turns there had been; these hold until there is another, and between `since` and `until`."""
        self.room = -1
        """Before all accounts together have grown to this, none of these is short, and nothing is to be told of them: there
        is no need to look at each."""

    def left(self, grown: int) -> int:
        """What is left of the account that has least."""
        left = quiet = ENDLESS
        for period, bound in zip(self.periods, self.bounds, strict=True):
            used = period.spent + period.held
            if bound.cap is not None:
                left = min(left, bound.cap - used)
            untold = (mark for mark in bound.marks if mark > period.before and mark not in period.told)
            quiet = min(quiet, next(untold, ENDLESS) - used)
        self.room = grown + min(left, quiet)
        return left

    def short(self, amount: int, more: int) -> Short | None:
        """Why an amount is not borne, and more than that left. What costs nothing is, whatever was spent."""
        if not amount + more:
            return None
        for period, bound in zip(self.periods, self.bounds, strict=True):
            cap, used = bound.cap, period.spent + period.held
            if cap is not None and used + amount + more > cap:
                return Short(bound, amount, cap - used, cap - period.spent)
        return None

    def told(self) -> list[Crossed]:
        """What is to be told of them."""
        return [one for period, bound in zip(self.periods, self.bounds, strict=True) for one in _told(bound, period)]


class Due:
    """The accounts that an attempt concerns, looked up once for all attempts that concern the same."""

    __slots__ = ("bounds", "lines", "turns")

    def __init__(self, bounds: tuple[Bound, ...], turns: Turns) -> None:
        self.bounds = bounds
        self.turns = turns
        self.lines = NOWHERE

    def bear(self, amount: int, now: float) -> bool:
        """Whether every account has so much left, or had in a period that is just over: the next begins with more."""
        return self.turns.grown + amount <= self.lines.room or not amount or self.left(now) >= amount

    def left(self, now: float) -> int:
        """What is left of the account that has least, by a look at each."""
        turns, lines = self.turns, self.lines
        turns.post()
        if lines.count != turns.count or not lines.since <= now < lines.until:
            lines = self.lines = Lines(self.bounds, now)
            lines.count = turns.count
        return lines.left(turns.grown)


NOWHERE = Lines((), 0.0)


class Hold(msgspec.Struct, eq=False, gc=False):
    """What is held for one attempt, and how much output that is for."""

    amount: int
    fixed: int = 0
    """Of it, what the input and the request itself come to."""
    limit: int = 0
    """The output limit to send; 0 where there is none to send."""
    counted: int = 0
    """The tokens of output that are held for, all answers together."""
    each: int = 0
    """What a token of each answer costs, all answers together."""
    lines: Lines = NOWHERE
    """Where it was taken."""
    expired: bool = False


class Short(msgspec.Struct, frozen=True):
    """Why a hold was not taken."""

    bound: Bound
    needed: int
    left: int
    """Neither spent nor held."""
    unspent: int
    """What would be left if nothing were under way."""


class Crossed(msgspec.Struct, frozen=True):
    """An amount that is spent by now, and of which budget it is told."""

    bound: Bound
    budget: Budget
    share: float
    spent: int


def bound_of(account: Account, budgets: Sequence[Budget]) -> Bound:
    caps = [one.amount for one in budgets if one.hard]
    marks = {_mark(one, share) for one in budgets for share in one.alerts}
    parts = OF_TIER if account.scope == "tier" else SHARE
    return Bound(account, tuple(budgets), min(caps) if caps else None, parts, tuple(sorted(marks)))


def _mark(budget: Budget, share: float) -> int:
    return round(budget.amount * share)


def tightest(bounds: Sequence[Bound], now: float) -> tuple[int, Bound] | None:
    """What is left of the account with a cap that has least, and which it is; None where none has a cap."""
    found: tuple[int, Bound] | None = None
    for bound in bounds:
        if bound.cap is not None:
            period = bound.account.at(now)
            left = bound.cap - period.spent - period.held
            if found is None or left < found[0]:
                found = left, bound
    return found


def part(bounds: Sequence[Bound], now: float) -> int | None:
    """What one attempt may take of what is left; None where nothing is capped."""
    found: int | None = None
    for bound in bounds:
        if bound.cap is not None:
            period = bound.account.at(now)
            of_this = (bound.cap - period.spent - period.held) // bound.parts
            if found is None or of_this < found:
                found = of_this
    return found


def over(bounds: Sequence[Bound], now: float) -> Iterator[tuple[Bound, Budget]]:
    """The soft budgets that are spent."""
    for bound in bounds:
        for budget in bound.budgets:
            if not budget.hard and bound.account.at(now).spent >= budget.amount:
                yield bound, budget


class Books:
    """Every account, and every hold that is open."""

    def __init__(self) -> None:
        self.accounts: dict[tuple[Scope, tuple[str, ...], Per], Account] = {}
        self.holds: dict[Hold, float] = {}
        """When each expires."""
        self.turns = Turns()

    def account(self, scope: Scope, who: tuple[str, ...], per: Per, calendar: Callable[[float], Span]) -> Account:
        found = self.accounts.get((scope, who, per))
        if found is None:
            found = self.accounts[scope, who, per] = Account(scope, who, per, calendar, self.turns)
        return found

    def due(self, bounds: tuple[Bound, ...]) -> Due:
        return Due(bounds, self.turns)

    def take(self, due: Due, hold: Hold, now: float, until: float, spare: int = 0) -> Short | None:
        """Takes a hold on every account, or on none; on none also where less than `spare` would be left."""
        lines, turns, amount = due.lines, self.turns, hold.amount
        most = amount + spare
        if turns.grown + most > lines.room or now < lines.since or now >= lines.until:
            left, lines = due.left(now), due.lines
            short = lines.short(amount, spare) if left < most else None
            if short is not None:
                return short
        lines.held += amount
        if lines.posted:
            lines.posted = False
            turns.unposted.append(lines)
        turns.grown += amount
        hold.lines = lines
        self.holds[hold] = until
        return None

    def grow(self, hold: Hold, more: int) -> Short | None:
        """Holds so much more in the same periods, or nothing."""
        self.turns.post()
        short = hold.lines.short(more, 0)
        if short is not None:
            return short
        for period in hold.lines.periods:
            if hold.expired:
                period.spent += more
            else:
                period.held += more
        hold.amount += more
        self.turns.grown += more
        return None

    def settle(self, hold: Hold, cost: int) -> Sequence[Crossed]:
        """It is over and came to this, in the periods it was taken in; once. Gives back what is to be told."""
        held, lines, turns = hold.amount, hold.lines, self.turns
        if self.holds.pop(hold, None) is None:
            if not hold.expired:
                return ()
            held, cost, hold.expired = 0, cost - held, False
        if cost > held:
            turns.grown += cost - held
        lines.held -= held
        lines.spent += cost
        if lines.posted:
            lines.posted = False
            turns.unposted.append(lines)
        if turns.grown < lines.room:
            return ()
        turns.post()
        return lines.told()

    def spend(self, bounds: Sequence[Bound], cost: int, now: float) -> list[Crossed]:
        """What nothing was held for came to this. Gives back what is to be told."""
        crossed: list[Crossed] = []
        self.turns.grown += cost
        for bound in bounds:
            period = bound.account.at(now)
            period.spent += cost
            crossed += _told(bound, period)
        return crossed

    def expire(self, now: float) -> int:
        """What is held for longer than anything may take counts as spent: nobody knows better. How many those were."""
        late = [hold for hold, until in self.holds.items() if until <= now]
        for hold in late:
            del self.holds[hold]
            hold.expired = True
            for period in hold.lines.periods:
                period.held -= hold.amount
                period.spent += hold.amount
        return len(late)

    @property
    def held(self) -> int:
        """For all that is under way."""
        return sum(hold.amount for hold in self.holds)


def took_up(account: Account, spent: int, now: float, beginning: bool) -> None:
    """Spent as far as the ledger knows, before this process began included."""
    period = account.at(now)
    period.spent = max(period.spent, spent)
    account.turns.on()
    if beginning:
        period.before = period.spent


def _told(bound: Bound, period: Period) -> Iterator[Crossed]:
    """Once for each amount and period."""
    for mark in bound.marks:
        if mark > period.spent:
            return
        if mark in period.told or mark <= period.before:
            continue
        period.told.add(mark)
        for budget in bound.budgets:
            for share in budget.alerts:
                if _mark(budget, share) == mark:
                    yield Crossed(bound, budget, share, period.spent)
