"""What was spent, as a process that begins is told it: all of it, once, in the quarter of an hour it was spent in."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fairlead.core.record import Outcome, Record
from fairlead.store import migrations
from fairlead.store.budgets import Spent, spent_on, spent_since
from fairlead.store.sqlite import Projection
from fairlead.store.verification import verify
from tests.store.books import leave, reopened
from tests.store.entries import attempt, intent, record


def at(hour: int, minute: int = 0, day: int = 10) -> int:
    """Epoch milliseconds."""
    return int(datetime.datetime(2026, 6, day, hour, minute, tzinfo=datetime.UTC).timestamp() * 1000)


def paid(request: str, when: int, cost: int, outcome: Outcome = "ok", **more: object) -> Record:
    by = msgspec.structs.replace(attempt(request, cost=cost, outcome=outcome), started_ms=when)
    made = record(request, by, at_ms=when, tenant="t", outcome=outcome)
    return msgspec.structs.replace(made, **({"tags": ()} | more))


def untagged(one: Record) -> Record:
    return msgspec.structs.replace(one, tags=())


def taken_in(projection: Projection, *records: Record, first: int = 0) -> None:
    rows = [(first + n * 10_000, one, msgspec.msgpack.encode(one)) for n, one in enumerate(records)]
    projection.ingest(rows, [], 1, 1)


@pytest.fixture
def projection() -> Iterator[Projection]:
    made = Projection(None)
    yield made
    made.close()


def since(projection: Projection, *moments: int) -> list[int]:
    found = spent_since(projection.connection, [moment / 1000 for moment in moments])
    return [sum(row.cost for row in found[moment / 1000]) for moment in moments]


def test_a_moment_parts_a_quarter_or_leaves_one_out(projection: Projection) -> None:  # FAULTS 31
    taken_in(
        projection,
        paid("a", at(9, 59), 1),
        paid("b", at(10, 15), 20),
        paid("c", at(10, 14), 300),
        paid("d", at(16), 4000),
    )
    assert since(projection, at(0), at(10), at(10, 15), at(16), at(17)) == [4321, 4320, 4020, 4000, 0]
    assert spent_since(projection.connection, [float("-inf")])[float("-inf")][0].cost == 4321


def test_a_record_taken_in_twice_is_spent_twice(projection: Projection) -> None:  # FAULTS 36
    records = [paid("a", at(1), 500), paid("b", at(1), 20)]
    for _ in range(3):
        taken_in(projection, *records)
    taken_in(projection, paid("a", at(1), 500), paid("c", at(1), 7), first=50_000)
    assert since(projection, at(0)) == [527]


def test_kinds_of_requests_are_mixed_up(projection: Projection) -> None:  # M6.3
    tiered = msgspec.structs.replace(attempt("b", cost=30), started_ms=at(1), tier="high", purse="p")
    two = (tiered, msgspec.structs.replace(attempt("b", 2, cost=4), started_ms=at(1)))
    taken_in(
        projection,
        paid("a", at(1), 100, team="red", tags=("x", "y")),
        untagged(msgspec.structs.replace(record("b", *two, at_ms=at(1), tenant="t"), team="red")),
        paid("c", at(2), 0, "failed"),
        paid("d", at(2), 9, "cancelled"),
    )
    (found,) = spent_since(projection.connection, [at(0) / 1000]).values()
    model, key = two[0].model, record("b").key
    assert set(found) == {
        Spent("t", "red", key, model, "", "", ("x", "y"), 100),
        Spent("t", "red", key, model, "p", "high", (), 30),
        Spent("t", "red", key, model, "", "", (), 4),
        Spent("t", "", key, model, "", "", (), 9),
    }


async def test_what_was_in_flight_when_the_process_died_is_free(tmp_path: Path) -> None:  # FAULTS 31
    under_way = msgspec.structs.replace(intent("r2", hold=400), policy="p", tier="high", team="red", tags=("x",))
    leave(tmp_path, paid("r1", under_way.at_ms, 100), under_way, intent("r3", hold=7))
    ledger = await reopened(tmp_path)
    try:
        (found,) = (await ledger.ask(lambda db: spent_since(db, [0.0]))).values()
        assert sorted((row.team, row.tier, row.tags, row.cost) for row in found) == [
            ("", "", (), 107),
            ("red", "high", ("x",), 400),
        ]
    finally:
        await ledger.close()


def test_an_older_ledger_forgets_what_was_spent(tmp_path: Path) -> None:
    whole = migrations.MIGRATIONS
    place = whole.index(migrations._spent)
    projection = Projection(tmp_path / "l.db")
    taken_in(projection, paid("a", at(1), 500), paid("b", at(3), 20))
    connection = projection.connection
    connection.execute("DROP TABLE spent")
    whole[place](connection)
    assert since(projection, at(0), at(2)) == [520, 20]
    projection.close()


def test_side_calls_are_summed_by_what_they_were_not_for(projection: Projection) -> None:  # M2.4
    asked = [record(f"c{n}", attempt(f"c{n}", cost=11), at_ms=at(n), purpose="classify") for n in range(3)]
    taken_in(projection, *asked, record("r", attempt("r"), at_ms=at(2)))
    assert spent_on(projection.connection, "classify", at(1)) == {"t": 22}
    assert spent_on(projection.connection, "classify", at(9)) == {}


def test_an_older_ledger_is_found_wrong(projection: Projection) -> None:
    """It was added up by columns, and is verified against records."""
    late = paid("a", at(1), 500, tags=("x",))
    (one,) = late.attempts
    taken_in(projection, msgspec.structs.replace(late, attempts=(msgspec.structs.replace(one, started_ms=at(2)),)))
    connection = projection.connection
    connection.execute("DROP TABLE spent")
    for step in migrations.MIGRATIONS:
        if step in (migrations._spent, migrations._spent_by_records):
            step(connection)
    assert [one for one in verify(connection).told if one.what.startswith("spent")] == []
    assert since(projection, at(1), at(2), at(2, 15)) == [500, 500, 0]
