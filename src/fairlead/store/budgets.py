"""What was spent since some moment, for the budgets of a gateway that begins."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from fairlead.core.cost import plain
from fairlead.core.record import Record
from fairlead.store.window import DAY_MS, halves, whole

QUARTER = 900
"""Seconds that are added up together: days begin at a quarter of an hour everywhere."""
QUARTER_MS = QUARTER * 1000
MOST = 10**16
"""What one sum is cut down to: a figure beyond is absurd, and would not fit."""


_record = msgspec.msgpack.Decoder(Record).decode
Kind = tuple[int, str, str, str, str, str, str, str]
"""Quarter, tenant, team, key, model, policy, tier, tags."""
Sums = dict[Kind, int]


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


def spent_on(connection: sqlite3.Connection, purpose: str, since_ms: int) -> dict[str, int]:
    """By tenant, by requests that served a purpose, any but answering: only the others have an index."""
    sql = f"SELECT tenant, {halves('cost')} FROM requests WHERE at_ms >= ? AND purpose = ? AND purpose <> 'answer' GROUP BY 1"
    return {tenant: whole(sums)[0] for tenant, *sums in connection.execute(sql, (since_ms, purpose))}


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


def add(sums: Sums, record: Record) -> None:
    tags = "\n".join(record.tags)
    for one in record.attempts:
        if one.spent:
            policy = (one.purse or record.policy) if one.tier else ""
            quarter = one.started_ms // QUARTER_MS
            kind = quarter, record.tenant, record.team, record.key, one.model, policy, one.tier, tags
            sums[kind] = sums.get(kind, 0) + one.spent


def write(connection: sqlite3.Connection, sums: Sums) -> None:
    """Adds these to what is there."""
    connection.executemany(
        """INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET cost = cost + excluded.cost""",
        [(*kind, min(cost, MOST)) for kind, cost in sums.items()],
    )


def since_quarter(records_ms: int) -> int:
    """From when on all that was spent is in records that are there. One that is gone may have had attempts after midnight,
    which is when they are let go of."""
    return (records_ms + DAY_MS) // QUARTER_MS if records_ms else 0


def rebuild(connection: sqlite3.Connection, records_ms: int) -> None:
    """Within a transaction: anew from all the records there are, which begin at `records_ms`."""
    since = since_quarter(records_ms)
    connection.execute("DELETE FROM spent WHERE quarter >= ?", (since,))
    sums: Sums = {}
    for (payload,) in connection.execute("SELECT record FROM requests WHERE at_ms >= ?", (records_ms,)):
        add(sums, _record(payload))
    write(connection, {kind: cost for kind, cost in sums.items() if kind[0] >= since})


def differences(connection: sqlite3.Connection, records_ms: int, sums: Sums) -> Iterator[tuple[str, str]]:
    """(what, what is odd) where the table is not what all the records come to. Takes away from the sums."""
    since = since_quarter(records_ms)
    for *parts, cost in connection.execute("SELECT * FROM spent WHERE quarter >= ?", (since,)):
        kind: Kind = tuple(parts)
        expected = sums.pop(kind, 0)
        if min(cost, MOST) != min(expected, MOST):
            yield _told(kind, f"{plain(cost)} USD, the records come to {plain(expected)}")
    for kind, cost in sums.items():
        if kind[0] >= since:
            yield _told(kind, f"nothing, the records come to {plain(cost)} USD")


def _told(kind: Kind, words: str) -> tuple[str, str]:
    quarter, *whose = kind
    return f"spent {quarter * QUARTER_MS}", f"{tuple(whose)} has {words}"


def _tags(stored: str) -> tuple[str, ...]:
    return tuple(stored.split("\n")) if stored else ()
