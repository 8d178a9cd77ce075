"""What the calculator reckons with: the work of a period, models with prices and qualities, and parts of an outcome.

All of it is fractions, so that a third of a cent stays one; figures are rounded where they are shown. Prices are per
million tokens and in the scenario's currency already. A quality that is not known is None, and so is every average
over it.
"""

from __future__ import annotations

from fractions import Fraction

import msgspec

MILLION = 1_000_000
ZERO, ONE = Fraction(0), Fraction(1)


class Work(msgspec.Struct, frozen=True):
    """One kind of task of the mix."""

    task: str
    share: Fraction
    """Of all requests."""
    input: int
    output: int
    cached: Fraction
    """Of the input."""
    length: Fraction = ONE

    @property
    def tokens(self) -> Fraction:
        return (self.input + self.output) * self.length


class Rates(msgspec.Struct, frozen=True):
    input: Fraction
    output: Fraction | None
    """None where none is given, and no request has output."""
    cached: Fraction


class Priced(msgspec.Struct, frozen=True):
    """A model. Without `tiers` and `per_request` it has no price, and may stand where none is asked for only."""

    name: str
    tiers: tuple[tuple[int, Rates], ...] = ()
    """(prompt tokens above which they hold, rates), ascending; the first holds from the start."""
    per_request: Fraction | None = None
    """What a request of length 1 costs in all, beside its tokens."""
    quality: Fraction | None = None
    qualities: dict[str, Fraction] = {}
    source: str = "given"
    quality_source: str = "given"
    """Where prices and qualities are from: `given` in the scenario, or the `catalogue`."""

    def cost(self, work: Work) -> Fraction:
        """What one request of that work costs."""
        whole = self.per_request or ZERO
        if self.tiers:
            prompt = work.input * work.length
            rates = next((rates for above, rates in reversed(self.tiers) if prompt > above), self.tiers[0][1])
            input_rate = rates.input + (rates.cached - rates.input) * work.cached
            whole += (work.input * input_rate + work.output * (rates.output or ZERO)) / MILLION
        return whole * work.length

    def quality_at(self, task: str) -> Fraction | None:
        return self.qualities.get(task, self.quality)


class Strategy(msgspec.Struct, frozen=True):
    """What one says of how requests are spread. Which fields count hangs on the kind."""

    name: str
    kind: str
    models: tuple[str, ...] = ()
    amounts: dict[str, Fraction] = {}
    """Shares of the requests, or sums of money, by model."""
    by_task: dict[str, str] = {}
    pays: str = "every"
    kept: dict[str, Fraction] = {}
    fee: Fraction = ZERO
    includes: int | None = None
    beyond: str | None = None
    moved: Fraction = ZERO
    """Share of the spend of the first of `models` that goes to the second."""
    overhead: Fraction = ZERO


class Case(msgspec.Struct, frozen=True):
    """The work of a period and who could do it."""

    requests: int
    works: tuple[Work, ...]
    models: dict[str, Priced]

    def cost(self, model: str) -> Fraction:
        """What one request costs on average, all of them to that model."""
        return sum((work.share * self.models[model].cost(work) for work in self.works), ZERO)

    def quality(self, model: str) -> Fraction | None:
        qualities = [(work.share, self.models[model].quality_at(work.task)) for work in self.works]
        return average(qualities)


class Part(msgspec.Struct, frozen=True):
    """Requests of one task that one model answers, and what it costs to get there."""

    task: str
    model: str
    requests: Fraction
    calls: Fraction
    cost: Fraction
    quality: Fraction | None


def average(weighed: list[tuple[Fraction, Fraction | None]]) -> Fraction | None:
    """None as soon as anything that weighs is unknown."""
    total, weight = ZERO, ZERO
    for share, value in weighed:
        if share:
            if value is None:
                return None
            total += share * value
            weight += share
    return total / weight if weight else None
