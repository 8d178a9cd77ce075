"""What was spent on which work, for reports and recommendations: sums by model and task, and what only whole records tell.

- A work's requests are those the model answered; tokens and cost are of all its attempts, which were billed.
- Sums come from the roll-ups. Records are read of the latest requests alone, never of all.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date

import msgspec

from fairlead.core.record import Record
from fairlead.store.budgets import QUARTER, Spent
from fairlead.store.rollups import ROLLUPS, slices
from fairlead.store.window import EVERYTHING, Window, halves, where_of, whole

LATEST = 5_000
"""Requests whose records are read."""
WARM_MS = 300_000
"""How long a provider's prompt cache is taken to last."""
CHOSEN = ("auto", "intent:", "agent:")
"""How the asked model begins where the caller leaves the choice to a policy."""
DAY_S = 86_400
NO_TEXT = ("embed", "opaque")
"""Results that only some models have: they say nothing of how well texts are written, and nobody else takes such work over."""
EPOCH = date(1970, 1, 1).toordinal()
WHO = ("tenant", "team", "key", "model", "policy", "tier", "tags")
"""Columns of what was spent."""
_record = msgspec.msgpack.Decoder(Record).decode

Place = tuple[str, str]
"""Model and task."""


class Work(msgspec.Struct, frozen=True):
    """What one model did of one task."""

    model: str
    task: str
    requests: int
    """Those it answered."""
    attempts: int
    cost: int
    """Nano-units of USD."""
    input_tokens: int
    output_tokens: int
    cached_tokens: int

    @property
    def prompt(self) -> int:
        """Its usual length."""
        return self.input_tokens // self.attempts if self.attempts else 0


class Seen(msgspec.Struct, frozen=True):
    """What the records of the latest requests tell."""

    looked_at: int = 0
    overhead_us: int = 0
    """The sum over them of our own time."""
    policies: dict[Place, dict[str, int]] = {}
    """Which policies chose, how often."""
    named: dict[Place, int] = {}
    """How often the caller named the model."""
    repeated: dict[str, tuple[int, int]] = {}
    """By model: prompt tokens that it had been sent a moment before in the same session, and all prompt tokens."""


class SideCalls(msgspec.Struct, frozen=True):
    purpose: str
    calls: int
    cost: int


class Spell(msgspec.Struct, frozen=True):
    """The time a ledger's rows are spread over."""

    first_ms: int
    last_ms: int


def works(
    connection: sqlite3.Connection, window: Window = EVERYTHING, without: Collection[str] = ()
) -> tuple[Work, ...]:
    """Dearest first; without requests that came to certain results."""
    source, values = slices(connection, ROLLUPS, window)
    sums = halves("usd", "input", "output", "cached_input")
    rows = connection.execute(
        f"""SELECT model, task, sum(answered), sum(attempts), {sums} FROM {source}
            WHERE result NOT IN ({", ".join("?" * len(without))}) GROUP BY 1, 2 HAVING sum(attempts)""",
        [*values, *without],
    )
    found = [Work(*row[:4], *whole(row[4:])) for row in rows]
    return tuple(sorted(found, key=lambda one: (-one.cost, one.model, one.task)))


def side_calls(connection: sqlite3.Connection, window: Window = EVERYTHING) -> tuple[SideCalls, ...]:
    """Requests of our own, by what they were for."""
    where, values = where_of(window)
    rows = connection.execute(
        f"""SELECT purpose, count(*), {halves("cost")} FROM requests
            WHERE purpose <> 'answer' AND {where} GROUP BY 1 ORDER BY 1""",
        values,
    )
    return tuple(SideCalls(purpose, calls, whole(sums)[0]) for purpose, calls, *sums in rows)


def spell(connection: sqlite3.Connection, window: Window = EVERYTHING) -> Spell | None:
    """None where there is nothing."""
    where, values = where_of(window)
    first, last = connection.execute(f"SELECT min(at_ms), max(at_ms) FROM requests WHERE {where}", values).fetchone()
    return None if first is None else Spell(first, last)


def seen(connection: sqlite3.Connection, window: Window = EVERYTHING, latest: int = LATEST) -> Seen:
    where, values = where_of(window)
    rows = connection.execute(
        f"""SELECT record FROM requests WHERE purpose = 'answer' AND outcome = 'ok' AND {where}
            ORDER BY at_ms DESC, seq DESC LIMIT ?""",
        [*values, latest],
    ).fetchall()
    return seen_of([_record(row[0]) for row in reversed(rows)])


