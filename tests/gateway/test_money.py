"""What a provider may bill is on the books, and what it cannot bill is not, however a request ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.server.serving import question, serving, soon, within_a_second
from tests.upstream import CUT, HANG, RST, USAGE, Play, completion, event, events, figures, plain, stream

ROLE = events()[0]
WHOLE = b"".join(events(usage=None))
PRICE = (1000, 2000)
"""Nano-units a token, of m-one."""


async def test_a_client_that_leaves_before_its_request_was_sent_is_charged_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", provider=", max_connections: 1") as server:
        server.upstream.push("one", Play([HANG]))
        async with server.client() as first:
            first.ask("POST", "/v1/chat/completions", question())
            await soon(lambda: len(server.upstream.calls) == 1)
            pool = server.running.runtime.http.pools["one"]
            async with server.client() as second:
                second.ask("POST", "/v1/chat/completions", question(stream=True))
                await soon(lambda: len(pool.waiting) == 1)
            await soon(lambda: len(pool.waiting) == 0)
            await soon(lambda: len(server.running.listener.connections) == 1)
            (record,) = await server.records()
            assert (record.outcome, record.cost) == ("cancelled", 0)
            (attempt,) = record.attempts
            assert (attempt.cost, attempt.usage.input, attempt.usage.estimated) == (0, 0, False)
            assert len(server.upstream.calls) == server.upstream.accepted == 1


ANSWERING = {
    "plain": (Play([plain(200, completion())[:-5], HANG]), False),
    "stream": (stream([ROLE, event({"content": "Bon"}), HANG], end=False), True),
    "stream without content": (stream([ROLE, HANG], end=False), True),
}


@pytest.mark.parametrize("name", ANSWERING)
async def test_a_client_that_leaves_an_answer_that_has_begun_pays_for_an_estimate(tmp_path: Path, name: str) -> None:
    play, streamed = ANSWERING[name]
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", play)
        async with server.client() as client:
            client.ask("POST", "/v1/chat/completions", question(stream=streamed))
            await soon(
                lambda: any(
                    one.reply is not None and one.reply.status for one in server.running.runtime.http.pools["one"].open
                )
            )
            await asyncio.sleep(0.02)
        await soon(lambda: not server.running.listener.connections)
        (record,) = await server.records()
        (attempt,) = record.attempts
        usage = attempt.usage
        assert (record.outcome, attempt.status, usage.estimated) == ("cancelled", 200, True)
        assert usage.input > 0
        assert record.cost == attempt.cost == usage.input * PRICE[0] + usage.output * PRICE[1] > 0


@pytest.mark.parametrize("ending", [CUT, RST], ids=["fin", "rst"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_that_is_cut_is_paid_for_by_an_estimate(tmp_path: Path, streamed: bool, ending: object) -> None:
    async with serving(tmp_path / "s") as server:
        cut = (
            stream([ROLE, 0.02, ending], end=False) if streamed else Play([plain(200, completion())[:-5], 0.02, ending])
        )
        server.upstream.push("one", cut)
        response = await server.chat(model="auto", stream=streamed)
        assert response.headers["x-fairlead-model"] == "m-two"
        first = (await server.record(response)).attempts[0]
        assert (first.status, first.usage.estimated) == (200, True)
        assert first.cost == first.usage.input * PRICE[0] + first.usage.output * PRICE[1] > 0


@pytest.mark.parametrize("asked", [True, False])
async def test_a_stream_ends_with_its_end_mark_whether_or_not_the_provider_does(tmp_path: Path, asked: bool) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", stream([*events(), HANG], end=False))
        async with asyncio.timeout(20):
            response = await server.chat(stream=True, stream_options={"include_usage": asked})
        assert response.whole
        assert response.body == (b"".join(events()) if asked else WHOLE)
        record = await server.record(response)
        (attempt,) = record.attempts
        assert (record.outcome, attempt.outcome) == ("ok", "ok")
        assert (attempt.usage.input, attempt.usage.output, attempt.usage.estimated) == (*USAGE, False)


@pytest.mark.parametrize("ending", [CUT, RST], ids=["fin", "rst"])
@pytest.mark.parametrize("pause", [0.0, 0.02])
async def test_a_cut_behind_the_end_mark_takes_nothing_from_the_answer(
    tmp_path: Path, ending: object, pause: float
) -> None:
    async with serving(tmp_path / "s") as server:
        steps = [b"".join(events()), pause, ending] if ending is CUT else [*events(), 0.02 + pause, ending]
        server.upstream.push("one", stream(steps, end=False))
        response = await server.chat(stream=True)
        assert (response.whole, response.body) == (True, WHOLE)
        record = await server.record(response)
        assert record.outcome == "ok"
        assert record.cost == USAGE[0] * PRICE[0] + USAGE[1] * PRICE[1]


async def test_an_estimate_goes_by_what_was_said_and_not_by_how_it_was_cut_into_events(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        told = {}
        for size in (4, 400):
            texts = ["abcd" * (size // 4)] * (8000 // size)
            server.upstream.push("one", stream(events(texts, usage=None)))
            record = await server.record(await server.chat(stream=True))
            usage = record.attempts[0].usage
            assert usage.estimated
            told[size] = usage.output
        for output in told.values():
            assert 1800 <= output <= 2600


@pytest.mark.parametrize(("finished", "whole"), [((0,), False), ((0, 1), True), ((1, 1), False)])
async def test_a_stream_of_two_answers_is_whole_when_both_are(
    tmp_path: Path, finished: tuple[int, ...], whole: bool
) -> None:
    def told(index: int, delta: dict[str, object], finish: str | None = None) -> bytes:
        body = {
            "id": "c",
            "object": "chat.completion.chunk",
            "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
        }
        return b"data: " + json.dumps(body).encode() + b"\n\n"

    async with serving(tmp_path / "s") as server:
        steps = [*(told(at, {"content": "a"}) for at in (0, 1)), *(told(at, {}, "stop") for at in finished)]
        server.upstream.push("one", stream(steps))
        response = await server.chat(stream=True, n=2)
        assert (b"stream_broken" in response.body) != whole
        assert (await server.record(response)).outcome == ("ok" if whole else "failed")


@pytest.mark.parametrize("field", ["prompt_tokens_details", "completion_tokens_details", "cached_tokens"])
@pytest.mark.parametrize("details", ["none", [1], {"cached_tokens": "7", "reasoning_tokens": {}}])
@pytest.mark.parametrize("streamed", [False, True])
async def test_odd_details_take_nothing_from_the_usage_that_is_billed(
    tmp_path: Path, field: str, details: object, streamed: bool
) -> None:
    async with serving(tmp_path / "s") as server:
        usage = {**figures(USAGE), field: details}
        if streamed:
            last = {"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage}
            steps = [*events(usage=None, done=False), b"data: " + json.dumps(last).encode() + b"\n\n"]
            server.upstream.push("one", stream([*steps, b"data: [DONE]\n\n"]))
        else:
            body = {**json.loads(completion()), "usage": usage}
            server.upstream.push("one", Play([plain(200, json.dumps(body).encode())]))
        (attempt,) = (await server.record(await server.chat(stream=streamed))).attempts
        assert (attempt.usage.input, attempt.usage.output, attempt.usage.estimated) == (*USAGE, False)
        assert attempt.cost == USAGE[0] * PRICE[0] + USAGE[1] * PRICE[1]


# ---- errors whose body has no end


@pytest.mark.parametrize("code", [500, 429, 401])
@pytest.mark.parametrize("drip", [False, True])
async def test_an_error_whose_body_never_ends_gives_way_to_the_next_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, drip: bool
) -> None:
    monkeypatch.setattr("fairlead.gateway.failures.ERROR_SECONDS", 0.1)
    async with serving(tmp_path / "s") as server:
        head = b"HTTP/1.1 %d S\r\nContent-Length: 1000000\r\n\r\n{" % code
        server.upstream.push("one", Play([head, *([0.02, b" "] * 2000 if drip else [HANG])], None, code))
        async with asyncio.timeout(20):
            response = await server.chat(model="auto")
        assert response.headers["x-fairlead-model"] == "m-two"
        await within_a_second(server.upstream.calls[0].left.wait())
        first = (await server.record(response)).attempts[0]
        assert (first.status, first.cost) == (code, 0)


async def test_an_error_with_a_flood_for_a_body_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.gateway.failures.ERROR_SECONDS", 30.0)
    monkeypatch.setattr("fairlead.gateway.failures.ERROR_BYTES", 10_000)
    async with serving(tmp_path / "s") as server:
        head = b"HTTP/1.1 500 S\r\nContent-Length: 1000000000\r\n\r\n"
        server.upstream.push("one", Play([head, *[b" " * 20_000] * 2, HANG], None, 500))
        async with asyncio.timeout(20):
            assert (await server.chat(model="auto")).headers["x-fairlead-model"] == "m-two"
        await within_a_second(server.upstream.calls[0].left.wait())
