from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core.record import CostLine, Usage
from fairlead.errors import StateError
from fairlead.store import ledger as ledger_module
from fairlead.store.ledger import DATABASE, SPOOL, EmbeddedLedger
from fairlead.store.owner import Owner
from fairlead.store.spool import ENTRY_LIMIT, segment_path, segments
from tests.store import crasher
from tests.store.books import ENVIRONMENT, leave, reopened, rows
from tests.store.entries import AT, attempt, audit, intent, record


async def test_an_attempt_in_flight_at_a_crash_counts_its_hold_and_is_flagged(tmp_path: Path) -> None:  # FAULTS 31
    leave(tmp_path, intent("r1", 1, hold=700), intent("r1", 2, hold=50), intent("r2"), record("r2", attempt("r2")))
    ledger = await reopened(tmp_path)
    found = await ledger.decision("r1", "t")
    assert found is not None
    assert (found.outcome, found.cost, len(found.attempts)) == ("lost", 750, 2)
    first = found.attempts[0]
    assert (first.id, first.outcome, first.cost) == ("r1.1", "lost", 700)
    assert first.usage == Usage(120, 40, estimated=True)
    assert first.lines == (CostLine("hold", 1, "request", "row-1", 700, "USD"),)
    assert ledger.recovered is not None
    assert (ledger.recovered.rows, ledger.recovered.lost) == (1, 1)
    await ledger.close()
    assert rows(tmp_path, "SELECT kind, key, tenant, request FROM audit") == [("recovered", "k", "t", "r1")]
    assert rows(tmp_path, "SELECT count(*), sum(estimated) FROM attempts") == [(3, 2)]


async def test_recovering_again_and_again_changes_nothing(tmp_path: Path) -> None:
    leave(tmp_path, intent("r1", hold=700), intent("r2"), record("r2", attempt("r2", cost=40)), audit())
    before = [(path, path.read_bytes()) for path in (tmp_path / SPOOL).iterdir()]
    for _ in range(3):
        ledger = await reopened(tmp_path)
        totals = await ledger.totals()
        assert (totals.requests, totals.attempts, totals.cost) == (2, 2, 740)
        await ledger.close()
        for path, content in before:
            path.write_bytes(content)
    assert rows(tmp_path, "SELECT count(*) FROM audit WHERE kind = 'unauthenticated'") == [(1,)]


async def test_a_crash_in_the_middle_of_a_recovery_counts_nothing_twice(tmp_path: Path) -> None:
    leave(tmp_path, intent("r1", hold=700))
    first = EmbeddedLedger(tmp_path)
    first._recover()
    assert first._spool is not None
    kept = segment_path(tmp_path / SPOOL, first._spool.segment).read_bytes()
    first._release()
    (tmp_path / DATABASE).unlink()
    leave(tmp_path / "again", intent("r1", hold=700))
    segment_path(tmp_path / "again" / SPOOL, 2).write_bytes(kept)
    ledger = await reopened(tmp_path / "again")
    totals = await ledger.totals()
    assert (totals.requests, totals.attempts, totals.cost) == (1, 1, 700)
    assert ledger.recovered is not None
    assert ledger.recovered.lost == 0
    await ledger.close()


async def test_a_clean_end_leaves_nothing_to_replay(tmp_path: Path) -> None:
    ledger = await reopened(tmp_path)
    ledger.intend(intent("r1"))
    ledger.settle(record("r1", attempt("r1")))
    await ledger.close()
    assert segments(tmp_path / SPOOL) == []
    ledger = await reopened(tmp_path)
    ledger.settle(record("r2", attempt("r2")))
    assert (await ledger.totals()).requests == 2
    await ledger.close()


async def test_a_request_still_open_at_the_end_is_flagged_by_the_next_start(tmp_path: Path) -> None:
    ledger = await reopened(tmp_path)
    ledger.intend(intent("r1", hold=9))
    await ledger.close()
    ledger = await reopened(tmp_path)
    found = await ledger.decision("r1", None)
    assert found is not None
    assert (found.outcome, found.cost) == ("lost", 9)
    await ledger.close()


