"""`report` and `explain ID` beside a running server, and after it: the same figures both times."""

from __future__ import annotations

import csv
import io
import json
import re
import signal
import urllib.error
from pathlib import Path

import pytest

from fairlead.cli.report import show_opinions
from fairlead.server.plainly import plain_opinions
from fairlead.store.opinions import Alarm, OpinionDay, Opinions
from tests.cli.asking import ask, judge
from tests.cli.command import address_in, run, running

CONFIG = """\
tasks: {law: {description: contracts and courts}}
server: {port: 0, state_dir: ./st}
providers:
  sim: {kind: simulated, models: {sim-nano: {latency_ms: 0, tokens_per_second: 100000}, sim-large: {latency_ms: 0, tokens_per_second: 100000}}}
models:
  sim-nano: {channels: [{provider: sim}], price: {input: 0.1, output: 0.4}, quality: 0.62, context: 128000}
  sim-large: {channels: [{provider: sim}], price: {input: 15, output: 75}, quality: 0.95, context: 1000000}
"""


class Kept:
    """What was said beside the server, and where its ledger is now that it has stopped."""

    def __init__(self, cwd: Path, ids: list[str], live: dict, explained: str, empty: str) -> None:  # type: ignore[type-arg]
        self.cwd, self.ids, self.live, self.explained, self.empty = cwd, ids, live, explained, empty


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    cwd = tmp_path_factory.mktemp("report")
    (cwd / "f.yaml").write_text(CONFIG)
    with running("serve", "--config", "f.yaml", cwd=cwd, until="Say hello") as (server, said):
        empty = run("report", "--state-dir", "st", cwd=cwd)
        assert (empty.returncode, empty.stdout) == (0, "")
        address = address_in(said)
        ids = [
            ask(address, "sim-nano", task="chat")[0],
            ask(address, "sim-nano", task="chat")[0],
            ask(address, "sim-large", task="law", tags=["=1+1", "night"])[0],
        ]
        for request, score in zip(ids, (1, 0.5, 0), strict=True):
            judge(address, request, score)
        live = run("report", "--state-dir", "st", "--json", cwd=cwd)
        assert live.returncode == 0, live.stderr
        explained = run("explain", ids[2], "--state-dir", "st", cwd=cwd)
        assert explained.returncode == 0, explained.stderr
        assert run("report", "--state-dir", "st", "--baseline", "nope", cwd=cwd).returncode == 1
        assert run("explain", "req_nope", "--state-dir", "st", cwd=cwd).returncode == 1
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    return Kept(cwd, ids, json.loads(live.stdout), explained.stdout, empty.stderr)


def test_a_request_just_answered_is_not_in_the_report_of_its_server(kept: Kept) -> None:
    """The server is asked at once, before its ledger's next batch; it also knows the models nobody configured here."""
    assert kept.live["totals"]["requests"] == 3
    assert {row["model"] for row in kept.live["baselines"]} == {"sim-nano", "sim-large"}
    assert "is empty" in kept.empty


def test_a_figure_does_not_add_up(kept: Kept) -> None:
    totals = kept.live["totals"]
    groups = kept.live["groups"]
    assert sum(group["cost"] for group in groups) == totals["cost"] > 0
    assert {group["name"]: group["requests"] for group in groups} == {"sim-nano": 2, "sim-large": 1}
    by_model = {group["name"]: group for group in groups}
    for name, read, written in (("sim-nano", 100, 400), ("sim-large", 15_000, 75_000)):
        group = by_model[name]
        assert group["cost"] == group["input_tokens"] * read + group["output_tokens"] * written
    large = next(row for row in kept.live["baselines"] if row["model"] == "sim-large")
    assert (
        large["cost"] == totals["baseline_cost"] == totals["input_tokens"] * 15_000 + totals["output_tokens"] * 75_000
    )
    assert large["saving"] == pytest.approx(1 - totals["cost"] / large["cost"])


def test_the_database_tells_another_story_than_the_server(kept: Kept) -> None:
    later = json.loads(run("report", "--config", "f.yaml", "--json", cwd=kept.cwd).stdout)
    assert later == kept.live
    assert not any((kept.cwd / "st" / "spool").iterdir())


