"""How requests can be spread over models: one function a kind, in an explicit table.

A function gets the strategy and the case and returns parts: which model answers how many requests of which task, with
how many calls, for how much, how well. Everything else (totals, averages, savings) is the same for all.

The frontier is the dearest model on this work and the cheap one the cheapest, so that chance always costs something in
between; a strategy of one's own can name others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil

from fairlead.evidence.workload import ONE, ZERO, Case, Part, Priced, Strategy, Work

Parts = tuple[Part, ...]


def single(strategy: Strategy, case: Case) -> Parts:
    return _spread(case, lambda work: {strategy.models[0]: ONE})


def mix(strategy: Strategy, case: Case) -> Parts:
    return _spread(case, lambda work: strategy.amounts)


def tiered(strategy: Strategy, case: Case) -> Parts:
    return _spread(case, lambda work: {strategy.by_task[work.task]: ONE})


def random(strategy: Strategy, case: Case) -> Parts:
    among = strategy.models or tuple(case.models)
    return _spread(case, lambda work: {model: Fraction(1, len(among)) for model in among})


def all_frontier(strategy: Strategy, case: Case) -> Parts:
    return _spread(case, lambda work: {_named(strategy) or max(case.models, key=case.cost): ONE})


def all_cheap(strategy: Strategy, case: Case) -> Parts:
    return _spread(case, lambda work: {_named(strategy) or min(case.models, key=case.cost): ONE})


def cascade(strategy: Strategy, case: Case) -> Parts:
    """What ends at a model was tried on all before it; whether these are paid for is the strategy's `pays`."""
    parts = []
    for work in case.works:
        tried = calls = ZERO
        for model, share in strategy.amounts.items():
            one = case.models[model]
            tried = tried + one.cost(work) if strategy.pays == "every" else one.cost(work)
            calls = calls + 1 if strategy.pays == "every" else ONE
            requests = case.requests * work.share * share
            quality = strategy.kept.get(model, one.quality_at(work.task))
            parts.append(Part(work.task, model, requests, requests * calls, requests * tried, quality))
    return tuple(parts)


def subscription(strategy: Strategy, case: Case) -> Parts:
    """The fee, however little is asked. What goes beyond it is another model's, or takes further subscriptions."""
    model, beyond = case.models[strategy.models[0]], strategy.beyond
    includes = case.requests if strategy.includes is None else strategy.includes
    count = 1 if beyond else ceil(Fraction(case.requests, includes))
    held = min(ONE, Fraction(includes * count, case.requests))
    parts = []
    for work in case.works:
        requests = case.requests * work.share * held
        fee = strategy.fee * count * work.share
        parts.append(Part(work.task, model.name, requests, requests, fee, model.quality_at(work.task)))
        if beyond and held < 1:
            parts.append(_part(case, work, case.models[beyond], 1 - held))
    return tuple(parts)


def observed(strategy: Strategy, case: Case) -> Parts:
    """A bill: which requests are behind a sum is not known, so the parts count none."""
    spend = dict(strategy.amounts)
    if strategy.moved:
        source, to = strategy.models
        leaves, before = spend[source] * strategy.moved, case.cost(source)
        spend[source] -= leaves
        spend[to] = spend.get(to, ZERO) + (leaves * case.cost(to) / before if before else leaves)
    return tuple(Part("", model, ZERO, ZERO, amount, None) for model, amount in spend.items())


STRATEGIES: dict[str, Callable[[Strategy, Case], Parts]] = {
    "single": single,
    "mix": mix,
    "tiered": tiered,
    "cascade": cascade,
    "random": random,
    "all_frontier": all_frontier,
    "all_cheap": all_cheap,
    "subscription": subscription,
    "observed": observed,
}


def _named(strategy: Strategy) -> str | None:
    return strategy.models[0] if strategy.models else None


def _spread(case: Case, shares: Callable[[Work], Mapping[str, Fraction]]) -> Parts:
    return tuple(
        _part(case, work, case.models[model], share) for work in case.works for model, share in shares(work).items()
    )


def _part(case: Case, work: Work, model: Priced, share: Fraction) -> Part:
    requests = case.requests * work.share * share
    return Part(work.task, model.name, requests, requests, requests * model.cost(work), model.quality_at(work.task))
