"""Whether the books are right: every cost worked out again from its tokens and its price row, every sum added up again.

- An attempt's cost lines must be those its price row makes of its tokens, its cost their sum, its cost in USD that sum at
  the row's exchange rate.
- A request's cost must be what its attempts come to in USD.
- Where a process died with an attempt under way, what it was expected to cost stands for its cost; where a price was
  unknown, nothing.
- The sums by minute, hour and day must be those of the records, and so must what budgets are counted by.
- What stands in the columns of a request, and of it in the tables of attempts, calls, tiers, tags and reuses, must be what
  its record says, and so for a price row. What cannot be read is a difference too: SQLite takes anything into any column.
- No record may lie before the day from which on records are said to be kept: nothing is held against it.
- Attempts from before price rows were kept can be added up, not worked out: they are counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from fairlead.core.cost import cost_lines, in_usd, plain, total
from fairlead.core.model import Price
from fairlead.core.record import CostLine, Record, Usage
from fairlead.core.tools import Calls
from fairlead.store import budgets, calls, reuses, rollups
from fairlead.store.lines import lines_of
from fairlead.store.prices import differences as prices_differ
from fairlead.store.prices import versions
from fairlead.store.progress import Progress, counted, silent
from fairlead.store.sqlite import file_of, paid_by_tier, unreadable
from fairlead.store.window import cut_down

TOLD = 100
"""Differences that are told one by one."""
SHOWN = 4

_ATTEMPTS = """SELECT requests.seq, requests.id, requests.cost AS spent, attempts.number, attempts.outcome, currency,
        attempts.cost, attempts.usd, price_row, lines, input_cost, input, output, cached_input, cache_write, cache_write_1h,
        reasoning, estimated, image_input, audio_input, image_output, audio_output, attempts.seq
    FROM attempts
    CROSS JOIN requests ON requests.seq = attempts.request ORDER BY attempts.seq"""
_WITHOUT = """SELECT id, cost FROM requests WHERE cost <> 0
    AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.seq = requests.seq)"""

_COLUMNS = (
    "at_ms", "tenant", "team", "key", "model", "task", "purpose", "operation", "outcome", "cost", "baseline_cost",
    "total_ms",
)  # fmt: skip
_RECORDS = f"SELECT seq, id, record, {', '.join(_COLUMNS)} FROM requests ORDER BY seq"
_BESIDE = {
    "attempts": """SELECT request, number, model, channel, provider, outcome, currency, cost, usd, coalesce(price_row, ''),
        input, output, cached_input, cache_write, cache_write_1h, reasoning, estimated FROM attempts ORDER BY seq""",
    "calls": "SELECT attempts.request, calls.* FROM calls JOIN attempts ON attempts.seq = calls.seq ORDER BY calls.seq, tool",
    "tiers": "SELECT attempts.request, tiers.* FROM tiers JOIN attempts ON attempts.seq = tiers.seq ORDER BY tiers.seq",
    "tags": "SELECT seq, tag FROM tags ORDER BY seq, tag",
    "reuses": "SELECT seq, reuses.* FROM reuses ORDER BY seq",
}
"""What stands in other tables of a request, in the order of the requests."""
_ASTRAY = {
    "attempts": "SELECT count(*) FROM attempts WHERE request NOT IN (SELECT seq FROM requests)",
    "calls": "SELECT count(*) FROM calls WHERE seq NOT IN (SELECT seq FROM attempts)",
    "tiers": "SELECT count(*) FROM tiers WHERE seq NOT IN (SELECT seq FROM attempts)",
    "tags": "SELECT count(*) FROM tags WHERE seq NOT IN (SELECT seq FROM requests)",
    "reuses": "SELECT count(*) FROM reuses WHERE seq NOT IN (SELECT seq FROM requests)",
}
_OF_ONE_ROW = ("checkpoint", "pruned")
_record = msgspec.msgpack.Decoder(Record).decode
_tuple = msgspec.structs.astuple


class Difference(msgspec.Struct, frozen=True):
    what: str
    """An attempt (`<request>.<number>`), a request, or a sum."""
    detail: str


class Verification(msgspec.Struct):
    requests: int = 0
    """Those with an attempt."""
    attempts: int = 0
    worked_out: int = 0
    """Attempts whose cost was worked out again from their price row."""
    unpriced: int = 0
    unpriced_tools: int = 0
    """Attempts that used a provider's tool whose fee is not known, which is not in their cost."""
    lost: int = 0
    older: int = 0
    """Attempts that do not say their price row."""
    price_rows: int = 0
    differences: int = 0
    told: list[Difference] = []
    """The first of them."""

    def differs(self, what: str, detail: str) -> None:
        self.differences += 1
        if len(self.told) < TOLD:
            self.told.append(Difference(what, detail))


