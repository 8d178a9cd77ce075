"""Requests that were part of an experiment, a row for each, and what their arms come to.

Kept are the arm, a digest of the unit and figures: no words, and nobody's name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from fairlead.core.experiments import Experiment, Looks, Measure, Sums
from fairlead.core.record import Record

TABLE = (
    """CREATE TABLE trials (
        seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, experiment TEXT NOT NULL, arm TEXT NOT NULL, unit TEXT NOT NULL,
        request TEXT NOT NULL, passed INTEGER NOT NULL, cost INTEGER NOT NULL, total_ms INTEGER NOT NULL)""",
    "CREATE INDEX trials_of ON trials (experiment, at_ms)",
)
LARGEST = 1 << 62
UNFIT = "unfit: "
"""What the error of an attempt begins with whose answer did not pass its checks."""
OUTCOMES: dict[Measure, tuple[str, str]] = {
    "feedback": ("feedback.score", "JOIN feedback ON feedback.request = trials.request"),
    "checks": ("trials.passed", ""),
}
"""The figure of an answer, from 0 to 1, and where it stands."""

Row = tuple[int, int, str, str, str, str, int, int, int]


def row(seq: int, record: Record) -> Row | None:
    """`seq` is the request's. Who went away before the answer came has said nothing of it."""
    made = record.decision
    if made is None or made.arm is None or not made.tried or record.outcome == "cancelled":
        return None
    arm = made.arm
    passed = record.outcome == "ok" and not any(one.error.startswith(UNFIT) for one in record.attempts)
    cost, took = min(record.cost, LARGEST), min(record.total_ms, LARGEST)
    return seq, record.at_ms, arm.experiment, arm.name, arm.unit, record.request, int(passed), cost, took


def write(connection: sqlite3.Connection, records: Iterable[tuple[int, Record]]) -> None:
    """Within a transaction."""
    rows = [found for seq, record in records if record.decision is not None and (found := row(seq, record)) is not None]
    if rows:
        connection.executemany("INSERT OR IGNORE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def looks(connection: sqlite3.Connection, experiment: Experiment) -> dict[str, Looks]:
    """By arm, of the requests since the experiment began and until it ended."""
    outcome, where = OUTCOMES[experiment.measure]
    costs = _sums(connection, experiment, "trials.cost")
    latencies = _sums(connection, experiment, "trials.total_ms")
    outcomes = _sums(connection, experiment, outcome, where)
    return {name: Looks(costs[name], latencies[name], outcomes.get(name, Sums())) for name in costs}


def _sums(connection: sqlite3.Connection, experiment: Experiment, figure: str, joined: str = "") -> dict[str, Sums]:
    rows = connection.execute(
        f"""SELECT arm, count(*), sum(n), sum(s), sum(s * s), sum(s * n), sum(n * n) FROM (
                SELECT arm, count(*) * 1.0 AS n, sum({figure}) * 1.0 AS s FROM trials {joined}
                WHERE experiment = ?1 AND trials.at_ms >= ?2 AND (?3 IS NULL OR trials.at_ms < ?3)
                GROUP BY arm, unit)
            GROUP BY arm""",
        (experiment.name, experiment.since * 1000, None if experiment.until is None else experiment.until * 1000),
    )
    return {arm: Sums(units, int(answers), *figures) for arm, units, answers, *figures in rows}
