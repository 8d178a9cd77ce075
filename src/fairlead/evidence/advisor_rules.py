"""Whether routing pays: rules that each speak for it or against it, with the figure they rest on, and the verdict.

Under $50 a month it does not, whatever else holds; over $200 it does, unless more speaks against it than for it; in
between two rules more have to be for it than against it. What logs cannot tell is unknown until somebody says it, and
then speaks neither way.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log
from typing import NamedTuple

from fairlead.core.model import NANO
from fairlead.evidence.advisor_market import Market
from fairlead.evidence.advisor_savings import may
from fairlead.evidence.advisor_terms import Facts, Rule, Saving, Verdict, Wishes

NOT_WORTH, WORTH = 50 * NANO, 200 * NANO
"""USD a month."""
VARIED, ONE_TASK = 3.0, 0.8
"""As many equally frequent tasks make work varied; a share that makes it one task after all."""
TOLD = 0.3
"""Share of the requests whose task must be known, to speak of variety."""
SOME_LOSS = 0.02
DEPENDENT = 0.9
NOTICEABLE = 0.1
"""Share of what is spent that is worth the trouble."""
MARGIN = 2
UNPRICED = 0.1
"""Share of the rows that may be left out of the sums before these say too little."""
MOSTLY = 0.5


class Known(NamedTuple):
    """How much the sums speak of."""

    unpriced: float
    """Share of the rows whose cost nobody knows."""
    quality: float
    """Share of the spending that goes to models whose quality is known."""


def rules(
    monthly: int,
    known: Known,
    tasks: Mapping[str, float],
    providers: Mapping[str, int],
    saving: Saving,
    market: Market,
    wishes: Wishes,
) -> tuple[Rule, ...]:
    return (
        spend(monthly, known),
        saved(saving, known),
        variety(tasks),
        tolerance(wishes),
        compliance(market, wishes),
        dependency(providers),
        capacity(wishes),
    )


def spend(monthly: int, known: Known) -> Rule:
    facts: Facts = {"spent_usd": monthly, "least_usd": NOT_WORTH, "enough_usd": WORTH}
    if monthly > WORTH:
        return Rule("spend", "for", "spend_large", facts)
    if known.unpriced >= UNPRICED:
        return Rule("spend", "unknown", "spend_unknown", {**facts, "unpriced_share": known.unpriced})
    if monthly < NOT_WORTH:
        return Rule("spend", "against", "spend_small", facts, decisive=True)
    return Rule("spend", "neither", "spend_between", facts)


def saved(saving: Saving, known: Known) -> Rule:
    facts: Facts = {"low_usd": saving.saved.low, "high_usd": saving.saved.high, "saved_share": saving.share}
    if saving.share < NOTICEABLE and known.quality < MOSTLY:
        return Rule("saving", "unknown", "saving_unknown", {"known_share": known.quality})
    if saving.share < NOTICEABLE:
        return Rule("saving", "against", "saving_small", facts)
    if saving.saved.low <= 0:
        return Rule("saving", "neither", "saving_unsure", facts)
    return Rule("saving", "for", "saving_large", facts)


def variety(tasks: Mapping[str, float]) -> Rule:
    """By requests: as many equally frequent tasks would be as hard to foretell."""
    total = sum(tasks.values())
    known = {task: count / total for task, count in tasks.items() if task and count > 0} if total else {}
    if sum(known.values()) < TOLD:
        return Rule("variety", "unknown", "variety_unknown", {"known_share": sum(known.values())})
    whole = sum(known.values())
    shares = {task: share / whole for task, share in known.items()}
    most = max(shares, key=lambda task: shares[task])
    effective = round(exp(-sum(share * log(share) for share in shares.values())), 3)
    facts: Facts = {"tasks": round(effective, 1), "task": most, "task_share": shares[most]}
    if effective >= VARIED and shares[most] <= ONE_TASK:
        return Rule("variety", "for", "variety_varied", facts)
    return Rule("variety", "against", "variety_alike", facts)


def tolerance(wishes: Wishes) -> Rule:
    facts: Facts = {"loss": wishes.loss}
    if wishes.tolerance is None:
        return Rule("tolerance", "unknown", "tolerance_unknown", facts)
    if wishes.tolerance <= 0:
        return Rule("tolerance", "against", "tolerance_none", facts)
    if wishes.tolerance < SOME_LOSS:
        return Rule("tolerance", "neither", "tolerance_little", facts)
    return Rule("tolerance", "for", "tolerance_some", facts)


def compliance(market: Market, wishes: Wishes) -> Rule:
    allowed = [choice for choice in market.choices.values() if may(choice, wishes)]
    facts: Facts = {"models": len(allowed), "vendors": len({choice.vendor for choice in allowed})}
    listed = wishes.vendors or wishes.regions or wishes.models
    if len(allowed) < 2:
        return Rule("compliance", "against", "compliance_no_choice", facts, decisive=True)
    if wishes.compliance == "strict" and not listed:
        return Rule("compliance", "against", "compliance_unlisted", facts)
    if wishes.compliance == "open":
        return Rule("compliance", "for", "compliance_open", facts)
    if listed:
        return Rule("compliance", "neither", "compliance_listed", facts)
    return Rule("compliance", "unknown", "compliance_unknown", facts)


def dependency(providers: Mapping[str, int]) -> Rule:
    total = sum(providers.values())
    if not total:
        return Rule("dependency", "unknown", "dependency_unknown")
    first = max(providers, key=lambda name: providers[name])
    share = providers[first] / total
    facts: Facts = {"provider": first or "?", "provider_share": share}
    if not first:
        return Rule("dependency", "unknown", "dependency_unknown", facts)
    if share >= DEPENDENT:
        return Rule("dependency", "for", "dependency_one", facts)
    return Rule("dependency", "neither", "dependency_several", facts)


def capacity(wishes: Wishes) -> Rule:
    if wishes.capacity == "none":
        return Rule("capacity", "against", "capacity_none", decisive=True)
    if wishes.capacity == "team":
        return Rule("capacity", "for", "capacity_team")
    if wishes.capacity == "some":
        return Rule("capacity", "neither", "capacity_some")
    return Rule("capacity", "unknown", "capacity_unknown")


def verdict(found: tuple[Rule, ...], monthly: int) -> tuple[Verdict, str, Facts]:
    """The word, its reason as a code, and the facts of it."""
    for rule in found:
        if rule.decisive and rule.speaks == "against":
            return "no", f"verdict_{rule.name}", rule.facts
    if any(rule.reason == "spend_unknown" for rule in found):
        return "maybe", "verdict_unknown", {"spent_usd": monthly}
    others = [rule.speaks for rule in found if rule.name != "spend"]
    balance = others.count("for") - others.count("against")
    facts: Facts = {"for": others.count("for"), "against": others.count("against"), "spent_usd": monthly}
    if monthly > WORTH:
        return ("yes", "verdict_large", facts) if balance >= 0 else ("maybe", "verdict_large_but", facts)
    if balance >= MARGIN:
        return "yes", "verdict_between_yes", facts
    return ("no", "verdict_between_no", facts) if balance < 0 else ("maybe", "verdict_between_maybe", facts)