class _Attempt(msgspec.Struct):
    name: str
    outcome: str
    currency: str
    cost: int
    usd: int
    price_row: str | None
    lines: tuple[CostLine, ...]
    usage: Usage


def verify(connection: sqlite3.Connection, progress: Progress = silent) -> Verification:
    """Of one state of the ledger, which may be written to meanwhile. Every request is looked at twice."""
    try:
        connection.execute("BEGIN")
        (count,) = connection.execute("SELECT count(*) FROM requests").fetchone()
        found = Verification(told=[])
        prices = versions(connection)
        found.price_rows = sum(map(len, prices.values()))
        called = calls.by_attempt(connection)
        for _, rows in counted(groupby(connection.execute(_ATTEMPTS), itemgetter(0)), 2 * count, progress):
            _request(found, prices, called, rows)
        for name, cost in connection.execute(_WITHOUT):
            found.differs(name, f"costs {plain(cost)} USD without an attempt")
        for table in _OF_ONE_ROW:
            if connection.execute(f"SELECT 1 FROM {table}").fetchone() is None:
                found.differs(table, "its only row is gone")
        for what, detail in rollups.differences(connection):
            found.differs(what, detail)
        for what, detail in prices_differ(connection):
            found.differs(what, detail)
        _records(found, connection, counted(connection.execute(_RECORDS), 2 * count, progress, count))
        return found
    except sqlite3.DatabaseError as error:
        raise unreadable(file_of(connection), error) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _records(found: Verification, connection: sqlite3.Connection, rows: Iterator[tuple[Any, ...]]) -> None:
    reach = rollups.kept(connection)  # where it is gone, that is told with the sums
    sums: budgets.Sums = {}
    beside = {table: _taken(connection.execute(sql)) for table, sql in _BESIDE.items()}
    for seq, name, payload, *columns in rows:
        try:
            record = _record(payload)
        except (TypeError, msgspec.DecodeError):
            found.differs(name, "its record cannot be read")
            continue
        said = [cut_down(getattr(record, field)) for field in _COLUMNS]
        for field, stands, told in zip(_COLUMNS, columns, said, strict=True):
            if stands != told:
                found.differs(name, f"its {field} is {stands!r}, its record says {told!r}")
        for table, told in _of_record(seq, record).items():
            stands = beside[table](seq)
            if stands != told:
                found.differs(name, f"table {table} has {_odd(stands, told)}, its record says {_odd(told, stands)}")
        if record.request != name:
            found.differs(name, f"its record is that of {record.request}")
        if reach is not None and record.at_ms >= reach.records:
            budgets.add(sums, record)
    for what, detail in () if reach is None else budgets.differences(connection, reach.records, sums):
        found.differs(what, detail)
    for table, sql in _ASTRAY.items():
        (count,) = connection.execute(sql).fetchone()
        if count:
            found.differs(table, f"{count} rows belong to no request")


def _of_record(seq: int, record: Record) -> Mapping[str, list[tuple[object, ...]]]:
    """What has to stand of a record in other tables."""
    return {
        "attempts": [
            tuple(
                map(
                    cut_down,
                    (
                        one.number,
                        one.model,
                        one.channel,
                        one.provider,
                        one.outcome,
                        one.currency,
                        one.cost,
                        one.spent,
                        one.price_row,
                        *_tuple(one.usage)[:6],
                        int(one.usage.estimated),
                    ),
                )
            )
            for one in record.attempts
        ],
        "tiers": [
            tuple(map(cut_down, paid_by_tier(seq + index, record, one)))
            for index, one in enumerate(record.attempts)
            if one.tier
        ],
        "calls": [tuple(map(cut_down, row)) for row in calls.rows_of(seq, record)],
        "tags": [(tag,) for tag in sorted(set(record.tags))],
        "reuses": [] if (again := reuses.row(seq, record)) is None else [again],
    }