async def test_segments_go_when_taken_in_and_open_intents_outlive_them(tmp_path: Path) -> None:
    ledger = EmbeddedLedger(tmp_path, segment_bytes=5_000)
    await ledger.open()
    ledger.intend(intent("slow", hold=33))
    for number in range(100):
        ledger.intend(intent(f"r{number}"))
        ledger.settle(record(f"r{number}", attempt(f"r{number}")))
    assert len(segments(tmp_path / SPOOL)) > 5
    await ledger.flush()
    assert len(segments(tmp_path / SPOOL)) == 1
    await ledger.close()
    ledger = await reopened(tmp_path)
    assert ledger.recovered is not None
    assert ledger.recovered.lost == 1
    assert (await ledger.totals()).cost == 100 * 1_000 + 33
    await ledger.close()


async def test_waiting_records_beyond_the_limit_are_read_back_from_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "IN_MEMORY", 5)
    monkeypatch.setattr(ledger_module, "BATCH", 7)
    ledger = await reopened(tmp_path)
    made = [record(f"r{number}", attempt(f"r{number}")) for number in range(30)]
    for one in made:
        ledger.settle(one)
    assert await ledger.decision("r29", "t") == made[29]
    await ledger.flush()
    assert [await ledger.decision(one.request, "t") for one in made] == made
    await ledger.close()


async def test_a_record_too_large_for_the_spool_keeps_its_figures(tmp_path: Path) -> None:
    ledger = await reopened(tmp_path)
    ledger.settle(record("r1", attempt("r1", cost=8), error="x" * (ENTRY_LIMIT + 1)))
    ledger.note(audit("x" * (ENTRY_LIMIT + 1)))
    await ledger.flush()
    found = await ledger.decision("r1", "t")
    assert found is not None
    assert (found.cost, len(found.error)) == (8, 500)
    await ledger.close()


async def test_a_flood_of_refusals_becomes_a_few_rows_that_count_them_all(tmp_path: Path) -> None:
    ledger = await reopened(tmp_path)
    for number in range(5_000):
        ledger.note(audit("wrong key", at_ms=AT + number % 1000))
    ledger.note(audit("another"))
    ledger.note(audit("wrong key", at_ms=AT + 1_500))
    await ledger.close()
    details = [detail for (detail,) in rows(tmp_path, "SELECT detail FROM audit ORDER BY seq")]
    assert details == ["wrong key"] * 10 + ["another", "wrong key (4990 more like this)", "wrong key"]


async def test_a_state_directory_has_one_ledger_at_a_time(tmp_path: Path) -> None:
    ledger = await reopened(tmp_path)
    with pytest.raises(StateError, match="in use by process"):
        await reopened(tmp_path)
    await ledger.close()
    await (await reopened(tmp_path)).close()


async def test_an_owner_that_was_passed_in_is_not_released(tmp_path: Path) -> None:
    with Owner.acquire(tmp_path) as owner:
        ledger = EmbeddedLedger(tmp_path, owner=owner)
        await ledger.open()
        await ledger.close()
        with pytest.raises(StateError):
            Owner.acquire(tmp_path)


async def test_entries_are_taken_in_without_anyone_asking(tmp_path: Path) -> None:
    ledger = await reopened(tmp_path)
    ledger.settle(record("r1", attempt("r1")))
    while ledger.lag:
        await asyncio.sleep(0.01)
    assert rows(tmp_path, "SELECT id FROM requests") == [("r1",)]
    await ledger.close()


