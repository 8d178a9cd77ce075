"""Money is exact: lines add up, every line is rounded once and half-even, and no token is billed twice."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.cost import (
    COUNTED,
    DEAREST,
    by_token,
    cost_lines,
    expected_cost,
    nano,
    plain,
    rates_for,
    rounded,
    total,
    usage_cost,
)
from fairlead.core.model import Price, Rates
from fairlead.core.record import Usage

DOLLAR = 1_000_000_000
RATE = st.integers(0, 200 * DOLLAR)
RATES = st.builds(
    Rates,
    RATE,
    RATE,
    cached_input=st.none() | RATE,
    cache_write=st.none() | RATE,
    cache_write_1h=st.none() | RATE,
    reasoning=st.none() | RATE,
)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    above = sorted(draw(st.sets(st.integers(1, 10**6), max_size=3)))
    return Price("row", draw(RATES), "USD", tuple((one, draw(RATES)) for one in above), draw(st.integers(0, DOLLAR)))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    parts = [draw(st.integers(0, 400_000)) for _ in range(4)]
    answer, reasoning = draw(st.integers(0, 10**6)), draw(st.integers(0, 10**6))
    return Usage(sum(parts), answer + reasoning, parts[1], parts[2], parts[3], reasoning)


@given(st.integers(0, 10**8), RATE)
def test_a_line_is_rounded_half_even_like_decimal_arithmetic(quantity: int, rate: int) -> None:
    exact = Decimal(quantity) * rate / 1_000_000
    assert rounded(quantity, rate) == exact.quantize(Decimal(1), ROUND_HALF_EVEN)


@pytest.mark.parametrize(("rate", "amount"), [(500_000, 0), (500_001, 1), (1_500_000, 2), (2_500_000, 2), (499_999, 0)])
def test_a_half_goes_to_the_even_side(rate: int, amount: int) -> None:
    assert rounded(1, rate) == amount


@given(prices(), usages())
def test_lines_add_up_and_every_token_is_billed_once(price: Price, usage: Usage) -> None:
    lines = cost_lines(price, usage)
    assert total(lines) == sum(line.amount for line in lines) >= price.per_request
    amounts = {line.kind: line.quantity for line in lines}
    assert len(amounts) == len(lines)
    assert (
        sum(amounts.get(kind, 0) for kind in ("input", "cached_input", "cache_write", "cache_write_1h")) == usage.input
    )
    assert amounts.get("output", 0) + amounts.get("reasoning", 0) == usage.output
    assert all(line.quantity > 0 and line.currency == "USD" and line.price_row == "row" for line in lines)


@given(prices(), st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_expected_is_what_plain_tokens_would_cost(price: Price, given_tokens: int, answer: int) -> None:
    assert expected_cost(price, given_tokens, answer) == total(cost_lines(price, Usage(given_tokens, answer)))


WHOLE = st.integers(0, 200_000).map(lambda by_token: by_token * 1_000_000)


@given(st.builds(Rates, RATE | WHOLE, RATE | WHOLE), st.integers(0, 10**10), st.integers(0, 10**10))
def test_what_needs_no_rounding_is_not_what_rounding_comes_to(rates: Rates, given_tokens: int, answer: int) -> None:
    price = Price("row", rates, per_request=7)
    amounts = {line.kind: line.amount for line in cost_lines(price, Usage(given_tokens, answer))}
    assert amounts.get("input", 0) == rounded(given_tokens, rates.input)
    assert amounts.get("output", 0) == rounded(answer, rates.output)
    assert expected_cost(price, given_tokens, answer) == sum(amounts.values())
    each = by_token(price)
    if each is not None and max(given_tokens, answer) <= COUNTED:
        assert given_tokens * each[0] + answer * each[1] + each[2] == sum(amounts.values())


def test_a_tier_holds_for_all_tokens_above_its_step() -> None:
    low, middle, high = Rates(1, 1), Rates(2, 2), Rates(3, 3)
    price = Price("row", low, tiers=((100, middle), (200, high)))
    assert [rates_for(price, at).input for at in (0, 100, 101, 200, 201, 10**9)] == [1, 1, 2, 2, 3, 3]


# FAULTS 47: dollars per million tokens; amounts in nano-dollars, worked out by hand.
FRONTIER = Price(
    "frontier",
    Rates(
        int(2.5 * DOLLAR),
        15 * DOLLAR,
        cached_input=DOLLAR // 4,
        cache_write=int(3.125 * DOLLAR),
        cache_write_1h=5 * DOLLAR,
    ),
    tiers=((272_000, Rates(5 * DOLLAR, int(22.5 * DOLLAR), cached_input=DOLLAR // 2)),),
)
THINKER = Price("thinker", Rates(DOLLAR, 4 * DOLLAR, reasoning=3 * DOLLAR), per_request=5_000_000)
INVOICES = [
    (FRONTIER, Usage(1000, 200), {"input": 2_500_000, "output": 3_000_000}),
    (FRONTIER, Usage(1000, 200, cached_input=900), {"cached_input": 225_000, "input": 250_000, "output": 3_000_000}),
    (FRONTIER, Usage(1000, 0, cached_input=1000), {"cached_input": 250_000}),
    (
        FRONTIER,
        Usage(1000, 10, cached_input=500, cache_write=300, cache_write_1h=100),
        {
            "cached_input": 125_000,
            "cache_write": 937_500,
            "cache_write_1h": 500_000,
            "input": 250_000,
            "output": 150_000,
        },
    ),
    (FRONTIER, Usage(272_000, 1), {"input": 680_000_000, "output": 15_000}),
    (FRONTIER, Usage(272_001, 1), {"input": 1_360_005_000, "output": 22_500}),
    (FRONTIER, Usage(300_000, 0, cache_write=300_000), {"cache_write": 1_500_000_000}),
    (FRONTIER, Usage(10, 50, reasoning=40), {"input": 25_000, "output": 750_000}),
    (
        THINKER,
        Usage(10, 50, reasoning=40),
        {"input": 10_000, "output": 40_000, "reasoning": 120_000, "request": 5_000_000},
    ),
    (THINKER, Usage(), {"request": 5_000_000}),
    (Price("free", Rates(0, 0)), Usage(10, 10), {"input": 0, "output": 0}),
    (Price("dust", Rates(500_000, 1_500_000)), Usage(1, 1), {"input": 0, "output": 2}),
]


@pytest.mark.parametrize(("price", "usage", "amounts"), INVOICES, ids=range(len(INVOICES)))
def test_golden_invoices(price: Price, usage: Usage, amounts: dict[str, int]) -> None:  # FAULTS 47
    lines = cost_lines(price, usage)
    assert {line.kind: line.amount for line in lines} == amounts
    assert total(lines) == sum(amounts.values())


@given(st.integers(10**9, 10**30), st.integers(10**13, 10**30), st.integers(0, 10**15))
def test_an_absurd_price_or_count_costs_what_a_ledger_can_hold_and_add_up(tokens: int, rate: int, fee: int) -> None:
    price = Price("row", Rates(rate, rate, rate, rate, rate, rate), per_request=fee)
    usage = Usage(4 * tokens, 2 * tokens, tokens, tokens, tokens, tokens)
    lines = cost_lines(price, usage)
    assert {line.amount for line in lines} == {DEAREST, fee} - {0} if fee else {DEAREST}
    assert total(lines) == usage_cost(price, usage) < 2**63 // 100
    assert expected_cost(price, tokens, tokens) == 2 * DEAREST + fee
    assert rounded(10**6, DEAREST - 1) == DEAREST - 1


@given(st.integers(-(10**18), 10**18))
def test_an_amount_written_out_reads_back_as_itself(amount: int) -> None:
    text = plain(amount)
    assert nano(Decimal(text)) == amount
    assert "e" not in text.lower()
    assert not ("." in text and text.endswith(("0", ".")))


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (12_500_000, "0.0125"),
        (-1, "-0.000000001"),
        (-1_500_000_000, "-1.5"),
        (10 * DOLLAR, "10"),
    ],
)
def test_an_amount_is_written_plainly(amount: int, text: str) -> None:
    assert plain(amount) == text


@pytest.mark.parametrize(
    "text",
    [
        "0.0000000001",
        "1.0000000000000000000000000001",
        "0.12345678901234567890123456789",
        "1e999999",
        "-1e999999",
        "1e500000",
        "1e-999999",
        "1000000001",
        "Infinity",
        "NaN",
        "sNaN",
    ],
)
def test_what_cannot_be_held_exactly_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        nano(Decimal(text))


def test_small_amounts_in_any_spelling_are_held() -> None:
    assert nano(Decimal("1E-9")) == 1
    assert nano(Decimal("0.010000000000000000000000")) == 10_000_000
    assert nano(Decimal("1e9")) == 10**18
    assert nano(Decimal("0e-999999")) == 0