def _taken(rows: Iterator[tuple[Any, ...]]) -> Callable[[int], list[tuple[Any, ...]]]:
    """What begins with a number, asked for number by number."""
    waiting = next(rows, None)

    def take(number: int) -> list[tuple[Any, ...]]:
        nonlocal waiting
        found = []
        while waiting is not None and waiting[0] <= number:
            if waiting[0] == number:
                found.append(waiting[1:])
            waiting = next(rows, None)
        return found

    return take


def _odd(rows: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> str:
    """The rows that the other has not."""
    odd = [row for row in rows if row not in other]
    return ", ".join(map(str, odd[:SHOWN])) or "nothing else"


def _request(
    found: Verification, prices: dict[str, list[Price]], called: dict[int, Calls], rows: Iterator[tuple[Any, ...]]
) -> None:
    usd = 0
    for row in rows:
        _, name, spent, number, *rest, seq = row
        found.attempts += 1
        try:
            one = _attempt(f"{name}.{number}", rest, called.get(seq, ()))
            usd += one.usd
            _check(found, prices, one)
        except (TypeError, msgspec.DecodeError):
            found.differs(f"{name}.{number}", "what stands in its columns is neither tokens nor money")
    found.requests += 1
    if usd != spent:
        found.differs(name, f"costs {plain(spent)} USD, its attempts come to {plain(usd)}")


def _attempt(name: str, row: list[Any], called: Calls) -> _Attempt:
    outcome, currency, cost, usd, price_row, stored, input_cost, *tokens = row
    *most, estimated, image_input, audio_input, image_output, audio_output = tokens
    used = (*most, bool(estimated), image_input, audio_input, image_output, audio_output, called)
    usage = Usage(*used)
    lines = lines_of(stored, usage, price_row, cost, currency, input_cost)
    return _Attempt(name, outcome, currency, cost, usd, price_row, lines, usage)


def _check(found: Verification, prices: dict[str, list[Price]], one: _Attempt) -> None:
    summed = total(one.lines)
    if summed != one.cost:
        found.differs(one.name, f"costs {plain(one.cost)} {one.currency}, its lines come to {plain(summed)}")
    if one.outcome == "lost":
        found.lost += 1
        _same_in_usd(found, one, one.cost)
    elif one.price_row is None:
        found.older += 1
        _same_in_usd(found, one, one.cost)
    elif not one.price_row:
        found.unpriced += 1
        if one.cost or one.usd:
            found.differs(one.name, f"costs {plain(one.cost)} {one.currency} and has no price row")
    elif one.price_row not in prices:
        found.differs(one.name, f"its price row {one.price_row} is not kept")
    else:
        found.worked_out += 1
        found.unpriced_tools += any(not line.price_row for line in one.lines)
        _work_out(found, prices[one.price_row], one)


def _same_in_usd(found: Verification, one: _Attempt, usd: int) -> None:
    if one.usd != usd:
        found.differs(one.name, f"comes to {plain(usd)} USD, the ledger has {plain(one.usd)}")


def _work_out(found: Verification, rows: list[Price], one: _Attempt) -> None:
    """By any row that stood under the id: one that changed may have been in force for what was under way."""
    for price in reversed(rows):
        if cost_lines(price, one.usage) == one.lines and in_usd(one.cost, price) == one.usd:
            return
    price = rows[-1]
    ours = cost_lines(price, one.usage)
    if ours != one.lines:
        found.differs(one.name, f"by {price.id}: {_told(ours, one.lines)}; the ledger has {_told(one.lines, ours)}")
    else:
        _same_in_usd(found, one, in_usd(one.cost, price))


def _told(lines: tuple[CostLine, ...], other: tuple[CostLine, ...]) -> str:
    """The lines that the other has not."""
    odd = [line for line in lines if line not in other]
    words = [f"{line.kind} {line.quantity} = {plain(line.amount)} {line.currency}" for line in odd[:SHOWN]]
    return ", ".join(words) or "nothing"
