"""What a report adds to the ledger's figures: budgets and expectations as configured, drift from day to day."""

from __future__ import annotations

from fairlead.core.policy import Policy, Tier
from fairlead.gateway.opinion import TELLING
from fairlead.server.reporting import with_budgets, with_drift
from fairlead.store.opinions import OpinionDay
from fairlead.store.tiers import TierGroup

POLICY = Policy(
    "p", "tiered", tiers=(Tier("high", ("a",), budget=900, cost_per_1k=50), Tier("low", ("b",), cost_per_1k=5))
)


def test_each_tenants_tiers_come_highest_first_with_what_is_left_today() -> None:  # M3.5
    found = (
        TierGroup("t", "p", "low", 4, cost=8),
        TierGroup("t", "p", "old", 1, cost=1),
        TierGroup("u", "p", "high", 2, cost=300),
        TierGroup("t", "gone", "high", 1, cost=2),
    )
    rows = with_budgets(found, {"p": POLICY}, {("t", "p", "high"): 100, ("u", "p", "high"): 950})
    assert [(*row.account, row.expected_per_1k, row.per_1k, row.budget, row.left) for row in rows] == [
        ("t", "p", "high", 50, None, 900, 800),
        ("t", "p", "low", 5, 2000, None, None),
        ("t", "p", "old", None, 1000, None, None),
        ("u", "p", "high", 50, 150_000, 900, 0),
        ("u", "p", "low", 5, None, None, None),
        ("t", "gone", "high", None, 2000, None, None),
    ]


def day(date: str, **tasks: int) -> OpinionDay:
    return OpinionDay(date, tasks, 0)


def test_drift_is_told_between_two_days_in_a_row_that_have_enough() -> None:  # M2.4
    few = TELLING - 1
    days = with_drift(
        [
            day("2026-02-27", math=TELLING),
            day("2026-02-28", math=TELLING // 2, chat=TELLING // 2),
            day("2026-03-01", math=TELLING // 2, chat=TELLING // 2),
            day("2026-03-02", math=few),
            day("2026-03-03", math=TELLING),
            day("2026-03-05", chat=TELLING),
        ]
    )
    first, moved, same, *others = [one.drift for one in days]
    assert first is None
    assert moved is not None
    assert moved > 0.25
    assert same == 0
    assert others == [None, None, None]
