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

CHUNKS = (250, 25, 1)
"""Rows per statement, largest first."""

log = logging.getLogger("fairlead.ledger")


def insert(
    connection: sqlite3.Connection,
    table: str,
    rows: Sequence[tuple[Any, ...]],
    conflict: str = "DO NOTHING",
    shape: str = "",
) -> int:
    """The number of rows added or changed. A row has all columns in their order, or what `shape` asks for."""
    if not rows:
        return 0
    columns, done, added = len(rows[0]), 0, 0
    variables = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    for size in CHUNKS:
        while len(rows) - done >= size and size * columns <= variables:
            added += _run(
                connection,
                _insert(table, shape or f"({', '.join('?' * columns)})", size, conflict),
                rows[done : done + size],
            )
            done += size
    return added


def _run(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """A figure that SQLite cannot hold must not keep every later row out."""
    values = list(chain.from_iterable(rows))
    try:
        return connection.execute(statement, values).rowcount
    except OverflowError:
        log.error("a request reports figures beyond 64 bits: they are cut down in the tables, its record has them")
        return connection.execute(statement, [cut_down(value) for value in values]).rowcount


@cache
def _insert(table: str, row: str, rows: int, conflict: str) -> str:
    return f"INSERT INTO {table} VALUES {', '.join([row] * rows)} ON CONFLICT {conflict}"
