"""What a request is expected to cost, to take and to be worth: what was declared and what was found out since, to the nano-unit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.call import Call, Facts, Signal, Standing
from fairlead.core.choice import Choice
from fairlead.core.cost import expected_cost
from fairlead.core.decide import asked
from fairlead.core.expectation import expected
from fairlead.core.model import Model, Rates
from fairlead.core.plan import Expected
from tests.core.scenes import AT, DOLLAR, call, channel, model, policy, price, tokens, world

PLAIN = model("m", 2.0, 0.8)
CACHES = msgspec.structs.replace(
    PLAIN,
    channels=(
        channel(
            "m",
            prices=(
                msgspec.structs.replace(
                    price(2, 10),
                    rates=Rates(2 * DOLLAR, 10 * DOLLAR, cached_input=DOLLAR // 5),
                    tiers=((50_000, Rates(4 * DOLLAR, 20 * DOLLAR, cached_input=DOLLAR)),),
                ),
            ),
        ),
    ),
)


def about(task: str, *sizes: int) -> Call:
    return call(signals=(*tokens(*sizes), Signal("task", task, 0.9, 0.9)))


def figures(asking: Call, one: Model, **conditions: Any) -> Expected:
    ask, _ = asked(asking, Choice(None, "", policy()), world(one, **conditions))
    return expected(ask, one, one.channels[0])


def talk(given: int, cached: int, of: str = "m@main", answer: int = 100) -> Call:
    return call(signals=tokens(given, answer), facts=Facts(AT, Standing("m", of, cached)))


def test_quality_is_declared_for_the_task_else_overall_and_judgements_do_not_move_it() -> None:  # M7.3
    skilled = msgspec.structs.replace(PLAIN, qualities={"math": 0.9})
    assert figures(about("chat"), skilled).quality == 0.8
    assert figures(about("math"), skilled).quality == 0.9
    judged = {"m|math": (6.0, 20.0), "n|math": (9.0, 9.0)}
    assert figures(about("math"), skilled, evidence=judged).quality == pytest.approx(0.6)  # 18 of 20, and 6 of 20
    assert figures(about("chat"), skilled, evidence=judged).quality == 0.8
    assert figures(about("chat"), skilled, evidence={"m|chat": (0.0, 1980.0)}).quality == pytest.approx(0.008)
    assert figures(call(), skilled, evidence={"m|": (0.0, 20.0)}).quality == pytest.approx(0.4)
    assert figures(call(), skilled, evidence=judged).quality == 0.8


def test_an_undeclared_quality_is_known_without_a_judgement_or_hardly_moved_by_some() -> None:  # M3.1
    unknown = model("m", 1, None)
    assert figures(about("chat"), unknown).quality is None
    assert figures(about("chat"), unknown, evidence={"m|chat": (2.0, 2.0)}).quality == pytest.approx(0.75)
    assert figures(about("math"), unknown, evidence={"m|chat": (2.0, 2.0)}).quality is None


@given(st.floats(0, 1), st.floats(0, 1e6))
def test_judgements_that_bear_out_what_was_declared_change_it(declared: float, judged: float) -> None:  # M7.3
    one = msgspec.structs.replace(PLAIN, quality=declared)
    assert figures(about("chat"), one, evidence={"m|chat": (declared * judged, judged)}).quality == declared


@pytest.mark.parametrize(
    ("sizes", "measured", "length"),
    [
        ((1000, 400), {}, 400),
        ((1000, 400), {"m|math": 90}, 90),
        ((1000, 400), {"m|chat": 90, "|chat": 90, "n|math": 80}, 400),
        ((1000, 400), {"n|math": 80, "|math": 85}, 85),  # as long as those of others, as long as it has given none
        ((1000, 400), {"m|math": 90, "|math": 85}, 90),
        ((1000, 50, 50), {"|math": 85}, 50),
        ((1000, 50, 50), {"m|math": 90}, 50),
        ((1000, 400, 500), {"m|math": 900}, 500),
        ((1000, 400), {"m|math": 900}, 900),
    ],
)
def test_the_answer_is_as_long_as_measured_and_never_longer_than_allowed(
    sizes: tuple[int, ...], measured: dict[str, int], length: int
) -> None:  # M6.3
    found = figures(about("math", *sizes), PLAIN, output=measured)
    assert found.output_tokens == length
    assert found.cost == expected_cost(PLAIN.channels[0].prices[0], 1000, length)


@pytest.mark.parametrize(
    ("asking", "one", "dollars"),
    [
        (talk(10_000, 0), CACHES, 0.021),
        (talk(10_000, 10_000), CACHES, 0.003),
        (talk(10_000, 8_000), CACHES, 0.0066),
        (talk(10_000, 99_000), CACHES, 0.003),  # no more of it is cached than there is
        (talk(10_000, 8_000, of="m@other"), CACHES, 0.021),
        (talk(10_000, 8_000), PLAIN, 0.021),  # no price for it: as any other input
        (talk(60_000, 60_000), CACHES, 0.062),  # the tier that the prompt reaches has its own
    ],
)
def test_what_lies_in_the_cache_is_paid_as_cached(asking: Call, one: Model, dollars: float) -> None:  # M5.4
    assert figures(asking, one).cost == round(dollars * DOLLAR)


@given(st.integers(0, 200_000), st.integers(0, 200_000), st.integers(0, 5_000))
def test_a_conversation_never_costs_more_where_it_is_cached(given_: int, cached: int, answer: int) -> None:  # M3.10
    here, elsewhere = (
        figures(talk(given_, cached, answer=answer), CACHES),
        figures(call(signals=tokens(given_, answer)), CACHES),
    )
    assert here.cost is not None
    assert elsewhere.cost is not None
    assert 0 <= here.cost <= elsewhere.cost


def test_latency_is_measured_else_as_promised_else_unknown() -> None:  # M3.1
    assert figures(call(), PLAIN).latency_ms == 1000
    assert figures(call(), PLAIN, latency_ms={"m@main": 7, "m@other": 1}).latency_ms == 7
    assert figures(call(), model("m", latency_ms=None)).latency_ms is None


def test_an_unknown_price_is_an_unknown_cost_and_an_explicit_zero_is_none() -> None:  # M6.2
    assert figures(call(), model("m", None)).cost is None
    assert figures(call(), model("m", 0)).cost == 0


@pytest.mark.parametrize(
    ("asking", "conditions", "saved"),
    [
        (call(signals=tokens(1000, 100)), {"cached": {"m@main": 0.5}}, 500),
        (call(signals=tokens(1000, 100)), {"cached": {"n@main": 0.5}}, 0),
        (talk(1000, 800), {"cached": {"m@main": 0.5}}, 800),
        (talk(1000, 800), {"kept": {"m@main": 0.25}}, 200),
        (talk(1000, 800), {"kept": {"m@main": 0.0}}, 0),
        (talk(1000, 800, "n@main"), {"kept": {"m@main": 0.25}}, 0),
        (talk(1000, 800, "n@main"), {"cached": {"m@main": 0.1}, "kept": {"m@main": 0.25}}, 100),
        (talk(1000, 0), {"cached": {"m@main": 0.3}}, 300),
    ],
)
def test_what_caches_were_seen_to_read_changes_no_cost(
    asking: Call, conditions: dict[str, Any], saved: int
) -> None:  # M5.4
    whole = figures(call(signals=tokens(1000, 100)), CACHES).cost
    told = figures(asking, CACHES, **conditions).cost
    assert whole is not None
    assert told == whole - saved * (2 * DOLLAR - DOLLAR // 5) // 1_000_000
