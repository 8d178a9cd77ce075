"""Forecasts that are off where the days say plainly what comes, or surer than the days allow."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.evidence.forecast import forecast, runs_out

TODAY = 740_000
MILLION = 10**6


def days(count: int, of: object) -> dict[int, int]:
    assert callable(of)
    return {day: round(of(day) * MILLION) for day in range(TODAY - count, TODAY)}


def test_even_days_go_on_otherwise() -> None:
    found = forecast(days(10, lambda _: 5), TODAY, 0.5, TODAY + 10)
    assert found is not None
    assert (found.expected, found.low, found.high) == (47_500_000, 47_500_000, 47_500_000)


def test_growth_stops_where_the_days_end() -> None:
    found = forecast(days(30, lambda day: 100 + day - TODAY), TODAY, 0.0, TODAY + 10)
    assert found is not None
    assert found.expected == pytest.approx(sum(range(100, 110)) * MILLION, rel=1e-3)


def test_a_weekend_costs_as_much_as_a_workday() -> None:
    """Nothing on two days of seven; a week forecast from the day before these two, and from the day after."""
    week = days(42, lambda day: 0 if day % 7 in (5, 6) else 10)
    for today in range(TODAY, TODAY + 7):
        known = {**week, **{day: 0 if day % 7 in (5, 6) else 10 * MILLION for day in range(TODAY, today)}}
        found = forecast(known, today, 0.0, today + 3)
        assert found is not None
        workdays = sum(day % 7 not in (5, 6) for day in range(today, today + 3))
        assert found.expected == pytest.approx(workdays * 10 * MILLION, rel=0.02)


def test_the_interval_holds_much_less_often_than_it_says() -> None:
    draw = random.Random(7)
    held = 0
    for _ in range(300):
        real = {day: max(0, round(draw.gauss(100, 20) * MILLION)) for day in range(TODAY - 30, TODAY + 10)}
        found = forecast({day: cost for day, cost in real.items() if day < TODAY}, TODAY, 0.0, TODAY + 10)
        assert found is not None
        held += found.low <= sum(cost for day, cost in real.items() if day >= TODAY) <= found.high
    assert 210 < held < 270


def test_a_forecast_is_made_of_next_to_nothing() -> None:
    assert forecast({}, TODAY, 0.0, TODAY + 5) is None
    assert forecast(days(2, lambda _: 5), TODAY, 0.0, TODAY + 5) is None
    assert forecast({TODAY: 5}, TODAY, 0.5, TODAY + 5) is None
    assert forecast(days(3, lambda _: 5), TODAY, 0.0, TODAY) == forecast(days(3, lambda _: 5), TODAY, 1.0, TODAY + 1)


def test_a_day_that_was_cut_off_counts_as_a_whole_one() -> None:
    known = {**days(10, lambda _: 5), TODAY - 11: 1, TODAY: 1}
    found = forecast(known, TODAY, 0.0, TODAY + 1)
    assert found is not None
    assert (found.expected, found.high - found.low) == (5_000_000, 0)


def test_a_budget_runs_out_on_another_day() -> None:
    even = days(10, lambda _: 5)
    assert runs_out(even, TODAY, 0.0, 12 * MILLION) == TODAY + 2
    assert runs_out(even, TODAY, 0.5, 12 * MILLION) == TODAY + 2
    assert runs_out(even, TODAY, 0.0, 12 * MILLION, until=TODAY + 2) is None
    assert runs_out(even, TODAY, 0.0, 0) == TODAY
    assert runs_out(days(10, lambda _: 0), TODAY, 0.0, 1) is None
    assert runs_out({}, TODAY, 0.0, 1) is None


@given(
    st.dictionaries(st.integers(TODAY - 80, TODAY), st.integers(0, 10**15), max_size=80),
    st.floats(0, 1),
    st.integers(0, 400),
)
def test_a_forecast_is_below_nothing_or_outside_its_interval(known: dict[int, int], gone: float, ahead: int) -> None:
    found = forecast(known, TODAY, gone, TODAY + ahead)
    assert found is None or 0 <= found.low <= found.expected <= found.high
