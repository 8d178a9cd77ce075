"""What would a strategy cost, at what average quality, on a given mix of work? And does a published figure add up?

Pure arithmetic on fractions: a scenario comes in, an outcome per strategy comes out. Beside the scenario's strategies
stand its baselines: a model by chance, everything to the frontier, everything to the cheapest. An outcome is compared
with every strategy that uses one model, or chance, for everything.

A published figure agrees when the computed one rounds to it as it was printed, or lies in the range or within the
distance that was printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import msgspec

from fairlead.evidence.strategies import STRATEGIES
from fairlead.evidence.workload import MILLION, ZERO, Case, Part, Strategy, average

SINGLE = ("single", "random", "all_frontier", "all_cheap")
"""The kinds others are compared with."""


class Published(msgspec.Struct, frozen=True):
    """A figure somebody printed; see `FIGURES`."""

    figure: str
    of: str
    least: Fraction
    most: Fraction
    """What is between the two agrees."""
    value: Fraction
    to: Fraction | None = None
    against: str = ""
    model: str = ""


class Scenario(msgspec.Struct, frozen=True):
    name: str
    case: Case
    strategies: tuple[Strategy, ...]
    """The baselines among them."""
    published: tuple[Published, ...] = ()
    title: str = ""
    title_zh: str = ""
    source: str = ""
    date: str = ""
    note: str = ""
    note_zh: str = ""
    currency: str = "USD"
    period: str = "month"
    warnings: tuple[str, ...] = ()
    """Prices that look as if they were per another unit."""


class Share(msgspec.Struct, frozen=True):
    """What became of one model in one strategy; a share nobody knows is None."""

    model: str
    requests: Fraction | None
    spend: Fraction | None
    cost: Fraction


class Outcome(msgspec.Struct, frozen=True):
    strategy: Strategy
    requests: int
    calls: Fraction
    tokens: Fraction
    """0 where no price hangs on them."""
    cost: Fraction
    quality: Fraction | None
    parts: tuple[Part, ...]
    shares: tuple[Share, ...]

    @property
    def per_request(self) -> Fraction:
        return self.cost / self.requests

    @property
    def per_million_tokens(self) -> Fraction | None:
        return self.cost / self.tokens * MILLION if self.tokens else None

    def share_of(self, model: str) -> Share:
        return next((one for one in self.shares if one.model == model), Share(model, ZERO, ZERO, ZERO))

    def saving(self, other: Outcome) -> Fraction | None:
        return 1 - self.cost / other.cost if other.cost else None


class Verdict(msgspec.Struct, frozen=True):
    published: Published
    computed: Fraction | None
    agrees: bool


class Answer(msgspec.Struct, frozen=True):
    scenario: Scenario
    outcomes: dict[str, Outcome]
    verdicts: tuple[Verdict, ...]

    @property
    def agrees(self) -> bool | None:
        """None where nothing was published."""
        return all(verdict.agrees for verdict in self.verdicts) if self.verdicts else None

    @property
    def compared(self) -> dict[str, Outcome]:
        """What the others are compared with."""
        return {name: one for name, one in self.outcomes.items() if one.strategy.kind in SINGLE}


def calculate(scenario: Scenario) -> Answer:
    outcomes = {strategy.name: outcome(strategy, scenario.case) for strategy in scenario.strategies}
    return Answer(scenario, outcomes, tuple(_judged(one, outcomes) for one in scenario.published))


def outcome(strategy: Strategy, case: Case) -> Outcome:
    parts = STRATEGIES[strategy.kind](strategy, case)
    cost = sum((part.cost for part in parts), ZERO)
    counted = all(part.model in case.models and case.models[part.model].tiers for part in parts)
    return Outcome(
        strategy=strategy,
        requests=case.requests,
        calls=sum((part.calls for part in parts), ZERO) or Fraction(case.requests),
        tokens=case.requests * sum((work.share * work.tokens for work in case.works), ZERO) if counted else ZERO,
        cost=cost + strategy.overhead * case.requests,
        quality=average([(part.requests, part.quality) for part in parts]),
        parts=parts,
        shares=_shares(parts, cost),
    )


def _shares(parts: tuple[Part, ...], cost: Fraction) -> tuple[Share, ...]:
    """By model, of what the models get: choosing among them is nobody's share."""
    requests = sum((part.requests for part in parts), ZERO)
    by_model: dict[str, tuple[Fraction, Fraction]] = {}
    for part in parts:
        count, spend = by_model.get(part.model, (ZERO, ZERO))
        by_model[part.model] = (count + part.requests, spend + part.cost)
    return tuple(
        Share(model, count / requests if requests else None, spend / cost if cost else None, spend)
        for model, (count, spend) in by_model.items()
    )


FIGURES: dict[str, Callable[[Published, Outcome, Mapping[str, Outcome]], Fraction | None]] = {
    "cost": lambda asked, one, all_: one.cost,
    "per_request": lambda asked, one, all_: one.per_request,
    "per_1000": lambda asked, one, all_: one.per_request * 1000,
    "per_million_tokens": lambda asked, one, all_: one.per_million_tokens,
    "quality": lambda asked, one, all_: one.quality,
    "quality_ratio": lambda asked, one, all_: _quality_ratio(one, all_[asked.against]),
    "requests": lambda asked, one, all_: Fraction(one.requests),
    "calls": lambda asked, one, all_: one.calls,
    "saving": lambda asked, one, all_: one.saving(all_[asked.against]),
    "ratio": lambda asked, one, all_: one.cost / all_[asked.against].cost if all_[asked.against].cost else None,
    "difference": lambda asked, one, all_: all_[asked.against].cost - one.cost,
    "share": lambda asked, one, all_: one.share_of(asked.model).requests,
    "spend_share": lambda asked, one, all_: one.share_of(asked.model).spend,
    "spend": lambda asked, one, all_: one.share_of(asked.model).cost,
}


def _judged(asked: Published, outcomes: Mapping[str, Outcome]) -> Verdict:
    computed = FIGURES[asked.figure](asked, outcomes[asked.of], outcomes)
    return Verdict(asked, computed, computed is not None and asked.least <= computed <= asked.most)


def _quality_ratio(one: Outcome, other: Outcome) -> Fraction | None:
    return one.quality / other.quality if one.quality is not None and other.quality else None
