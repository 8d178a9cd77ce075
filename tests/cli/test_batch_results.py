"""What is kept of a batch while it runs, and what it comes to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.cli import batch_results
from fairlead.cli.batch_results import About, NotOurs, Results, answered, unanswered
from fairlead.errors import FairleadError


def add(results: Results, line: int, mark: int = 1, status: int = 200, body: bytes = b'{"a": 1}') -> None:
    results.has(line, mark)
    row = answered(f"l{line}", About(line, f"{mark:016x}", "m", "0.1"), status, f"req_{line}", body)
    results.add(line, mark, row, status == 200)


def rows(file: Path) -> list[dict[str, object]]:
    return [json.loads(row) for row in file.read_text().splitlines()]


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=6), st.integers(0, 8))
def test_answers_stand_in_another_order_than_the_asking(order: list[int], again: list[int], until: int) -> None:  # M4.8
    """However they came, were cut off in between, and were asked again."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        with Results(out, 8) as results:
            for line in order[:until]:
                add(results, line)
        with out.with_name("out.part").open("ab") as file:
            file.write(b'{"id": "torn')
        with Results(out, 8) as results:
            assert [line for line in range(1, 9) if results.has(line, 1)] == sorted(order[:until])
            for line in order[until:]:
                add(results, line, status=500)
            for line in again:
                add(results, line, mark=2)
            results.finish()
        assert [row["custom_id"] for row in rows(out)] == [f"l{line}" for line in range(1, 9)]
        for row in rows(out):
            about, response = row["fairlead"], row["response"]
            assert isinstance(about, dict)
            assert isinstance(response, dict)
            assert int(about["of"], 16) == (2 if about["line"] in again else 1)
            failed = about["line"] in order[until:] and about["line"] not in again
            assert response["status_code"] == (500 if failed else 200)
        assert [file.name for file in Path(folder).iterdir()] == ["out"]


def test_what_failed_or_was_changed_is_taken_for_answered(tmp_path: Path) -> None:  # M4.8
    out = tmp_path / "out"
    with Results(out, 4) as results:
        add(results, 1)
        add(results, 2, status=502)
        results.has(3, 1)
        results.add(3, 1, unanswered("l3", About(3, f"{1:016x}"), "no_json", "no"), good=False)
        assert not results.has(4, 1)
        results.finish()
    with Results(out, 4) as results:
        assert [results.has(line, 1) for line in (1, 2, 3, 4)] == [True, False, False, False]
        assert not results.has(1, 2)
    assert len(rows(out)) == 3, "it is there still"
    with Results(out, 4, fresh=True) as results:
        assert not results.has(1, 1)


def test_the_answer_of_a_line_that_is_gone_stays(tmp_path: Path) -> None:  # M4.8
    out = tmp_path / "out"
    with Results(out, 3) as results:
        for line in (1, 2, 3):
            add(results, line)
        results.finish()
    with Results(out, 2) as results:
        assert results.has(2, 1)
        results.finish()
    assert [row["custom_id"] for row in rows(out)] == ["l2"]


def test_an_answer_goes_over_several_lines(tmp_path: Path) -> None:  # M4.8
    body = b'{\r\n  "text": "a\\nb\xe2\x80\xa8",\n  "n": 12345678901234567890123\n}\n'
    with Results(tmp_path / "out", 1) as results:
        add(results, 1, body=body)
        results.finish()
    (whole,) = (tmp_path / "out").read_bytes().splitlines()
    assert json.loads(whole)["response"]["body"] == json.loads(body)


def test_a_file_of_somebody_elses_is_overwritten(tmp_path: Path) -> None:  # M4.8
    for name in ("out", "out.part"):
        file = tmp_path / name
        file.write_text('{"id": 1}\n')
        with pytest.raises(NotOurs, match=f"{name}:1: this is no answer of a batch"):
            Results(tmp_path / "out", 3)
        assert file.read_text() == '{"id": 1}\n'
        file.unlink()
    assert list(tmp_path.iterdir()) == []


