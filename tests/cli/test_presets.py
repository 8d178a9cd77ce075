"""`config presets`, `config preset` and `--preset`: what ships is listed, printed as it is, and run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from fairlead.config import presets
from fairlead.config.load import load
from tests.cli.command import run, running


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_list_leaves_one_out_or_speaks_the_other_language(language: str, tmp_path: Path) -> None:  # M3.12
    done = run("config", "presets", cwd=tmp_path, LANG="zh_CN.UTF-8" if language == "zh" else "C.UTF-8")
    rows = [line.split(None, 1) for line in done.stdout.splitlines()]
    assert [(name, words) for name, words in rows] == [
        (name, presets.about(name, language)) for name in presets.names()
    ]
    assert all(words.isascii() == (language == "en") for _, words in rows)


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_that_is_printed_is_no_start_for_a_file_of_one_s_own(name: str, tmp_path: Path) -> None:  # M3.12
    text = presets.read(name)
    keys = {part.partition(":-")[0]: "made-up" for part in text.split("${")[1:]}
    if "VLLM_BASE_URL" in keys:
        keys["VLLM_BASE_URL"] = "http://127.0.0.1:9/v1"
    (tmp_path / "f.yaml").write_text(text)
    assert load(tmp_path / "f.yaml", keys).models.keys() == presets.load(name, {}).models.keys()


def test_a_preset_is_printed_otherwise_than_it_ships(tmp_path: Path) -> None:
    done = run("config", "preset", "published/d1_profile", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, presets.read("published/d1_profile"), "")


@pytest.mark.parametrize(
    "command", [("config", "preset", "d1_profil"), ("serve", "--preset", "d1_profil")], ids=" ".join
)
def test_an_unknown_name_is_refused_without_the_nearest(command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean 'published/d1_profile'?" in done.stderr
    assert "fairlead config presets" in done.stderr


@pytest.mark.parametrize("command", [("serve",), ("route", "hi"), ("explain", "hi")], ids=" ".join)
def test_two_configurations_are_taken_at_once(command: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*command, "--preset", "solo", "--config", "f.yaml", cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert "--config and --preset" in done.stderr


def test_a_server_of_a_preset_does_not_say_who_is_simulated(tmp_path: Path) -> None:  # M3.12
    options = ("serve", "--preset", "three_tier", "--port", "0")
    with running(*options, cwd=tmp_path, until="Say hello", OPENAI_API_KEY="made-up") as (server, said):
        assert "SIMULATED: anthropic, google (" in said
        assert "(3 models;" in said
        assert "Bearer fl_" in said
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0


def test_a_request_is_not_decided_by_the_preset(tmp_path: Path) -> None:  # M3.12
    def first(name: str) -> str:
        body = (
            '{"messages": [{"role": "user", "content": "hi"}], "fairlead": {"task": "agent", "complexity": "simple"}}'
        )
        return run("route", "-", "--preset", name, cwd=tmp_path, stdin=body).stdout.split()[0]

    assert first("published/d4_three_tier") == "deepseek-v4-flash"
    assert first("three_tier") == "gpt-6.1-terra"
