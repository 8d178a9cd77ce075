"""`fairlead cache` beside a running server."""

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
cache: {exact: {enabled: true}}
"""


def test_the_cache_tells_and_erases_nothing(tmp_path: Path) -> None:  # M5.1
    (tmp_path / "f.yaml").write_text(CONFIG)
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (_, said):
        for _ in range(3):
            ask(address_in(said), "sim-nano", task="chat")
        told = json.loads(run("cache", "stats", "--config", "f.yaml", "--json", cwd=tmp_path).stdout)
        assert (told["hits"], told["misses"]) == (2, 1)
        shown = run("cache", "stats", "--config", "f.yaml", cwd=tmp_path).stdout
        assert "2 (66.7 %)" in shown.replace("66.7%", "66.7 %")
        reported = run("report", "--config", "f.yaml", cwd=tmp_path).stdout
        assert "answers given again" in reported
        assert "(given again)" in reported
        unclear = run("cache", "clear", "--config", "f.yaml", cwd=tmp_path)
        assert unclear.returncode == 2
        assert "--all" in unclear.stderr
        assert (
            run("cache", "clear", "--tenant", "nobody", "--config", "f.yaml", cwd=tmp_path).stdout
            == "0 answers erased\n"
        )
        assert run("cache", "clear", "--all", "--config", "f.yaml", cwd=tmp_path).stdout == "1 answers erased\n"
        (tmp_path / "f.yaml").write_text(CONFIG + 'keys: [{name: a, key: "${NOT_SET_IN_THIS_TERMINAL}"}]\n')
        other = run("cache", "stats", "--config", "f.yaml", cwd=tmp_path)
        assert (other.returncode, other.stderr) == (0, ""), "whoever may ask needs no key of the server's clients"
        (tmp_path / "f.yaml").write_text(CONFIG.replace("./st", '"${NOT_SET_IN_THIS_TERMINAL}"'))
        lost = run("cache", "stats", "--config", "f.yaml", cwd=tmp_path)
        assert lost.returncode != 0
        assert "server.state_dir: the variable NOT_SET_IN_THIS_TERMINAL is not set" in lost.stderr
        (tmp_path / "f.yaml").write_text(CONFIG)
    alone = run("cache", "stats", "--config", "f.yaml", cwd=tmp_path)
    assert alone.returncode == 1
    assert "no server is running" in alone.stderr


def test_an_answer_given_again_is_explained_as_one_that_was_made(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(CONFIG)
    with running("serve", "--config", "f.yaml", cwd=tmp_path, until="Say hello") as (_, said):
        ids = [ask(address_in(said), "sim-nano", task="chat")[0] for _ in range(2)]
        told = run("explain", ids[1], "--config", "f.yaml", cwd=tmp_path)
        assert "earlier answer of sim-nano" in told.stdout
        assert ids[0] in told.stdout
