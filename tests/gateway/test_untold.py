"""Usage that is missing, odd or plainly wrong: a flagged estimate stands in its place, never nothing, never what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.server.serving import question, serving
from tests.server.wire import ask
from tests.upstream import USAGE, Play, completion, event, events, plain, stream

LONG = "word " * 3000
"""About 3,750 tokens."""
MESSAGES = json.dumps({"model": "m-one", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}).encode()


def altered(**choice: object) -> bytes:
    found = json.loads(completion())
    found["choices"][0]["message"] |= choice
    return json.dumps(found).encode()


TOLD = {
    "a call whose id is a number": altered(tool_calls=[{"id": 5, "type": "function", "function": {"name": "f", "arguments": "{}"}}]),
    "content that is a number": altered(content=5),
    "no choices": json.dumps(json.loads(completion()) | {"choices": []}).encode(),
    "an error beside the choices": json.dumps(json.loads(completion()) | {"error": {"message": "no"}}).encode(),
}  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("name", TOLD)
async def test_an_answer_that_is_of_no_use_costs_what_its_provider_says(
    tmp_path: Path, name: str, path: str
) -> None:  # F17 F46
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, TOLD[name])]))
        body = MESSAGES if path == "/v1/messages" else question()
        await ask(server.port, "POST", path, body)
        (record,) = await server.records()
        usage = record.attempts[0].usage
        assert (usage.input, usage.output, usage.estimated) == (*USAGE, False)
        assert record.attempts[0].cost > 0


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
async def test_an_answer_that_is_cut_short_within_its_length_is_paid_for_by_an_estimate(
    tmp_path: Path, path: str
) -> None:  # F17
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, completion(LONG)[:-90])]))
        await ask(server.port, "POST", path, MESSAGES if path == "/v1/messages" else question())
        (record,) = await server.records()
        usage = record.attempts[0].usage
        assert usage.estimated
        assert usage.output >= len(LONG) // 4


async def test_what_is_no_json_at_all_and_what_says_that_it_failed_cost_nothing(tmp_path: Path) -> None:  # F5
    async with serving(tmp_path / "s") as server:
        for body in (b"<html>Bad gateway</html>", b'{"error": {"message": "no"}}'):
            server.upstream.push("one", Play([plain(200, body)]))
            await server.chat()
        assert [record.attempts[0].cost for record in await server.records()] == [0, 0]


EARLY = event({"content": "a"}, usage=(11, 3))
STREAMS = {
    "only with the first content": [EARLY, event({"content": LONG}), event({}, "stop"), b"data: [DONE]\n\n"],
    "none in the end": [EARLY, event({"content": LONG}), event({}, "stop"), event(None, usage=(11, 0)), b"data: [DONE]\n\n"],
    "none at all": events((LONG,), usage=(11, 0)),
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
async def test_a_stream_whose_usage_leaves_out_what_was_said_is_estimated(tmp_path: Path, name: str) -> None:  # F17
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", stream(STREAMS[name]))
        response = await server.chat(stream=True)
        usage = (await server.record(response)).attempts[0].usage
        assert usage.estimated
        assert usage.input == 11
        assert len(LONG) // 4 <= usage.output <= len(LONG) // 4 + 3


async def test_usage_with_the_first_content_counts_where_nothing_came_behind_it(tmp_path: Path) -> None:  # F17
    async with serving(tmp_path / "s") as server:
        one = event({"content": "a rather long word"}, "stop", usage=(11, 3))
        server.upstream.push("one", stream([one, b"data: [DONE]\n\n"]))
        usage = (await server.record(await server.chat(stream=True))).attempts[0].usage
        assert (usage.input, usage.output, usage.estimated) == (11, 3, False)


@pytest.mark.parametrize("told", [(11, 10**11), (10**11, 7), (11, 0)])
async def test_usage_that_cannot_be_is_estimated(tmp_path: Path, told: tuple[int, int]) -> None:  # F17
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([plain(200, completion(LONG, told))]))
        usage = (await server.record(await server.chat())).attempts[0].usage
        assert usage.estimated
        assert len(LONG) // 4 <= usage.output < 10**5
