"""What tiers spent, as the ledger tells it to a report."""

from __future__ import annotations

import datetime

import msgspec

from fairlead.core.record import Attempt, Outcome, Record
from fairlead.store.sqlite import Projection
from fairlead.store.tiers import TierGroup, tier_groups
from fairlead.store.window import Window
from tests.store.entries import attempt, record, taken_in


def at(hour: int, minute: int = 0, day: int = 10) -> int:
    """Epoch milliseconds."""
    return int(datetime.datetime(2026, 6, day, hour, minute, tzinfo=datetime.UTC).timestamp() * 1000)


def paid(request: str, when: int, cost: int, tier: str = "high", tenant: str = "t", outcome: Outcome = "ok") -> Record:
    by = msgspec.structs.replace(attempt(request, cost=cost, outcome=outcome), started_ms=when, tier=tier)
    return of(record(request, by, at_ms=when, tenant=tenant, outcome=outcome))


def of(one: Record, policy: str = "p") -> Record:
    return msgspec.structs.replace(one, policy=policy)


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
