from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from fairlead.core.record import Record
from fairlead.errors import StateError
from fairlead.store.migrations import MIGRATIONS, TABLES
from fairlead.store.reports import open_ledger
from fairlead.store.sqlite import Projection, Row
from tests.store.conftest import Sealing
from tests.store.entries import attempt, audit, record


def row(at: int, one: Record) -> Row:
    return at, one, msgspec.msgpack.encode(one)


def test_a_batch_that_fails_leaves_neither_rows_nor_checkpoint(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "ledger.db")
    projection.ingest([row(5, record("r1", attempt("r1")))], [], 1, 10)
    projection.connection.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'full'); END"
    )
    with pytest.raises(sqlite3.Error, match="full"):
        projection.ingest([row(50, record("r2", attempt("r2")))], [(95, audit())], 1, 99)
    assert projection.checkpoint() == (1, 10)
    assert projection.connection.execute("SELECT id FROM requests").fetchall() == [("r1",)]
    projection.close()


def test_a_batch_taken_in_twice_changes_nothing(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "ledger.db")
    rows = [row(n * 1_000, record(f"r{n}", attempt(f"r{n}"), attempt(f"r{n}", 2))) for n in range(300)]
    for _ in range(2):
        projection.ingest(rows, [(7, audit()), (8, audit())], 1, 1)
    count = "SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM attempts), (SELECT count(*) FROM audit)"
    assert projection.connection.execute(count).fetchall() == [(300, 600, 2)]
    projection.close()


def test_cost_lines_name_their_attempt_and_add_up_to_its_cost(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "ledger.db")
    projection.ingest([row(5, record("r1", attempt("r1", cost=70), attempt("r1", 2, cost=9)))], [], 1, 10)
    lines = projection.connection.execute("SELECT * FROM cost_lines WHERE attempt = 'r1.1'").fetchall()
    assert lines == [
        ("r1.1", "input", 100, "token", "row-1", 69, "USD"),
        ("r1.1", "request", 1, "request", "row-1", 1, "USD"),
    ]
    assert projection.connection.execute("SELECT sum(amount) FROM cost_lines").fetchall() == [(79,)]
    projection.close()


def of_version(number: int, folder: Path) -> Path:
    path = folder / "ledger.db"
    Projection(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {number}")
    return path


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = of_version(len(MIGRATIONS) + 1, tmp_path)
    for opened in (Projection, open_ledger):
        with pytest.raises(StateError, match=r"newer fairlead.*upgrade fairlead"):
            opened(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    connection.close()


def test_a_database_of_an_earlier_version_is_not_read_as_it_stands(tmp_path: Path) -> None:
    path = of_version(len(MIGRATIONS) - 1, tmp_path)
    with pytest.raises(StateError, match=r"earlier fairlead; start the gateway once"):
        open_ledger(path)


def test_a_ledger_without_one_of_its_tables_is_a_state_error(tmp_path: Path) -> None:  # M6.1
    path = tmp_path / "ledger.db"
    with closing(Projection(path)) as projection:
        there = {
            name for (name,) in projection.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        assert there == set(TABLES)
        projection.connection.execute("DROP TABLE tags")
    for opened in (open_ledger, Projection):
        with pytest.raises(StateError, match=r"lacks a table \(tags\)"):
            opened(path)


def test_a_migration_that_fails_leaves_the_version_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    Projection(path).close()

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        connection.execute("SELECT 1 FROM nowhere")

    monkeypatch.setattr("fairlead.store.migrations.MIGRATIONS", [*MIGRATIONS, broken])
    with pytest.raises(StateError, match="nowhere"):
        Projection(path)
    monkeypatch.undo()
    projection = Projection(path)
    assert projection.connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    projection.close()


def test_a_file_that_is_no_database_is_a_state_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StateError, match="move it away"):
        Projection(tmp_path / "ledger.db")


def test_a_ledger_that_does_not_exist_is_a_state_error_and_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="no ledger"):
        open_ledger(tmp_path / "ledger.db")
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_cannot_be_opened_is_a_state_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    for opened in (Projection, open_ledger):
        with pytest.raises(StateError, match=r"ledger\.db"):
            opened(tmp_path / "ledger.db")
    with pytest.raises(StateError, match="No such file"):
        Projection(tmp_path / "missing" / "ledger.db")


def test_a_reader_cannot_change_the_ledger(tmp_path: Path) -> None:
    Projection(tmp_path / "ledger.db").close()
    connection = open_ledger(tmp_path / "ledger.db")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM requests")
    connection.close()


def test_a_figure_beyond_64_bits_keeps_no_other_row_out(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "ledger.db")
    rows = [row(n * 1_000, record(f"r{n}", attempt(f"r{n}", cost=5 if n else 2**63))) for n in range(30)]
    projection.ingest(rows, [], 1, 10)
    costs = projection.connection.execute("SELECT count(*), sum(cost = 5) FROM requests").fetchall()
    assert costs == [(30, 29)]
    assert projection.connection.execute("SELECT sum(cost) FROM attempts").fetchall() == [(10**16 + 29 * 5,)]
    assert projection.decision("r0", None) == rows[0][1]
    projection.close()


def test_a_ledger_at_rest_in_a_directory_of_somebody_else_cannot_be_read(folder: Path, sealed: Sealing) -> None:
    projection = Projection(folder / "ledger.db")
    projection.ingest([row(5, record("r1", attempt("r1")))], [], 1, 10)
    projection.close()
    (folder / "ledger.db").chmod(0o444)
    with sealed(), closing(open_ledger(folder / "ledger.db")) as connection:
        assert connection.execute("SELECT id FROM requests").fetchall() == [("r1",)]
