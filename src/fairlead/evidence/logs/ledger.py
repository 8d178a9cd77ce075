"""fairlead's own ledger, as `fairlead ledger export` writes it: a row for each attempt, JSON lines or CSV.

Each attempt counts as a request of its model: that is what was paid. Amounts are taken in USD. What the gateway asked on
its own account (a judge, a classifier) is a task of that name. What a cache gave again is left out: nobody was asked.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fairlead.evidence.logs.form import Columns, Fields, Format, ReadFields, amount, count, day, field
from fairlead.evidence.logs.row import Row
from fairlead.evidence.logs.usage import checked

MARKS = frozenset(("request", "attempt", "started_ms", "model", "price_row"))


class _Attempt(msgspec.Struct, gc=False):
    model: str
    started_ms: float | str
    outcome: str = "ok"
    tenant: str = ""
    key: str = ""
    task: str = ""
    provider: str = ""
    purpose: str = "answer"
    total_ms: int | None = None
    input: int = 0
    output: int = 0
    cached_input: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    estimated: bool = False
    price_row: str = ""
    cost_usd: str | float | None = None
    reuse: str = ""


_ATTEMPTS = msgspec.json.Decoder(_Attempt, strict=False)
_TEXTS = ("outcome", "tenant", "key", "task", "provider", "purpose", "price_row", "reuse")
_COUNTS = ("input", "output", "cached_input", "cache_write", "cache_write_1h", "reasoning")


def attempt(raw: bytes | msgspec.Raw) -> Iterable[Row]:
    one = _ATTEMPTS.decode(raw)
    if not one.reuse:
        yield _row(one)


def table(columns: Columns) -> ReadFields:
    model, started = columns["model"], columns["started_ms"]
    paid, took, estimated = columns.find("cost_usd", "cost"), columns.find("total_ms"), columns.find("estimated")
    texts = [(name, columns.find(name)) for name in _TEXTS]
    counts = [(name, columns.find(name)) for name in _COUNTS]

    def read(fields: Fields) -> Row | None:
        latency = field(fields, took)
        one = _Attempt(
            fields[model],
            fields[started],
            total_ms=count(latency) if latency else None,
            estimated=field(fields, estimated).lower() in ("1", "true"),
            cost_usd=field(fields, paid),
        )
        for name, at in texts:
            setattr(one, name, field(fields, at))
        for name, at in counts:
            setattr(one, name, count(field(fields, at)))
        return None if one.reuse else _row(one)

    return read


def _row(one: _Attempt) -> Row:
    told = checked(one.input, one.output, one.cached_input, one.cache_write + one.cache_write_1h, one.reasoning)
    return Row(
        one.model, day(one.started_ms), told.input, told.output, told.cached,
        min(one.cache_write, told.cache_write), max(0, min(one.cache_write_1h, told.cache_write - one.cache_write)),
        told.reasoning,
        cost=amount(one.cost_usd) if one.price_row else None,
        failed=one.outcome != "ok", latency_ms=-1 if one.total_ms is None else one.total_ms,
        task=one.task if one.purpose in ("answer", "") else one.purpose,
        tenant=one.tenant, key=one.key, via=one.provider, estimated=one.estimated,
    )  # fmt: skip


FORMATS = (Format("fairlead's ledger", MARKS, columns=table, record=attempt),)
