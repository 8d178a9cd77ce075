"""What the tiers of policies have spent, by tenant, in a window: for reports."""

from __future__ import annotations

import sqlite3

import msgspec

from fairlead.store.window import EVERYTHING, Window, halves, where_of, whole

Account = tuple[str, str, str]
"""Tenant, policy, tier."""


class TierGroup(msgspec.Struct, frozen=True):
    tenant: str
    policy: str
    tier: str
    requests: int = 0
    """Those it answered."""
    attempts: int = 0
    estimated: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: int = 0
    spent_today: int = 0
    """Since the tenant's midnight, whatever the report's window."""
    budget: int | None = None
    """Of a day, as configured now; so is `expected_per_1k`."""
    expected_per_1k: int | None = None

    @property
    def account(self) -> Account:
        return self.tenant, self.policy, self.tier

    @property
    def per_1k(self) -> int | None:
        """What 1,000 requests have come to; None where it answered none."""
        return round(self.cost * 1000 / self.requests) if self.requests else None

    @property
    def left(self) -> int | None:
        return None if self.budget is None else max(self.budget - self.spent_today, 0)


def tier_groups(connection: sqlite3.Connection, window: Window = EVERYTHING) -> tuple[TierGroup, ...]:
    """The last attempt of an answered request is the one that answered it."""
    where, values = where_of(window)
    last = """NOT EXISTS (SELECT 1 FROM attempts AS later
        WHERE later.seq = attempts.seq + 1 AND later.request = attempts.request)"""
    answered = f"sum(requests.purpose = 'answer' AND requests.outcome = 'ok' AND {last})"
    sums = halves("input", "output", "cached_input", "tiers.cost")
    rows = connection.execute(
        f"""SELECT tiers.tenant, tiers.policy, tiers.tier, {answered}, count(*), sum(estimated), {sums}
            FROM tiers CROSS JOIN attempts ON attempts.seq = tiers.seq
            CROSS JOIN requests ON requests.seq = attempts.request
            WHERE tiers.at_ms >= ? AND {where} GROUP BY 1, 2, 3 ORDER BY 2, 1, 3""",
        [window.since_ms, *values],
    )
    return tuple(TierGroup(*row[:6], *whole(row[6:])) for row in rows)
