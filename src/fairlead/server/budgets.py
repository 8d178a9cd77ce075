"""`/admin/v1/budgets`: what may be spent, what is, and when it begins anew."""

from __future__ import annotations

import msgspec

from fairlead.core.call import Caller
from fairlead.core.cost import plain
from fairlead.core.grants import within
from fairlead.gateway.balances import Line
from fairlead.server.admin import Asking, Parameter, Route

PATH = "/admin/v1/budgets"


class BudgetTold(msgspec.Struct, frozen=True):
    scope: str
    tenant: str
    """Empty where it is of the gateway or a model."""
    who: str
    per: str
    mode: str
    amount_usd: str
    spent_usd: str
    held_usd: str
    """For requests under way."""
    left_usd: str
    resets: str | None
    """When it begins anew; null where it never does."""


class Budgets(msgspec.Struct, frozen=True):
    budgets: list[BudgetTold]


def told(line: Line) -> BudgetTold:
    return BudgetTold(
        line.scope,
        line.tenant,
        line.who,
        line.per,
        line.mode,
        plain(line.amount),
        plain(line.spent),
        plain(line.held),
        plain(line.left),
        line.resets,
    )


async def budgets(asking: Asking) -> Budgets:
    """A key that reaches as far as its tenant or team sees what is theirs."""
    callers = {holder.caller.name: holder.caller for holder in asking.keyring.world.keys.values()}
    lines = asking.runtime.budgets.sheet(callers.values())
    scope, tenant = asking.query.get("scope"), asking.query.get("tenant")
    return Budgets(
        [
            told(line)
            for line in lines
            if _visible(line, asking.own.caller, callers)
            and scope in (None, line.scope)
            and tenant in (None, line.tenant)
        ]
    )


def _visible(line: Line, own: Caller, callers: dict[str, Caller]) -> bool:
    if own.scope == "gateway":
        return True
    if line.scope == "team":
        return within(own, line.tenant, line.who)
    if line.scope == "key" and own.scope == "team":
        return line.who in callers and within(own, line.tenant, callers[line.who].team)
    return own.scope == "tenant" and line.tenant == own.tenant


ROUTES = (
    Route(
        "GET",
        PATH,
        budgets,
        "viewer",
        "What may be spent, by whom, and what is.",
        Budgets,
        query=(Parameter("scope", "Only budgets of this scope."), Parameter("tenant", "Only those of this tenant.")),
    ),
)
