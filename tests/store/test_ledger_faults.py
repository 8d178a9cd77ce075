"""What the ledger promises holds when files are full, locked, damaged, deleted or open to others."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fairlead.errors import StateError
from fairlead.store import ledger as ledger_module
from fairlead.store.ledger import DATABASE, SPOOL, EmbeddedLedger
from fairlead.store.migrations import PAGE_SIZE
from fairlead.store.spool import SpoolFailed, segment_path, segments
from tests.store.books import ENVIRONMENT, leave, reopened, rows
from tests.store.entries import attempt, intent, record


async def test_damage_in_the_spool_is_told_and_costs_only_what_it_covers(tmp_path: Path) -> None:  # FAULTS 36
    leave(tmp_path, record("r1", attempt("r1")), record("r2", attempt("r2")), record("r3", attempt("r3")))
    path = segment_path(tmp_path / SPOOL, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content + b"torn")
    ledger = await reopened(tmp_path)
    assert ledger.recovered is not None
    assert [damage.torn for damage in ledger.recovered.damage] == [False, True]
    assert await ledger.decision("r1", None) is not None
    assert await ledger.decision("r2", None) is None
    assert await ledger.decision("r3", None) is not None
    await ledger.close()
    assert rows(tmp_path, "SELECT kind FROM audit") == [("damaged",)]


async def test_a_segment_somebody_deleted_keeps_out_no_other_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "IN_MEMORY", 0)
    ledger = EmbeddedLedger(tmp_path, segment_bytes=2_000)
    await ledger.open()
    for number in range(30):
        ledger.settle(record(f"r{number}", attempt(f"r{number}")))
    segment_path(tmp_path / SPOOL, 1).unlink()
    await ledger.flush()
    assert ledger.lag == 0
    assert await ledger.decision("r0", "t") is None
    assert await ledger.decision("r29", "t") is not None
    await ledger.close()


async def test_a_locked_database_delays_rows_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # FAULTS 35
    monkeypatch.setattr("fairlead.store.sqlite.BUSY_MS", 20)
    ledger = await reopened(tmp_path)
    blocker = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for number in range(10):
        ledger.settle(record(f"r{number}", attempt(f"r{number}", cost=2)))
    with pytest.raises(sqlite3.OperationalError):
        await ledger.flush()
    assert ledger.lag == 10
    assert await ledger.decision("r3", "t") is not None
    blocker.execute("ROLLBACK")
    blocker.close()
    assert (await ledger.totals()).cost == 20
    await ledger.close()


async def test_a_full_disk_refuses_intents_keeps_outcomes_and_recovers(tmp_path: Path) -> None:  # FAULTS 34
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.stdout.split() == ["refused", "kept", "resumed"], done.stderr
    assert rows(tmp_path, "SELECT id, cost FROM requests ORDER BY id") == [("r1", 1), ("r2", 2), ("r3", 3)]
    assert rows(tmp_path, "SELECT kind, detail FROM audit ORDER BY seq") == [
        ("unauthenticated", "while full"),
        ("unwritable", "500 requests were refused without a record of each"),
    ]
    told = done.stderr.splitlines()
    assert [line.split(":")[0].split(";")[0] for line in told] == [
        "the ledger refuses new attempts",
        "the ledger takes new attempts again",
    ]


FULL = """
import asyncio, resource, sys
from pathlib import Path
from fairlead.store.ledger import EmbeddedLedger
from fairlead.store.spool import SpoolFailed
from tests.store.entries import attempt, audit, intent, record

async def main():
    ledger = EmbeddedLedger(Path(sys.argv[1]), segment_bytes=1)
    await ledger.open()
    for name in ("r1", "r2"):
        ledger.intend(intent(name))
    unlimited = resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, unlimited))
    try:
        ledger.intend(intent("r9"))
    except SpoolFailed:
        print("refused")
    ledger.settle(record("r1", attempt("r1", cost=1)))
    ledger.settle(record("r2", attempt("r2", cost=2)))
    ledger.note(audit("while full"))
    for number in range(500):
        try:
            ledger.intend(intent(f"refused{number}"))
        except SpoolFailed:
            ledger.settle(record(f"refused{number}", outcome="failed"))
    if (await ledger.decision("r1", "t")).cost == 1 and ledger.lag == 3:
        print("kept")
    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
    ledger.intend(intent("r3"))
    ledger.settle(record("r3", attempt("r3", cost=3)))
    await ledger.flush()
    print("resumed")
    await ledger.close()

