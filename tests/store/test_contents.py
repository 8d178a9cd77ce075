"""What decisions hang on: stored once, there before its records, gone when nothing needs it any more."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import msgspec

from fairlead.core.call import Signal, Wishes
from fairlead.core.record import Decision, Record
from fairlead.store import migrations
from fairlead.store.ledger import EmbeddedLedger
from fairlead.store.migrations import MIGRATIONS
from fairlead.store.sqlite import PRUNED, Projection
from tests.store.entries import attempt, record

DAY = 86_400_000
NOW = time.time_ns() // 1_000_000
MADE = Decision(1, 2, "p", "c", Wishes(tags=("t",)), None, (), "", "why", "", "digest")


def decided(request: str, at_ms: int) -> Record:
    made = record(request, attempt(request), at_ms=at_ms)
    return msgspec.structs.replace(made, decision=MADE, signals=(Signal("task", "chat", 1.0),))


async def test_content_is_lost_with_the_process_that_kept_it(tmp_path: Path) -> None:
    ledger = EmbeddedLedger(tmp_path)
    await ledger.open()
    ledger.keep("policy/a", b"one")
    assert await ledger.contents(("policy/a", "policy/b")) == {"policy/a": b"one"}
    ledger.settle(decided("r1", NOW))
    await ledger.flush()
    ledger.keep("policy/b", b"two")
    assert await ledger.contents(("policy/a", "policy/b")) == {"policy/a": b"one", "policy/b": b"two"}
    ledger.settle(decided("r2", NOW))
    await ledger.close()
    again = EmbeddedLedger(tmp_path)
    await again.open()
    assert await again.contents(("policy/a", "policy/b")) == {"policy/a": b"one", "policy/b": b"two"}
    assert await again.contents(()) == {}
    found = await again.decision("r2", None)
    assert found is not None
    assert found.decision == MADE
    await again.close()


async def test_old_decisions_stay_or_young_ones_go(tmp_path: Path) -> None:
    ledger = EmbeddedLedger(tmp_path, decisions_days=10)
    await ledger.open()
    for days in (50, 11, 9, 0):
        ledger.settle(decided(f"r{days}", NOW - days * DAY))
    await ledger.flush()
    for days in (50, 11, 9, 0):
        found = await ledger.decision(f"r{days}", None)
        assert found is not None
        assert (found.decision is None) == (days > 10)
        assert bool(found.signals) == (days < 10)
        assert msgspec.structs.replace(found, decision=MADE, signals=decided("r", 0).signals) == decided(
            f"r{days}", NOW - days * DAY
        )
    await ledger.close()


def rows(count: int, at_ms: int, first: int = 0) -> list[tuple[int, Record, bytes]]:
    made = [decided(f"r{first + n}", at_ms) for n in range(count)]
    return [((first + n + 1) * 1000, one, msgspec.msgpack.encode(one)) for n, one in enumerate(made)]


def test_of_many_records_of_one_moment_some_are_passed_over(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "ledger.db")
    projection.ingest(rows(2 * PRUNED + 1, 500), [], 1, 1)
    assert [projection.prune(1000) for _ in range(4)] == [True, True, False, False]
    left = [projection.decision(f"r{n}", None) for n in range(2 * PRUNED + 1)]
    assert all(one is not None and one.decision is None for one in left)
    projection.ingest(rows(1, 900, 1000), [], 1, 1)
    assert not projection.prune(1000)
    found = projection.decision("r1000", None)
    assert found is not None
    assert found.decision is None
    projection.close()


def test_content_that_is_still_in_force_goes(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "ledger.db")
    projection.keep({"old": b"1", "used": b"2"}, 1)
    projection.keep({"used": b"2", "new": b"3"}, 5 * DAY)
    projection.keep({"used": b"2"}, 3)
    projection.prune(4 * DAY)
    assert projection.contents(("old", "used", "new")) == {"used": b"2", "new": b"3"}
    projection.close()


def test_a_ledger_of_the_version_before_cannot_be_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path, isolation_level=None)
    MIGRATIONS[0](connection)
    connection.execute("PRAGMA user_version = 1")
    old = msgspec.msgpack.encode(record("r1", attempt("r1")))
    values = (5, "r1", 9, *[None] * 7, 1, None, 1, old)
    connection.execute(f"INSERT INTO requests VALUES ({', '.join('?' * 14)})", values)
    connection.close()
    projection = Projection(path)
    assert migrations.version(projection.connection) == len(MIGRATIONS)
    assert projection.decision("r1", None) == record("r1", attempt("r1"))
    assert projection.contents(("a",)) == {}
    projection.close()


def test_a_record_from_before_there_were_decisions_cannot_be_read() -> None:
    whole = msgspec.msgpack.decode(msgspec.msgpack.encode(record("r1", attempt("r1"))))
    assert msgspec.convert(whole[:-1], Record).decision is None
