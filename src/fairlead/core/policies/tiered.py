"""Tiers of models, the highest first: a request goes to the first tier that is for such requests, else to the last.

A tier whose budget of the day would not bear the request sends it one tier down, as far as that one can do it at all;
where the lowest is spent too, nobody answers, and the refusal names the budget. So does a tier that whoever asks has no
money for. Where no model of a tier can take the request for other reasons, the tiers above come next, the nearest first, then what the policy lists as fallbacks: each
on the bill of its own tier, should it be in one.
"""

from __future__ import annotations

import msgspec

from fairlead.core.allowance import allowed, need
from fairlead.core.ask import Ask
from fairlead.core.budgets import OF_TIER
from fairlead.core.cost import plain
from fairlead.core.plan import Rejection, Target
from fairlead.core.policies.behind import listed_behind
from fairlead.core.policy import Tier, payer
from fairlead.core.table import holds

MIN_QUALITY = 0.0


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    tiers = ask.policy.tiers
    at = place(ask)
    ordered: list[Target] = []
    spent, why = False, ""
    for tier in tiers[at:]:
        members = _members(targets, tier)
        for target in members:
            if bears(ask, tier, target):
                ordered.append(msgspec.structs.replace(target, tier=tier.name, downgraded=why))
            else:
                rejected.append(_over(ask, tier, target))
        if ordered:
            break
        if members:
            spent = True
            why = why or f"the budget of tier {tier.name} is spent for today"
        elif _dear(tier, rejected):
            why = why or f"the budget does not bear tier {tier.name}"
        else:
            break
    if not spent:
        for tier in reversed(tiers[:at]):
            taken = {target.model.name for target in ordered}
            others = (target for target in _members(targets, tier) if target.model.name not in taken)
            borne = (target for target in others if bears(ask, tier, target))
            ordered += (msgspec.structs.replace(target, tier=tier.name) for target in borne)
    if ordered or not spent:
        ordered += charged(listed_behind(ordered, targets, ask), ask, rejected)
    _left_out(targets, ordered, ask, rejected)
    return ordered


def charged(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    """Those that another way of choosing came to, each on the bill of the highest of its tiers that bears it. A key
    whose own policy has budgets gets nothing beside them but what that policy lists."""
    tiers = ask.policy.tiers
    closed = ask.call.caller.policy is not None and any(tier.budget is not None for tier in tiers)
    kept = []
    for target in targets:
        name = target.model.name
        own = [tier for tier in tiers if name in tier.models]
        bearing = next((tier.name for tier in own if bears(ask, tier, target)), "")
        if bearing or (not own and (not closed or name in ask.policy.fallbacks)):
            kept.append(msgspec.structs.replace(target, tier=bearing))
        elif own:
            rejected.append(_over(ask, own[-1], target))
        else:
            words = f"it is in no tier of policy {payer(ask.policy)}, which pays for this key"
            rejected.append(Rejection(name, "", "outside_policy", words))
    return kept


def place(ask: Ask) -> int:
    """The index of the tier that the request is for."""
    tiers = ask.policy.tiers
    if ask.call.wishes.low_budget and not ask.policy.critical:
        return len(tiers) - 1
    for index, tier in enumerate(tiers[:-1]):
        if holds(tier.match, ask.traits):
            return index
    return len(tiers) - 1


def bears(ask: Ask, tier: Tier, target: Target) -> bool:
    """Whether what is left of the tier's budget covers the most that the request may come to."""
    left = dict(ask.call.facts.tiers).get(tier.name, tier.budget)
    if left is None:
        return True
    price = target.channels[0].price_at(ask.call.facts.at)
    return allowed(need(ask, target.model), price, left // OF_TIER).amount <= max(left, 0)


def _dear(tier: Tier, rejected: list[Rejection]) -> bool:
    """Whether some model of it is out for no other reason than what is left to whoever asks."""
    return any(one.reason == "budget" and one.model in tier.models for one in rejected)


def _over(ask: Ask, tier: Tier, target: Target) -> Rejection:
    left = plain(max(dict(ask.call.facts.tiers).get(tier.name, 0), 0))
    if tier.budget is None:
        words = f"tier {tier.name} has ${left} left"
    else:
        words = f"tier {tier.name} has ${left} left of its ${plain(tier.budget)} today"
    return Rejection(target.model.name, "", "tier_budget", words)


def _members(targets: list[Target], tier: Tier) -> list[Target]:
    by_name = {target.model.name: target for target in targets}
    return [by_name[name] for name in tier.models if name in by_name]


def _left_out(targets: list[Target], ordered: list[Target], ask: Ask, rejected: list[Rejection]) -> None:
    named = {target.model.name for target in ordered} | {one.model for one in rejected if not one.channel}
    for target in targets:
        if target.model.name not in named:
            words = f"it is in no tier of policy {ask.policy.name} that this request may take"
            rejected.append(Rejection(target.model.name, "", "tier", words))
