"""The budgets of a running gateway: whose spending a request is, what is held for each attempt, what is told when.

One table of accounts for all that is bounded in money: the gateway, tenants, teams, keys, tags, models, and the tiers of
policies. An attempt is held on every account it concerns or is not made; what it came to is settled on the same. The
figures of earlier processes come from the ledger (`store/budgets.py`) before the first request.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from fairlead.core.allowance import Allowance, Need, allowed
from fairlead.core.budgets import (
    SCOPES,
    Books,
    Bound,
    Budget,
    Crossed,
    Hold,
    Per,
    Scope,
    Short,
    bound_of,
    over,
    part,
    tightest,
    took_up,
)
from fairlead.core.call import Call, Caller
from fairlead.core.cost import plain
from fairlead.core.execution import Candidate
from fairlead.core.plan import Plan
from fairlead.core.policy import Policy, payer
from fairlead.core.record import Audit
from fairlead.errors import PaymentRequired, RateLimited, RequestError
from fairlead.gateway.periods import calendar
from fairlead.store.budgets import Spent

if TYPE_CHECKING:
    from fairlead.gateway.world import World

OF_TENANTS = frozenset(("tenant", "team", "key", "tag", "tier"))
"""Scopes whose accounts are a tenant's: their days begin where it is."""
TOLD: tuple[Scope, ...] = ("tenant", "team")
"""Those whose name says which account it is."""
SPARE = 60.0
"""Seconds that a hold stays open beyond the time its request may take."""
SWEEP = 10.0
"""Seconds between two looks at holds that are open for too long."""
KEPT = 10_000
"""Bounds that are remembered by who asks and for what."""
HELD_BACK = 2.0
"""Seconds after which another try makes sense where what is left is held by others."""
CHUNK = 256
"""Tokens by which a hold grows where an answer outruns its limit."""
SLACK = 64
"""Tokens by which an estimate may be off before an answer is ended for it."""
UTC = datetime.UTC

log = logging.getLogger("fairlead.budgets")


class Line(msgspec.Struct, frozen=True):
    """One budget of one account, and how it stands. Amounts in nano-units of USD."""

    scope: Scope
    tenant: str
    """Empty where it is nobody's."""
    who: str
    per: Per
    mode: str
    amount: int
    spent: int
    held: int
    """For what is under way."""
    left: int
    resets: str | None
    """When it begins anew; null where it never does."""


class Refusal(msgspec.Struct, frozen=True):
    """Why an attempt was not made."""

    words: str
    kind: str
    """`budget`: nothing is left; `held`: what is left is held for others just now."""


