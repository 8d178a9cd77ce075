"""`fairlead budgets` beside a running server, and after it: the same figures both times."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.asking import ask
from tests.cli.command import address_in, run, running

CONFIG = """\
server: {port: 0, state_dir: ./st}
providers:
  sim: {kind: simulated, models: {sim-nano: {latency_ms: 0, tokens_per_second: 100000}}}
models:
  sim-nano: {channels: [{provider: sim}], price: {input: 0.1, output: 0.4}, quality: 0.62, context: 128000}
budgets:
  - {scope: gateway, amount: 9, per: day}
  - {scope: model, amount: 5, per: total}
"""


def told(cwd: Path, *more: str) -> list[dict[str, str]]:
    said = run("budgets", "--config", "f.yaml", "--json", *more, cwd=cwd)
    assert said.returncode == 0, said.stderr
    found: list[dict[str, str]] = json.loads(said.stdout)
    return found


def test_a_stopped_server_has_spent_something_else_than_a_running_one(tmp_path: Path) -> None:  # M6.3
    (tmp_path / "f.yaml").write_text(CONFIG)
    assert [one["spent_usd"] for one in told(tmp_path)] == ["0", "0"]
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (server, said):
        for _ in range(3):
            ask(address_in(said), "sim-nano", task="chat")
        live = told(tmp_path)
        server.terminate()
        server.wait(30)
    assert [(one["scope"], one["who"], one["per"], one["mode"]) for one in live] == [
        ("gateway", "", "day", "hard"),
        ("model", "sim-nano", "total", "hard"),
    ]
    assert live[0]["spent_usd"] == live[1]["spent_usd"] != "0"
    assert told(tmp_path) == live
    assert told(tmp_path, "--scope", "model") == live[1:]
    shown = run("budgets", "--config", "f.yaml", cwd=tmp_path).stdout
    assert "sim-nano" in shown
    assert "$9" in shown


def test_after_a_kill_it_says_that_the_last_requests_are_missing(tmp_path: Path) -> None:  # M6.3
    (tmp_path / "f.yaml").write_text(CONFIG)
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (server, said):
        ask(address_in(said), "sim-nano", task="chat")
        server.kill()
        server.wait(30)
    killed = run("budgets", "--config", "f.yaml", cwd=tmp_path)
    assert killed.returncode == 0
    assert "did not stop in order" in killed.stderr
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (server, _):
        server.terminate()
        server.wait(30)
    again = run("budgets", "--config", "f.yaml", "--json", cwd=tmp_path)
    assert again.stderr == ""
    assert json.loads(again.stdout)[0]["spent_usd"] != "0"


def test_no_budgets_are_shown_as_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(CONFIG.partition("budgets:")[0])
    said = run("budgets", "--config", "f.yaml", cwd=tmp_path)
    assert (said.returncode, said.stdout) == (0, "")
    assert "No budgets are set" in said.stderr


def test_budgets_of_others_are_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(CONFIG)
    for filters in (("--scope", "key"), ("--tenant", "nix")):
        said = run("budgets", "--config", "f.yaml", *filters, cwd=tmp_path)
        assert (said.returncode, said.stdout) == (0, "")
        assert "None of the budgets is of this scope and tenant" in said.stderr
    said = run("budgets", "--state-dir", "nowhere", cwd=tmp_path)
    assert (said.returncode, "there is no state directory nowhere" in said.stderr) == (1, True)