def test_a_breakdown_is_by_something_else(kept: Kept) -> None:
    done = run("report", "-c", "f.yaml", "--by", "task", "--csv", cwd=kept.cwd)
    rows = {row["task"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert {name: row["requests"] for name, row in rows.items()} == {"chat": "2", "law": "1"}
    tagged = run("report", "-c", "f.yaml", "--by", "tag", "--csv", cwd=kept.cwd).stdout
    assert [row["tag"] for row in csv.DictReader(io.StringIO(tagged))] == ["default/=1+1", "default/night"]
    shown = run("report", "-c", "f.yaml", "--baseline", "sim-large", cwd=kept.cwd).stdout
    assert "cost per 1,000 requests" in shown
    after = shown[shown.index("Had every answered request") :]
    assert "sim-large" in after
    assert "sim-nano" not in after
    assert "按模型" in run("report", "-c", "f.yaml", cwd=kept.cwd, LANG="zh_CN.UTF-8").stdout


def test_what_was_said_of_answers_is_not_told(kept: Kept) -> None:  # M7.3
    nano = {"model": "sim-nano", "task": "chat", "judgements": 2, "score": 0.75}
    assert kept.live["feedback"] == [nano, {"model": "sim-large", "task": "law", "judgements": 1, "score": 0.0}]
    shown = run("report", "-c", "f.yaml", cwd=kept.cwd).stdout
    assert re.search(r"chat +sim-nano +2 +75\.0 %\n", shown)
    assert re.search(r"law +sim-large +1 +0\.0 %\n", shown)
    chinese = run("report", "-c", "f.yaml", cwd=kept.cwd, LANG="zh_CN.UTF-8").stdout
    assert "满意度" in chinese
    assert "satisfied" not in chinese


def test_the_window_is_not_heeded(kept: Kept) -> None:
    assert (
        json.loads(run("report", "-c", "f.yaml", "--since", "1h", "--json", cwd=kept.cwd).stdout)["totals"]["requests"]
        == 3
    )
    later = run("report", "-c", "f.yaml", "--since", "2999-01-01", cwd=kept.cwd)
    assert (later.returncode, later.stdout) == (0, "")
    assert "is empty since 2999-01-01" in later.stderr
    assert run("report", "-c", "f.yaml", "--since", "yesterday", cwd=kept.cwd).returncode == 2


def test_a_finished_request_is_explained_differently_once_the_server_is_gone(kept: Kept) -> None:
    assert "sim-large answered via sim-large@sim" in kept.explained
    assert "config/sim-large/" in kept.explained
    assert run("explain", kept.ids[2], "-c", "f.yaml", cwd=kept.cwd).stdout == kept.explained
    record = json.loads(run("explain", kept.ids[0], "-c", "f.yaml", "--json", cwd=kept.cwd).stdout)
    assert record["request"] == kept.ids[0]
    assert record["attempts"][0]["lines"][0]["amount_usd"]


def test_the_rows_by_model_do_not_add_up_to_the_totals(tmp_path: Path) -> None:
    """A request that nobody answered stands in a row of its own."""
    (tmp_path / "f.yaml").write_text(CONFIG.replace("sim-nano: {latency_ms: 0,", "sim-nano: {error_rate: 1,"))
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (_, said):
        ask(address_in(said), "sim-large", "chat")
        with pytest.raises(urllib.error.HTTPError):
            ask(address_in(said), "sim-nano", "chat")
        told = json.loads(run("report", "-c", "f.yaml", "--state-dir", "st", "--json", cwd=tmp_path).stdout)
        table = run("report", "--state-dir", "st", cwd=tmp_path).stdout
    groups = {group["name"]: group for group in told["groups"]}
    assert groups["(no answer)"]["requests"] == 1
    for figure in ("requests", "attempts", "input_tokens", "output_tokens", "cost"):
        assert sum(group[figure] for group in groups.values()) == told["totals"][figure]
    assert re.search(r"\(no answer\) +1 +50.0 %", table)
    assert re.search(r"\$\S+ spent, \$\S+ on the baseline \(0.0 % saved\)", table)
    assert re.search(r"sim-nano .* routing cost \S+ x as much", table)


def test_a_directory_without_a_ledger_is_made_into_one(tmp_path: Path) -> None:
    done = run("report", "--state-dir", "none", cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no ledger" in done.stderr
    assert not (tmp_path / "none").exists()


def test_requests_that_only_the_spool_holds_are_passed_over_in_silence(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(CONFIG)
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (server, said):
        ask(address_in(said), "sim-nano", "chat")
        server.kill()
        server.wait(20)
    killed = run("report", "-c", "f.yaml", "--json", cwd=tmp_path)
    assert killed.returncode == 0, killed.stderr
    assert "did not stop in order" in killed.stderr
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (server, _):
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    again = run("report", "-c", "f.yaml", "--json", cwd=tmp_path)
    assert again.stderr == ""
    assert json.loads(again.stdout)["totals"]["requests"] == 1


TIERED = """\
policies:
  tiers:
    strategy: tiered
    tiers:
      - {name: high, models: [sim-large], match: {complexity: complex}, budget: 500, cost_per_1k: 40}
      - {name: low, models: [sim-nano], budget: 100}
"""


def test_a_tier_hides_what_it_was_expected_to_cost_or_what_is_left(tmp_path: Path) -> None:  # M3.5
    (tmp_path / "f.yaml").write_text(CONFIG + TIERED)
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (server, said):
        address = address_in(said)
        for complexity in ("complex", "simple", "simple"):
            ask(address, "auto", policy="tiers", complexity=complexity)
        ask(address, "sim-nano", task="chat")[0]
        live = json.loads(run("report", "--state-dir", "st", "--by", "tier", "--json", cwd=tmp_path).stdout)
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    later = json.loads(run("report", "-c", "f.yaml", "--by", "tier", "--json", cwd=tmp_path).stdout)
    assert later == live
    assert live["classifier"] is None
    assert {one["name"]: one["requests"] for one in live["groups"]} == {"tiers/high": 1, "tiers/low": 2, "(no tier)": 1}
    for figure in ("requests", "attempts", "input_tokens", "output_tokens", "cost"):
        assert sum(group[figure] for group in live["groups"]) == live["totals"][figure]
    high, low = live["tiers"]
    assert (high["tenant"], high["tier"], high["expected_per_1k"], high["budget"]) == (
        "default",
        "high",
        40 * 10**9,
        500 * 10**9,
    )
    assert high["per_1k"] == 1000 * high["cost"] > 0
    assert high["left"] == high["budget"] - high["cost"]
    assert (low["expected_per_1k"], low["spent_today"]) == (None, low["cost"])
    shown = run("report", "-c", "f.yaml", cwd=tmp_path).stdout
    assert re.search(r"tiers/high +default +1 +\$\S+ +\$40.0000 +\$500.00 +\$\S+", shown)
    chinese = run("report", "-c", "f.yaml", "--by", "tier", cwd=tmp_path, LANG="zh_CN.UTF-8").stdout
    for words in ("每日预算", "今日剩余", "按层级", "（不属于任何层级）"):
        assert words in chinese
    assert "(no tier)" not in chinese


def test_what_the_asked_model_said_is_told_without_its_agreement_or_alarms(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # M2.4
    days = (
        OpinionDay("2026-02-01", {"math": 150}, 60),
        OpinionDay("2026-02-02", {"chat": 120, "math": 30}, 75, drift=1.5),
    )
    alarms = (Alarm(1_770_000_000_000, "classifier_drift", "m: population stability index 1.50 since yesterday"),)
    said = Opinions(120, 2, 3_000_000, 900, 300, 135, 4, days, alarms)
    assert plain_opinions(said)["agreement"] == 0.45
    assert plain_opinions(said)["cost_usd"] == "0.003"
    show_opinions(said)
    shown = capsys.readouterr().out
    assert re.search(r"agrees with the built-in one +45.0 %", shown)
    assert re.search(r"2026-02-02 +150 +50.0 % +1.50 +chat 120, math 30", shown)
    assert re.search(r"2026-02-02 \d\d:\d\d UTC +classifier_drift +m: population", shown)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    show_opinions(said)
    chinese = capsys.readouterr().out
    assert "漂移" in chinese
    assert "agrees" not in chinese
