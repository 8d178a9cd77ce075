"""Images and sound pass through unread, so nobody knows beforehand what they will cost.

A request that may cost only so much, or that a hard budget has to bear, is sent to none but those with whom it has a price
of its own (`price.per_request`, or a price of nothing at all), and refused where there are none. Where nothing bounds it,
what it used is marked as estimated if the provider does not tell.
"""

from __future__ import annotations

import time

import msgspec

from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.cost import plain
from fairlead.core.model import Channel, Price
from fairlead.core.plan import Plan, Step, Target
from fairlead.core.policy import least
from fairlead.core.record import Usage
from fairlead.dialects import forms
from fairlead.dialects.opaque import OpaqueView
from fairlead.errors import BadRequest, PaymentRequired
from fairlead.gateway.balances import owner
from fairlead.gateway.budgets import Budgets
from fairlead.gateway.request import Incoming

FREE = ("/moderations",)


def check(incoming: Incoming, choice: Choice, most: int | None) -> None:
    """`most`: what the request may cost; None for as much as it does."""
    forms.demand_boundary(incoming.headers.get(b"content-type", b""), incoming.body)
    model = choice.model
    if model is None:
        if choice.policy.strategy == "pinned":
            return
        raise BadRequest(
            f"{incoming.path} passes through unread, so no model can be chosen for it; name one.", param="model"
        )
    if most is None or incoming.path in FREE:
        return
    now = int(time.time())
    if not all(_known(channel.price_at(now)) for channel in model.channels):
        raise _unpriced(incoming.path, model.name, f"at most ${plain(most)} is allowed")


def bear(budgets: Budgets, call: Call, choice: Choice, plan: Plan) -> Plan:
    """The plan without those whose price is not known, where something bounds what it may cost. Raises PaymentRequired
    where nobody is left."""
    if call.path in FREE:
        return plan
    most = least(least(choice.policy.max_cost, call.wishes.max_cost), call.caller.max_cost)
    why = "" if most is None else f"at most ${plain(most)} is allowed"
    steps, refused = list[Step](), list[PaymentRequired]()
    for step in plan.steps:
        targets = list[Target]()
        for target in step.targets:
            known = tuple(channel for channel in target.channels if _known(channel.price_at(call.facts.at)))
            if _several(call) and not _free(known, call.facts.at) and (why or _budget(budgets, call, plan, target)):
                raise PaymentRequired(
                    f"{call.path} is asked for several at once, and what each costs is not known beforehand: ask for one "
                    "at a time.",
                    param="n",
                    code="unpriced",
                )
            bound = "" if len(known) == len(target.channels) else why or _budget(budgets, call, plan, target)
            if bound:
                refused.append(_unpriced(call.path, target.model.name, bound))
                target = msgspec.structs.replace(target, channels=known)
            if target.channels:
                targets.append(target)
        if targets:
            steps.append(msgspec.structs.replace(step, targets=tuple(targets)))
    if refused and not steps:
        raise refused[0]
    return msgspec.structs.replace(plan, steps=tuple(steps)) if refused else plan


def _budget(budgets: Budgets, call: Call, plan: Plan, target: Target) -> str:
    """The hard budget that has to bear it; empty where none does."""
    bounds = budgets.accounts(call, target.model.name, plan.purse, target.tier).due.bounds if budgets.any else ()
    for bound in bounds:
        if bound.cap is not None:
            return f"a hard budget of {owner(bound.account.scope, bound.account.who)} has to bear it"
    return ""


def told(call: Call, usage: Usage | None) -> Usage | None:
    """What an answer used, marked where nobody said so."""
    if usage is None or usage.input or usage.output or call.path in FREE:
        return usage
    return msgspec.structs.replace(usage, estimated=True)


def _several(call: Call) -> bool:
    return isinstance(call.view, OpaqueView) and call.view.several


def _free(channels: tuple[Channel, ...], at: int) -> bool:
    prices = [channel.price_at(at) for channel in channels]
    return bool(prices) and all(price is not None and not price.per_request for price in prices)


def _known(price: Price | None) -> bool:
    """Whether a request's price is known before it is sent."""
    if price is None:
        return False
    rates = (price.rates, *(rates for _, rates in price.tiers))
    return bool(price.per_request) or not any(any(msgspec.structs.astuple(one)) for one in rates)


def _unpriced(path: str, model: str, why: str) -> PaymentRequired:
    return PaymentRequired(
        f"What {path} costs with {model} is not known beforehand, and {why} "
        f"(declare models.{model}.price.per_request).",
        param="model",
        code="unpriced",
    )