class Grip:
    """What one attempt holds, and how much output that is for."""

    __slots__ = ("books", "counted", "hold", "limit", "per_million")

    def __init__(self, books: Books, hold: Hold, allowance: Allowance, answers: int) -> None:
        self.books = books
        self.hold = hold
        self.limit = allowance.output
        """The output limit that is sent; 0 where none has to be."""
        self.counted = self.limit * max(answers, 1)
        self.per_million = allowance.per_million

    def outran(self, tokens: int) -> bool:
        """Whether an answer of about so many tokens has to be ended: it is beyond its limit, nothing more is left for
        it, and it is further beyond than a short answer's estimate is wrong."""
        while self.limit and tokens > self.counted:
            if self.books.grow(self.hold, CHUNK * self.per_million // 1_000_000 + 1) is not None:
                return tokens > self.counted + SLACK
            self.counted += CHUNK
        return False


class Budgets:
    def __init__(self, world: World) -> None:
        self.books = Books()
        self.any = False
        """Whether there are any budgets at all."""
        self._rules: dict[Scope, list[Budget]] = {}
        self._zones: Mapping[str, ZoneInfo] = {}
        self._models: tuple[str, ...] = ()
        self._payers: dict[tuple[str, str, str, str], tuple[Bound, ...]] = {}
        self._bounds: dict[tuple[Scope, tuple[str, ...], str], tuple[Bound, ...]] = {}
        self._swept = 0.0
        self.turn_to(world)

    def turn_to(self, world: World) -> None:
        """From now on these budgets; what was spent and is held goes on."""
        self._rules = {}
        for rule in world.budgets:
            self._rules.setdefault(rule.scope, []).append(rule)
        self.any = bool(world.budgets)
        self._zones = world.timezones
        named = {rule.who[0] for rule in self._rules.get("model", ()) if rule.who}
        each = any(not rule.who for rule in self._rules.get("model", ()))
        self._models = tuple(name for name in world.snapshot.models if each or name in named)
        for (scope, who, per), account in self.books.accounts.items():
            account.moved(calendar(per, self._zone(scope, who)))
        self._payers.clear()
        self._bounds.clear()

    # ---- whose spending it is

    def payers(self, caller: Caller) -> tuple[Bound, ...]:
        """The accounts of whoever asks, whatever is asked."""
        of = (caller.tenant, caller.team, caller.name, caller.plan)
        found = self._payers.get(of)
        if found is None:
            found = (
                *self._found("gateway", (), ()),
                *self._found("tenant", (caller.tenant,), (caller.tenant,)),
                *(self._found("team", of[:2], of[:2]) if caller.team else ()),
                *self._found("key", (caller.tenant, caller.name), (caller.name,), caller.plan),
            )
            if len(self._payers) >= KEPT:
                self._payers.clear()
            self._payers[of] = found
        return found

    def bounds(self, call: Call, model: str, purse: str, tier: str) -> tuple[Bound, ...]:
        """Every account that an attempt of this call concerns."""
        found = self.payers(call.caller)
        if "tag" in self._rules:
            found += self._of_tags(call.caller.tenant, call.wishes.tags)
        if "model" in self._rules:
            found += self._found("model", (model,), (model,))
        if tier and "tier" in self._rules:
            found += self._found("tier", (call.caller.tenant, purse, tier), (purse, tier))
        return found

    def _of_tags(self, tenant: str, tags: Iterable[str]) -> tuple[Bound, ...]:
        named = {rule.who[0] for rule in self._rules.get("tag", ())}
        return tuple(
            bound for tag in dict.fromkeys(tags) if tag in named for bound in self._found("tag", (tenant, tag), (tag,))
        )

    def _found(self, scope: Scope, who: tuple[str, ...], named: tuple[str, ...], plan: str = "") -> tuple[Bound, ...]:
        """The accounts of one payer, one for each kind of period. `named` is what budgets call it."""
        rules = self._rules.get(scope)
        if rules is None:
            return ()
        found = self._bounds.get((scope, who, plan))
        if found is None:
            by_period: dict[Per, list[Budget]] = {}
            for rule in rules:
                if rule.who in ((), named) and rule.plan in ("", plan):
                    by_period.setdefault(rule.per, []).append(rule)
            zone = self._zone(scope, who)
            accounts = self.books.account
            found = tuple(bound_of(accounts(scope, who, per, calendar(per, zone)), of) for per, of in by_period.items())
            if len(self._bounds) >= KEPT:
                self._bounds.clear()
            self._bounds[scope, who, plan] = found
        return found

    def _zone(self, scope: Scope, who: tuple[str, ...]) -> datetime.tzinfo:
        return self._zones.get(who[0], UTC) if scope in OF_TENANTS else UTC

    # ---- what is left, for a decision

    def standing(
        self, caller: Caller, tags: tuple[str, ...]
    ) -> tuple[tuple[tuple[str, int], ...], tuple[str, str] | None]:
        """What hard budgets leave for a request (by model, and under the empty name whichever it is), and of a soft one
        that is spent whose it is and what then."""
        now = time.time()
        bounds = self.payers(caller)
        if "tag" in self._rules:
            bounds += self._of_tags(caller.tenant, tags)
        common = tightest(bounds, now)
        left: tuple[tuple[str, int], ...] = () if common is None else (("", common[0]),)
        for name in self._models:
            own = tightest(self._found("model", (name,), (name,)), now)
            # Of one that nobody has touched there is nothing to say: who asks for more than all of it finds out later.
            if own is not None and (own[0] <= 0 or own[0] != own[1].cap):
                left += ((name, own[0]),)
        soft = next(
            ((owner(of.account.scope, of.account.who), one.then) for of, one in over(bounds, now) if one.then), None
        )
        return left, soft

    def left_of_tiers(self, tenant: str, policy: Policy) -> tuple[tuple[str, int], ...]:
        """Of the tiers that have a budget."""
        if "tier" not in self._rules:
            return ()
        now, purse = time.time(), payer(policy)
        found = []
        for tier in policy.tiers:
            own = tightest(self._found("tier", (tenant, purse, tier.name), (purse, tier.name)), now)
            if own is not None:
                found.append((tier.name, own[0]))
        return tuple(found)

    # ---- what an attempt holds

    def hold(self, call: Call, plan: Plan, candidate: Candidate, longest: int, seconds: float) -> Grip | Refusal | None:
        """Holds the most that an attempt may come to; None where no budget concerns it. `seconds` is how long it may
        take, `longest` its model's longest usual answer."""
        channel, target = candidate.channel, candidate.target
        bounds = self.bounds(call, channel.model, plan.purse, target.tier)
        if not bounds or call.operation == "count":
            return None
        now = time.time()
        most = part(bounds, now)
        need = need_of(call, target.expected.input_tokens, target.model.max_output, longest)
        price = channel.price_at(call.facts.at)
        if most is None and price is None:
            return None
        allowance = allowed(need, price, most)
        taken = self.books.take(bounds, allowance.hold, now, now + seconds + SPARE)
        if isinstance(taken, Short):
            return refusal(taken, now)
        return Grip(self.books, taken, allowance, need.answers)

    def settle(self, grip: Grip, cost: int) -> list[Crossed]:
        """What it really came to. Gives back what is to be told of it."""
        return self.books.settle(grip.hold, cost)

    def sweep(self, late: float) -> None:
        """A look at holds that nobody gave back; not at every beat."""
        now = time.time()
        if not 0 <= now - self._swept < SWEEP:
            self._swept = now
            lost = self.books.expire(now)
            if lost:
                log.error("%d hold(s) were never given back; they count as spent", lost)

    # ---- what there is to see

    def sheet(self, callers: Iterable[Caller]) -> list[Line]:
        """Every budget of every account, of these callers also where nothing was spent yet."""
        plans: dict[tuple[str, ...], str] = {}
        for caller in callers:
            self.payers(caller)
            plans[caller.tenant, caller.name] = caller.plan
        named: list[tuple[Scope, tuple[str, ...]]] = [("gateway", ()), *(("model", (name,)) for name in self._models)]
        named += [(rule.scope, rule.who) for scope in TOLD for rule in self._rules.get(scope, ()) if rule.who]
        for scope, who in named:
            self._found(scope, who, who)
        now = time.time()
        found = []
        for scope, who in dict.fromkeys((scope, who) for scope, who, _ in self.books.accounts):
            for bound in self._found(scope, who, _named(scope, who), plans.get(who, "")):
                found += [line_of(bound, budget, now) for budget in bound.budgets]
        return sorted(found, key=lambda line: (SCOPES.index(line.scope), line.tenant, line.who, line.per))

    # ---- what was spent before

    def moments(self, world: World, now: float) -> frozenset[float]:
        """From when on the ledger has to be asked: every kind of period in every zone that is in use."""
        zones = {UTC, *world.timezones.values()}
        return frozenset(calendar(rule.per, zone)(now).since for rule in world.budgets for zone in zones)

    def take_up(self, world: World, spent: Mapping[float, Sequence[Spent]], now: float, beginning: bool) -> None:
        """What was spent since each of those moments, by the ledger's word."""
        sums: dict[tuple[Scope, tuple[str, ...], Per], int] = {}
        for scope, per in {(rule.scope, rule.per) for rule in world.budgets}:
            begins: dict[str, float] = {}
            for since, rows in spent.items():
                for row in rows:
                    if row.tenant not in begins:
                        zone = world.timezones.get(row.tenant, UTC) if scope in OF_TENANTS else UTC
                        begins[row.tenant] = calendar(per, zone)(now).since
                    if begins[row.tenant] == since:
                        for who in whose(scope, row):
                            sums[scope, who, per] = sums.get((scope, who, per), 0) + row.cost
        for (scope, who, per), cost in sums.items():
            zone = world.timezones.get(who[0], UTC) if scope in OF_TENANTS else UTC
            took_up(self.books.account(scope, who, per, calendar(per, zone)), cost, now, beginning)


def whose(scope: Scope, row: Spent) -> Iterable[tuple[str, ...]]:
    """The accounts of a scope that a row of the ledger was spent on."""
    match scope:
        case "gateway":
            yield ()
        case "tenant":
            yield (row.tenant,)
        case "team":
            if row.team:
                yield row.tenant, row.team
        case "key":
            yield row.tenant, row.key
        case "tag":
            yield from ((row.tenant, tag) for tag in dict.fromkeys(row.tags))
        case "model":
            yield (row.model,)
        case "tier":
            if row.tier:
                yield row.tenant, row.policy, row.tier


def need_of(call: Call, input_tokens: int, most: int, longest: int) -> Need:
    shape = call.view.shape()
    return Need(
        input_tokens,
        max(shape.max_output or 0, 0),
        longest,
        most,
        shape.answers,
        bool(shape.images or shape.audio) or b'"cache_control"' in call.body,
        call.operation == "embed",
    )


def _named(scope: Scope, who: tuple[str, ...]) -> tuple[str, ...]:
    """What budgets call an account: its tenant is not told, but of teams and of itself."""
    return who[1:] if scope in ("key", "tag", "tier") else who


def line_of(bound: Bound, budget: Budget, now: float) -> Line:
    account = bound.account
    period = account.at(now)
    tenant = account.who[0] if account.scope in OF_TENANTS else ""
    return Line(
        account.scope,
        tenant,
        "/".join(account.who[1:]) if tenant and account.scope != "tenant" else "/".join(account.who),
        account.per,
        "hard" if budget.hard else "soft",
        budget.amount,
        period.spent,
        period.held,
        max(budget.amount - period.spent - period.held, 0),
        None if account.per == "total" else _anew(bound, now),
    )


# ---- words


def refusal(short: Short, now: float) -> Refusal:
    kind = "held" if short.needed <= short.unspent else "budget"
    return Refusal(f"{state(short.bound, now)}, and this may come to ${plain(short.needed)}", kind)


def state(bound: Bound, now: float) -> str:
    """What is left of whose budget, and when it begins anew."""
    account, cap = bound.account, bound.cap or 0
    period = account.at(now)
    left = max(cap - period.spent - period.held, 0)
    return f"{owner(account.scope, account.who)} has ${plain(left)} left of its ${plain(cap)} {lasting(bound, now)}"


def owner(scope: Scope, who: tuple[str, ...]) -> str:
    if scope == "gateway":
        return "the gateway"
    if scope == "tier":
        return f"tier {who[2]} of policy {who[1]}"
    return f"{scope} {who[-1]!r}"


def lasting(bound: Bound, now: float) -> str:
    per = bound.account.per
    if per == "total":
        return "in all"
    return f"a {per} (anew at {_anew(bound, now)})"


def _anew(bound: Bound, now: float) -> str:
    return f"{datetime.datetime.fromtimestamp(bound.account.calendar(now).until, UTC):%Y-%m-%dT%H:%M:%SZ}"


def told(crossed: Crossed, at_ms: int) -> Audit:
    """A line for the audit."""
    account = crossed.bound.account
    budget = crossed.budget
    words = (
        f"{owner(account.scope, account.who)} has spent ${plain(crossed.spent)}, {crossed.share:.0%} of its "
        f"${plain(budget.amount)} {'in all' if account.per == 'total' else f'a {account.per}'} "
        f"({'hard' if budget.hard else 'soft'})"
    )
    tenant = account.who[0] if account.scope in OF_TENANTS else ""
    key = account.who[1] if account.scope == "key" else ""
    return Audit(at_ms, "budget_alert", key, tenant, "", words)


def spent_error(words: str, held: bool) -> RequestError:
    if held:
        return RateLimited(
            f"What is left to spend is held for requests under way: {words}.",
            code="budget_held",
            retry_after=HELD_BACK,
        )
    return PaymentRequired(f"The budget does not bear this: {words}.", code="budget_spent")
