"""What is overdone and what does not match, model by model; and what everything would cost with one model.

A model is called premium or cheap by its list price for a million tokens, three in for one out. A prompt that comes
again soon, word for word, is taken for an answer that was not good enough: a sign, no proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from fairlead.core.model import EMBEDDINGS, NANO
from fairlead.evidence.advisor_market import Choice, Market
from fairlead.evidence.advisor_savings import able, below, costs_with, in_use, longest_prompts, may, worth
from fairlead.evidence.advisor_sums import COST, REQUESTS, ModelSum, Table, blended
from fairlead.evidence.advisor_terms import Baseline, Facts, Finding, Saving, Wishes

PREMIUM, CHEAP = 4 * NANO, 1 * NANO
PREMIUM_SHARE, CHEAP_SHARE = 0.3, 0.5
"""Above this share of the spending premium models are overused; below this share of the requests cheap ones are not
used enough."""
CRUMB = 0.01
"""Share of the spending below which nothing is said."""
ENOUGH = 50
"""Rows from which a rate is worth telling."""
COMES_AGAIN, FAILS = 0.1, 0.05
WEAK = 0.75
BETTER_PRICE = 0.9
BASELINES = 20


class Spent:
    """Sums of a table, a month, by group."""

    def __init__(self, table: Table, monthly: float) -> None:
        self.table, self.monthly = table, monthly
        sums = table.figures.sum(0)
        self.costs = sums[:, COST] * monthly
        self.requests = sums[:, REQUESTS] * monthly
        self.total = float(self.costs.sum())
        self.answering = [at for at, group in enumerate(table.groups) if not embeds(group.model.choice)]
        """Groups of models that answer: embeddings are no work for another model."""

    def of(self, places: Sequence[int]) -> int:
        return round(float(self.costs[list(places)].sum())) if places else 0

    def models(self, least: float = CRUMB) -> dict[str, list[int]]:
        """The groups of each model that such a share is spent on, the dearest first."""
        found: dict[str, list[int]] = {}
        for at, group in enumerate(self.table.groups):
            found.setdefault(group.model.name, []).append(at)
        large = {name: places for name, places in found.items() if self.of(places) >= least * self.total}
        return dict(sorted(large.items(), key=lambda each: -self.of(each[1])))


def audit(spent: Spent, saving: Saving, market: Market, wishes: Wishes) -> tuple[Finding, ...]:
    found = [
        *shares(spent),
        *premium_on_simple(spent, saving),
        *dominated(spent, market, wishes),
        *too_weak(spent),
        *dear_after_all(spent),
        *restless(spent),
    ]
    return tuple(sorted(found, key=lambda each: (-(each.saving or 0), -each.cost)))


def embeds(choice: Choice | None) -> bool:
    return choice is not None and bool(choice.capabilities & EMBEDDINGS)


def price_class(choice: Choice | None) -> str:
    price = blended(choice) if choice and choice.prices else -1.0
    return "" if price < 0 else "premium" if price >= PREMIUM else "cheap" if price <= CHEAP else "middle"


def shares(spent: Spent) -> Iterator[Finding]:
    """Premium over 30 % of the spending, cheap under half of the requests."""
    classes: dict[str, list[int]] = {"premium": [], "cheap": [], "middle": [], "": []}
    for at in spent.answering:
        classes[price_class(spent.table.groups[at].model.choice)].append(at)
    premium = spent.of(classes["premium"])
    if spent.total and premium > PREMIUM_SHARE * spent.total:
        facts: Facts = {"premium_share": premium / spent.total, "most_share": PREMIUM_SHARE}
        yield Finding("premium_share", "overuse", "premium_share", facts, premium)
    requests = float(spent.requests[spent.answering].sum())
    cheap = float(spent.requests[classes["cheap"]].sum())
    if requests and premium and cheap < CHEAP_SHARE * requests:
        told: Facts = {"cheap_share": cheap / requests, "least_share": CHEAP_SHARE}
        yield Finding(
            "cheap_share", "overuse", "cheap_share", told, spent.of(spent.answering) - spent.of(classes["cheap"])
        )


def premium_on_simple(spent: Spent, saving: Saving) -> Iterator[Finding]:
    for name, places in spent.models().items():
        groups = spent.table.groups
        simple = [at for at in places if groups[at].complexity == "simple"]
        cost = spent.of(simple)
        if price_class(groups[places[0]].model.choice) != "premium" or cost < CRUMB * spent.total:
            continue
        moves = [move for move in saving.moves if move.model == name and move.complexity == "simple"]
        tasks = sorted({groups[at].task for at in simple})
        yield Finding(
            "premium_on_simple", "overuse", "premium_on_simple",
            {"model": name, "tasks": ", ".join(tasks[:4]), "simple_share": cost / max(spent.of(places), 1)},
            cost, sum(move.saving.expected for move in moves) or None,
        )  # fmt: skip


def dominated(spent: Spent, market: Market, wishes: Wishes) -> Iterator[Finding]:
    """A model that is better and costs less, for the same tokens: of several, where saving times the chance that it
    really is better comes to most."""
    groups, longest = spent.table.groups, longest_prompts(spent.table)
    for name, places in spent.models().items():
        now = groups[places[0]].model.choice
        if now is None or now.quality is None:
            continue
        cost, best, most, saved = spent.of(places), None, 0.0, 0.0
        for choice in market.choices.values():
            if not may(choice, wishes) or choice is now or blended(choice) >= blended(now):
                continue
            ahead = (choice.quality or 0.0) - now.quality
            if ahead < 0 or not all(able(choice, groups[at].task, longest[at]) for at in places):
                continue
            there = costs_with(choice, spent.table)
            saving = 0.0 if there is None else cost - float(there[:, places].sum()) * spent.monthly
            worth_it = saving * below(ahead, (choice.doubt**2 + now.doubt**2) ** 0.5)
            if saving >= (1 - BETTER_PRICE) * cost and worth_it > most:
                best, most, saved = choice, worth_it, saving
        if best is not None:
            facts: Facts = {"model": name, "to": best.name, "quality": now.quality, "quality_to": best.quality or 0.0}
            yield Finding("dominated", "overuse", "dominated", facts, cost, round(saved))


def too_weak(spent: Spent) -> Iterator[Finding]:
    for name, places in spent.models().items():
        hard = [at for at in places if spent.table.groups[at].complexity == "complex"]
        weak = [at for at in hard if (quality := worth(spent.table.groups[at])) is not None and quality < WEAK]
        requests = float(spent.requests[weak].sum())
        if weak and requests >= CRUMB * float(spent.requests.sum()) > 0:
            facts: Facts = {
                "model": name,
                "tasks": ", ".join(sorted({spent.table.groups[at].task for at in weak})[:4]),
                "requests": round(requests),
            }
            yield Finding("too_weak", "mismatch", "too_weak", facts, spent.of(weak))


def dear_after_all(spent: Spent) -> Iterator[Finding]:
    """A model with the lower price that costs no less a request of the same kind: its answers are longer. Of each model
    the work that costs most."""
    kinds: dict[tuple[str, str], list[int]] = {}
    for at, group in enumerate(spent.table.groups):
        if group.task and group.model.choice and spent.requests[at] / spent.monthly >= ENOUGH:
            kinds.setdefault((group.task, group.complexity), []).append(at)
    each = spent.costs / np.maximum(spent.requests, 1e-9)
    found: dict[str, Finding] = {}
    for (task, _), places in kinds.items():
        for at, other in permutations(places, 2):
            one, two = spent.table.groups[at].model.choice, spent.table.groups[other].model.choice
            if one is None or two is None or (one.worth(task) or 0.0) >= (two.worth(task) or 0.0):
                continue
            cost = spent.of([at])
            dear = blended(one) < blended(two) and each[at] >= each[other] > 0 and cost >= CRUMB * spent.total
            if dear and (one.name not in found or cost > found[one.name].cost):
                times = round(float(each[at] / each[other]), 1)
                facts: Facts = {"model": one.name, "other": two.name, "tasks": task, "times": times}
                found[one.name] = Finding("dear_after_all", "mismatch", "dear_after_all", facts, cost)
    yield from found.values()


def restless(spent: Spent) -> Iterator[Finding]:
    """Models whose prompts come again, or that fail."""
    for name, places in spent.models(0.0).items():
        model = spent.table.groups[places[0]].model
        if model.texts_seen >= ENOUGH and model.again >= COMES_AGAIN * model.texts_seen:
            facts: Facts = {
                "model": name,
                "again_share": model.again / model.texts_seen,
                "risen_share": model.risen / model.again,
            }
            yield Finding("comes_again", "mismatch", "comes_again", facts, spent.of(places))
        if model.rows >= ENOUGH and model.failed >= FAILS * model.rows:
            failing: Facts = {"model": name, "failed_share": model.failed / model.rows}
            yield Finding("fails_often", "mismatch", "fails_often", failing, spent.of(places))


def baselines(spent: Spent, saving: Saving, market: Market, wishes: Wishes) -> tuple[Baseline, ...]:
    """Today, as advised, and everything to one model: those in use, those advised, and the best one allowed."""
    table = spent.table
    used = in_use(table, 0.0)
    allowed = [choice for choice in market.choices.values() if may(choice, wishes)]
    best = max(allowed, key=lambda choice: (choice.quality or 0.0, -blended(choice)), default=None)
    named = list(spent.models(0.0))[: BASELINES - 4]
    names = dict.fromkeys((*named, *saving.fleet, *([best.name] if best else [])))
    found = []
    for name in names:
        choice = market.choices.get(name)
        there = costs_with(choice, table) if choice else None
        if choice is None or there is None or embeds(choice):
            continue
        quality = _quality(spent, [choice.worth(group.task) for group in table.groups])
        cost = float(there[:, spent.answering].sum()) * spent.monthly
        found.append(Baseline(name, name in used, round(cost), quality))
    now = spent.of(spent.answering)
    today = _quality(spent, [worth(group) for group in table.groups])
    moved = {(move.model, move.task, move.complexity): move.quality_to for move in saving.moves}
    then = [moved.get((group.model.name, group.task, group.complexity), worth(group)) for group in table.groups]
    return (
        Baseline("(today)", True, now, today),
        Baseline("(as advised)", True, now - saving.saved.expected, _quality(spent, then)),
        *sorted(found, key=lambda each: -(each.cost or 0)),
    )


def _quality(spent: Spent, qualities: Sequence[float | None]) -> float | None:
    """Averaged over requests, or over cost where these are not counted."""
    weights = spent.requests if float(spent.requests.sum()) else spent.costs
    known = [(quality, weights[at]) for at in spent.answering if (quality := qualities[at]) is not None]
    total = float(sum(weight for _, weight in known))
    return round(float(sum(quality * weight for quality, weight in known)) / total, 4) if total else None


def texts_of(models: Sequence[ModelSum]) -> tuple[int, int]:
    """Texts there were to read, and those that were."""
    return sum(model.texts for model in models), sum(model.texts_read for model in models)
