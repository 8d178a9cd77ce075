"""What one attempt may take of a budget: enough for a usual answer, never all of it, and never more than there is."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.allowance import PRIOR, Need, least_hold, left_for
from fairlead.core.allowance import allowed as allowed_part
from fairlead.core.budgets import SHARE, Hold
from fairlead.core.cost import UNPRICED, expected_cost
from fairlead.core.model import NANO, Price, Rates
from tests.core.scenes import DOLLAR, price

OPUS = price(15, 75)
"""The dearest of the published rates for such a model."""
AGENT = Need(20_000, 128_000, most=128_000)
"""What a coding agent sends each time."""


def allowed(need: Need, row: Price | None, left: int) -> Hold:
    """With so much left."""
    return allowed_part(need, row, left // SHARE)


def test_a_fresh_budget_of_5_dollars_is_refused_for_pessimism_or_overrun() -> None:  # M6.3
    """Requests that allow 128,000 tokens, one after the other, each answered with 1,500."""
    left, answered = 5 * DOLLAR, 0
    usual = expected_cost(OPUS, 20_000, 1_500)
    while (allowance := allowed(AGENT, OPUS, left)).amount <= left:
        assert PRIOR <= allowance.limit < 128_000
        left -= usual
        answered += 1
    assert left >= 0
    assert answered >= (5 * DOLLAR - least_hold(AGENT, OPUS)) // usual
    assert answered * usual > 0.85 * 5 * DOLLAR


def test_side_by_side_a_fresh_budget_bears_one_such_request_only() -> None:  # M6.3
    left, at_once = 5 * DOLLAR, 0
    while (allowance := allowed(AGENT, OPUS, left)).amount <= left:
        left -= allowance.amount
        at_once += 1
    assert at_once >= 6


NEEDS = st.builds(
    Need,
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(1, 50_000),
    st.integers(0, 200_000),
    st.integers(1, 4),
    st.booleans(),
    st.booleans(),
)
RATES = st.integers(0, 10**12)


@given(NEEDS, RATES, RATES, st.integers(-DOLLAR, 100 * DOLLAR))
def test_what_is_sent_costs_more_than_is_held(need: Need, given_: int, written: int, left: int) -> None:  # M6.3
    row = Price("p", Rates(given_, written))
    allowance = allowed(need, row, left)
    output = 0 if need.silent else allowance.limit * need.answers
    assert allowance.amount >= expected_cost(row, need.input_tokens, output)
    if not need.silent:
        room = need.room or need.most or need.longest
        least = min(room, need.most or room, need.longest)
        assert least <= allowance.limit <= room


@given(NEEDS, RATES, RATES, st.integers(0, 100 * DOLLAR))
def test_the_least_that_bears_an_attempt_is_another_than_is_said(
    need: Need, given_: int, written: int, left: int
) -> None:
    row = Price("p", Rates(given_, written))
    assert (allowed(need, row, left).amount <= left) == (least_hold(need, row) <= left)


def test_a_long_usual_answer_is_cut_short_while_others_wait() -> None:
    left = DOLLAR
    assert allowed(Need(0, 100_000, longest=10_000), OPUS, left).limit == 10_000
    assert allowed(Need(0, 2_000, longest=10_000), OPUS, left).limit == 2_000
    assert allowed(Need(0, 0, longest=10_000, most=1_000), OPUS, left).limit == 1_000


def test_an_unknown_price_is_borne_and_a_price_of_nothing_is_not() -> None:  # M6.2
    assert allowed(AGENT, None, DOLLAR).amount == UNPRICED
    free = allowed(AGENT, price(0, 0), 1)
    assert (free.limit, free.amount) == (128_000, 0)


def test_what_costs_more_than_text_is_held_as_text() -> None:
    each = 10**6
    rates = Rates(1000 * each, 2000 * each, cache_write=1250 * each, cache_write_1h=2000 * each, reasoning=9000 * each)
    row = Price("p", rates)
    plain = allowed(Need(1_000_000, 1_000_000, longest=10**6), row, DOLLAR)
    dear = allowed(Need(1_000_000, 1_000_000, longest=10**6, dear=True), row, DOLLAR)
    assert plain.amount == each * (1250 + 9000) + 1
    assert dear.amount == each * (2500 + 9000) + 1


def test_a_token_that_costs_less_than_the_least_amount_is_held_for_nothing() -> None:
    """In any currency; as little more is held as there is."""
    for exchange in (NANO, NANO // 7):
        row = msgspec.structs.replace(price(0, 0), rates=Rates(1, 1_000_001), exchange=exchange)
        held = allowed(Need(4, 10, longest=10), row, DOLLAR)
        assert (held.each, held.fixed) == ((2, 6) if exchange == NANO else (1, 7))


def test_another_currency_is_held_at_par() -> None:  # M6.2
    yuan = msgspec.structs.replace(price(10, 20), currency="CNY", exchange=NANO // 8)
    need = Need(1_000_000, 1_000_000, longest=10**6)
    dollars = allowed(need, price(10, 20), 100 * DOLLAR).amount
    assert dollars // 8 - 10 <= allowed(need, yuan, 100 * DOLLAR).amount <= dollars // 8 + 10


def test_a_models_own_budget_is_overlooked() -> None:
    left = (("", 100), ("a", 10), ("b", 1000))
    assert [left_for(name, left) for name in ("a", "b", "c")] == [10, 100, 100]
    assert left_for("c", (("a", 10),)) is None
