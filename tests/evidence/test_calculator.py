"""The arithmetic: nothing gained or lost on the way, baselines in their order, dearer prices never cheaper."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.config.scenario import FIGURES as FIGURES_OF_THE_FILE
from fairlead.config.scenario import KINDS
from fairlead.evidence.calculator import FIGURES, Outcome, Published, Scenario, calculate, outcome
from fairlead.evidence.strategies import STRATEGIES
from fairlead.evidence.workload import Case, Priced, Rates, Strategy, Work

QUICK = settings(max_examples=40, deadline=None)
amounts = st.fractions(0, 100, max_denominator=1000)
shares = st.fractions(0, 1, max_denominator=100)


def flat(name: str, price: int | str | Fraction, quality: Fraction | None = None) -> Priced:
    return Priced(name, (), Fraction(price), quality)


def whole(weights: list[int]) -> list[Fraction]:
    return [Fraction(weight, sum(weights)) for weight in weights]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    rates = st.builds(Rates, amounts, amounts, amounts)
    models = draw(st.lists(st.builds(lambda rate: ((0, rate),), rates), min_size=1, max_size=4))
    parts = whole(draw(st.lists(st.integers(1, 20), min_size=1, max_size=4)))
    works = [
        Work(
            f"task-{n}", part, draw(st.integers(0, 9000)), draw(st.integers(0, 9000)), draw(shares), Fraction(n + 1, 2)
        )
        for n, part in enumerate(parts)
    ]
    priced = {f"model-{n}": Priced(f"model-{n}", tiers, None, draw(shares)) for n, tiers in enumerate(models)}
    return Case(draw(st.integers(1, 10**9)), tuple(works), priced)


def cost(case: Case, kind: str, *models: str) -> Fraction:
    return outcome(Strategy(kind, kind, models), case).cost


@dataclass
class Spread:
    case: Case
    strategy: Strategy


@st.composite
def spreads(draw: st.DrawFn) -> Spread:
    case = draw(cases())
    weights = whole(draw(st.lists(st.integers(1, 9), min_size=len(case.models), max_size=len(case.models))))
    kind = draw(st.sampled_from(["single", "mix", "tiered", "cascade", "random", "all_frontier", "all_cheap"]))
    return Spread(
        case,
        Strategy(
            kind,
            kind,
            models=tuple(case.models)[:1] if kind == "single" else (),
            amounts=dict(zip(case.models, weights, strict=True)),
            by_task={work.task: draw(st.sampled_from(sorted(case.models))) for work in case.works},
            pays=draw(st.sampled_from(["every", "last"])),
        ),
    )


@QUICK
@given(spreads())
def test_a_request_is_answered_twice_or_by_nobody(spread: Spread) -> None:  # M6.5
    found = outcome(spread.strategy, spread.case)
    assert sum(part.requests for part in found.parts) == spread.case.requests
    assert sum(share.requests or 0 for share in found.shares) == 1
    assert sum(part.cost for part in found.parts) == found.cost
    assert found.calls >= spread.case.requests
    assert found.quality is not None
    assert 0 <= found.quality <= 1


@QUICK
@given(cases())
def test_chance_is_cheaper_than_the_cheapest_or_dearer_than_the_dearest(case: Case) -> None:  # M6.5
    cheap, chance, frontier = (cost(case, kind) for kind in ("all_cheap", "random", "all_frontier"))
    assert cheap <= chance <= frontier
    assert chance == sum(cost(case, "single", model) for model in case.models) / len(case.models)


@QUICK
@given(spreads(), st.data())
def test_a_dearer_price_makes_a_strategy_cheaper(spread: Spread, data: st.DataObject) -> None:  # M6.5
    case = spread.case
    name = data.draw(st.sampled_from(sorted(case.models)))
    rates = case.models[name].tiers[0][1]
    more = [data.draw(amounts) for _ in range(3)]
    dearer = Rates(rates.input + more[0], (rates.output or 0) + more[1], rates.cached + more[2])
    changed = {**case.models, name: msgspec.structs.replace(case.models[name], tiers=((0, dearer),))}
    assert (
        outcome(spread.strategy, msgspec.structs.replace(case, models=changed)).cost
        >= outcome(spread.strategy, case).cost
    )


@QUICK
@given(cases(), st.integers(2, 9))
def test_so_many_times_the_requests_cost_something_else(case: Case, times: int) -> None:
    more = msgspec.structs.replace(case, requests=case.requests * times)
    assert cost(more, "random") == times * cost(case, "random")


@QUICK
@given(spreads())
def test_a_cascade_that_pays_for_every_model_is_cheaper_than_one_that_pays_for_the_last(spread: Spread) -> None:
    every, last = (
        outcome(msgspec.structs.replace(spread.strategy, kind="cascade", pays=pays), spread.case)
        for pays in ("every", "last")
    )
    assert every.cost >= last.cost
    assert last.calls == spread.case.requests
    mixed = outcome(msgspec.structs.replace(spread.strategy, kind="mix"), spread.case)
    assert (last.cost, last.quality) == (mixed.cost, mixed.quality)


WORK = Work("all", Fraction(1), 1000, 400, Fraction(0))


def test_cached_input_costs_what_input_costs() -> None:
    model = Priced("a", ((0, Rates(Fraction(3), Fraction(15), Fraction("0.3"))),))
    assert model.cost(WORK) == Fraction("0.009")
    assert model.cost(msgspec.structs.replace(WORK, cached=Fraction(1, 2))) == Fraction("0.00765")
    assert model.cost(msgspec.structs.replace(WORK, cached=Fraction(1))) == Fraction("0.0063")


def test_a_long_prompt_is_billed_at_the_short_ones_price() -> None:
    low, high = Rates(Fraction(1), Fraction(2), Fraction(1)), Rates(Fraction(2), Fraction(4), Fraction(2))
    model = Priced("a", ((0, low), (1000, high)))
    assert model.cost(WORK) == Fraction("0.0018")
    assert model.cost(msgspec.structs.replace(WORK, input=1001, output=0)) == Fraction(1001 * 2, 1_000_000)
    assert model.cost(msgspec.structs.replace(WORK, output=0, length=Fraction(2))) == Fraction("0.004")


@pytest.mark.parametrize(
    ("strategy", "spent", "quality"),
    [
        (Strategy("", "subscription", ("plan",), fee=Fraction(3)), 3, "0.9"),
        (Strategy("", "subscription", ("plan",), fee=Fraction(3), includes=1000), 3, "0.9"),
        (Strategy("", "subscription", ("plan",), fee=Fraction(3), includes=999), 6, "0.9"),
        (Strategy("", "subscription", ("plan",), fee=Fraction(3), includes=250), 12, "0.9"),
        (Strategy("", "subscription", ("plan",), fee=Fraction(3), includes=250, beyond="dear"), 78, "0.825"),
        (Strategy("", "subscription", ("plan",), fee=Fraction(3), includes=5000, beyond="dear"), 3, "0.9"),
        (Strategy("", "single", ("dear",), overhead=Fraction("0.001")), 101, "0.8"),
    ],
)
def test_a_plan_is_billed_by_the_request_or_what_is_beyond_it_is_free(
    strategy: Strategy, spent: int, quality: str
) -> None:
    models = {"plan": Priced("plan", quality=Fraction("0.9")), "dear": flat("dear", "0.1", Fraction("0.8"))}
    found = outcome(strategy, Case(1000, (WORK,), models))
    assert (found.cost, found.quality) == (spent, Fraction(quality))
    assert sum(part.requests for part in found.parts) == 1000


def test_what_moves_away_costs_as_much_as_before() -> None:
    models = {"dear": flat("dear", 10), "cheap": flat("cheap", 1), "free": flat("free", 0)}
    case = Case(7, (WORK,), models)
    bill = {"dear": Fraction(100), "cheap": Fraction(20)}

    def moved(source: str, to: str) -> dict[str, Fraction]:
        strategy = Strategy("", "observed", (source, to), bill | {"free": Fraction(5)}, moved=Fraction(1, 2))
        return {share.model: share.cost for share in outcome(strategy, case).shares}

    assert moved("dear", "cheap") == {"dear": 50, "cheap": 25, "free": 5}
    assert moved("free", "cheap") == {"dear": 100, "cheap": Fraction("22.5"), "free": Fraction("2.5")}
    assert outcome(Strategy("", "observed", amounts=bill), case).per_request == Fraction(120, 7)


def test_an_unknown_quality_counts_as_none_at_all() -> None:
    models = {"known": flat("known", 1, Fraction(1, 2)), "unknown": flat("unknown", 2)}
    case = Case(10, (WORK,), models)
    half = {"known": Fraction(1, 2), "unknown": Fraction(1, 2)}
    assert outcome(Strategy("", "mix", amounts=half), case).quality is None
    assert outcome(
        Strategy("", "mix", amounts={"known": Fraction(1), "unknown": Fraction(0)}), case
    ).quality == Fraction(1, 2)
    kept = Strategy("", "cascade", amounts=half, kept={"unknown": Fraction(1)})
    assert outcome(kept, case).quality == Fraction(3, 4)


def test_a_quality_of_a_task_is_overlooked() -> None:
    model = msgspec.structs.replace(flat("a", 1, Fraction(1, 2)), qualities={"hard": Fraction(1, 10)})
    works = (Work("easy", Fraction(3, 4), 1, 1, Fraction(0)), Work("hard", Fraction(1, 4), 1, 1, Fraction(0)))
    assert outcome(Strategy("", "single", ("a",)), Case(4, works, {"a": model})).quality == Fraction(2, 5)


def compare(figure: str, *, least: str, most: str, against: str = "", model: str = "") -> bool:
    models = {"a": flat("a", "0.002", Fraction("0.9")), "b": flat("b", "0.01", Fraction(1))}
    strategies = (
        Strategy("one", "mix", amounts={"a": Fraction(3, 4), "b": Fraction(1, 4)}),
        Strategy("other", "single", ("b",)),
    )
    asked = Published(figure, "one", Fraction(least), Fraction(most), Fraction(least), None, against, model)
    answer = calculate(Scenario("x", Case(1000, (WORK,), models), strategies, (asked,)))
    assert answer.agrees is answer.verdicts[0].agrees
    return answer.verdicts[0].agrees


@pytest.mark.parametrize(
    ("figure", "value", "names"),
    [
        ("cost", "4", {}),
        ("per_request", "0.004", {}),
        ("per_1000", "4", {}),
        ("quality", "0.925", {}),
        ("quality_ratio", "0.925", {"against": "other"}),
        ("requests", "1000", {}),
        ("calls", "1000", {}),
        ("saving", "0.6", {"against": "other"}),
        ("ratio", "0.4", {"against": "other"}),
        ("difference", "6", {"against": "other"}),
        ("share", "0.25", {"model": "b"}),
        ("spend_share", "0.625", {"model": "b"}),
        ("spend", "2.5", {"model": "b"}),
    ],
)
def test_a_published_figure_is_compared_with_another_one(figure: str, value: str, names: dict[str, str]) -> None:
    off = str(Fraction(value) + Fraction(1, 10**9))
    assert compare(figure, least=value, most=value, **names)
    assert not compare(figure, least=off, most=off, **names)


def test_a_figure_that_nobody_knows_agrees() -> None:
    assert not compare("per_million_tokens", least="0", most="1000000")
    assert not compare("spend", least="1", most="9", model="none")


def test_a_strategy_or_a_figure_of_a_file_is_none_here() -> None:
    assert set(STRATEGIES) == set(KINDS)
    assert set(FIGURES) == set(FIGURES_OF_THE_FILE)


def test_everything_for_nothing_is_divided_by() -> None:
    case = Case(1, (WORK,), {"free": flat("free", 0)})
    free: Outcome = outcome(Strategy("", "single", ("free",)), case)
    assert free.saving(free) is None
    assert free.shares[0].spend is None