def seen_of(records: Sequence[Record]) -> Seen:
    """Of records in the order of their times."""
    policies: dict[Place, Counter[str]] = {}
    named: Counter[Place] = Counter()
    for record in records:
        place = (record.model, record.task)
        if record.decision is not None or record.asked.startswith(CHOSEN):
            policies.setdefault(place, Counter())[record.policy] += 1
        else:
            named[place] += 1
    return Seen(
        looked_at=len(records),
        overhead_us=sum(record.overhead_us for record in records),
        policies={place: dict(counts) for place, counts in policies.items()},
        named=dict(named),
        repeated=_repeated(records),
    )


def _repeated(records: Sequence[Record]) -> dict[str, tuple[int, int]]:
    """A conversation that went on holds its last prompt again; one that is shorter than before holds another."""
    last: dict[tuple[str, str, str], tuple[int, int]] = {}
    found: dict[str, tuple[int, int]] = {}
    for record in records:
        prompt = record.attempts[-1].usage.input if record.attempts else 0
        name = (record.tenant, record.session, record.model)
        at_ms, before = last.get(name, (0, 0)) if record.session else (0, 0)
        again = before if record.at_ms - at_ms <= WARM_MS and before <= prompt else 0
        repeated, whole_input = found.get(record.model, (0, 0))
        found[record.model] = (repeated + again, whole_input + prompt)
        last[name] = (record.at_ms, prompt)
    return found


class Cached(msgspec.Struct, frozen=True):
    """What was read from providers' caches at one price."""

    price_row: str
    attempts: int
    input_tokens: int
    cached_tokens: int


def cached(connection: sqlite3.Connection, window: Window = EVERYTHING) -> tuple[Cached, ...]:
    """By price row, of the attempts that are kept and read from a cache at all."""
    source, where, values = attempts_of(connection, window)
    rows = connection.execute(
        f"""SELECT price_row, count(*), {halves("input", "cached_input")} FROM {source}
            WHERE cached_input > 0 AND {where} GROUP BY 1 ORDER BY 1""",
        values,
    )
    return tuple(Cached(row or "", attempts, *whole(sums)) for row, attempts, *sums in rows)


def attempts_of(connection: sqlite3.Connection, window: Window) -> tuple[str, str, list[int | str]]:
    """Source, condition and values. Of all tenants these are those of the stretch of the books that the window's requests
    are in: rows follow time to a moment."""
    where, values = where_of(window)
    if window.tenant is not None:
        return "attempts CROSS JOIN requests ON requests.seq = attempts.request", where, values
    if values:
        first, last = connection.execute(f"SELECT min(seq), max(seq) FROM requests WHERE {where}", values).fetchone()
        return "attempts", "request BETWEEN ? AND ? AND attempts.seq BETWEEN ? AND ? + 255", [first, last, first, last]
    return "attempts", where, values


def spent_by_day(
    connection: sqlite3.Connection,
    since: float,
    ahead: int = 0,
    tenant: str | None = None,
    told: Collection[str] = WHO,
) -> dict[int, list[Spent]]:
    """By the calendar's day, where clocks are so many seconds ahead of UTC; from a moment (epoch seconds) on. Of `WHO` only
    those that are `told` are told apart, the others are left empty."""
    who = ", ".join(name if name in told else "''" for name in WHO)
    by = ", ".join(("1", *(name for name in WHO if name in told)))
    rows = connection.execute(
        f"""SELECT (quarter * {QUARTER} + ?1) / {DAY_S}, {who}, {halves("cost")} FROM spent
            WHERE quarter >= ?2 AND (?3 IS NULL OR tenant = ?3) GROUP BY {by}""",
        (ahead, max(0, int(since // QUARTER)), tenant),
    )
    found: dict[int, list[Spent]] = {}
    for day, whose, team, key, model, policy, tier, tags, high, low in rows:
        listed = tuple(tags.split("\n")) if tags else ()
        row = Spent(whose, team, key, model, policy, tier, listed, (high << 32) + low)
        found.setdefault(day + EPOCH, []).append(row)
    return found
