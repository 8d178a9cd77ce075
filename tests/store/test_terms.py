from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from fairlead.core.record import CostLine, Usage
from fairlead.store import sqlite
from fairlead.store.sqlite import Projection, Row
from tests.store.entries import attempt, audit, record

PLAIN = Usage(100, 20)


def row(at: int, key: str, channel: str, usage: Usage = PLAIN) -> Row:
    name, price_row = f"r{at}", f"row of {channel}"
    lines = (
        CostLine("input", usage.input, "token", price_row, at, "USD"),
        CostLine("output", usage.output, "token", price_row, 7, "USD"),
    )
    one = msgspec.structs.replace(
        attempt(name, cost=at + 7, usage=usage), channel=channel, price_row=price_row, lines=lines
    )
    made = msgspec.structs.replace(record(name, one), key=key)
    return at, made, msgspec.msgpack.encode(made)


def told(projection: Projection) -> list[tuple[str | int, ...]]:
    sql = """SELECT id, key, tenant, team, requests.model, task, purpose, operation, requests.outcome, attempts.model, channel,
        provider, price_row, attempts.cost, input_cost FROM requests JOIN attempts ON attempts.request = requests.seq ORDER BY requests.seq"""
    return projection.connection.execute(sql).fetchall()


def words(one: Row) -> tuple[str | int, ...]:
    made = one[1]
    (tried,) = made.attempts
    return (
        made.request, made.key, made.tenant, made.team, made.model, made.task, made.purpose, made.operation, made.outcome,
        tried.model, tried.channel, tried.provider, tried.price_row, tried.cost, tried.lines[0].amount,
    )  # fmt: skip


def test_each_row_has_its_own_words_however_they_are_mixed(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "ledger.db")
    usages = (PLAIN, PLAIN, Usage(100, 20, 10))
    rows = [row(1_000 * n, f"key {n % 7}", f"channel {n % 5}", usages[n % 3]) for n in range(1, 400)]
    projection.ingest(rows, [], 1, 10)
    assert told(projection) == [words(one) for one in rows]
    projection.close()


def test_words_of_a_batch_that_failed_are_there_for_the_next(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "ledger.db")
    projection.connection.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'full'); END"
    )
    with pytest.raises(sqlite3.Error, match="full"):
        projection.ingest([row(5, "a", "x")], [(95, audit())], 1, 99)
    rows = [row(5, "a", "x"), row(90, "b", "y")]
    projection.ingest(rows, [], 1, 99)
    assert told(projection) == [words(one) for one in rows]
    projection.close()


def test_words_beyond_what_is_kept_are_forgotten_and_known_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "KEPT", 3)
    projection = Projection(tmp_path / "ledger.db")
    count = "SELECT count(*) FROM temp.terms"
    rows = [row(100 * n, f"key {n % 6}", "x") for n in range(10)]
    for batch, known in ((rows[:5], 5), (rows[5:7], 2), (rows[7:], 5)):
        projection.ingest(batch, [], 1, 10)
        assert projection.connection.execute(count).fetchone() == (known,)
    assert told(projection) == [words(one) for one in rows]
    projection.close()
