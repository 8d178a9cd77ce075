"""The ledger as rows: one of each attempt, those of side calls among them, with all that is known of it, and one of each
answer that a cache gave again, which cost nothing: it says whose it was and what that one cost.

Amounts are exact decimals. What the baseline model would have cost stands with the attempt that answered, so that a sum
over the rows is right.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Literal

import msgspec

from fairlead.core.record import Attempt, Record, Usage
from fairlead.store.window import EVERYTHING, Window, where_of

Kind = Literal["text", "whole", "flag", "amount", "texts", "time"]
Value = str | int | bool | Decimal | tuple[str, ...] | None

_record = msgspec.msgpack.Decoder(Record).decode


class Column(msgspec.Struct, frozen=True):
    name: str
    kind: Kind
    of: Callable[[Record, Attempt], Value]


def amount(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


def _answered(record: Record, one: Attempt) -> bool:
    return not record.attempts or one is record.attempts[-1]


def _baseline(record: Record, one: Attempt) -> Decimal | None:
    known = record.baseline_cost is not None and _answered(record, one)
    return amount(record.baseline_cost or 0) if known else None


def _given_again(record: Record) -> Attempt:
    """A row for an answer for which nobody was asked."""
    return Attempt(
        "", 0, record.model, record.channel, "", "", record.outcome, record.status, "", record.at_ms, -1, record.total_ms,
        Usage(), (), 0, "USD", move="",
    )  # fmt: skip


COLUMNS: tuple[Column, ...] = (
    Column("request", "text", lambda record, _: record.request),
    Column("attempt", "text", lambda _, one: one.id),
    Column("number", "whole", lambda _, one: one.number),
    Column("started_ms", "time", lambda _, one: one.started_ms),
    Column("tenant", "text", lambda record, _: record.tenant),
    Column("team", "text", lambda record, _: record.team),
    Column("key", "text", lambda record, _: record.key),
    Column("tags", "texts", lambda record, _: record.tags),
    Column("session", "text", lambda record, _: record.session),
    Column("task", "text", lambda record, _: record.task),
    Column("operation", "text", lambda record, _: record.operation),
    Column("dialect", "text", lambda record, _: record.dialect),
    Column("purpose", "text", lambda record, _: record.purpose),
    Column("parent", "text", lambda record, _: record.parent),
    Column("asked", "text", lambda record, _: record.asked),
    Column("policy", "text", lambda record, _: record.policy),
    Column("strategy", "text", lambda record, _: record.strategy),
    Column("tier", "text", lambda _, one: one.tier),
    Column("move", "text", lambda _, one: one.move),
    Column("why", "text", lambda _, one: one.why),
    Column("model", "text", lambda _, one: one.model),
    Column("channel", "text", lambda _, one: one.channel),
    Column("provider", "text", lambda _, one: one.provider),
    Column("region", "text", lambda _, one: one.region),
    Column("outcome", "text", lambda _, one: one.outcome),
    Column("status", "whole", lambda _, one: one.status),
    Column("request_outcome", "text", lambda record, _: record.outcome),
    Column("stream", "flag", lambda record, _: record.stream),
    Column("first_ms", "whole", lambda _, one: None if one.first_ms < 0 else one.first_ms),
    Column("total_ms", "whole", lambda _, one: one.total_ms),
    Column("input", "whole", lambda _, one: one.usage.input),
    Column("cached_input", "whole", lambda _, one: one.usage.cached_input),
    Column("cache_write", "whole", lambda _, one: one.usage.cache_write),
    Column("cache_write_1h", "whole", lambda _, one: one.usage.cache_write_1h),
    Column("output", "whole", lambda _, one: one.usage.output),
    Column("reasoning", "whole", lambda _, one: one.usage.reasoning),
    Column("image_input", "whole", lambda _, one: one.usage.image_input),
    Column("audio_input", "whole", lambda _, one: one.usage.audio_input),
    Column("image_output", "whole", lambda _, one: one.usage.image_output),
    Column("audio_output", "whole", lambda _, one: one.usage.audio_output),
    Column("tools", "texts", lambda _, one: tuple(f"{tool}={times}" for tool, times in one.usage.calls)),
    Column("tools_unpriced", "flag", lambda _, one: bool(one.price_row) and not one.priced),
    Column("estimated", "flag", lambda _, one: one.usage.estimated),
    Column("price_row", "text", lambda _, one: one.price_row),
    Column("currency", "text", lambda _, one: one.currency),
    Column("cost", "amount", lambda _, one: amount(one.cost)),
    Column("cost_usd", "amount", lambda _, one: amount(one.spent)),
    Column("expected_usd", "amount", lambda _, one: amount(one.expected)),
    Column("baseline", "text", lambda record, one: record.baseline if _answered(record, one) else ""),
    Column("baseline_usd", "amount", _baseline),
    Column("reuse", "text", lambda record, _: "" if record.reuse is None else record.reuse.kind),
    Column("reused", "text", lambda record, _: "" if record.reuse is None else record.reuse.request),
    Column("saved_usd", "amount", lambda record, _: None if record.reuse is None else amount(record.reuse.saved)),
)


def attempts(connection: sqlite3.Connection, window: Window = EVERYTHING) -> Iterator[tuple[Value, ...]]:
    """By time, one state of the ledger."""
    where, values = where_of(window)
    rows = connection.execute(f"SELECT record FROM requests WHERE {where} ORDER BY at_ms, seq", values)
    readers = [column.of for column in COLUMNS]
    for (payload,) in rows:
        record = _record(payload)
        for one in record.attempts if record.reuse is None else (_given_again(record),):
            yield tuple([read(record, one) for read in readers])
