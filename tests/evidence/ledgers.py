"""Ledgers of many like requests: of each kind and day one is taken in, as the gateway does, then its sums are multiplied.
They are as ledgers whose records were let go of."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from fairlead.core.cost import cost_lines, total, usage_cost
from fairlead.core.model import Price, Rates
from fairlead.core.record import Attempt, Priced, Record, Usage
from fairlead.store.rollups import BANDS, ROLLUPS, TOKENS
from fairlead.store.sqlite import Projection, Row
from fairlead.store.tally import waiting
from fairlead.store.window import DAY_MS
from tests.store.entries import AT, record

STRIDE = 1_000
"""Between two records in the spool."""


class Like(msgspec.Struct, frozen=True):
    """So many requests of one kind."""

    count: int
    model: str
    task: str
    usage: Usage
    price: Price
    named: bool = False
    policy: str = "standard"
    key: str = "k"
    purpose: str = "answer"
    baseline: Price | None = None
    """What it is measured against."""


def price(input_usd: float, output_usd: float, cached_usd: float | None = None, **more: object) -> Price:
    """In USD per million tokens."""
    cached = None if cached_usd is None else round(cached_usd * 10**9)
    rates = Rates(round(input_usd * 10**9), round(output_usd * 10**9), cached)
    return msgspec.structs.replace(Price(f"row/{input_usd}/{output_usd}", rates), **more)


def filled(into: Path | Projection | None, kinds: Sequence[Like], since_ms: int = AT, days: int = 30) -> Projection:
    """Spread evenly over the days. Each kind's keys are its own, so that its sums can be told apart."""
    projection = into if isinstance(into, Projection) else Projection(into)
    (last,) = projection.connection.execute("SELECT coalesce(max(seq), 0) FROM requests").fetchone()
    rows: list[Row] = []
    counts: list[int] = []
    for number, kind in enumerate(kinds):
        for day in range(days):
            count = kind.count // days + (day < kind.count % days)
            if count:
                seq = last + STRIDE * (len(rows) + 1)
                one = _record(kind, f"r{seq}", f"{kind.key}{last}.{number}", since_ms + day * DAY_MS)
                rows.append((seq, one, msgspec.msgpack.encode(one)))
                counts.append(count)
    prices = {kind.price.id: kind.price for kind in kinds}
    notes = [(last + 1 + n, Priced(since_ms, one)) for n, one in enumerate(prices.values())]
    projection.ingest(rows, [*notes], 1, 1)
    projection.connection.execute("BEGIN")
    waiting(projection.connection).write(projection.connection)
    for (_, one, _), count in zip(rows, counts, strict=True):
        _multiply(projection.connection, one, count)
    projection.connection.execute("COMMIT")
    return projection


def _record(kind: Like, request: str, key: str, at_ms: int) -> Record:
    lines = cost_lines(kind.price, kind.usage)
    attempt = Attempt(
        f"{request}.1", 1, kind.model, f"{kind.model}@c", "p", "eu", "ok", 200, "", at_ms, 5, 9, kind.usage, lines,
        total(lines), kind.price.currency, price_row=kind.price.id,
    )  # fmt: skip
    made = record(request, attempt, at_ms=at_ms, task=kind.task, key=key, purpose=kind.purpose)
    asked = kind.model if kind.named else "auto"
    instead = None if kind.baseline is None else usage_cost(kind.baseline, kind.usage)
    return msgspec.structs.replace(made, asked=asked, policy=kind.policy, tags=(), session="", baseline_cost=instead)


def _multiply(connection: sqlite3.Connection, one: Record, count: int) -> None:
    sums = ", ".join(f"{name} = {name} * {count}" for name in ROLLUPS.sums)
    where = "key = ? AND grain > 0 AND at_ms = ? - ? % grain"
    connection.execute(f"UPDATE rollups SET {sums} WHERE {where}", (one.key, one.at_ms, one.at_ms))
    connection.execute(
        "UPDATE spent SET cost = cost * ? WHERE key = ? AND quarter = ?", (count, one.key, one.at_ms // 900_000)
    )
    usage = one.attempts[-1].usage
    band = sum(usage.input > above for above in BANDS)
    more = ", ".join(f"{name} = {name} + {getattr(usage, name) * (count - 1)}" for name in TOKENS)
    where = "band = ? AND grain > 0 AND at_ms = ? - ? % grain"
    connection.execute(
        f"UPDATE answers SET answers = answers + {count - 1}, {more} WHERE {where}", (band, one.at_ms, one.at_ms)
    )
