"""`experiments`, from a ledger that is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.core.record import Feedback, Record
from fairlead.store.sqlite import Projection
from tests.cli.command import run
from tests.store.test_trials import taken_in, trial, word

CONFIG = """
server: {state_dir: st}
providers: {near: {kind: openai, base_url: "http://127.0.0.1:1/v1"}}
models:
  a: {channels: [{provider: near}], price: {input: 0, output: 0}}
  b: {channels: [{provider: near}], price: {input: 0, output: 0}}
experiments:
  halves: {arms: {old: {model: a}, new: {model: b}}, least: 30}
  later: {arms: {old: {model: a}, new: {model: b}}, since: 2999-01-01}
"""


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "f.yaml").write_text(CONFIG)
    (tmp_path / "st").mkdir()
    projection = Projection(tmp_path / "st" / "ledger.db")
    entries: list[Record | Feedback] = []
    for number in range(120):
        name, arm = f"r{number}", "old" if number % 2 else "new"
        entries.append(trial(name, arm, f"u{number}", cost=1_000_000 if arm == "old" else 2_000_000))
        entries.append(word(name, float(arm == "new" or number % 3 == 0)))
    taken_in(projection, *entries)
    projection.close()
    return tmp_path


def test_an_experiment_keeps_its_finding_to_itself(cwd: Path) -> None:  # M3.6 M7.5
    done = run("experiments", "-c", "f.yaml", cwd=cwd)
    assert done.returncode == 0, done.stderr
    for words in ("halves: running", "later: not begun", "what is said of them", "1.0000", "2.0000",
                  "new is better than old, with 95 % confidence. It counts where models are chosen.",
                  "100 answers and 20 units are still wanted"):  # fmt: skip
        assert words in done.stdout, words
    ((old, new),) = [
        one["arms"] for one in json.loads(run("experiments", "halves", "-c", "f.yaml", "--json", cwd=cwd).stdout)
    ]
    assert (old["name"], old["requests"], old["against"]) == ("old", 60, None)
    assert 0 < new["against"]["low"] < new["against"]["value"] < new["against"]["high"]
    assert new["cost_against"]["low"] > 0
    assert "置信度 95 %" in run("experiments", "-c", "f.yaml", cwd=cwd, LANG="zh_CN.UTF-8").stdout


def test_a_slip_in_an_experiments_name_shows_them_all(cwd: Path) -> None:
    done = run("experiments", "half", "-c", "f.yaml", cwd=cwd)
    assert done.returncode == 1
    assert "there is no experiment half; there are: halves, later" in done.stderr
    (cwd / "f.yaml").write_text(CONFIG.partition("experiments:")[0])
    assert "No experiment is declared." in run("experiments", "-c", "f.yaml", cwd=cwd).stdout
