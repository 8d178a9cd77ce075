"""`bench` and `review` from the command line, with no server running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import run

CONFIG = """
server: {state_dir: st}
providers:
  sim:
    kind: simulated
    models:
      wise: {reply: "It is 42", latency_ms: 1, tokens_per_second: 10000}
      dull: {reply: "It is 41", latency_ms: 1, tokens_per_second: 10000}
models:
  wise: {channels: [{provider: sim}], price: {input: 1, output: 2}}
  dull: {channels: [{provider: sim}], price: {input: 1, output: 2}}
bench:
  cases:
    sum: {task: math, check: number, expects: 42, prompt: "What is 17 + 25?"}
    river: {task: knowledge_qa, check: contains, expects: [Danube], prompt: "Which river runs through Vienna?"}
"""


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    (tmp_path / "f.yaml").write_text(CONFIG)
    return tmp_path


def test_a_run_by_command_is_not_kept_or_not_on_the_books(cwd: Path) -> None:  # M7.1
    assert "has not run yet" in run("bench", "show", "-c", "f.yaml", cwd=cwd).stderr
    done = run("bench", "run", "-c", "f.yaml", cwd=cwd)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines() if " wise " in line or " dull " in line]
    assert [line[:3] for line in lines] == [
        ["knowledge_qa", "dull", "0%"], ["knowledge_qa", "wise", "0%"], ["math", "wise", "100%"], ["math", "dull", "0%"],
    ]  # fmt: skip
    assert "4 questions were asked for $0.000" in done.stdout
    told = json.loads(run("bench", "show", "-c", "f.yaml", "--json", cwd=cwd).stdout)
    assert (told["asked"], len(told["scores"])) == (4, 4)
    some = run("bench", "run", "-c", "f.yaml", "--task", "math", "--model", "wise", "--json", cwd=cwd)
    assert [one["model"] for one in json.loads(some.stdout)["scores"]] == ["wise"]
    review = run("review", "-c", "f.yaml", cwd=cwd)
    assert review.returncode == 0, review.stderr
    assert "| math | wise | 100% | 1 | new |" in review.stdout
    assert "were spent; before, nothing." in review.stdout
    told = json.loads(run("review", "-c", "f.yaml", "--days", "7", "--json", cwd=cwd).stdout)
    assert {one["model"] for one in told["shares"]} == {"wise", "dull"}
    assert "正确率" in run("bench", "show", "-c", "f.yaml", cwd=cwd, LANG="zh_CN.UTF-8").stdout


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--task", "chess"), "The bench has no question of task 'chess'; it has: knowledge_qa, math"),
        (("--model", "nobody"), "There is no model 'nobody'"),
        (("--budget", "-1"), "an amount in USD"),
        (("--budget", "0.0000000001"), "more than nine decimals"),
    ],
)
def test_a_slip_runs_the_whole_bench(cwd: Path, given: tuple[str, ...], told: str) -> None:  # M7.1
    done = run("bench", "run", "-c", "f.yaml", *given, cwd=cwd)
    assert done.returncode != 0
    assert told in done.stderr
    assert not (cwd / "st" / "bench").exists()


def test_a_budget_of_nothing_asks_all_the_same(cwd: Path) -> None:  # M3.12
    done = run("bench", "run", "-c", "f.yaml", "--budget", "0", cwd=cwd)
    assert "The budget did not bear 4 more." in done.stdout
    assert "0 questions were asked" in done.stdout
