"""Answers that were given again out of a cache, a row for each: what the caches have saved, for reports."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from fairlead.core.record import Record
from fairlead.store.window import EVERYTHING, Window, halves, where_of, whole

TABLE = (
    """CREATE TABLE reuses (
        seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, tenant TEXT NOT NULL, kind TEXT NOT NULL, model TEXT NOT NULL,
        saved INTEGER NOT NULL)""",
    "CREATE INDEX reuses_at ON reuses (at_ms)",
)
LARGEST = 1 << 62

Row = tuple[int, int, str, str, str, int]


class Reused(msgspec.Struct, frozen=True):
    kind: str
    """exact or semantic"""
    model: str
    """Whose answers they were."""
    hits: int
    saved: int
    """What those answers cost when they were given first, in nano-units of USD."""


def row(seq: int, record: Record) -> Row | None:
    """`seq` is the request's."""
    reuse = record.reuse
    if reuse is None:
        return None
    return seq, record.at_ms, record.tenant, reuse.kind, record.model, min(reuse.saved, LARGEST)


def write(connection: sqlite3.Connection, records: Iterable[tuple[int, Record]]) -> None:
    """Within a transaction."""
    rows = [found for seq, record in records if record.reuse is not None and (found := row(seq, record)) is not None]
    if rows:
        connection.executemany("INSERT OR IGNORE INTO reuses VALUES (?, ?, ?, ?, ?, ?)", rows)


def reused(connection: sqlite3.Connection, window: Window = EVERYTHING) -> tuple[Reused, ...]:
    """What saved most first."""
    where, values = where_of(window, "reuses")
    rows = connection.execute(
        f"SELECT kind, model, count(*), {halves('saved')} FROM reuses WHERE {where} GROUP BY 1, 2", values
    )
    found = [Reused(kind, model, hits, whole(sums)[0]) for kind, model, hits, *sums in rows]
    return tuple(sorted(found, key=lambda one: (-one.saved, one.kind, one.model)))
