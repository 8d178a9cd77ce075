"""The budgets of a running gateway: whose spending a request is, what is held for each attempt, what is told when.

One table of accounts for all that is bounded in money: the gateway, tenants, teams, keys, tags, models, and the tiers of
policies. An attempt is held on every account it concerns or is not made; what it came to is settled on the same. The
figures of earlier processes come from the ledger (`store/budgets.py`) before the first request.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from fairlead.classify.tokens import from_size
from fairlead.core.allowance import PRIOR, Tariff, Tariffs, foreseen, lower, most, tariffs
from fairlead.core.budgets import (
    SCOPES,
    SHARE,
    Books,
    Bound,
    Budget,
    Crossed,
    Hold,
    Per,
    Scope,
    bound_of,
    over,
    tightest,
    took_up,
)
from fairlead.core.call import Call, Caller
from fairlead.core.choice import Choice
from fairlead.core.cost import UNPRICED
from fairlead.core.execution import Candidate
from fairlead.core.model import Model, Price
from fairlead.core.plan import Plan
from fairlead.core.policy import Policy, payer
from fairlead.gateway.balances import (
    GRANTED,
    GRANTORS,
    OF_TENANTS,
    Line,
    Refusal,
    Seen,
    left_for,
    line_of,
    name_of,
    owner,
    part_for,
    refusal,
    seen,
)
from fairlead.gateway.periods import calendar
from fairlead.store.budgets import Spent

if TYPE_CHECKING:
    from fairlead.gateway.execute import Run
    from fairlead.gateway.world import Grantor, World

TOLD: tuple[Scope, ...] = ("tenant", "team")
"""Those whose name says which account it is."""
SPARE = 60.0
"""Seconds that a hold stays open beyond the time its request may take, whatever the clock on the wall says."""
SWEEP = 10.0
"""Seconds between two looks at holds that are open for too long."""
KEPT = 10_000
"""Bounds that are remembered by who asks and for what."""
CHUNK = 256
"""Tokens by which a hold grows where an answer outruns its limit."""
SLACK = 64
"""Tokens by which an estimate may be off before an answer is ended for it."""
PARTS = 2 * SHARE
"""With so many times left what an attempt may come to, nothing hangs on how much that is."""
LONGEST = 1 << 17
"""Tokens that no answer is longer than."""
UNBEARABLE = Tariff(0, 0, 0, UNPRICED)
"""Where nobody knows the price."""
UTC = datetime.UTC

log = logging.getLogger("fairlead.budgets")


class Ended(msgspec.Struct, frozen=True, gc=False):
    """An attempt that was made, what it held, and what it came to."""

    call: Call
    plan: Plan
    candidate: Candidate
    hold: Hold | None
    cost: int


def longest(run: Run, model: str) -> int:
    """The model's longest usual answer to such requests."""
    return run.runtime.vitals.conditions.longest.get(f"{model}|{run.plan.task}", PRIOR)


def outran(books: Books, hold: Hold, tokens: int) -> bool:
    """Whether an answer of about so many tokens has to be ended: it is beyond its limit, nothing more is left for it, and
    it is further beyond than a short answer's estimate is wrong."""
    while hold.limit and tokens > hold.counted:
        if books.grow(hold, CHUNK * hold.each) is not None:
            return tokens > hold.counted + SLACK
        hold.counted += CHUNK
    return False


