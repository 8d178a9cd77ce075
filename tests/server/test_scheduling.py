"""The bench and the review: what they ask, cost and write, by the calendar and by command; through a whole server."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from fairlead.config.load import loads
from fairlead.core.bench import Scored
from fairlead.errors import ConfigError
from fairlead.evidence import bench as files
from fairlead.server.scheduling import DONE, Scheduling
from fairlead.server.serve import Running, start
from tests.server.wire import ask

CONFIG = """
server: {{host: 127.0.0.1, port: 0, state_dir: "{state}"}}
providers:
  sim:
    kind: simulated
    models:
      wise: {{reply: "It is 42", latency_ms: 1}}
      dull: {{reply: "It is 41", latency_ms: 1}}
      down: {{error_rate: 1, latency_ms: 1}}
models:
  wise: {{channels: [{{provider: sim}}], price: {{input: 1, output: 2}}, quality: 0.6}}
  dull: {{channels: [{{provider: sim}}], price: {{input: 1, output: 2}}, quality: 0.7}}
  down: {{channels: [{{provider: sim}}], price: {{input: 1, output: 2}}}}
  vectors: {{channels: [{{provider: sim, model: wise}}], price: {{input: 1, output: 0}}, capabilities: [embeddings]}}
policies: {{best: {{strategy: quality_first}}}}
policy: {{default: best}}
keys: [{{name: k, key: fl_k}}, {{name: boss, key: fl_boss, role: admin}}]
{more}
"""
CASES = "".join(
    f"    q{n}: {{task: math, check: number, expects: 42, prompt: 'What is {n} + {42 - n}?'}}\n" for n in range(12)
)
BENCH = f"bench:\n  every: week\n  budget: 0.05\n  cases:\n{CASES}"


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@asynccontextmanager
async def gateway(state: Path, more: str = BENCH) -> AsyncIterator[Running]:
    running = await start(loads(CONFIG.format(state=state, more=more)), speed=100.0)
    try:
        yield running
    finally:
        await running.stop()


def scheduling(running: Running) -> Scheduling:
    assert running.scheduling is not None
    return running.scheduling


async def first(running: Running) -> str:
    body = b'{"model": "auto", "messages": [{"role": "user", "content": "What is 17 + 25?"}], "fairlead": {"task": "math"}}'
    said = await ask(running.port, "POST", "/v1/chat/completions", body, key="fl_k")
    assert said.status == 200, said.body
    return said.headers["x-fairlead-model"]


def scores(run: Scored) -> dict[str, tuple[int, float, int]]:
    return {one.model: (one.cases, one.good, one.missed) for one in run.scores}


async def test_what_the_bench_finds_counts_for_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:  # M3.12 M7.1
    caplog.set_level(logging.INFO)
    state = tmp_path / "s"
    async with gateway(state) as running:
        assert await first(running) == "dull", "by what is declared"
        await scheduling(running).look(at("2026-11-21"))
        (run,) = files.runs(state)
        assert scores(run) == {"wise": (12, 12.0, 0), "dull": (12, 0.0, 0), "down": (0, 0.0, 12)}
        assert "bench_run: 36 answers of 3 models for $" in caplog.text
        running.runtime.vitals.at(1e12)
        assert await first(running) == "wise"
        ledger = running.runtime.ledger
        await ledger.flush()
        sql = "SELECT count(*), count(DISTINCT key), min(key), sum(cost) FROM requests WHERE purpose = 'bench'"
        count, keys, key, cost = await ledger.ask(lambda found: found.execute(sql).fetchone())
        assert (count, keys, key) == (36, 1, "bench")
        assert cost == run.cost > 0
    async with gateway(state, "") as running:
        running.runtime.vitals.at(1e12)
        assert await first(running) == "wise", "a gateway that begins has forgotten it"


async def test_an_answer_that_was_cut_off_is_a_wrong_one(tmp_path: Path) -> None:  # M7.1
    """So would be all those of a model that thinks for longer than it may write."""
    async with gateway(tmp_path / "s", BENCH + "  max_output: 2\n") as running:
        await scheduling(running).look(at("2026-11-21"))
        (run,) = files.runs(tmp_path / "s")
        assert scores(run)["wise"] == (0, 0.0, 12)
        assert "wise: its answer was cut off (bench.max_output)" in run.problems


async def test_a_run_is_made_twice_or_never_again(tmp_path: Path) -> None:  # M3.12
    state = tmp_path / "s"
    async with gateway(state) as running:
        for moment, runs in (
            ("2026-11-21", 1), ("2026-11-22", 1), ("2026-11-23", 2), ("2026-11-29", 2), ("2026-12-14", 3),
        ):  # fmt: skip
            await scheduling(running).look(at(moment))
            assert (await audits(running)).count("bench_run") == runs
            assert msgspec.json.decode((state / DONE).read_bytes())["bench"] <= at(moment)
    async with gateway(state) as running:
        await scheduling(running).look(at("2026-12-15"))
        assert (await audits(running)).count("bench_run") == 3


async def audits(running: Running) -> list[str]:
    await running.runtime.ledger.flush()
    sql = "SELECT kind FROM audit ORDER BY seq"
    return [row[0] for row in await running.runtime.ledger.ask(lambda found: found.execute(sql).fetchall())]


async def test_a_run_costs_more_than_its_budget_and_is_unfair(tmp_path: Path) -> None:  # M3.12
    """Where the budget ends, it ends for all alike: nobody is asked twice as much as another."""
    async with gateway(tmp_path / "s", BENCH.replace("0.05", "0.0012") + "  max_output: 400\n") as running:
        await scheduling(running).look(at("2026-11-21"))
        (run,) = files.runs(tmp_path / "s")
        assert 0 < run.cost <= 1_200_000
        assert run.left_out > 0
        asked = {one.model: one.cases + one.missed for one in run.scores}
        assert max(asked.values()) - min(asked.values()) <= 4, "as many as are under way at once"


async def test_anybody_may_have_the_bench_run_or_two_run_at_once(tmp_path: Path) -> None:  # M7.1 M8.1
    async with gateway(tmp_path / "s") as running:
        said = json.dumps({"models": ["wise"], "tasks": ["math"]}).encode()
        assert (await ask(running.port, "POST", "/admin/v1/bench", said, key="fl_k")).status == 403
        for wrong, told in (({"models": ["wize"]}, "no model"), ({"tasks": ["chess"]}, "no question of task 'chess'")):
            refused = await ask(running.port, "POST", "/admin/v1/bench", json.dumps(wrong).encode(), key="fl_boss")
            assert (refused.status, told in refused.body.decode()) == (400, True)
        async with running.runtime.benching:
            refused = await ask(running.port, "POST", "/admin/v1/bench", said, key="fl_boss")
            assert (refused.status, "bench_running" in refused.body.decode()) == (503, True)
        done = await ask(running.port, "POST", "/admin/v1/bench", said, key="fl_boss")
        assert done.status == 200
        assert scores(msgspec.json.decode(done.body, type=Scored)) == {"wise": (12, 12.0, 0)}


async def test_a_quarter_ends_without_a_review(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # M3.12
    caplog.set_level(logging.INFO)
    state = tmp_path / "s"
    async with gateway(state, "review: {every: quarter}\n") as running:
        now = datetime.now(UTC)
        for _ in range(3):
            await first(running)
        await scheduling(running).look(int(now.timestamp()))
        assert not (state / "reviews").exists(), "nothing has ended yet"
        then = datetime(now.year + (now.month > 9), (now.month + 2) // 3 * 3 % 12 + 1, 2, tzinfo=UTC)
        await scheduling(running).look(int(then.timestamp()))
        await scheduling(running).look(int(then.timestamp()) + 86_400)
        begun = f"{now.year}-{(now.month - 1) // 3 * 3 + 1:02}-01"
        assert sorted(file.name for file in (state / "reviews").iterdir()) == [f"{begun}.json", f"{begun}.md"]
        told = (state / "reviews" / f"{begun}.md").read_text()
        for words in (f"# Review of {begun} to ", "were spent; before, nothing.", "| dull | 3 |", "| 100% |",
                      "## What would save money", "## What was changed"):  # fmt: skip
            assert words in told, told
        assert (await audits(running)).count("review_written") == 1
        assert "review_written" in caplog.text


async def test_nothing_is_declared_and_something_is_done(tmp_path: Path) -> None:  # M3.12
    async with gateway(tmp_path / "s", "") as running:
        await scheduling(running).look(at("2026-11-21"))
        assert not (tmp_path / "s" / DONE).exists()
        assert "bench_run" not in await audits(running)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("bench: {every: week}", "needs a `budget`"),
        ("bench: {every: year, budget: 1}", "bench.every"),
        ("bench: {models: [nobody]}", "unknown model 'nobody'"),
        ("bench: {cases: {q: {task: math, check: json, prompt: x, expects: [a]}}}", "written as path=value"),
        ("review: {every: never}", "review.every"),
    ],
)
def test_a_bench_that_cannot_be_meant_waits_for_its_first_run(tmp_path: Path, given: str, told: str) -> None:  # M3.12
    with pytest.raises(ConfigError, match=told):
        loads(CONFIG.format(state=tmp_path, more=given))


async def test_what_a_stand_in_answers_counts_for_the_model_it_stood_in_for(tmp_path: Path) -> None:  # M3.12
    """A preset without keys simulates its models under their own names."""
    state = tmp_path / "s"
    async with gateway(state) as running:
        await scheduling(running).look(at("2026-11-21"))
        (run,) = files.runs(state)
        assert run.simulated == ("down", "dull", "wise")
        now = ("dull", "wise", "down")
        assert {one.model for one in files.judgements([run], run.at, now)} == {"dull", "wise"}
        assert files.judgements([run], run.at, ()) == ()
        assert files.judgements([run], run.at + 90 * 86_400, now) == ()


async def test_the_enterprise_preset_schedules_nothing(tmp_path: Path) -> None:  # M3.12
    from fairlead.config import presets

    config = presets.load("enterprise", {})
    server = config.server.model_copy(update={"state_dir": str(tmp_path / "s"), "port": 0})
    running = await start(config.model_copy(update={"server": server}), speed=1_000.0)
    try:
        await scheduling(running).look(at("2026-12-31T23:00:00"))
        (run,) = files.runs(tmp_path / "s")
        assert (run.asked, len(run.scores), run.left_out) == (28 * 6, 7 * 6, 0)
        assert 0 < run.cost <= 5_000_000_000
        await scheduling(running).look(at("2027-01-01"))
        (review, _) = sorted((tmp_path / "s" / "reviews").iterdir(), reverse=True)
        assert review.name == "2026-10-01.md"
        assert len(files.runs(tmp_path / "s")) == 1, "the same week"
    finally:
        await running.stop()
