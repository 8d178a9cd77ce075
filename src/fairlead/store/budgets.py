"""What was spent since some moment, for the budgets of a gateway that begins."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from fairlead.core.record import Record
from fairlead.store.window import halves, whole

QUARTER = 900
"""Seconds that are added up together: days begin at a quarter of an hour everywhere."""
MOST = 10**16
"""What one sum is cut down to: a figure beyond is absurd, and would not fit."""


class Spent(msgspec.Struct, frozen=True):
    """What one kind of request came to, all its attempts together, in nano-units of USD."""

    tenant: str
    team: str
    key: str
    model: str
    policy: str
    """The one whose tier paid; empty where none did."""
    tier: str
    tags: tuple[str, ...]
    cost: int


def spent_on(connection: sqlite3.Connection, purpose: str, since_ms: int) -> int:
    """By requests that served a purpose."""
    sql = f"SELECT {halves('cost')} FROM requests WHERE at_ms >= ? AND purpose = ?"
    (cost,) = whole(connection.execute(sql, (since_ms, purpose)).fetchone())
    return cost


def spent_since(connection: sqlite3.Connection, moments: Iterable[float]) -> dict[float, tuple[Spent, ...]]:
    """By the moment (epoch seconds, at which some zone's day begins), each kind of request once."""
    sql = f"SELECT tenant, team, key, model, policy, tier, tags, {halves('cost')} FROM spent WHERE quarter >= ? GROUP BY 1, 2, 3, 4, 5, 6, 7"
    found: dict[float, tuple[Spent, ...]] = {}
    for moment in moments:
        since = max(int(moment // QUARTER), 0) if moment > 0 else 0
        rows = connection.execute(sql, (since,))
        found[moment] = tuple(
            Spent(tenant, team, key, model, policy, tier, _tags(tags), whole(sums)[0])
            for tenant, team, key, model, policy, tier, tags, *sums in rows
        )
    return found


def write(connection: sqlite3.Connection, records: Iterable[Record]) -> None:
    """Adds up what these requests came to; each of them is to be given once."""
    sums: dict[tuple[object, ...], int] = {}
    for record in records:
        tags = "\n".join(record.tags)
        for one in record.attempts:
            if one.spent:
                policy = (one.purse or record.policy) if one.tier else ""
                quarter = one.started_ms // (QUARTER * 1000)
                kind = quarter, record.tenant, record.team, record.key, one.model, policy, one.tier, tags
                sums[kind] = sums.get(kind, 0) + one.spent
    connection.executemany(
        """INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET cost = cost + excluded.cost""",
        [(*kind, min(cost, MOST)) for kind, cost in sums.items()],
    )


def _tags(stored: str) -> tuple[str, ...]:
    return tuple(stored.split("\n")) if stored else ()
