"""What was said of answers: the last word on each stays. Sums of it, for a gateway that begins and for reports."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from fairlead.core.record import Feedback
from fairlead.store.window import DAY_MS, EVERYTHING, Window, where_of


class Judged(msgspec.Struct, frozen=True):
    """A model's answers to a task."""

    model: str
    task: str
    judgements: int
    score: float
    """The mean, from 0 to 1."""


class JudgedDay(msgspec.Struct, frozen=True):
    """Those of them that were given on one day."""

    model: str
    task: str
    day: int
    """Counted from the epoch, UTC."""
    judgements: int
    good: float
    """Sum of the scores."""


def write(connection: sqlite3.Connection, entries: Iterable[tuple[int, Feedback]]) -> None:
    """Within a transaction. Taken in twice, or in another order, they come to the same."""
    connection.executemany(
        """INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (request) DO UPDATE SET
            seq = excluded.seq, told_ms = excluded.told_ms, key = excluded.key, score = excluded.score
            WHERE excluded.seq > seq""",
        [
            (one.request, at, one.at_ms, one.told_ms, one.key, one.tenant, one.model, one.task, one.score)
            for at, one in entries
        ],
    )


def feedback_of(connection: sqlite3.Connection, request: str) -> Feedback | None:
    sql = "SELECT request, at_ms, told_ms, key, tenant, model, task, score FROM feedback WHERE request = ?"
    row = connection.execute(sql, (request,)).fetchone()
    return None if row is None else Feedback(*row)


def judged_days(connection: sqlite3.Connection, since_day: int) -> tuple[JudgedDay, ...]:
    rows = connection.execute(
        "SELECT model, task, at_ms / ?1, count(*), sum(score) FROM feedback WHERE at_ms >= ?2 GROUP BY 1, 2, 3",
        (DAY_MS, since_day * DAY_MS),
    )
    return tuple(JudgedDay(*row) for row in rows)


def judged(connection: sqlite3.Connection, window: Window = EVERYTHING) -> tuple[Judged, ...]:
    """By task, the best first; of the answers that were given in the window."""
    where, values = where_of(window, "feedback")
    rows = connection.execute(
        f"""SELECT model, task, count(*), avg(score) FROM feedback WHERE {where}
            GROUP BY model, task ORDER BY task, 4 DESC, model""",
        values,
    )
    return tuple(Judged(*row) for row in rows)
