"""What the model said that is asked where the built-in classifier is unsure: how often, whether the two agree, what it
cost, and what was alarmed.

What it said stands in the signals of the requests it was asked about; of those the latest are read, never all.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter

import msgspec

from fairlead.core.record import Record
from fairlead.store.window import EVERYTHING, Window, halves, where_of, whole

LATEST = 10_000
"""Requests that are looked at."""
ALARMS = 20
TOLD = ("classifier_disagrees", "classifier_drift", "classifier_rests", "classifier_answers")
_record = msgspec.msgpack.Decoder(Record).decode


class OpinionDay(msgspec.Struct, frozen=True):
    date: str
    """UTC"""
    tasks: dict[str, int]
    """What it said, how often."""
    agreed: int
    drift: float | None = None
    """Population stability index against the day before; None where either day has too few."""

    @property
    def opinions(self) -> int:
        return sum(self.tasks.values())


class Alarm(msgspec.Struct, frozen=True):
    at_ms: int
    kind: str
    detail: str


class Opinions(msgspec.Struct, frozen=True):
    asked: int
    """Side calls of the whole window; what was said before is not asked again."""
    unanswered: int
    """Of these."""
    cost: int
    looked_at: int
    """The latest requests, of which the rest tells."""
    used: int
    """How often its word counted."""
    agreed: int
    """How often that was the built-in one's too."""
    in_vain: int
    """It was wanted, but it gave no usable word."""
    days: tuple[OpinionDay, ...]
    alarms: tuple[Alarm, ...]

    @property
    def agreement(self) -> float | None:
        return self.agreed / self.used if self.used else None


def opinions(connection: sqlite3.Connection, window: Window = EVERYTHING) -> Opinions | None:
    where, values = where_of(window)
    asked, unanswered, *sums = connection.execute(
        f"""SELECT count(*), coalesce(sum(outcome <> 'ok'), 0), {halves("cost")}
            FROM requests WHERE purpose = 'classify' AND purpose <> 'answer' AND {where}""",
        values,
    ).fetchone()
    looked_at, said = _said(connection, where, values)
    if not asked and not said:
        return None
    used = [(date, task, built_in) for date, task, built_in in said if task]
    agreed = Counter(date for date, task, built_in in used if task == built_in)
    return Opinions(
        asked=asked,
        unanswered=unanswered,
        cost=whole(sums)[0],
        looked_at=looked_at,
        used=len(used),
        agreed=agreed.total(),
        in_vain=len(said) - len(used),
        days=tuple(
            OpinionDay(day, dict(Counter(task for date, task, _ in used if date == day).most_common()), agreed[day])
            for day in sorted({date for date, *_ in used})
        ),
        alarms=_alarms(connection, window),
    )


def _said(
    connection: sqlite3.Connection, where: str, values: list[int | str]
) -> tuple[int, list[tuple[str, str, str]]]:
    """How many requests were looked at; (day, the model's word, the built-in one's) of each it was wanted for. The
    model's is empty where it gave none."""
    latest = f"""SELECT at_ms, record FROM requests WHERE purpose = 'answer' AND {where}
        ORDER BY at_ms DESC, seq DESC LIMIT {LATEST}"""
    (looked_at,) = connection.execute(f"SELECT count(*) FROM ({latest})", values).fetchone()
    rows = connection.execute(
        f"SELECT at_ms, record FROM ({latest}) WHERE instr(record, CAST('classifier' AS BLOB))", values
    )
    found = []
    for at_ms, payload in rows:
        signals = _record(payload).signals
        for signal in signals:
            if signal.kind == "classifier":
                heard = signal.name == "model"
                task = next((one.name for one in signals if one.kind == "task"), "") if heard else ""
                found.append((time.strftime("%Y-%m-%d", time.gmtime(at_ms / 1000)), task, str(signal.value)))
    return looked_at, found


def _alarms(connection: sqlite3.Connection, window: Window) -> tuple[Alarm, ...]:
    """The latest first. They concern the model, not a tenant."""
    if window.tenant is not None:
        return ()
    rows = connection.execute(
        f"""SELECT at_ms, kind, detail FROM audit WHERE kind IN ({", ".join(map(repr, TOLD))})
            AND at_ms >= ? AND (?2 IS NULL OR at_ms < ?2) ORDER BY seq DESC LIMIT ?3""",
        (window.since_ms, window.until_ms, ALARMS),
    )
    return tuple(Alarm(*row) for row in rows)
