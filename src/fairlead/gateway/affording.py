"""What budgets mean for a choice: what is left goes into its facts, a soft budget that is spent changes who chooses, and
where nobody is left whom a budget would bear, the refusal says whose it is, what is left of it and when it begins anew.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from fairlead.core.allowance import allowed, need
from fairlead.core.budgets import CHEAPEST, SHARE, Bound
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.decide import asked, decide
from fairlead.core.model import Snapshot
from fairlead.core.plan import Plan
from fairlead.core.policy import narrowed
from fairlead.errors import RequestError
from fairlead.gateway.admit import seed_of
from fairlead.gateway.balances import spent_error, state
from fairlead.gateway.budgets import Budgets
from fairlead.gateway.world import World

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

_replace = msgspec.structs.replace


def weighed(runtime: Runtime, call: Call, choice: Choice) -> tuple[Call, Choice]:
    """The call with what is left for it, and who chooses now. To count tokens costs nothing."""
    budgets = runtime.budgets
    if call.operation == "count":
        return call, choice
    left, soft = budgets.standing(call.caller, call.wishes.tags)
    if left != call.facts.left:
        call = _replace(call, facts=_replace(call.facts, left=left))
    if choice.model is not None or choice.policy.critical:
        return call, choice
    if soft is None and not budgets.stands_in:
        return call, choice
    plan = decide(call, choice, runtime.snapshot(), seed_of(call.id), runtime.memo)
    if soft is None:  # whose it is is known once somebody is chosen
        soft = budgets.stood_in(call.caller.tenant, plan)
    if soft is None:
        return call, choice
    return _eased(budgets, runtime.world, call, choice, _meant(plan), *soft)


def _meant(plan: Plan) -> str:
    """Who would answer, unless that one only stands in for another."""
    first = plan.steps[0].targets[0] if plan.steps else None
    return "" if first is None or first.downgraded else first.model.name


def _eased(
    budgets: Budgets, world: World, call: Call, choice: Choice, meant: str, whose: str, then: str
) -> tuple[Call, Choice]:
    """A soft budget is spent: `then` chooses."""
    wishes = call.wishes
    if then == CHEAPEST:
        wishes = _replace(wishes, low_budget=True)
    else:
        own = call.caller.policy
        policy = world.policies[then]
        choice = _replace(choice, policy=policy if own is None else narrowed(policy, world.policies[own]))
    why = f"{whose} has spent its budget"
    tiers = budgets.left_of_tiers(call.caller.tenant, choice.policy) if choice.policy.tiers else ()
    facts = _replace(call.facts, tiers=tiers, eased=why, meant=meant)
    return _replace(call, facts=facts, wishes=wishes, warnings=(*call.warnings, f"{why}: {then} chooses")), choice


def refusal(budgets: Budgets, call: Call, choice: Choice, plan: Plan, snapshot: Snapshot) -> RequestError | None:
    """Where a budget is what keeps the last candidates out."""
    short = [(one.model, one.channel) for one in plan.rejected if one.reason == "budget"]
    if not short:
        return None
    now = time.time()
    words: dict[str, None] = {}
    held = False
    ask, _ = asked(call, choice, snapshot)
    for name, channel in short:
        model = snapshot.models[name]
        price = next((one.price_at(call.facts.at) for one in model.channels if one.name == channel), None)
        bounds = budgets.accounts(call, name, "", "").due.bounds
        unspent = [(_unspent(one, now), one) for one in bounds if one.cap is not None]
        if unspent:
            most, bound = min(unspent, key=lambda pair: pair[0])
            words[state(bound, call.caller, now)] = None
            held = held or allowed(need(ask, model), price, most // SHARE).amount <= most
    details = "; ".join(f"{one.model}: {one.detail}" for one in plan.rejected if one.reason == "budget")
    return spent_error(f"{'; '.join(words)} ({details})" if words else details, held)


def _unspent(bound: Bound, now: float) -> int:
    """What would be left if nothing were under way."""
    return (bound.cap or 0) - bound.account.at(now).spent
