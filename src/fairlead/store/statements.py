"""Statements that put many rows into a table.

CPython gives up the GIL around every SQLite step and may wait 5 ms to have it back, so rows go in by large statements of
fixed sizes, each prepared once.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any

from fairlead.store.window import cut_down

CHUNKS = (256, 64, 16, 4, 1)
"""Rows per statement, largest first. So close together that few statements do for any number of rows."""

log = logging.getLogger("fairlead.ledger")


def insert(
    connection: sqlite3.Connection, table: str, rows: Sequence[tuple[Any, ...]], conflict: str = "DO NOTHING"
) -> int:
    """The number of rows added or changed. A row has all columns in their order."""
    if not rows:
        return 0
    return insert_flat(connection, table, shape(len(rows[0])), list(chain.from_iterable(rows)), conflict)


def insert_flat(
    connection: sqlite3.Connection,
    table: str,
    row: str,
    values: list[Any],
    conflict: str = "DO NOTHING",
    source: str = "{}",
) -> int:
    """The same of rows whose values stand one after another, as many of each as `row` has places for. That spares a tuple
    a row. `source` makes rows of the table out of those, where they are others."""
    columns, done, added = row.count("?"), 0, 0
    variables = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    for size in CHUNKS:
        width = size * columns
        while len(values) - done >= width and width <= variables:
            added += _run(connection, _insert(table, row, size, conflict, source), values[done : done + width])
            done += width
    return added


def shape(columns: int) -> str:
    """A row of which everything is said."""
    return f"({', '.join('?' * columns)})"


def _run(connection: sqlite3.Connection, statement: str, values: list[Any]) -> int:
    """A figure that SQLite cannot hold must not keep every later row out."""
    try:
        return connection.execute(statement, values).rowcount
    except OverflowError:
        log.error("a request reports figures beyond 64 bits: they are cut down in the tables, its record has them")
        return connection.execute(statement, [cut_down(value) for value in values]).rowcount


@cache
def _insert(table: str, row: str, rows: int, conflict: str, source: str) -> str:
    values = source.format(f"VALUES {', '.join([row] * rows)}")
    return f"INSERT INTO {table} {values} ON CONFLICT {conflict}"
