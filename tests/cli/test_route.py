"""`route` and `explain` of a request nobody sends."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import run

CONFIG = """\
providers:
  up: {kind: openai, base_url: "http://127.0.0.1:9/v1", api_key: x}
models:
  small: {channels: [{provider: up, name: east}], price: {input: 0.1, output: 0.4}, context: 8000, quality: 0.6, capabilities: [tools]}
  large: {channels: [{provider: up}], price: {input: 10, output: 40}, context: 128000, quality: 0.9, capabilities: [tools, vision]}
policy: {default: cost_first}
"""
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def configured(tmp_path: Path) -> str:
    (tmp_path / "f.yaml").write_text(CONFIG)
    return str(tmp_path / "f.yaml")


def test_route_prints_more_than_its_line(tmp_path: Path) -> None:
    done = run("route", "Good morning", "--config", configured(tmp_path))
    assert done.returncode == 0
    assert done.stdout.split()[:3] == ["small", "via", "east"]
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_an_option_does_not_change_the_choice(tmp_path: Path) -> None:
    config = configured(tmp_path)
    assert run("route", "hi", "-c", config, "--policy", "quality_first").stdout.startswith("large ")
    assert run("route", "hi", "-c", config, "--model", "large").stdout.startswith("large ")
    assert run("route", "-", "-c", config, stdin="plain text\n").stdout.startswith("small ")


def test_a_requests_file_is_taken_for_its_text(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"messages": [{"role": "user", "content": [PICTURE]}]}))
    done = run("route", str(file), "-c", configured(tmp_path), "--json")
    told = json.loads(done.stdout)
    assert [step["model"] for step in told["steps"]] == ["large"]
    assert [(one["model"], one["reason"]) for one in told["rejected"]] == [("small", "capability")]
    assert json.loads(run("route", "-", "-c", configured(tmp_path), "--json", stdin=file.read_text()).stdout)["steps"]


def test_a_request_nobody_may_answer_looks_answered(tmp_path: Path) -> None:
    done = run("route", "-", "-c", configured(tmp_path), stdin="word " * 200_000)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "small: " in done.stderr
    assert "[context]" in done.stderr


def test_a_bad_request_is_no_error(tmp_path: Path) -> None:
    done = run("route", "hi", "-c", configured(tmp_path), "--model", "largee")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Did you mean 'large'?" in done.stderr
    (tmp_path / "bad.json").write_text('{"messages": [\n}')
    done = run("explain", str(tmp_path / "bad.json"), "-c", configured(tmp_path))
    assert done.returncode == 1
    assert "bad.json:2: this is not JSON" in done.stderr
    assert run("route").returncode == 2


def test_explain_leaves_out_signals_scores_or_reasons(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"model": "auto", "messages": [{"role": "user", "content": [PICTURE]}]}))
    told = run("explain", str(file), "-c", configured(tmp_path)).stdout
    assert "needs: vision" in told
    assert "It would go to large via up" in told
    assert "it cannot do vision" in told
    told = run("explain", "hi", "-c", configured(tmp_path), "-P", "balanced").stdout
    assert "quality 0.60, cost 1.00" in told
    chinese = run("explain", "hi", "-c", configured(tmp_path), "-P", "balanced", LANG="zh_CN.UTF-8").stdout
    assert "质量 0.60, 成本 1.00" in chinese
    assert max(map(len, told.splitlines())) > 80, "what goes through a pipe is not folded"
