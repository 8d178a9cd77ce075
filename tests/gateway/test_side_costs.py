"""What is asked about a request costs its caller too: the answer says how much, and the books say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway.test_meaning import DISHES, MEALS, kept, said
from tests.gateway.test_opinion import ASK as UNSURE
from tests.gateway.test_opinion import JUDGE, POLICY, says
from tests.gateway.test_quality import ASK, GOOD, OTHER, gated, graded
from tests.server.serving import KEYS, Served, serving
from tests.server.test_memories import EMBEDS, ON, embedded
from tests.server.wire import Response
from tests.upstream import answer, events, stream

SIDE = "x-fairlead-side-cost"


async def beside(server: Served, response: Response) -> int:
    """What the books say that its side calls cost."""
    request = response.headers["x-fairlead-request-id"]
    return sum(one.cost for one in await server.records() if one.parent == request)


def nano(text: str) -> int:
    return round(float(text) * 10**9)


async def test_two_judgements_are_paid_for_and_told_to_nobody(tmp_path: Path) -> None:  # M4.3 M6.1
    async with gated(tmp_path, "kind: judge, model: grader") as server:
        server.upstream.push("two", answer(OTHER))
        server.upstream.push("one", graded(3), answer(GOOD), graded(10))
        response = await server.chat(ASK, model="auto")
        assert nano(response.headers[SIDE]) == await beside(server, response) == 100_000
        record = await server.record(response)
        assert nano(response.headers["x-fairlead-cost"]) == record.cost


async def test_a_judged_stream_tells_the_cost_without_its_judge(tmp_path: Path) -> None:  # M4.3 M6.1
    async with gated(tmp_path, "kind: judge, model: grader") as server:
        server.upstream.push("two", stream(events((GOOD,))))
        server.upstream.push("one", graded(9))
        response = await server.chat(ASK, model="auto", stream=True)
        assert nano(response.headers[SIDE]) == await beside(server, response) == 50_000


async def test_a_classifier_that_was_asked_is_left_out(tmp_path: Path) -> None:  # M2.4 M6.1
    async with serving(tmp_path / "s", more=KEYS + JUDGE % "", extra_policy=POLICY) as server:
        server.upstream.push("two", says("translation"))
        first, again = [await server.chat(**UNSURE) for _ in range(2)]
        assert nano(first.headers[SIDE]) == await beside(server, first) > 0
        assert SIDE not in again.headers  # what was said once is kept


async def test_a_hit_is_said_to_be_free_though_a_vector_was_paid_for(tmp_path: Path) -> None:  # M5.1 M6.1
    more = f"{KEYS}cache: {{exact: {{enabled: true}}, semantic: {{enabled: true, embedding: {{model: embedder}}}}}}\n"
    async with serving(tmp_path / "s", more=more, extra_model=EMBEDS) as server:
        server.upstream.push("two", *[embedded([1.0, 0.0])] * 4)
        await said(server, MEALS)
        await kept(server)
        again = await said(server, DISHES)
        assert (again.headers["x-fairlead-cache"], again.headers["x-fairlead-cost"]) == ("hit-semantic", "0")
        assert nano(again.headers[SIDE]) == await beside(server, again) > 0


async def test_what_is_looked_up_in_a_memory_is_left_out(tmp_path: Path) -> None:  # M5.3 M6.1
    more = (ON % ", embedding: {model: embedder}").replace("name: test,", "name: test, wishes: {memory: 'true'},")
    async with serving(tmp_path / "s", more=more, extra_model=EMBEDS) as server:
        server.upstream.push("two", *[embedded([1.0, 0.0])] * 4)
        response = await server.chat({"x-fairlead-user": "ada"})
        assert nano(response.headers[SIDE]) > 0


@pytest.mark.parametrize("more", ["", "classifier: {model: {model: m-two, below: 0}}\n"])
async def test_where_nothing_is_asked_beside_a_cost_is_told(tmp_path: Path, more: str) -> None:  # M6.1
    async with serving(tmp_path / "s", more=KEYS + more) as server:
        assert SIDE not in (await server.chat()).headers


async def test_a_price_that_is_not_known_is_told_as_nothing(tmp_path: Path) -> None:  # M6.1
    unpriced = "  grader: {channels: [{provider: one, model: up-judge}], context: 128000, quality: 0.2}\n"
    async with gated(tmp_path, "kind: judge, model: grader", judges=unpriced) as server:
        server.upstream.push("two", answer(GOOD))
        server.upstream.push("one", graded(9))
        response = await server.chat(ASK, model="auto")
        assert response.headers[SIDE] == "unknown", json.dumps(dict(response.headers))