asyncio.run(main())
"""


async def test_what_was_answered_reaches_the_database_while_the_spool_cannot_be_written(tmp_path: Path) -> None:
    ledger = await reopened(tmp_path)
    ledger.intend(intent("r1"))
    ledger.settle(record("r0", attempt("r0")))
    assert ledger._spool is not None
    ledger._spool.refuse("no room")
    ledger.settle(record("r1", attempt("r1")))
    async with asyncio.timeout(20):
        while not rows(tmp_path, "SELECT id FROM requests"):
            await asyncio.sleep(0.01)
    with pytest.raises(SpoolFailed, match="no room"):
        ledger.intend(intent("r2"))
    assert await ledger.decision("r1", "t") == record("r1", attempt("r1"))
    assert await ledger.decision("r1", "somebody") is None
    await ledger.close()


@pytest.mark.parametrize("lost", ["", DATABASE, "owner.lock", "spool/000001.log"])
async def test_files_deleted_while_running_stop_new_attempts_and_are_told_of_once(
    tmp_path: Path, lost: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ledger_module, "LOOK", 0.0)
    state_dir = tmp_path / "state"
    ledger = await reopened(state_dir)
    await asyncio.sleep(0.3)
    ledger.intend(intent("r1"))
    if lost:
        (state_dir / lost).rename(tmp_path / "away")
        (state_dir / lost).touch()
    else:
        shutil.rmtree(state_dir)
    for _ in range(100):
        if caplog.records:
            break
        await asyncio.sleep(0.02)
    with pytest.raises(SpoolFailed, match="restart fairlead"):
        ledger.intend(intent("r2"))
    ledger.settle(record("r1", attempt("r1")))
    assert await ledger.decision("r1", "t") is not None
    await asyncio.sleep(0.3)
    assert sum("restart fairlead" in line.message for line in caplog.records) == 1
    await ledger.close()


def damage(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))


def replace(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)


@pytest.mark.parametrize("spoil", [damage, replace])
async def test_a_damaged_database_stops_the_start_with_what_to_do_and_moving_it_away_is_enough(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    ledger = await reopened(tmp_path)
    ledger.settle(record("r1", attempt("r1")))
    await ledger.close()
    leave(tmp_path, record("r2", attempt("r2", cost=7)))
    path = tmp_path / DATABASE
    spoil(path)
    spoilt = path.read_bytes()
    with pytest.raises(StateError, match=rf"{path} is damaged .*: move it away, with .*-wal and .*-shm"):
        await reopened(tmp_path)
    assert path.read_bytes() == spoilt
    path.rename(tmp_path / "away.db")
    ledger = await reopened(tmp_path)
    assert (await ledger.totals()).cost == 7
    await ledger.close()


async def test_damage_behind_the_first_pages_is_no_traceback_either(tmp_path: Path) -> None:
    ledger = await reopened(tmp_path)
    await ledger.close()
    path = tmp_path / DATABASE
    content = path.read_bytes()
    path.write_bytes(content[:PAGE_SIZE] + b"\xff" * (len(content) - PAGE_SIZE))
    leave(tmp_path, record("r2", attempt("r2", cost=7)))
    with pytest.raises(StateError, match=rf"{path} is damaged"):
        await reopened(tmp_path)
    assert segments(tmp_path / SPOOL) != []


async def test_files_are_for_their_owner_alone_whatever_the_umask_and_the_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        ledger = await reopened(tmp_path)
        ledger.settle(record("r1", attempt("r1")))
        await ledger.totals()
        modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o7777 for path in tmp_path.rglob("*")}
        await ledger.close()
    finally:
        os.umask(before)
    assert {f"{DATABASE}{end}" for end in ("", "-wal", "-shm")} <= set(modes)
    assert modes.pop(SPOOL) == 0o700
    assert set(modes.values()) == {0o600}
