"""Sums by minute, hour and day against what the records themselves add up to."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.record import Record, Usage
from fairlead.store import migrations, rollups, tally
from fairlead.store.reports import groups, totals
from fairlead.store.rollups import FOREVER, HOUR_MS, MINUTE_MS, pieces
from fairlead.store.sqlite import Projection
from fairlead.store.verification import verify
from fairlead.store.window import DAY_MS, Window
from tests.store.entries import attempt, record

BEGIN = 20_000 * DAY_MS


@contextmanager
def books(*records: Record, batch: int = 7) -> Iterator[Projection]:
    made = Projection(None)
    rows = [(1_000 * (n + 1), one, msgspec.msgpack.encode(one)) for n, one in enumerate(records)]
    for start in range(0, len(rows), batch):
        made.ingest(rows[start : start + batch], [], 1, start)
    yield made
    made.close()


def one(n: int, at_ms: int, shape: tuple[int, int, int, int, bool]) -> Record:
    key, model, tags, tries, answered = shape
    attempts = [
        attempt(
            f"r{n}",
            number,
            cost=n + number,
            outcome="ok" if answered and number == tries else "failed",
            model=f"m{model}",
            usage=Usage(n * 10 + number, 5),
        )
        for number in range(1, tries + 1)
    ]
    made = record(
        f"r{n}",
        *attempts,
        at_ms=at_ms,
        key=f"k{key}",
        tenant=f"t{key % 2}",
        task=f"task{model}",
        outcome="ok" if answered else "failed",
        purpose="answer" if key else "judge",
        baseline_cost=n if tags else None,
    )
    return msgspec.structs.replace(made, tags=("a", "b", "c")[:tags], team=f"team{key}")


SHAPES = st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 3), st.integers(0, 3), st.booleans())
TIMES = st.integers(0, 3 * DAY_MS)
RECORDS = st.lists(st.tuples(TIMES, SHAPES), max_size=40)


def added_up(records: list[Record], window: Window) -> dict[str, Any]:
    """What a report must say, read off the records."""
    inside = [
        each
        for each in records
        if window.since_ms <= each.at_ms < (window.until_ms or FOREVER) and window.tenant in (None, each.tenant)
    ]
    tags, teams, models = Counter[str](), Counter[str](), Counter[str]()
    for each in inside:
        teams[f"{each.tenant}/{each.team}" if each.team else ""] += each.cost
        for tag in each.tags:
            tags[f"{each.tenant}/{tag}"] += each.cost
        for tried in each.attempts if each.outcome == "ok" or each.purpose != "answer" else ():
            models[tried.model] += tried.cost
    return {
        "requests": sum(each.purpose == "answer" for each in inside),
        "attempts": sum(len(each.attempts) for each in inside),
        "cost": sum(each.cost for each in inside),
        "input": sum(tried.usage.input for each in inside for tried in each.attempts),
        "tags": set(tags),
        "tag cost": dict(tags),
        "team cost": dict(teams),
        "model cost": dict(models),
    }


def reported(made: Projection, window: Window) -> dict[str, Any]:
    whole = totals(made.connection, window)
    tags = groups(made.connection, "tag", window)
    return {
        "requests": whole.requests,
        "attempts": whole.attempts,
        "cost": whole.cost,
        "input": whole.input_tokens,
        "tags": {group.name for group in tags},
        "tag cost": {group.name: group.cost for group in tags},
        "team cost": {group.name: group.cost for group in groups(made.connection, "team", window)},
        "model cost": {group.name: group.cost for group in groups(made.connection, "model", window)},
    }


@pytest.mark.parametrize("together", [1, 10, 4_000])
@given(RECORDS, TIMES, TIMES, st.sampled_from([None, "t0"]), st.booleans(), st.booleans())
def test_a_window_is_not_what_its_records_add_up_to(
    together: int, given_: list[tuple[int, tuple[int, int, int, int, bool]]], a: int, b: int, tenant: str | None,
    open_end: bool, minutes_gone: bool
) -> None:  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollups, "TOGETHER", together)
        records = [one(n, BEGIN + at, shape) for n, (at, shape) in enumerate(given_)]
        with books(*records) as made:
            if minutes_gone:
                rollups.forget_minutes(made.connection, BEGIN + 5 * DAY_MS)
            window = Window(BEGIN + min(a, b), None if open_end else BEGIN + max(a, b), tenant)
            for asked in (window, Window(), Window(tenant=tenant)):
                assert reported(made, asked) == added_up(records, asked)
            assert list(rollups.differences(made.connection)) == []


@pytest.mark.parametrize("table", ["rollups", "tag_sums", "answers"])
@pytest.mark.parametrize("grain", [MINUTE_MS, HOUR_MS, DAY_MS])
def test_a_sum_that_is_wrong_passes_for_right_or_stays_wrong(table: str, grain: int) -> None:
    records = [one(n, BEGIN + n * 7_000_000, (1, 0, 2, 1, True)) for n in range(20)]
    with books(*records) as made:
        tally.waiting(made.connection).write(made.connection)
        made.connection.execute(f"UPDATE {table} SET input = input + 1 WHERE grain = ? AND at_ms >= ?", (grain, BEGIN))
        found = [one for one in verify(made.connection).told if one.what.startswith(f"{table} {grain} ")]
        assert len(found) >= 2
        tally.rebuild(made.connection)
        assert list(rollups.differences(made.connection)) == []


@pytest.mark.parametrize("together", [1, 4_000])
def test_what_stands_alone_or_is_read_from_caches_is_added_up_otherwise_than_the_records_say(
    together: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # M6.1
    """In the sums made while records are taken in, and in those made anew."""
    monkeypatch.setattr(rollups, "TOGETHER", together)
    usages = (
        Usage(100, 20, 60, 10, 5, 7),
        Usage(100, 20, 90, 20),
        Usage(100, 20, image_output=15, reasoning=9),
        Usage(32_000, 1),
        Usage(32_001, 1, estimated=True),
        Usage(2_000_000, 1, 1_999_999),
        Usage(rollups.LARGEST + 1, 1),
        Usage(2**63, 2**63),
    )
    costs = (0, 5, rollups.LARGEST, rollups.LARGEST + 1, 2**63)
    records = []
    for n, (usage, cost, outcome) in enumerate(product(usages, costs, ("ok", "failed"))):
        at = BEGIN + n * 20_000
        tried = attempt(f"r{n}", usage=usage, cost=cost, outcome=outcome)
        made = record(f"r{n}", tried, at_ms=at, outcome=outcome, baseline_cost=cost if n % 3 else None)
        records += [msgspec.structs.replace(made, tags=("a",)), record(f"s{n}", at_ms=at, purpose="judge")]
    with books(*records) as made:
        tally.waiting(made.connection).write(made.connection)
        assert list(rollups.differences(made.connection)) == []
        before = [made.connection.execute(f"SELECT * FROM {kind.table}").fetchall() for kind in rollups.KINDS]
        made.rebuild()
        after = [made.connection.execute(f"SELECT * FROM {kind.table}").fetchall() for kind in rollups.KINDS]
        assert before == after
        assert all(before)


def test_what_waited_to_be_added_up_is_lost_or_counted_twice_after_a_failure_or_a_new_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # M6.1
    monkeypatch.setattr(rollups, "TOGETHER", 8)
    rows = []
    for n in range(9):
        each = one(n, BEGIN + n, (1, 0, 1, 2, True))
        rows.append((1_000 * (n + 1), each, msgspec.msgpack.encode(each)))
    first = Projection(tmp_path / "ledger.db")
    first.ingest(rows[:3], [], 1, 1)
    first.close()
    second = Projection(tmp_path / "ledger.db")
    second.ingest(rows[3:5], [], 1, 2)
    second.connection.execute(
        "CREATE TEMP TRIGGER full BEFORE UPDATE ON checkpoint BEGIN SELECT raise(ABORT, 'full'); END"
    )
    for batch in (rows[5:7], rows[5:]):
        with pytest.raises(sqlite3.Error, match="full"):
            second.ingest(batch, [], 1, 3)
    second.connection.execute("DROP TRIGGER full")
    assert rollups.horizons(second.connection).rolled == -1
    second.ingest(rows[5:], [], 1, 3)
    assert rollups.horizons(second.connection).rolled == 9_000
    assert totals(second.connection).requests == 9
    assert list(rollups.differences(second.connection)) == []
    second.close()


def test_a_record_taken_in_twice_counts_twice() -> None:
    records = [one(n, BEGIN + n, (1, 0, 1, 2, True)) for n in range(5)]
    with books(*records) as made:
        rows = [(1_000 * (n + 1), each, msgspec.msgpack.encode(each)) for n, each in enumerate(records)]
        made.ingest(rows, [], 1, 1)
        tally.waiting(made.connection).write(made.connection)
        made.ingest(rows, [], 1, 1)
        made.ingest([(99_000, records[0], rows[0][2])], [], 1, 1)
        assert totals(made.connection).requests == 5
        assert list(rollups.differences(made.connection)) == []


def test_sums_of_an_older_ledger_do_not_say_what_requests_came_to() -> None:  # M6.1 M6.4
    """Those whose records are gone can not: these are taken for texts. No figure is lost."""
    records = [one(n, BEGIN + n * 7_000_000, (1, 0, 2, 1, bool(n % 3))) for n in range(60)]
    with books(*records) as made:
        tally.waiting(made.connection).write(made.connection)
        while made.retire(BEGIN + 40 * DAY_MS, BEGIN + 2 * DAY_MS):
            pass
        said = [totals(made.connection).cost, rows_of(made, "answers"), rows_of(made, "rollups")]
        for kind in (rollups.ROLLUPS, rollups.ANSWERS):
            columns = [name for name in ("grain", "at_ms", *kind.keys, "seq", *kind.sums) if name != "result"]
            keys = ", ".join(("grain", "at_ms", *(name for name in kind.keys if name != "result"), "seq"))
            figures = ", ".join(f"sum({name}) AS {name}" for name in kind.sums)
            made.connection.execute(f"CREATE TABLE old AS SELECT {keys}, {figures} FROM {kind.table} GROUP BY {keys}")
            made.connection.execute(f"DROP TABLE {kind.table}")
            made.connection.execute(
                f"CREATE TABLE {kind.table} ({', '.join(columns)}, PRIMARY KEY ({keys})) WITHOUT ROWID"
            )
            made.connection.execute(f"INSERT INTO {kind.table} SELECT {', '.join(columns)} FROM old")
            made.connection.execute("DROP TABLE old")
        migrations.MIGRATIONS[migrations.MIGRATIONS.index(migrations._results)](made.connection)
        assert [totals(made.connection).cost, rows_of(made, "answers"), rows_of(made, "rollups")] == said
        assert list(rollups.differences(made.connection)) == []
        results = "SELECT DISTINCT result FROM rollups WHERE grain > 0 AND at_ms {} ? ORDER BY 1"
        horizon = rollups.horizons(made.connection).records
        assert made.connection.execute(results.format("<"), (horizon,)).fetchall() == [("",)]
        assert made.connection.execute(results.format(">="), (horizon,)).fetchall() == [("generate",), ("nothing",)]


def rows_of(made: Projection, table: str) -> list[tuple[int, ...]]:
    return made.connection.execute(f"SELECT grain, sum(input), sum(output) FROM {table} GROUP BY 1").fetchall()


def test_records_that_are_let_go_of_leave_the_report() -> None:
    """Their days and hours stay; a window that begins among them begins with the hour."""
    records = [one(n, BEGIN + n * 40 * 60_000, (1, 0, 2, 1, True)) for n in range(200)]
    with books(*records) as made:
        before = reported(made, Window())
        until = BEGIN + 3 * DAY_MS + 5 * HOUR_MS
        while made.retire(until + 30 * DAY_MS, until):
            pass
        left = [each for each in records if each.at_ms >= BEGIN + 3 * DAY_MS]
        assert made.connection.execute("SELECT count(*) FROM requests").fetchone() == (len(left),)
        assert made.connection.execute("SELECT count(*) FROM attempts").fetchone() == (len(left),)
        assert reported(made, Window()) == before
        hour = BEGIN + DAY_MS + HOUR_MS
        assert reported(made, Window(hour + 17)) == added_up(records, Window(hour))
        assert reported(made, Window(hour, hour + HOUR_MS + 5)) == added_up(records, Window(hour, hour + 2 * HOUR_MS))
        assert list(rollups.differences(made.connection)) == []
        tally.rebuild(made.connection)
        assert reported(made, Window()) == before


def test_a_window_is_read_from_more_records_than_its_ends() -> None:
    cut = pieces(Window(BEGIN + 1, BEGIN + 2 * DAY_MS + HOUR_MS + MINUTE_MS + 5), 0, 0)
    assert [piece.grain for piece in cut] == [0, MINUTE_MS, HOUR_MS, DAY_MS, HOUR_MS, MINUTE_MS, 0]
    assert [piece.until for piece in cut[:-1]] == [piece.since for piece in cut[1:]]
    assert [piece.grain for piece in pieces(Window(), 0, 0)] == [DAY_MS]
