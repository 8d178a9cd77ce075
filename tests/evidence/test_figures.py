"""Figures of a report that are off: caches, the ratio, and whether budgets last."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from fairlead.core.budgets import Budget, Scope
from fairlead.evidence.figures import Burn, Clock, burns, cache_use, month, ratio
from fairlead.store.budgets import Spent
from fairlead.store.spending import Cached
from tests.evidence.ledgers import price

NOON = datetime(2026, 11, 16, 12, tzinfo=UTC).timestamp()
TODAY = date(2026, 11, 16).toordinal()
USD = 10**9
SHANGHAI = ZoneInfo("Asia/Shanghai")


def spent(cost: int, tenant: str = "t", team: str = "", key: str = "k", model: str = "m", *tags: str) -> Spent:
    return Spent(tenant, team, key, model, "", "", tags, cost)


def clock(cost: int = 10 * USD, days: int = 20, **more: str) -> Clock:
    """Every day the same, today as well."""
    return Clock(UTC, {day: [spent(cost, **more)] for day in range(TODAY - days, TODAY + 1)}, None)


def burn(amount: int, scope: Scope = "tenant", who: tuple[str, ...] = ("t",), **more: object) -> Burn:
    (found,) = burns([Budget(scope, who, amount * USD, **more)], (clock(),), {}, NOON)  # type: ignore[arg-type]
    return found


def test_cached_tokens_are_counted_at_another_price_than_they_were_charged_at() -> None:
    prices = {
        "a": price(10, 50, 1),
        "b": price(4, 8),
        "tiered": price(1, 1, 0.5, tiers=((1_000, price(2, 2, 1).rates),)),
    }
    reads = (Cached("a", 2, 3_000_000, 1_000_000), Cached("b", 1, 10, 1_000_000), Cached("gone", 1, 10, 10))
    found = cache_use(reads, prices)
    assert (found.tokens, found.full, found.paid, found.saved) == (2_000_000, 14 * USD, 5 * USD, 9 * USD)
    for prompt, full in ((1_000, 1), (1_001, 2)):
        assert cache_use((Cached("tiered", 2, prompt * 2, 1_000_000),), prices).full == full * USD
    yuan = {"c": price(7, 7, 0.7, currency="CNY", exchange=140_000_000)}
    assert cache_use((Cached("c", 1, 10, 1_000_000),), yuan).saved == 882_000_000


def test_the_ratio_is_of_something_else() -> None:  # M6.4
    assert ratio(2_847_500_000_000, 1_234_567, 0.87) == pytest.approx(2.3065 / 0.87, rel=1e-4)
    assert ratio(5, 0, 0.9) is ratio(5, 5, None) is None


def test_a_month_is_another_than_the_calendars() -> None:
    found = month(clock(days=20).days, NOON)
    assert (found.name, found.spent) == ("2026-11", 160 * USD)
    assert found.forecast is not None
    assert found.expected == 160 * USD + 145 * USD


@pytest.mark.parametrize(
    ("amount", "state", "runs_out"),
    [(500, "fine", ""), (300, "over", "2026-11-30"), (165, "over", "2026-11-16"), (160, "spent", "")],
)
def test_a_budget_is_said_to_last_longer_or_shorter(amount: int, state: str, runs_out: str) -> None:
    found = burn(amount)
    assert (found.who, found.spent, found.until) == ("tenant 't'", 160 * USD, "2026-12-01")
    assert (found.state, found.runs_out) == (state, runs_out)


def test_what_may_run_out_is_taken_for_what_will() -> None:
    uneven = Clock(UTC, {day: [spent((day % 2 * 16 + 2) * USD)] for day in range(TODAY - 20, TODAY + 1)}, None)
    (found,) = burns([Budget("tenant", ("t",), 330 * USD)], (uneven,), {}, NOON)
    assert found.state == "tight"


def test_another_period_is_taken() -> None:
    assert burn(100, per="day").spent == 10 * USD
    week = burn(100, per="week")  # 16 November 2026 is a Monday
    assert (week.spent, week.until) == (10 * USD, "2026-11-23")
    whole = burn(250, per="total")
    assert (whole.spent, whole.until, whole.forecast, whole.state, whole.runs_out) == (
        210 * USD, "", None, "over", "2026-11-20",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "who", "names"),
    [
        ("gateway", (), ["the gateway"]),
        ("tenant", (), ["tenant 't'"]),
        ("team", ("t", "red"), ["team 'red' of tenant 't'"]),
        ("key", ("k",), ["key 'k'"]),
        ("key", ("other",), []),
        ("model", ("m",), ["model 'm'"]),
        ("model", ("idle",), ["model 'idle'"]),
        ("tenant", ("idle",), ["tenant 'idle'"]),
        ("tag", ("a",), ["tag 'a' of tenant 't'"]),
    ],
)
def test_a_budget_is_anothers(scope: Scope, who: tuple[str, ...], names: list[str]) -> None:
    days = {TODAY: [spent(5, "t", "red", "k", "m", "a", "b")]}
    found = burns([Budget(scope, who, 10)], (Clock(UTC, days, None),), {}, NOON)
    assert [one.who for one in found] == names


def test_a_plans_budget_is_for_every_key() -> None:
    days = {TODAY: [spent(5, key="free"), spent(5, key="paid")]}
    found = burns([Budget("key", (), 10, plan="basic")], (Clock(UTC, days, None),), {"free": "basic"}, NOON)
    assert [one.who for one in found] == ["key 'free'"]


def test_a_tenants_day_begins_somewhere_else() -> None:
    """At 20:00 UTC it is the next day in Shanghai; each tenant's budget goes by its own clock alone."""
    evening = datetime(2026, 11, 16, 20, tzinfo=UTC).timestamp()
    utc = Clock(UTC, {TODAY: [spent(5), spent(7, "cn")]}, None)
    east = Clock(SHANGHAI, {TODAY: [spent(5)], TODAY + 1: [spent(7, "cn")]}, frozenset(("cn",)))
    found = burns([Budget("tenant", (), 10, "day"), Budget("gateway", (), 100, "day")], (utc, east), {}, evening)
    assert {one.who: (one.spent, one.until) for one in found} == {
        "tenant 't'": (5, "2026-11-17"), "tenant 'cn'": (7, "2026-11-18"), "the gateway": (12, "2026-11-17"),
    }  # fmt: skip
