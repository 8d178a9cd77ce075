"""What clients, providers and files say cannot move a cursor, forge a line or turn the reading direction."""

from __future__ import annotations

import json
import logging
import signal
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.cli.serve import Formatter
from fairlead.cli.terminal import harmless_json, lines, visible
from tests.cli.asking import ask
from tests.cli.command import address_in, run, running

HOSTILE = "a\x1b[31m\nb\x9bc\u202ed\x7f\re\u2028f"


def obeyed(text: str) -> list[str]:
    """Line ends of our own aside."""
    kinds = {"Cc", "Cs", "Zl", "Zp"}
    return [char for char in text if char != "\n" and (unicodedata.category(char) in kinds or char in "\u202e\u2066")]


def test_a_control_is_obeyed_or_vanishes_unseen() -> None:
    assert visible(HOSTILE) == r"a\x1b[31m\nb\x9bc\u202ed\x7f\re\u2028f"
    assert visible("价格 é 😀 (ok)") == "价格 é 😀 (ok)"
    assert lines("one\ntwo\x1b") == "one\ntwo\\x1b"


@given(st.text())
def test_some_text_reaches_a_terminal_raw(text: str) -> None:
    shown = visible(text)
    assert obeyed(shown) == []
    assert "\n" not in shown
    shown.encode()


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_means_something_else_once_it_is_harmless(text: str) -> None:
    told = json.dumps([text], ensure_ascii=False, indent=2)
    assert json.loads(harmless_json(told)) == [text]
    assert obeyed(harmless_json(told)) == []


def test_a_log_line_is_forged_or_a_traceback_pressed_into_one() -> None:
    try:
        raise ValueError("x")
    except ValueError as problem:
        info = (ValueError, problem, problem.__traceback__)
    record = logging.LogRecord("n", logging.ERROR, "f", 1, "at %s", ("\n2026 ERROR forged\x1b[0m",), info)
    first, *below = Formatter("%(levelname)s %(message)s").format(record).split("\n")
    assert first == r"ERROR at \n2026 ERROR forged\x1b[0m"
    assert below[0].startswith("Traceback")


def test_what_a_client_called_its_task_is_obeyed_by_the_terminal_of_who_reads_the_books(tmp_path: Path) -> None:
    config = (
        "server: {port: 0, state_dir: st}\n"
        "providers: {sim: {kind: simulated, models: {m: {latency_ms: 0, tokens_per_second: 100000}}}}\n"
        "models: {m: {channels: [{provider: sim}], price: {input: 1, output: 1}}}\n"
    )
    (tmp_path / "f.yaml").write_text(config)
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (server, said):
        name, _ = ask(address_in(said), "m", task=HOSTILE, tags=[f"t{HOSTILE}"], session=HOSTILE)
        for command in (("explain", name), ("explain", name, "--json")):
            done = run(*command, "--state-dir", "st", cwd=tmp_path)
            assert done.returncode == 0, done.stderr
            assert obeyed(done.stdout) == []
            assert r"\u202ed" in done.stdout
            assert "\nb" not in done.stdout
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("models", "-c", f"{HOSTILE}.yaml"),
        ("route", f"{HOSTILE}.json".replace("\n", "").replace("\r", "").replace("\u2028", "")),
        ("report", "--state-dir", HOSTILE),
        ("config", "check", "f.yaml"),
        ("models", "-c", "f.yaml"),
    ],
    ids=["file", "request", "directory", "check", "problems"],
)
def test_an_error_takes_what_it_complains_of_to_the_terminal_raw(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text('providers: {"p\\e[31m\\n": 1}\nmodels: {"m\\N": {}}\n')
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert obeyed(done.stdout + done.stderr) == []
    assert "\\x1b[31m" in done.stdout + done.stderr
