"""What work is worth and what it would cost elsewhere: the measures that reports, recommendations and guards share.

quality  of a model at a task: declared for the task, else overall, moved by the judgements of its answers to it, as
         `core.expectation` moves it; a judgement weighs alike whatever its age
cost     of the same tokens at another model's present price
class    premium: at least half the price of the dearest model in use; cheap: in the lowest third between the cheapest
         model there is and that one, on a scale of orders of magnitude. Where the dearest is not three times as dear as
         the cheapest there are no classes. What the configuration declares goes before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import log

import msgspec

from fairlead.core.cost import cost_lines, in_usd, rates_for, total
from fairlead.core.expectation import UNKNOWN_QUALITY, UNKNOWN_WORTH, WORTH
from fairlead.core.model import Model, Price
from fairlead.core.record import Usage
from fairlead.store.spending import Work

DEAR = 0.5
"""Share of the dearest one's price from which a model is premium."""
CHEAP = 1 / 3
SPREAD = 3.0

Judgements = Mapping[tuple[str, str], tuple[float, int]]
"""By model and task: the mean score, and of how many."""


class Classes(msgspec.Struct, frozen=True):
    premium: frozenset[str] = frozenset()
    cheap: frozenset[str] = frozenset()


def quality(model: Model, task: str, judged: Judgements) -> float | None:
    """None where nothing is known of it."""
    known = model.qualities.get(task, model.quality)
    score, count = judged.get((model.name, task), (0.0, 0))
    if not count:
        return known
    prior, worth = (UNKNOWN_QUALITY, UNKNOWN_WORTH) if known is None else (known, WORTH)
    return prior + (score - prior) * count / (worth + count)


def average_quality(works: Iterable[Work], models: Mapping[str, Model], judged: Judgements) -> float | None:
    """Over the answered requests whose model's quality is known."""
    weighed = requests = 0.0
    for work in works:
        model = models.get(work.model)
        known = None if model is None else quality(model, work.task, judged)
        if known is not None:
            weighed += known * work.requests
            requests += work.requests
    return weighed / requests if requests else None


def price_of(model: Model, at: int) -> Price | None:
    """What it costs on its first channel that is in use."""
    channel = next((one for one in model.channels if one.enabled), model.channels[0])
    return channel.price_at(at)


def would_cost(price: Price, work: Work) -> int:
    """In nano-units of USD, at the rates that its usual prompt reaches."""
    flat = Price(price.id, rates_for(price, work.prompt), price.currency)
    usage = Usage(work.input_tokens, work.output_tokens, work.cached_tokens)
    return in_usd(total(cost_lines(flat, usage)) + price.per_request * work.requests, price)


def together(works: Iterable[Work]) -> Work:
    """All of them as one, without their names."""
    sums = [0] * 6
    for work in works:
        for place, figure in enumerate(msgspec.structs.astuple(work)[2:]):
            sums[place] += figure
    return Work("", "", *sums)


def classes(
    works: Collection[Work],
    models: Mapping[str, Model],
    at: int,
    premium: Collection[str] = (),
    cheap: Collection[str] = (),
) -> Classes:
    """By what the average request would cost at each."""
    whole = together(works)
    prices = {name: price_of(model, at) for name, model in models.items() if model.enabled}
    costs = {name: would_cost(price, whole) for name, price in prices.items() if price is not None}
    used = [costs[name] for name in {work.model for work in works if work.requests} if name in costs]
    dearest, cheapest = max(used, default=0), min(costs.values(), default=0)
    found = Classes()
    if whole.requests and dearest >= SPREAD * cheapest and dearest:
        low = log(max(cheapest, 1))
        below = low + CHEAP * (log(dearest) - low)
        found = Classes(
            frozenset(name for name, cost in costs.items() if cost >= DEAR * dearest),
            frozenset(name for name, cost in costs.items() if log(max(cost, 1)) <= below),
        )
    declared = frozenset((*premium, *cheap))
    return Classes((found.premium - declared) | frozenset(premium), (found.cheap - declared) | frozenset(cheap))
