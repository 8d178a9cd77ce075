"""What tiers spent, as the ledger tells it: by account, since midnight where the tenant is, whatever became of an attempt."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from fairlead.core.policy import Policy, Tier
from fairlead.core.record import Attempt, Outcome, Record
from fairlead.gateway.tiers import Tiers
from fairlead.store.sqlite import Projection
from fairlead.store.tiers import TierGroup, spent_on, spent_today, tier_groups
from fairlead.store.window import Window
from tests.store.books import leave, reopened
from tests.store.entries import attempt, intent, record

ZONES = {"shanghai": ZoneInfo("Asia/Shanghai")}
POLICY = Policy("p", "tiered", tiers=(Tier("high", ("m",), budget=1000), Tier("low", ("n",))))


def at(hour: int, minute: int = 0, day: int = 10) -> int:
    """Epoch milliseconds."""
    return int(datetime.datetime(2026, 6, day, hour, minute, tzinfo=datetime.UTC).timestamp() * 1000)


def paid(request: str, when: int, cost: int, tier: str = "high", tenant: str = "t", outcome: Outcome = "ok") -> Record:
    by = msgspec.structs.replace(attempt(request, cost=cost, outcome=outcome), started_ms=when, tier=tier)
    return of(record(request, by, at_ms=when, tenant=tenant, outcome=outcome))


def of(one: Record, policy: str = "p") -> Record:
    return msgspec.structs.replace(one, policy=policy)


def taken_in(projection: Projection, *records: Record) -> None:
    rows = [(n * 10_000, one, msgspec.msgpack.encode(one)) for n, one in enumerate(records)]
    projection.ingest(rows, [], 1, 1)


@pytest.fixture
def projection() -> Iterator[Projection]:
    made = Projection(None)
    yield made
    made.close()


def resumed(projection: Projection, now: float) -> Tiers:
    """The budgets as a process that begins now takes them up."""
    tiers = Tiers(ZONES)
    for account, cost in spent_today(projection.connection, *tiers.midnights(now)).items():
        tiers.spent(*account, cost, now)
    return tiers


def left(tiers: Tiers, tenant: str, now: float) -> int:
    return dict(tiers.left(tenant, POLICY, now))["high"]


def test_a_restart_takes_up_the_budget_of_the_tenants_own_day(projection: Projection) -> None:  # M3.5
    """In Shanghai the 11th begins at 16:00 UTC of the 10th."""
    spendings = [(at(23, 59, 9), 1), (at(0), 20), (at(15, 59), 300), (at(16), 400)]
    tenants = ("t", "shanghai")
    taken_in(
        projection,
        *(paid(f"{tenant}{when}", when, cost, tenant=tenant) for tenant in tenants for when, cost in spendings),
    )
    now = at(16, 1) / 1000
    tiers = resumed(projection, now)
    assert left(tiers, "t", now) == 1000 - 720
    assert left(tiers, "shanghai", now) == 1000 - 400
    assert left(tiers, "shanghai", at(16, 0, 11) / 1000) == 1000
    assert left(tiers, "t", at(0, 1, 11) / 1000) == 1000


def test_what_was_billed_is_spent_whatever_became_of_it(projection: Projection) -> None:  # M3.5
    two = record(
        "r2",
        msgspec.structs.replace(attempt("r2", cost=30, outcome="failed"), started_ms=at(1), tier="high"),
        msgspec.structs.replace(attempt("r2", 2, cost=7), started_ms=at(1), tier="low"),
        at_ms=at(1),
    )
    plain = record("r4", attempt("r4", cost=5000), at_ms=at(3))
    taken_in(projection, paid("r1", at(1), 500, outcome="failed"), of(two), paid("r3", at(2), 9), plain)
    spent = spent_today(projection.connection, {}, at(0))
    assert spent == {("t", "p", "high"): 539, ("t", "p", "low"): 7}
    assert projection.connection.execute("SELECT count(*) FROM tiers").fetchone() == (4,)


def test_a_record_taken_in_twice_is_spent_once(projection: Projection) -> None:  # M3.5
    for _ in range(2):
        taken_in(projection, paid("r1", at(1), 500), paid("r2", at(1), 20))
    assert spent_today(projection.connection, {}, at(0)) == {("t", "p", "high"): 520}


async def test_what_was_in_flight_when_the_process_died_is_spent(tmp_path: Path) -> None:  # M3.5
    under_way = msgspec.structs.replace(intent("r2", hold=400), policy="p", tier="high")
    leave(tmp_path, paid("r1", under_way.at_ms, 100), under_way, intent("r3", hold=7))
    ledger = await reopened(tmp_path)
    try:
        assert await ledger.ask(lambda db: spent_today(db, {}, 0)) == {("t", "p", "high"): 500}
    finally:
        await ledger.close()


def test_a_report_counts_who_answered_and_heeds_its_window(projection: Projection) -> None:  # M3.5
    tried: tuple[Attempt, ...] = (
        msgspec.structs.replace(attempt("r2", cost=30, outcome="failed"), started_ms=at(2), tier="high"),
        msgspec.structs.replace(attempt("r2", 2, cost=10), started_ms=at(2), tier="low"),
    )
    taken_in(
        projection, paid("r1", at(1), 500), of(record("r2", *tried, at_ms=at(2))), paid("r3", at(2), 9, tenant="u")
    )
    found = tier_groups(projection.connection)
    assert [(*one.account, one.requests, one.attempts, one.cost) for one in found] == [
        ("t", "p", "high", 1, 2, 530),
        ("t", "p", "low", 1, 1, 10),
        ("u", "p", "high", 1, 1, 9),
    ]
    assert found[0].per_1k == 530_000
    later = tier_groups(projection.connection, Window(since_ms=at(2), tenant="t"))
    assert [(one.tier, one.requests, one.cost, one.per_1k) for one in later] == [
        ("high", 0, 30, None),
        ("low", 1, 10, 10_000),
    ]


def test_nothing_is_left_of_an_overspent_budget_and_unlimited_is_no_number() -> None:
    assert TierGroup("t", "p", "high", budget=5, spent_today=7).left == 0
    assert TierGroup("t", "p", "high", budget=9, spent_today=7).left == 2
    assert TierGroup("t", "p", "high", spent_today=7).left is None


def test_side_calls_are_summed_by_what_they_were_for(projection: Projection) -> None:  # M2.4
    asked = [record(f"c{n}", attempt(f"c{n}", cost=11), at_ms=at(n), purpose="classify") for n in range(3)]
    taken_in(projection, *asked, record("r", attempt("r"), at_ms=at(2)))
    assert spent_on(projection.connection, "classify", at(1)) == 22
    assert spent_on(projection.connection, "classify", at(9)) == 0
