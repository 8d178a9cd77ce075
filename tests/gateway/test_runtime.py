"""A process that begins goes on where the last one ended: what the day has cost so far is spent."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.server.serving import KEYS, Served, config, question, rows, serving, soon
from tests.server.test_crash import process
from tests.server.wire import Response, ask
from tests.upstream import HANG, Play, answer, scripted

TIERS = """  tiers:
    strategy: tiered
    tiers:
      - {name: high, models: [m-one], match: {complexity: complex}, budget: 0.02, cost_per_1k: 2}
      - {name: low, models: [m-two], budget: 10}
"""
KNOBS = {"policy": "tiers", "complexity": "complex"}
ASK = {"model": "auto", "max_tokens": 1000, "fairlead": KNOBS}
USAGE = (1000, 1000)
"""At m-one's price 0.003 USD."""


def tier(response: Response) -> str:
    assert response.status == 200, response.body
    return response.headers["x-fairlead-tier"]


async def spend(server: Served, key: str = "fl_test") -> list[str]:
    for _ in range(10):
        server.upstream.push("one", answer("a", USAGE))
    return [tier(await server.chat(key=key, **ASK)) for _ in range(9)]


async def test_a_budget_begins_anew_with_the_process(tmp_path: Path) -> None:  # M3.5
    async with serving(tmp_path / "s", extra_policy=TIERS) as server:
        before = await spend(server)
        assert before == ["high"] * before.count("high") + ["low"] * before.count("low")
        assert before[-1] == "low"
    async with serving(tmp_path / "s", extra_policy=TIERS) as server:
        assert tier(await server.chat(**ASK)) == "low"
        assert tier(await server.chat(key="fl_other", **ASK)) == "high"


async def test_a_budget_begins_anew_where_the_process_was_killed(tmp_path: Path) -> None:  # M3.5 F31
    """One request is under way when it dies: what it is expected to cost is spent too."""
    file = tmp_path / "fairlead.yaml"
    body = question(**ASK)

    async def asked(port: int) -> Response:
        return await ask(port, "POST", "/v1/chat/completions", body, None, "fl_test")

    async with scripted() as upstream:
        file.write_text(config(upstream.port, tmp_path / "s", extra_policy=TIERS))
        for _ in range(5):
            upstream.push("one", answer("a", USAGE))
        async with process(file) as (child, port):
            assert [tier(await asked(port)) for _ in range(5)] == ["high"] * 5
            child.kill()
            await child.wait()
        async with process(file) as (child, port):
            upstream.push("one", Play([HANG]))
            under_way = asyncio.ensure_future(asked(port))
            await soon(lambda: len(upstream.calls) == 6)
            child.kill()
            await asyncio.wait([under_way])
            assert under_way.exception() is not None
        async with process(file) as (child, port):
            upstream.push("one", answer("a", USAGE))
            after = [tier(await asked(port)) for _ in range(2)]
            assert after[-1] == "low"
            lost = "SELECT count(*) FROM tiers JOIN attempts USING (seq) WHERE outcome = 'lost' AND tiers.cost > 0"
            assert rows(tmp_path / "s", lost) == [(1,)]
            child.kill()
        assert len(upstream.calls) >= 7


CLASSIFIER = KEYS + "\nclassifier: {model: {model: m-two, below: 1.0, timeout: 0.5, budget: 0.0003}}\n"
TABLE = """  table:
    strategy: balanced
    tasks: {math: {model: m-one}}
"""


async def test_the_classifiers_budget_begins_anew_with_the_process(tmp_path: Path) -> None:  # M2.4
    body = {"model": "auto", "fairlead": {"policy": "table"}}
    async with serving(tmp_path / "s", more=CLASSIFIER, extra_policy=TABLE) as server:
        server.upstream.push("two", answer("{}", (1000, 1000)))
        await server.chat(**body)
        opinions = server.running.runtime.opinions
        assert opinions is not None
        assert opinions.purse.budget is not None
        left = opinions.purse.budget - 500_000
        assert server.upstream.seats[0] == "two"
        assert opinions.purse.affords(left, "default", 1)
        assert not opinions.purse.affords(left + 1, "default", 1)
    async with serving(tmp_path / "s", more=CLASSIFIER, extra_policy=TABLE) as server:
        await server.chat(**body)
        assert len(server.upstream.calls) == 1
