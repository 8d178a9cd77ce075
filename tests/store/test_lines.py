from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from fairlead.core.cost import cost_lines, total
from fairlead.core.model import Price, Rates
from fairlead.core.record import Attempt, Priced, Usage
from fairlead.store import migrations
from fairlead.store.lines import input_cost, lines_of, written
from fairlead.store.sqlite import Projection
from fairlead.store.verification import verify
from tests.store.entries import AT, attempt, record

EACH = Price("each", Rates(3_000_000_001, 15_000_000_003))
PRICES = (
    EACH,
    Price("by request", Rates(3, 15_000_000_000), per_request=7),
    Price("apart", Rates(3_000_000, 5, 1, reasoning=9_000_000, image_input=11), "CNY", exchange=137_500_000),
    Price("free", Rates(0, 0)),
)
USAGES = [
    Usage(read, wrote, cached, 0, 0, reasoning, image_input=image, calls=calls)
    for read, wrote, cached, reasoning, image, calls in itertools.product(
        (0, 1, 100), (0, 1, 20), (0, 1, 100), (0, 20), (0, 60), ((), (("web_search", 2),))
    )
]


def charged(price: Price, usage: Usage, number: int = 1) -> Attempt:
    lines = cost_lines(price, usage)
    return msgspec.structs.replace(
        attempt("r", number), usage=usage, lines=lines, cost=total(lines), currency=price.currency, price_row=price.id
    )


def lines_in(connection: sqlite3.Connection, request: str) -> list[tuple[str | int, ...]]:
    sql = "SELECT kind, quantity, unit, price_row, amount, currency FROM cost_lines WHERE attempt = ? ORDER BY kind"
    return connection.execute(sql, (f"{request}.1",)).fetchall()


@pytest.mark.parametrize("price", PRICES, ids=lambda price: price.id)
def test_a_row_tells_other_lines_than_its_attempt_has(price: Price) -> None:
    short = 0
    for usage in USAGES:
        one = charged(price, usage)
        told = input_cost(one.lines)
        stored = written(one.lines).decode() if told is None else None
        short += stored is None
        assert lines_of(stored, usage, price.id, one.cost, price.currency, told) == one.lines
    assert short == 0 if price.per_request else short > 0


def test_rows_of_an_earlier_version_lose_the_lines_that_they_have(tmp_path: Path) -> None:
    path, before = tmp_path / "ledger.db", migrations.MIGRATIONS.index(migrations._input_costs)
    one = charged(EACH, Usage(100, 20))
    old, new = (msgspec.structs.replace(record(name, one), cost=one.cost) for name in ("old", "new"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for step in migrations.MIGRATIONS[:before]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {before}")
        connection.execute(
            "INSERT INTO requests VALUES (5, 'old', ?, 'k', 't', ?, 'chat', 'answer', 'generate', 'ok', ?, NULL, 12, ?, '')",
            (AT, old.model, one.cost, msgspec.msgpack.encode(old)),
        )
        connection.execute(
            "INSERT INTO attempts VALUES (5, 5, 1, ?, ?, ?, 'ok', 'USD', ?, 100, 20, 0, 0, 0, 0, 0, ?, ?, ?, 0, 0, 0, 0, 0)",
            (one.model, one.channel, one.provider, one.cost, written(one.lines).decode(), one.price_row, one.cost),
        )
        told = lines_in(connection, "old")
    projection = Projection(path)
    projection.ingest([(5_000, new, msgspec.msgpack.encode(new))], [(9, Priced(AT, EACH))], 1, 1)
    projection.rebuild()
    forms = "SELECT lines IS NULL, input_cost FROM attempts ORDER BY seq"
    assert projection.connection.execute(forms).fetchall() == [(0, None), (1, one.lines[0].amount)]
    assert lines_in(projection.connection, "old") == lines_in(projection.connection, "new") == told
    assert told == [msgspec.structs.astuple(line) for line in one.lines]
    found = verify(projection.connection)
    assert (found.told, found.worked_out) == ([], 2)
    projection.close()
