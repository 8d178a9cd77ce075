"""Tools that providers ran themselves, a row for each tool of an attempt: for reports, and to work out again what they cost.

Most attempts use none, and have no row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from fairlead.core.record import Attempt, CostLine, Record
from fairlead.core.tools import Calls
from fairlead.store.window import EVERYTHING, Window, halves, where_of, whole

TABLE = (
    """CREATE TABLE calls (
        seq INTEGER NOT NULL, tool TEXT NOT NULL, at_ms INTEGER NOT NULL, tenant TEXT NOT NULL, model TEXT NOT NULL,
        times INTEGER NOT NULL, usd INTEGER NOT NULL, priced INTEGER NOT NULL, PRIMARY KEY (seq, tool)) WITHOUT ROWID""",
    "CREATE INDEX calls_at ON calls (at_ms)",
)
LARGEST = 1 << 62

Row = tuple[int, str, int, str, str, int, int, int]


class Used(msgspec.Struct, frozen=True):
    """What one tool came to with one model."""

    tool: str
    model: str
    times: int
    attempts: int
    cost: int
    """Nano-units of USD, beside the tokens."""
    unpriced: int
    """Of the times, those whose fee nobody knows."""


def rows_of(seq: int, record: Record) -> Iterator[Row]:
    """`seq` is the request's; its attempts follow it."""
    for index, one in enumerate(record.attempts):
        if one.usage.calls:
            lines = {line.kind: line for line in one.lines}
            for tool, times in one.usage.calls:
                line = lines.get(tool)
                usd, priced = (0, 0) if line is None else (_usd(one, line), int(bool(line.price_row)))
                yield seq + index, tool, record.at_ms, record.tenant, one.model, min(times, LARGEST), usd, priced


def _usd(one: Attempt, line: CostLine) -> int:
    if one.usd is None or not one.cost:
        return line.amount
    return line.amount * one.usd // one.cost


def write(connection: sqlite3.Connection, records: Iterable[tuple[int, Record]]) -> None:
    """Within a transaction."""
    rows = [row for seq, record in records for row in rows_of(seq, record)]
    if rows:
        connection.executemany("INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def used(connection: sqlite3.Connection, window: Window = EVERYTHING) -> tuple[Used, ...]:
    """Dearest first."""
    where, values = where_of(window, "calls")
    rows = connection.execute(
        f"""SELECT tool, model, sum(times), count(*), sum(CASE WHEN priced THEN 0 ELSE times END), {halves("usd")}
            FROM calls WHERE {where} GROUP BY 1, 2""",
        values,
    )
    found = [
        Used(tool, model, times, attempts, whole(sums)[0], unpriced)
        for tool, model, times, attempts, unpriced, *sums in rows
    ]
    return tuple(sorted(found, key=lambda one: (-one.cost, -one.times, one.tool, one.model)))


def fees(connection: sqlite3.Connection, window: Window = EVERYTHING) -> dict[int, Calls]:
    """By the attempt's `seq`: each tool, and what was charged for it in nano-units of USD."""
    where, values = where_of(window, "calls")
    found: dict[int, Calls] = {}
    for seq, tool, usd in connection.execute(f"SELECT seq, tool, usd FROM calls WHERE {where}", values):
        found[seq] = (*found.get(seq, ()), (tool, usd))
    return found


def by_attempt(connection: sqlite3.Connection) -> dict[int, Calls]:
    """By the attempt's `seq`, in the order of its cost lines where there are several."""
    found: dict[int, Calls] = {}
    for seq, tool, times in connection.execute("SELECT seq, tool, times FROM calls"):
        found[seq] = (*found.get(seq, ()), (tool, times))
    return found
