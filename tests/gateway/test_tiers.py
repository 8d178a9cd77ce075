"""Budgets of tiers: spent and held together never pass them, and a day begins at midnight where the tenant is."""

from __future__ import annotations

import datetime
from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.policy import Policy, Tier
from fairlead.gateway.tiers import Hold, Tiers

POLICY = Policy("p", "tiered", tiers=(Tier("high", ("a",), budget=1000), Tier("low", ("b",))))
SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(hour: int, minute: int = 0, day: int = 10) -> float:
    return datetime.datetime(2026, 6, day, hour, minute, tzinfo=datetime.UTC).timestamp()


NOON = at(12)
STEPS = st.lists(st.tuples(st.sampled_from(["hold", "settle"]), st.integers(0, 700)), max_size=40)


@given(STEPS)
def test_many_at_once_spend_more_than_there_is(steps: list[tuple[str, int]]) -> None:  # M3.5
    """However holds and their ends follow on each other, a request that costs at most what was held for it is borne."""
    tiers, under_way, spent = Tiers({}), [], 0
    for step, amount in steps:
        if step == "hold":
            left = dict(tiers.left("t", POLICY, NOON))["high"]
            held = tiers.hold("t", POLICY, "high", amount, NOON)
            assert (held is not None) == (amount <= left)
            under_way += [held] if held is not None else []
        elif under_way:
            first = under_way.pop(0)
            cost = min(amount, first.amount)
            tiers.settle(first, cost)
            spent += cost
        held_now = sum(one.amount for one in under_way)
        assert dict(tiers.left("t", POLICY, NOON)) == {"high": 1000 - spent - held_now}
        assert spent + held_now <= 1000


def test_a_tier_without_a_budget_is_ever_spent() -> None:  # M3.5
    tiers = Tiers({})
    assert tiers.hold("t", POLICY, "low", 10**15, NOON) == Hold(("t", "p", "low"), at_date(NOON), 10**15)
    assert "low" not in dict(tiers.left("t", POLICY, NOON))


def at_date(now: float) -> int:
    return datetime.datetime.fromtimestamp(now, datetime.UTC).toordinal()


def test_tenants_and_policies_spend_from_one_budget() -> None:  # M3.5
    tiers = Tiers({})
    tiers.spent("t", "p", "high", 1000, NOON)
    assert dict(tiers.left("t", POLICY, NOON)) == {"high": 0}
    assert tiers.hold("t", POLICY, "high", 1, NOON) is None
    assert tiers.hold("other", POLICY, "high", 1000, NOON) is not None
    another = Policy("q", "tiered", tiers=POLICY.tiers)
    assert tiers.hold("t", another, "high", 1000, NOON) is not None


@pytest.mark.parametrize(
    ("tenant", "before", "after"),
    [("t", at(23, 59), at(0, 0, day=11)), ("shanghai", at(15, 59), at(16, 0))],
)
def test_the_day_ends_at_another_hour_than_the_tenants_midnight(
    tenant: str, before: float, after: float
) -> None:  # M3.5
    tiers = Tiers({"shanghai": SHANGHAI})
    tiers.spent(tenant, "p", "high", 900, at(14))
    assert dict(tiers.left(tenant, POLICY, before)) == {"high": 100}
    assert dict(tiers.left(tenant, POLICY, after)) == {"high": 1000}
    assert tiers.midnight(tenant, before) <= at(14) < tiers.midnight(tenant, after) == after


def test_what_was_held_yesterday_is_charged_to_today() -> None:  # M3.5
    tiers = Tiers({})
    held = tiers.hold("t", POLICY, "high", 800, at(23, 59))
    assert held is not None
    tomorrow = at(0, 1, day=11)
    assert dict(tiers.left("t", POLICY, tomorrow)) == {"high": 1000}
    tiers.settle(held, 700)
    assert dict(tiers.left("t", POLICY, tomorrow)) == {"high": 1000}


HOUR = 3600.0
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.integers(0, 700), st.sampled_from(["t", "shanghai"])),
        st.tuples(st.just("settle"), st.integers(0, 100), st.integers(0, 40)),
        st.tuples(st.just("pass"), st.integers(0, 30), st.just(0)),
    ),
    max_size=60,
)


@given(MOVES)
def test_a_day_is_overspent_by_who_comes_when_and_ends_in_which_order(
    moves: list[tuple[str, int, int | str]],
) -> None:  # M3.5
    """What left on a day costs that day, however late it ends: of no day and tenant more than the budget."""
    tiers, now, under_way, costs = Tiers({"shanghai": SHANGHAI}), NOON, list[Hold](), Counter[tuple[str, int]]()
    for move, amount, which in moves:
        if move == "hold":
            held = tiers.hold(str(which), POLICY, "high", amount, now)
            under_way += [held] if held is not None else []
        elif move == "settle" and under_way:
            ended = under_way.pop(int(which) % len(under_way))
            cost = ended.amount * amount // 100
            tiers.settle(ended, cost)
            costs[ended.account[0], ended.date] += cost
        elif move == "pass":
            now += amount * HOUR
        at_most = costs.copy()
        for one in under_way:
            at_most[one.account[0], one.date] += one.amount
        assert max(at_most.values(), default=0) <= 1000


def test_a_clock_put_back_over_midnight_gives_a_budget_twice() -> None:  # M3.5 FAULTS 39
    tiers = Tiers({})
    tomorrow = at(0, 0, day=11)
    tiers.spent("t", "p", "high", 900, tomorrow)
    assert dict(tiers.left("t", POLICY, tomorrow - 1)) == {"high": 100}
    assert dict(tiers.left("t", POLICY, tomorrow + 1)) == {"high": 100}
    assert dict(tiers.left("t", POLICY, at(0, day=12))) == {"high": 1000}


def test_a_clock_that_leaps_a_month_ahead_and_returns_gives_a_budget_twice() -> None:  # M3.5 FAULTS 39
    tiers = Tiers({})
    tiers.spent("t", "p", "high", 900, NOON)
    held = tiers.hold("t", POLICY, "high", 50, NOON)
    assert held is not None
    ahead = NOON + 30 * 24 * HOUR
    assert dict(tiers.left("t", POLICY, ahead)) == {"high": 1000}
    tiers.spent("t", "p", "high", 1000, ahead)
    assert dict(tiers.left("t", POLICY, NOON)) == {"high": 50}
    tiers.settle(held, 40)
    assert dict(tiers.left("t", POLICY, NOON)) == {"high": 60}
    assert dict(tiers.left("t", POLICY, ahead)) == {"high": 0}
    assert tiers.held == 0
