"""`serve` as a person starts it: what it says first, and what becomes of a directory it cannot use."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.cli.command import run, running


@pytest.mark.parametrize("name", ["file", "file/state", "loop"])
@pytest.mark.parametrize("command", ["serve", "report", "explain"])
def test_a_path_that_is_no_directory_ends_in_a_traceback(command: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    given = ("req_1",) if command == "explain" else ("--port", "0") if command == "serve" else ()
    done = run(command, *given, "--state-dir", name, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"fairlead: .*{name}.*\n", done.stderr)
    if command == "serve" and name != "loop":
        assert "--state-dir" in done.stderr


def test_what_it_says_cannot_be_pasted(tmp_path: Path) -> None:
    """An address to listen on is none to ask at; without the headers an answer does not say what was done."""
    with running("serve", "--port", "0", "--host", "0.0.0.0", cwd=tmp_path, until="Say hello") as (server, said):
        asked = said[said.index("try:") :]
        assert re.search(r"curl -iw '\\n' http://127\.0\.0\.1:\d+/v1/chat/completions", asked)
        assert f"Bearer {(tmp_path / 'state' / 'key').read_text().strip()}'" in asked
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


@pytest.mark.parametrize("arguments", [("route", "hi"), ("explain", "hi"), ("models",)], ids=lambda given: given[0])
def test_a_decision_on_simulated_models_is_taken_for_the_server_s(arguments: tuple[str, ...], tmp_path: Path) -> None:
    note = run(*arguments, cwd=tmp_path).stderr
    assert note.startswith("note: no provider key in this terminal and no --config: simulated models; a running server")
    assert note.count("\n") == 1
    assert run(*arguments, cwd=tmp_path, OPENAI_API_KEY="made-up").stderr == ""


def test_the_server_beside_a_decision_is_not_named(tmp_path: Path) -> None:
    with running("serve", "--port", "0", cwd=tmp_path, until="Say hello"):
        note = run("route", "hi", cwd=tmp_path).stderr
    assert "simulated models; the server running on ./state may decide differently" in note