def test_kill_9_at_random_points_loses_and_doubles_nothing(tmp_path: Path) -> None:  # FAULTS 31
    dice = random.Random(7)
    begun: Counter[str] = Counter()
    settled: dict[str, tuple[str, int, int]] = {}
    for life in range(20):
        command = [sys.executable, crasher.__file__, str(tmp_path), str(life)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as child:
            assert child.stdout is not None
            said = child.stdout.readline()
            time.sleep(dice.uniform(0.0, 0.04))
            child.kill()
            said += child.stdout.read()
        for line in said.decode().splitlines():
            kind, name = line.split()
            if kind == "i":
                begun[name] += 1
            else:
                settled[name] = ("ok", begun[name] * number_of(name), begun[name])
    asyncio.run(_open_and_close(EmbeddedLedger(tmp_path)))
    attempts = "(SELECT count(*) FROM attempts WHERE request = requests.seq)"
    found = {
        str(name): figures for name, *figures in rows(tmp_path, f"SELECT id, outcome, cost, {attempts} FROM requests")
    }
    assert len(settled) > 100
    assert {name: tuple(found.get(name, ())) for name in settled} == settled
    assert set(begun) <= set(found)
    done_but_unsaid = 0
    for name in set(found) - set(settled):
        outcome, cost, count = found[name]
        each = number_of(name) if outcome == "ok" else 1_000 + number_of(name)
        assert cost == int(str(count)) * each
        done_but_unsaid += outcome == "ok" or count != begun[name]
    assert done_but_unsaid <= 20
    (everything,) = rows(tmp_path, "SELECT count(*) FROM attempts")[0]
    assert everything == sum(int(str(count)) for _, _, count in found.values())


def number_of(name: str) -> int:
    return int(name.split(".")[1])


async def _open_and_close(ledger: EmbeddedLedger) -> None:
    await ledger.open()
    await ledger.close()


step = st.sampled_from(["intend", "retry", "settle", "flush", "crash", "crash_torn"])


@settings(max_examples=40)
@given(steps=st.lists(step, min_size=1, max_size=40), seed=st.integers(0, 2**32))
def test_the_ledger_sums_what_was_settled_and_the_holds_of_what_was_lost(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], seed: int
) -> None:
    asyncio.run(_interleave(tmp_path_factory.mktemp("state"), steps, random.Random(seed)))


async def _interleave(state_dir: Path, steps: list[str], dice: random.Random) -> None:
    expected = 0
    flying: dict[str, list[int]] = {}
    ledger = EmbeddedLedger(state_dir, segment_bytes=2_000)
    await ledger.open()
    for number, what in enumerate(steps):
        if what == "intend" or (what in ("retry", "settle") and not flying):
            flying[f"r{number}"] = [dice.randrange(10**12)]
            ledger.intend(intent(f"r{number}", 1, hold=flying[f"r{number}"][0]))
        elif what == "retry":
            name = dice.choice(list(flying))
            flying[name].append(dice.randrange(10**12))
            ledger.intend(intent(name, len(flying[name]), hold=flying[name][-1]))
        elif what == "settle":
            name = dice.choice(list(flying))
            costs = [dice.randrange(10**12) for _ in flying.pop(name)]
            ledger.settle(record(name, *(attempt(name, n, cost=cost) for n, cost in enumerate(costs, 1))))
            expected += sum(costs)
        elif what == "flush":
            await ledger.flush()
        else:
            await crash(ledger)
            if what == "crash_torn":
                newest = segment_path(state_dir / SPOOL, max(segments(state_dir / SPOOL)))
                newest.write_bytes(newest.read_bytes() + dice.randbytes(dice.randrange(1, 60)))
            expected += sum(sum(holds) for holds in flying.values())
            flying.clear()
            ledger = EmbeddedLedger(state_dir, segment_bytes=2_000)
            await ledger.open()
    await crash(ledger)
    expected += sum(sum(holds) for holds in flying.values())
    ledger = EmbeddedLedger(state_dir)
    await ledger.open()
    assert (await ledger.totals()).cost == expected
    await ledger.close()
    assert rows(state_dir, "SELECT coalesce(sum(amount), 0) FROM cost_lines") == [(expected,)]


async def crash(ledger: EmbeddedLedger) -> None:
    """Lets go of everything without writing anything more, as the kernel would."""
    assert ledger._ticker is not None
    ledger._ticker.cancel()
    await asyncio.gather(ledger._ticker, return_exceptions=True)
    ledger._release()
