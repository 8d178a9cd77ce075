"""`guards` and the later parts of `report`, from a ledger that is there."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairlead.cli.report import BAR, bar
from fairlead.core.record import Usage
from tests.cli.command import run
from tests.cli.test_recommend import CONFIG
from tests.evidence.ledgers import Like, filled, price

DAY_MS = 86_400_000
BIG = price(15, 75, 1.5)
WORK = (
    Like(900, "big", "classification", Usage(1_000, 10, 500), BIG),
    Like(100, "small", "classification", Usage(1_000, 10), price(0.1, 0.4)),
    Like(1, "small", "", Usage(100, 10), price(0.1, 0.4), purpose="judge"),
)
BUDGETS = "budgets: [{scope: gateway, amount: 6, per: month}, {scope: model, who: big, amount: 1000, per: total}]\n"


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """Ten days, the last of them today."""
    (tmp_path / "f.yaml").write_text(CONFIG + BUDGETS + "guards: {quality_floor: 0.9, least: 10}\n")
    (tmp_path / "st").mkdir()
    now = int(time.time() * 1000) - 60_000
    filled(tmp_path / "st" / "ledger.db", WORK, now - 9 * DAY_MS, 10).close()
    return tmp_path


def test_an_alarm_ends_well(cwd: Path) -> None:  # M6.6
    done = run("guards", "-c", "f.yaml", cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert "the quality of answers is 0.925 (expected), the floor 0.9" in done.stdout
    (cwd / "f.yaml").write_text((cwd / "f.yaml").read_text().replace("quality_floor: 0.9", "quality_floor: 0.93"))
    done = run("guards", "-c", "f.yaml", cwd=cwd)
    assert done.returncode == 1
    assert "ALARM" in done.stdout
    told = json.loads(run("guards", "-c", "f.yaml", "--json", cwd=cwd).stdout)
    assert [(one["guard"], one["state"]) for one in told][:3] == [
        ("quality", "alarm"), ("overhead", "unknown"), ("cache", "off"),
    ]  # fmt: skip
    assert "告警" in run("guards", "-c", "f.yaml", cwd=cwd, LANG="zh_CN.UTF-8").stdout
    assert run("guards", "--state-dir", "nowhere", cwd=cwd).returncode == 1


def test_a_report_keeps_back_what_it_knows(cwd: Path) -> None:  # M6.4
    shown = run("report", "-c", "f.yaml", cwd=cwd)
    assert shown.returncode == 0, shown.stderr
    month = f"{datetime.now(UTC):%Y-%m}"
    for words in ("saved by providers' caches", "instead of", "spent on routing itself", "judge $0.000014",
                  "ms a request", "expected quality", "cost-quality ratio", f"{month}: $", "expected by its end",
                  "the gateway", "$6.0000 a month", "model 'big'", "$1,000.00 in all", "█" * 19):  # fmt: skip
        assert words in shown.stdout, words
    chinese = run("report", "-c", "f.yaml", cwd=cwd, LANG="zh_CN.UTF-8").stdout
    assert "成本质量比" in chinese
    assert "每月" in chinese
    told = json.loads(run("report", "-c", "f.yaml", "--by", "task", "--json", cwd=cwd).stdout)
    assert (told["cache"]["tokens"], told["cache"]["saved_usd"]) == (5_000, "0.0675")
    assert told["overhead"]["cost_usd"] == "0.000014"
    whole, of_big = sorted(told["budgets"], key=lambda one: one["amount"])
    assert (whole["per"], of_big["per"], of_big["spent_usd"]) == ("month", "total", "8.1")
    assert told["month"]["spent"] == whole["spent"]
    assert told["groups"][0]["name"] == "classification"


def test_a_window_cuts_the_table_short_or_a_bar_is_too_long() -> None:
    assert (bar(0), bar(1), bar(1.7), bar(-1)) == ("", "█" * BAR, "█" * BAR, "")
    assert (bar(0.5), bar(0.5 / BAR)) == ("█" * (BAR // 2), "▌")
