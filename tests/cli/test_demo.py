"""The demo's figures are the ledger's, and every one of them says that it is simulated."""

from __future__ import annotations

import json

import pytest

from fairlead.cli.demo import REASONS
from fairlead.cli.demo_workload import ordered
from fairlead.core.cost import expected_cost
from fairlead.core.model import Price, Rates
from fairlead.providers.simulated import LINEUP
from fairlead.registry.catalogue import nano
from tests.cli.command import run


@pytest.fixture(scope="module")
def played() -> dict[str, object]:
    done = run("demo", "--json", "--seconds", "20", "--speed", "100")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_request_gets_lost_between_the_ledger_and_the_table(played: dict) -> None:  # type: ignore[type-arg]
    ledger, savings, decisions = played["ledger"], played["savings"], played["decisions"]
    assert ledger["requests"] == savings["requests"] == len(decisions) == 80
    assert ledger["errors"] == 0
    assert ledger["cost"] == savings["routed"]["cost"] == sum(one["cost"] for one in decisions) > 0
    assert ledger["attempts"] == 82, "two scripted failures, each made good by a second attempt"
    assert sum(number for _, number in savings["shares"]) == 80
    assert sorted(one["number"] for one in decisions) == list(range(1, 81))
    assert [one["task"] for one in sorted(decisions, key=lambda one: one["number"])] == [p.task for p in ordered(80)]


def test_a_baseline_is_not_what_the_ledgers_tokens_cost_there(played: dict) -> None:  # type: ignore[type-arg]
    """All prices are linear, so the sums of tokens are enough to check the sums of rounded costs by."""
    ledger = played["ledger"]
    lines = {line["name"]: line for line in played["savings"]["baselines"]}
    answering = [model for model in LINEUP if not model.behaviour.embeds]
    assert set(lines) == {model.name for model in answering}
    for model in answering:
        price = Price("p", Rates(nano(model.input), nano(model.output)))
        expected = expected_cost(price, ledger["input_tokens"], ledger["output_tokens"])
        assert abs(lines[model.name]["cost"] - expected) <= ledger["requests"]
        assert lines[model.name]["saving"] == pytest.approx(1 - ledger["cost"] / lines[model.name]["cost"])
    best = lines["sim-large"]
    assert played["savings"]["routed"]["cost"] < best["cost"] / 2
    assert played["could_answer"]["sim-nano"] < played["could_answer"]["sim-large"] == 80


def test_the_overhead_is_simulated_or_missing(played: dict) -> None:  # type: ignore[type-arg]
    measured = played["measured"]
    assert 0 < measured["overhead_us_p50"] <= measured["overhead_us_p99"]
    assert played["label"] == "simulated"


def test_a_figure_of_the_table_does_not_say_that_it_is_simulated() -> None:
    done = run("demo", "--plain", "--seconds", "5", "--speed", "100")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    table = done.stdout[done.stdout.index("What routing saved") :].splitlines()
    assert "simulated" in table[0]
    headings = [cell for cell in table[2].split("|") if cell.strip()][1:]
    assert len(headings) == 5
    assert all("(simulated)" in heading for heading in headings)
    assert all("imulated" in line for line in table if line[:5] in ("Every", "Where", "Answe"))
    assert "\x1b" not in done.stdout
    assert len([line for line in done.stdout.splitlines() if " ms  " in line]) == 20


def test_the_stream_s_columns_and_reasons_have_no_name() -> None:
    told = run("demo", "--plain", "--seconds", "5", "--speed", "100").stdout
    lines = told[: told.index("What routing saved")].splitlines()
    place = next(
        at
        for at, line in enumerate(lines)
        if line.split() == ["#", "task", "model", "cost", "time", "policy:", "models", "left", "out"]
    )
    assert any(line.lstrip().startswith("1 ") for line in lines[place + 1 :])
    assert all(word in " ".join(lines[:place]) for word in REASONS.values())
    assert lines[place].index("task") == lines[place + 1].index(lines[place + 1].split()[1])


def test_the_demo_does_not_speak_chinese() -> None:
    done = run("demo", "--seconds", "2", "--speed", "100", LC_ALL="zh_CN.UTF-8")
    assert "路由节省了多少（模拟数据）" in done.stdout
    assert done.stdout.count(" （模拟）") == 5