def test_what_is_like_an_answer_stops_a_run_otherwise_than_in_words(tmp_path: Path) -> None:  # M4.8
    out = tmp_path / "out"
    for row in (
        '{"fairlead": {"line": 1, "of": "xyz"}}\n',
        '{"fairlead": {"line": 1, "of": "-1"}}\n',
        '{"fairlead": {"line": 1, "of": "10000000000000000"}}\n',
        "server: {port: 1}",
        "\x00",
    ):
        for fresh in (False, True):
            out.write_text(row)
            with pytest.raises(NotOurs):
                Results(out, 3, fresh)
            assert out.read_text() == row
            assert list(tmp_path.iterdir()) == [out]
        out.rename(part := tmp_path / "out.part")
        with pytest.raises(NotOurs):
            Results(out, 3)
        assert part.read_text() == row
        part.unlink()


def test_answers_take_the_place_of_what_is_no_file(tmp_path: Path) -> None:  # M4.8
    (tmp_path / "folder").mkdir()
    (tmp_path / "round").symlink_to(tmp_path / "about")
    (tmp_path / "about").symlink_to(tmp_path / "round")
    for name, words in (("folder", "no file"), ("", "no file"), ("/", "no file"), ("/dev/null", "no file"),
                        ("round", "links lead to each other")):  # fmt: skip
        with pytest.raises(FairleadError, match=words):
            Results(tmp_path / name if name else Path(name), 3)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["about", "folder", "round"]


def test_a_link_or_the_mode_of_a_file_is_lost(tmp_path: Path) -> None:  # M4.8
    """Answers may be for their asker alone."""
    place, link = tmp_path / "kept" / "answers", tmp_path / "out"
    place.parent.mkdir()
    link.symlink_to(place)
    with Results(link, 3) as results:
        add(results, 1)
        results.finish()
    place.chmod(0o600)
    for fresh in (False, True):
        with Results(link, 3, fresh) as results:
            add(results, 2)
            assert results.part.stat().st_mode & 0o777 == 0o600
            results.finish()
        assert link.is_symlink()
        assert place.stat().st_mode & 0o777 == 0o600
        assert [file.name for file in place.parent.iterdir()] == ["answers"]


def test_a_kill_while_answers_are_taken_up_loses_the_rest_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # M4.8
    out = tmp_path / "out"
    with Results(out, 3) as results:
        for line in (1, 2, 3):
            add(results, line)
        results.finish()

    def killed(given: Path, to: Path) -> None:
        to.write_bytes(given.read_bytes()[:300])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copyfile", killed)
        with pytest.raises(KeyboardInterrupt):
            Results(out, 3)
    with Results(out, 3) as results:
        assert all(results.has(line, 1) for line in (1, 2, 3))


def test_a_run_that_came_to_nothing_leaves_a_file(tmp_path: Path) -> None:  # M4.8
    with Results(tmp_path / "out", 3):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_writes_where_the_one_before_has_taken_its_file_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # M4.8
    out = tmp_path / "out"
    first = Results(out, 3)
    add(first, 1)
    lock = batch_results._lock

    def meanwhile(file: BinaryIO) -> bool:
        """The first run ends after its file was opened, and before it is locked."""
        if out.exists():
            return lock(file)
        first.finish()
        first.__exit__(None, None, None)
        return lock(file)

    monkeypatch.setattr(batch_results, "_lock", meanwhile)
    with Results(out, 3) as second:
        assert second.has(1, 1)
        add(second, 2)
        second.finish()
    assert [row["custom_id"] for row in rows(out)] == ["l1", "l2"]


def test_a_disk_that_is_full_ends_in_a_defect_of_ours(tmp_path: Path) -> None:  # M4.8
    results = Results(tmp_path / "out", 3)
    results._file.close()
    results._file = open("/dev/full", "w+b")  # type: ignore[assignment]  # noqa: SIM115
    with pytest.raises(FairleadError, match=r"cannot write .*No space left"):
        add(results, 1)
    results.__exit__(None, None, None)


def test_two_runs_write_one_file(tmp_path: Path) -> None:  # M4.8
    with Results(tmp_path / "out", 3) as results:
        add(results, 1)
        with pytest.raises(FairleadError, match="another run is writing"):
            Results(tmp_path / "out", 3, fresh=True)
        results.finish()
    assert len(rows(tmp_path / "out")) == 1


def test_a_folder_that_is_not_there_is_not_named(tmp_path: Path) -> None:  # M4.8
    with pytest.raises(FairleadError, match=r"cannot write .*nowhere/out\.part: No such file"):
        Results(tmp_path / "nowhere" / "out", 3)
