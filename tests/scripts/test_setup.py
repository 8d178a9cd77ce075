"""Setting up works on a Python without ensurepip, and never with a pip that the lock does not know."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts import setup
from tests.shape.tree import ROOT

WHEEL = "pip-99.1-py3-none-any.whl"
BODY = b"a wheel"
GOOD = frozenset({hashlib.sha256(BODY).hexdigest()})


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """A package index on loopback that serves one wheel of pip."""
    (tmp_path / "simple/pip").mkdir(parents=True)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / WHEEL).write_bytes(BODY)
    page = f'<a href="../../files/pip-99.0-py3-none-any.whl">old</a> <a href="../../files/{WHEEL}#sha256=x">new</a>'
    (tmp_path / "simple/pip/index.html").write_text(page)
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


def test_the_locked_pip_is_found_in_an_index(index: str, tmp_path: Path) -> None:
    assert setup.download_wheel(index, "99.1", GOOD, tmp_path).read_bytes() == BODY
    assert setup.download_wheel(f"{index}/", "99.1", GOOD, tmp_path).name == WHEEL


def test_an_index_as_a_folder_of_files_works_too(index: str, tmp_path: Path) -> None:
    assert setup.download_wheel((tmp_path / "simple").as_uri(), "99.1", GOOD, tmp_path).read_bytes() == BODY


def test_a_pip_whose_hash_is_not_locked_is_refused(index: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hash"):
        setup.download_wheel(index, "99.1", frozenset({"0" * 64}), tmp_path)
    assert not (tmp_path / WHEEL).exists()


def test_an_index_without_the_locked_version_is_passed_over(index: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no"):
        setup.download_wheel(index, "98.0", GOOD, tmp_path)


def test_the_setup_lock_pins_pip() -> None:
    version, hashes = setup.locked_pip(setup.SETUP_LOCK.read_text())
    assert version[0].isdigit()
    assert len(hashes) >= 2
    with pytest.raises(ValueError, match="pip"):
        setup.locked_pip("hatchling==1.0\n")


def test_indexes_come_from_the_environment_and_from_pip_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = http://a.test/simple\nextra-index-url =\n    http://b.test/simple\n    file:///c\ntimeout = 3\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_INDEX_URL", "http://first.test/simple")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    found = setup.configured_indexes()
    assert found[:4] == ["http://first.test/simple", "http://a.test/simple", "http://b.test/simple", "file:///c"]


def test_pip_is_put_into_an_environment_without_ensurepip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first source fails, the second works: the search goes on until pip runs."""
    log = tmp_path / "log"
    steps = [["false"], [sys.executable, "-c", f"open({str(log)!r}, 'w').close()"], ["true"]]
    monkeypatch.setattr(setup, "PIP_SOURCES", tuple((lambda step=step: iter([step])) for step in steps))
    monkeypatch.setattr(setup, "has_pip", log.exists)
    assert setup.bootstrap_pip()
    assert log.exists()


def test_without_any_pip_the_user_is_told_what_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = tmp_path / ".venv"
    environment.mkdir()
    monkeypatch.setattr(setup, "VENV", environment)
    monkeypatch.setattr(setup, "PYTHON", environment / "bin/python")
    monkeypatch.setattr(setup, "PIP_SOURCES", (lambda: iter([["false"]]),))
    monkeypatch.setenv("PYTHON_NAMED", "command")
    with pytest.raises(SystemExit, match="python3-venv"):
        setup.make_environment()
    assert not environment.exists()


def stand_in(path: Path, seconds: str) -> str:
    """A Python that says it took so long."""
    path.write_text(f"#!/bin/sh\necho {seconds}\n")
    path.chmod(0o755)
    return str(path)


def test_a_clearly_faster_python_is_preferred_and_a_broken_one_never(tmp_path: Path) -> None:
    own, fast = stand_in(tmp_path / "own", "0.10"), stand_in(tmp_path / "fast", "0.07")
    hardly, broken = stand_in(tmp_path / "hardly", "0.095"), stand_in(tmp_path / "broken", "no number")
    assert setup.fastest(own, [hardly, broken, str(tmp_path / "missing")]) == own
    assert setup.fastest(own, [hardly, fast, broken]) == fast
    assert setup.timed(sys.executable) is not None


def test_a_python_that_can_get_no_pip_gives_way_to_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = tmp_path / ".venv"
    made: list[str] = []
    monkeypatch.delenv("PYTHON_NAMED", raising=False)
    monkeypatch.setattr(setup, "VENV", environment)
    monkeypatch.setattr(setup, "fastest", lambda own, others: "/other/python3")
    monkeypatch.setattr(setup, "succeeds", lambda command: made.append(command[0]) or True)
    monkeypatch.setattr(setup, "has_pip", lambda: made[-1] == sys.executable)
    monkeypatch.setattr(setup, "PIP_SOURCES", ())
    setup.make_environment()
    assert made == ["/other/python3", sys.executable]


@pytest.mark.parametrize(("made_in", "good"), [("here", True), ("elsewhere", False), (None, True)])
def test_an_environment_that_was_moved_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_in: str | None, good: bool
) -> None:
    environment = tmp_path / ".venv"
    venv.create(environment, with_pip=False, symlinks=True)
    monkeypatch.setattr(setup, "HOME", environment / ".home")
    monkeypatch.setattr(setup, "PYTHON", environment / "bin/python")
    if made_in:
        (environment / ".home").write_text(str(tmp_path) if made_in == "here" else "/elsewhere")
    assert setup.usable(environment) is good


def test_a_broken_environment_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "HOME", tmp_path / ".home")
    monkeypatch.setattr(setup, "PYTHON", tmp_path / "bin/python")
    assert not setup.usable(tmp_path)


def make(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell, though these tests may themselves be run by make."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("python", ["", "false"])
def test_make_without_a_suitable_python_says_so(tmp_path: Path, python: str) -> None:
    """Run where there is no environment yet, so that make has to look for a Python."""
    for name in ("Makefile", "pyproject.toml", "requirements", "scripts"):
        (tmp_path / name).symlink_to(ROOT / name)
    outcome = make(".venv/.core", f"PYTHON={python}", folder=tmp_path)
    assert outcome.returncode == 2
    assert not (tmp_path / ".venv").exists()
    if not python:
        assert "Python 3.11 or newer is needed" in outcome.stderr


def test_make_lists_its_targets() -> None:
    outcome = make("help", folder=ROOT)
    for target in ("setup", "run", "demo", "test", "lint", "bench"):
        assert f"make {target} " in outcome.stdout
