"""`recommend` from a ledger that is there, and what `--apply` does to the file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fairlead.core.record import Usage
from fairlead.store.sqlite import Projection
from tests.cli.command import run
from tests.evidence.ledgers import Like, filled, price

CONFIG = """\
# ours
server: {state_dir: ./st}   # on the fast disk
providers:
  sim: {kind: simulated, models: {small: {}, big: {}}}
models:
  # two are enough
  small: {channels: [{provider: sim}], price: {input: 0.1, output: 0.4}, quality: 0.7, context: 128000}
  big:
    channels: [{provider: sim}]
    price: {input: 15, output: 75}
    quality: 0.95
    context: 128000
policies:
  standard: {strategy: balanced}  # what we began with

policy:
  default: standard
  tasks:   # by hand
    reasoning: {model: big}
"""
WORK = (
    Like(9_000, "big", "classification", Usage(1_000, 10), price(15, 75)),
    Like(1_000, "small", "classification", Usage(1_000, 10), price(0.1, 0.4)),
    Like(500, "big", "reasoning", Usage(1_000, 500), price(15, 75)),
)


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "f.yaml").write_text(CONFIG)
    (tmp_path / "st").mkdir()
    filled(tmp_path / "st" / "ledger.db", WORK).close()
    return tmp_path


def test_what_would_be_saved_is_not_told(cwd: Path) -> None:  # M6.4
    shown = run("recommend", "-c", "f.yaml", cwd=cwd)
    assert shown.returncode == 0, shown.stderr
    assert "1. move 90 % of classification from big to small: saves $1" in shown.stdout
    assert "policy.tasks.classification: {model: small, fallbacks: [big]}" in shown.stdout
    assert "fairlead recommend --config f.yaml --apply 1" in shown.stdout
    assert "premium models (big) took" in shown.stdout
    assert "Together they save" in shown.stdout
    told = json.loads(run("recommend", "-c", "f.yaml", "--json", cwd=cwd).stdout)
    first = told["recommendations"][0]
    assert first["id"] == "task:classification"
    assert first["changes"][0]["path"] == ["policy", "tasks", "classification"]
    assert 0 < first["saving"] <= told["together"] <= told["spent"]
    chinese = run("recommend", "-c", "f.yaml", cwd=cwd, LANG="zh_CN.UTF-8").stdout
    assert "将 90 % 的 classification 从 big 移到 small" in chinese
    assert "Together" not in chinese


def test_a_patched_file_has_lost_something_or_is_not_valid(cwd: Path) -> None:  # M6.4
    os.chmod(cwd / "f.yaml", 0o640)
    done = run("recommend", "-c", "f.yaml", "--apply", "task:classification", "--yes", cwd=cwd)
    assert done.returncode == 0, done.stderr
    row = "    classification: {model: small, fallbacks: [big]}\n"
    assert (cwd / "f.yaml").read_text() == CONFIG + row
    assert f"+{row}" in done.stdout + "\n"
    assert (cwd / "f.yaml").stat().st_mode & 0o777 == 0o640
    assert [one.name for one in cwd.iterdir() if "part" in one.name] == []
    assert run("config", "check", "f.yaml", cwd=cwd).returncode == 0


def test_a_file_is_written_though_nobody_said_yes(cwd: Path) -> None:
    done = run("recommend", "-c", "f.yaml", "--apply", "1", cwd=cwd)
    assert done.returncode == 1
    assert "+    classification:" in done.stdout
    assert (cwd / "f.yaml").read_text() == CONFIG


def test_a_patch_makes_a_file_that_no_gateway_takes(cwd: Path) -> None:
    """`small` is not one of the models any more; the ledger was asked by another file."""
    other = CONFIG.replace("  small: {channels", "  tiny: {channels").replace("{small: {}", "{tiny: {}")
    (cwd / "f.yaml").write_text(other)
    found = run("recommend", "-c", "f.yaml", "--json", cwd=cwd)
    assert "small" not in json.dumps([one["changes"] for one in json.loads(found.stdout)["recommendations"]])
    broken = CONFIG.replace("quality: 0.7", "quality: 7")
    (cwd / "f.yaml").write_text(broken)
    done = run("recommend", "-c", "f.yaml", "--apply", "1", "--yes", "--state-dir", "st", cwd=cwd)
    assert done.returncode == 1
    assert "f.yaml:7" in done.stderr
    assert (cwd / "f.yaml").read_text() == broken


def test_something_is_applied_that_is_not_there(cwd: Path) -> None:
    unknown = run("recommend", "-c", "f.yaml", "--apply", "77", "--yes", cwd=cwd)
    assert unknown.returncode == 1
    assert "task:classification" in unknown.stderr
    assert run("recommend", "--apply", "1", "--yes", "--state-dir", "st", cwd=cwd).returncode == 2


def test_an_empty_ledger_is_a_failure(tmp_path: Path) -> None:  # M6.4
    Projection(tmp_path / "ledger.db").close()
    done = run("recommend", "--state-dir", ".", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing to recommend" in done.stderr
    told = json.loads(run("recommend", "--state-dir", ".", "--json", cwd=tmp_path).stdout)
    assert told["recommendations"] == []