class Budgets:
    def __init__(self, world: World) -> None:
        self.books = Books()
        self.any = False
        """Whether there are any budgets at all."""
        self.stands_in = False
        """Whether any of them lets others choose than the model or tier that it is of."""
        self.rules: tuple[Budget, ...] = ()
        """Those in force."""
        self.ended: list[Ended] | None = None
        """As long as what was spent before other budgets is looked up: what ends meanwhile."""
        self._rules: dict[Scope, list[Budget]] = {}
        self._by_who: dict[tuple[Scope, tuple[str, ...]], list[Budget]] = {}
        self._zones: Mapping[str, ZoneInfo] = {}
        self._granted: Mapping[str, tuple[Grantor, ...]] = {}
        self._grantors: frozenset[Grantor] = frozenset()
        """Those with budgets of their own that others go back to."""
        self._models: tuple[str, ...] = ()
        self._by_request = False
        """Whether any of them hang on more than on who asks."""
        self._tariffs: dict[str, Tariffs] = {}
        """By channel, of the price that was last in force."""
        self._dearest: dict[str, Tariff] = {}
        """By model: what PARTS attempts come to at most."""
        self._payers: dict[Caller, Seen] = {}
        self._usual = self._payers
        """The same where nothing hangs on more than on who asks; else empty."""
        self._bounds: dict[tuple[Scope, tuple[str, ...], str], tuple[Bound, ...]] = {}
        self._swept = 0.0
        self.turn_to(world)

    def turn_to(self, world: World) -> None:
        """From now on these budgets; what was spent and is held goes on."""
        self._rules, self._by_who = {}, {}
        self.rules = world.budgets
        for rule in world.budgets:
            self._rules.setdefault(rule.scope, []).append(rule)
            self._by_who.setdefault((rule.scope, rule.who), []).append(rule)
        self.any = bool(world.budgets)
        self.stands_in = any(rule.then for rule in (*self._rules.get("model", ()), *self._rules.get("tier", ())))
        self._by_request = not self._rules.keys().isdisjoint(("tag", "model", "tier"))
        self._zones = world.timezones
        self._granted = world.granted
        self._grantors = _grantors(world)
        named = {rule.who[0] for rule in self._rules.get("model", ()) if rule.who}
        each = any(not rule.who for rule in self._rules.get("model", ()))
        self._models = tuple(name for name in world.snapshot.models if each or name in named)
        for (scope, who, per), account in self.books.accounts.items():
            account.moved(calendar(per, self._zone(scope, who)))
        self._payers.clear()
        self._usual = {} if self._by_request else self._payers
        self._bounds.clear()
        self._tariffs.clear()
        self._dearest.clear()
        ended, self.ended = self.ended, None
        for one in ended or ():
            self.spent_on_others(one)

    # ---- whose spending it is

    def payers(self, caller: Caller) -> Seen:
        """The accounts of whoever asks, whatever is asked."""
        found = self._payers.get(caller)
        if found is not None:
            return found
        of = (caller.tenant, caller.team)
        bounds = (
            *self._found("gateway", (), ()),
            *self._found("tenant", (caller.tenant,), (caller.tenant,)),
            *(self._found("team", of, of) if caller.team else ()),
            *self._found("key", (caller.tenant, caller.name), (caller.name,), caller.plan),
            *self._of_grantors((caller.tenant, caller.name, caller.plan)),
        )
        if len(self._payers) >= KEPT:
            self._payers.clear()
        found = self._payers[caller] = self._seen(bounds, caller)
        return found

    def _of_grantors(self, own: Grantor) -> Iterator[Bound]:
        """Who grants a key has its spending counted as their own: several keys come to no more than the one they go back
        to. Only budgets that name that one count, and those of its plan; what each key may spend is each key's."""
        for grantor in (own, *self._granted.get(own[1], ())):
            if grantor in self._grantors:
                tenant, name, plan = grantor
                yield from self._found("key", (tenant, name, GRANTED), (name,), plan)

    def accounts(self, call: Call, model: str, purse: str, tier: str) -> Seen:
        """Every account that an attempt of this call concerns."""
        own = self._payers.get(call.caller) or self.payers(call.caller)
        if not self._by_request:
            return own
        rules = self._rules
        more: tuple[Bound, ...] = ()
        if "tag" in rules:
            more += self._of_tags(call.caller.tenant, call.wishes.tags)
        if "model" in rules:
            more += self._found("model", (model,), (model,))
        if tier and "tier" in rules:
            more += self._found("tier", (call.caller.tenant, purse, tier), (purse, tier))
        return self._seen((*own.due.bounds, *more), call.caller) if more else own

    def _seen(self, bounds: tuple[Bound, ...], caller: Caller) -> Seen:
        return seen(self.books.due(bounds), caller)

    def _of_tags(self, tenant: str, tags: Iterable[str]) -> tuple[Bound, ...]:
        named = {rule.who[0] for rule in self._rules.get("tag", ())}
        return tuple(
            bound for tag in dict.fromkeys(tags) if tag in named for bound in self._found("tag", (tenant, tag), (tag,))
        )

    def _found(self, scope: Scope, who: tuple[str, ...], named: tuple[str, ...], plan: str = "") -> tuple[Bound, ...]:
        """The accounts of one payer, one for each kind of period. `named` is what budgets call it."""
        if scope not in self._rules:
            return ()
        found = self._bounds.get((scope, who, plan))
        if found is None:
            by_period: dict[Per, list[Budget]] = {}
            each = self._by_who.get((scope, ()), ()) if named else ()
            for rule in (*self._by_who.get((scope, named), ()), *each):
                if _binds(rule, named, plan, scope == "key" and len(who) == GRANTORS):
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
        payers = self.payers(caller)
        tagged = self._of_tags(caller.tenant, tags) if "tag" in self._rules else ()
        accounts = self._seen((*payers.due.bounds, *tagged), caller) if tagged else payers
        common = left_for(accounts, now)
        left: tuple[tuple[str, int], ...] = () if common is None else (("", common[0]),)
        for name in self._models:
            own = left_for(self._seen(self._found("model", (name,), (name,)), caller), now)
            # Of one that nobody has touched there is nothing to say: who asks for more than all of it finds out later.
            if own is not None and (own[0] <= 0 or own[0] != own[1].cap):
                left += ((name, own[0]),)
        if not accounts.eases:
            return left, None
        spent = ((of.account, one.then) for of, one in over(accounts.due.bounds, now) if one.then)
        return left, next(((owner(account.scope, account.who), then) for account, then in spent), None)

    def stood_in(self, tenant: str, plan: Plan) -> tuple[str, str] | None:
        """Of the model that would answer, and of the tier that would pay, a soft budget that is spent: whose, and what then."""
        if not plan.steps:
            return None
        first, now = plan.steps[0].targets[0], time.time()
        bounds = self._found("model", (first.model.name,), (first.model.name,))
        if first.tier:
            bounds += self._found("tier", (tenant, plan.purse, first.tier), (plan.purse, first.tier))
        spent = ((of.account, one.then) for of, one in over(bounds, now) if one.then)
        return next(((owner(account.scope, account.who), then) for account, then in spent), None)

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

    def hold(self, run: Run, call: Call, candidate: Candidate, price: Price | None) -> Hold | Refusal | None:
        """Holds the most that an attempt may come to; None where no budget concerns it. `call` is what is asked of it."""
        channel, target = candidate.channel, candidate.target
        caller, view = call.caller, call.view
        accounts = self._usual.get(caller)
        if accounts is None:
            accounts = self.accounts(call, channel.model, run.plan.purse, target.tier)
        due, operation = accounts.due, call.operation
        if not due.bounds or operation == "count":
            return None
        now = time.time()
        if price is None:
            short = self.books.take(due, Hold(UNPRICED), now, run.deadline) if accounts.hard else None
            return None if short is None else refusal(short, caller, now)
        known = self._tariffs.get(channel.id)
        if known is None or known.price is not price:
            known = self._tariffs[channel.id] = tariffs(price)
        tokens, possible = target.expected.input_tokens, target.model.max_output
        if run.joint is not None:
            tokens += run.joint.more
        rates = known.at(tokens * 5 // 4) if known.tiers else known.usual
        if operation == "embed":  # no text comes back
            room = 0
        else:
            room = view.max_output or possible or longest(run, channel.model)
            if possible and room > possible:
                room = possible
        found = most(rates, tokens, room, view.answers, rates.dear > rates.input and costs_otherwise(call))
        if view.predicted:
            foreseen(found, from_size(view.predicted))
        if not accounts.hard or not found.each:
            found.limit = 0
        # Mostly there is so much left that nothing hangs on how much.
        short = self.books.take(due, found, now, run.deadline, found.amount * PARTS)
        if short is not None:
            part = part_for(accounts, now)
            if part is not None:
                lower(found, part, longest(run, channel.model))
            short = self.books.take(due, found, now, run.deadline)
            if short is not None:
                return refusal(short, caller, now)
        return found

    def ample(self, call: Call, choice: Choice) -> bool:
        """Whether budgets have no say in who answers: one model was named, and so much is left for it that it need not be
        known how much: several times what this would come to if each byte were a token, and the answer as long as it can
        be. What an attempt may come to is held all the same."""
        model = choice.model
        if model is None or choice.policy.fallbacks or call.wishes.models or call.operation != "generate":
            return False
        view, caller = call.view, call.caller
        accounts = self._usual.get(caller)
        if accounts is None:
            accounts = self.accounts(call, model.name, "", "")
        rates = self._dearest.get(model.name) or self._dearest_of(model)
        room = (view.max_output or model.max_output or LONGEST) * view.answers
        dearest = rates.fixed + len(call.body) * rates.dear + room * rates.output
        return accounts.due.bear(dearest, call.facts.at)

    def _dearest_of(self, model: Model) -> Tariff:
        """PARTS times as much as the model costs at any time, on any channel."""
        rows = [row for channel in model.channels for row in channel.prices]
        rows += [peak.price for row in rows for peak in row.peaks]
        known = [one for row in map(tariffs, rows) for one in (row.usual, *dict(row.tiers).values())]
        priced = all(channel.prices and channel.prices[0].since == 0 for channel in model.channels)
        found = self._dearest[model.name] = (
            Tariff(*(PARTS * max(figures) for figures in zip(*map(msgspec.structs.astuple, known), strict=True)))
            if known and priced
            else UNBEARABLE
        )
        return found

    def spent_on_others(self, ended: Ended) -> list[Crossed]:
        """On the accounts that concern it by now, but did not when it began: other budgets are in force since."""
        held = () if ended.hold is None else tuple(bound.account for bound in ended.hold.lines.bounds)
        tier = ended.candidate.target.tier
        accounts = self.accounts(ended.call, ended.candidate.channel.model, ended.plan.purse, tier)
        others = [bound for bound in accounts.due.bounds if all(bound.account is not account for account in held)]
        return self.books.spend(others, ended.cost, time.time())

    def sweep(self, late: float) -> None:
        """A look at holds that nobody gave back; not at every beat."""
        now = time.monotonic()
        if now - self._swept >= SWEEP:
            self._swept = now
            lost = self.books.expire(now - SPARE)
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
            granted = scope == "key" and len(who) == GRANTORS
            named_so = who[1:2] if granted else name_of(scope, who)
            for bound in self._found(scope, who, named_so, plans.get(who[:2], "")):
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
        self._take_up_grantors(world, spent, now, sums)
        for (scope, who, per), cost in sums.items():
            zone = world.timezones.get(who[0], UTC) if scope in OF_TENANTS else UTC
            took_up(self.books.account(scope, who, per, calendar(per, zone)), cost, now, beginning)

    def _take_up_grantors(
        self,
        world: World,
        spent: Mapping[float, Sequence[Spent]],
        now: float,
        sums: dict[tuple[Scope, tuple[str, ...], Per], int],
    ) -> None:
        """Adds what keys and those that go back to them came to."""
        for own in _grantors(world):
            tenant, name, plan = own
            for per in {
                rule.per for rule in world.budgets if rule.scope == "key" and _binds(rule, (name,), plan, True)
            }:
                since = calendar(per, world.timezones.get(tenant, UTC))(now).since
                sums["key", (tenant, name, GRANTED), per] = sum(
                    row.cost
                    for row in spent.get(since, ())
                    if (row.tenant, row.key) == (tenant, name) or own in world.granted.get(row.key, ())
                )


def _grantors(world: World) -> frozenset[Grantor]:
    """Those with budgets of their own that others go back to."""
    rules = [rule for rule in world.budgets if rule.scope == "key" and (rule.who or rule.plan)]
    return frozenset(
        one
        for before in world.granted.values()
        for one in before
        if any(_binds(rule, one[1:2], one[2], True) for rule in rules)
    )


def _binds(rule: Budget, named: tuple[str, ...], plan: str, together: bool) -> bool:
    """Whether a budget is one of an account. `together`: of a key and all that go back to it."""
    if together:
        return rule.who == named if rule.who else bool(rule.plan) and rule.plan == plan
    return rule.who in ((), named) and rule.plan in ("", plan)


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


def costs_otherwise(call: Call) -> bool:
    """Whether some of its input may cost more than text does."""
    shape = call.view.shape()
    return bool(shape.images or shape.audio) or b'"cache_control"' in call.body
