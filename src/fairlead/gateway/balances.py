"""How budgets stand, told in words and figures: to whoever may know it.

What is left of an account is told to the tenant whose it is; of those that several tenants share (the gateway's, a
model's) only to keys that reach as far as the gateway, for the rest would be what others spend.
"""

from __future__ import annotations

import datetime

import msgspec

from fairlead.core.budgets import Bound, Budget, Crossed, Due, Per, Scope, Short, part, tightest
from fairlead.core.call import Caller
from fairlead.core.cost import plain
from fairlead.core.grants import COMMON
from fairlead.core.record import Audit
from fairlead.errors import PaymentRequired, RateLimited, RequestError

OF_TENANTS = frozenset(("tenant", "team", "key", "tag", "tier"))
"""Scopes whose accounts are a tenant's: their days begin where it is."""
GRANTED = "*"
"""Ends the name of the account that holds what a key spends and whatever keys go back to it."""
GRANTORS = 3
"""Parts of the name of such an account."""
HELD_BACK = 2.0
"""Seconds after which another try makes sense where what is left is held by others."""
UTC = datetime.UTC


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


def name_of(scope: Scope, who: tuple[str, ...]) -> tuple[str, ...]:
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


def is_told(bound: Bound, caller: Caller) -> bool:
    """Whether a caller may know how an account stands: what others spend is none of a tenant's business."""
    scope, who = bound.account.scope, bound.account.who
    return caller.scope == "gateway" or (scope in OF_TENANTS and who[0] == caller.tenant)


class Seen(msgspec.Struct, frozen=True):
    """Accounts as a caller sees them."""

    due: Due
    """All of them."""
    told: tuple[Bound, ...]
    """Those that the caller may know."""
    untold: tuple[Bound, ...]
    eases: bool
    """Whether a soft one among them changes who chooses."""
    hard: bool
    """Whether any of them has a cap."""


def seen(due: Due, caller: Caller) -> Seen:
    bounds = due.bounds
    told = tuple(one for one in bounds if is_told(one, caller))
    untold = tuple(one for one in bounds if not is_told(one, caller))
    eases = any(budget.then and not budget.hard for one in bounds for budget in one.budgets)
    return Seen(due, told, untold, eases, any(one.cap is not None for one in bounds))


def left_for(accounts: Seen, now: float) -> tuple[int, Bound] | None:
    """What is left for a caller, as far as it may be told; of the rest, whether that is nothing at all."""
    if accounts.untold:
        others = tightest(accounts.untold, now)
        if others is not None and others[0] <= 0:
            return 0, others[1]
    return tightest(accounts.told, now)


def part_for(accounts: Seen, now: float) -> int | None:
    """What one attempt may take. The limit that is sent for it is told: of what a caller may not know, only about how much."""
    own = part(accounts.told, now)
    others = part(accounts.untold, now) if accounts.untold else None
    if others is None:
        return own
    about = 1 << (others.bit_length() - 1) if others > 0 else 0
    return about if own is None else min(own, about)


def refusal(short: Short, caller: Caller, now: float) -> Refusal:
    kind = "held" if short.needed <= short.unspent else "budget"
    return Refusal(f"{state(short.bound, caller, now)}, and this may come to ${plain(short.needed)}", kind)


def state(bound: Bound, caller: Caller, now: float) -> str:
    """What is left of whose budget, and when it begins anew."""
    account, cap = bound.account, bound.cap or 0
    if not is_told(bound, caller):
        anew = "" if account.per == "total" else f" until {_anew(bound, now)}"
        return f"the budget of {owner(account.scope, account.who)} bears no more{anew}"
    period = account.at(now)
    left = max(cap - period.spent - period.held, 0)
    return f"{owner(account.scope, account.who)} has ${plain(left)} left of its ${plain(cap)} {lasting(bound, now)}"


def owner(scope: Scope, who: tuple[str, ...]) -> str:
    if scope == "gateway":
        return "the gateway"
    if scope == "tier":
        return f"tier {who[2]} of policy {who[1]}"
    if scope == "key" and len(who) == GRANTORS:
        return f"key {who[-2]!r} with all keys it granted"
    return f"{scope} {who[-1]!r}"


def owner_of_all(scope: Scope, who: tuple[str, ...]) -> str:
    """The same where every tenant's are told: each may have such a team, tag or tier."""
    others = scope in ("team", "tag", "tier") and who[0] != COMMON
    return f"{owner(scope, who)} of tenant {who[0]!r}" if others else owner(scope, who)


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
        f"{owner_of_all(account.scope, account.who)} has spent ${plain(crossed.spent)}, {crossed.share:.0%} of its "
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
