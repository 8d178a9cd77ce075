"""A failing provider costs the client nothing while there is another, and every attempt is on the books."""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path

import pytest

from fairlead.core.record import Record
from tests.server.serving import Served, question, serving, soon, within_a_second
from tests.server.wire import Response, ask
from tests.upstream import (
    CUT,
    HANG,
    RST,
    USAGE,
    Play,
    answer,
    completion,
    event,
    events,
    plain,
    status,
    stream,
)

QUICK = ", first_byte_timeout: 0.2, idle_timeout: 0.3"
ERROR = b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n'
ROLE = events()[0]

BEFORE = {
    "closed without a word": Play([CUT]),
    "reset": Play([RST]),
    "500": status(500),
    "529": status(529),
    "429": status(429, headers="Retry-After: 30\r\n"),
    "503": status(503),
    "404": status(404),
    "wrong key": status(401),
    "redirect": Play([b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"], None, 302),
    "no HTTP": Play([b"SSH-2.0-OpenSSH\r\n\r\n", HANG]),
    "hanging": Play([HANG]),
    "head cut": Play([b"HTTP/1.1 200 OK\r\nContent-", CUT]),
    "page": Play([plain(200, b"<html>busy</html>", kind="text/html")]),
    "endless header": Play([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, HANG]),
}
PLAIN = {
    "garbage": Play([plain(200, b'{"choices": [')]),
    "no choices": Play([plain(200, b'{"choices": []}')]),
    "empty": Play([plain(200, b"")]),
    "error in a 200": Play([plain(200, b'{"error": {"message": "m"}}')]),
    "body cut": Play([plain(200, completion())[:-20], CUT]),
    "body stalls": Play([plain(200, completion())[:-20], HANG]),
}
STREAMED = {
    "error event": stream([ERROR]),
    "error event behind the role": stream([ROLE, ERROR]),
    "no content": stream([ROLE]),
    "nothing": stream([]),
    "only the end": stream([ROLE, b"data: [DONE]\n\n"]),
    "cut before content": stream([ROLE, 0.02, CUT], end=False),
    "reset before content": stream([ROLE, 0.02, RST], end=False),
    "stalls before content": stream([ROLE, HANG], end=False),
    "bad event": stream([b"data: {oops\n\n"]),
}


LEFT_RUNNING = frozenset(
    (
        "hanging", "body stalls", "stalls before content", "body cut", "cut before content", "reset before content",
        "garbage", "no choices",
    )
)  # fmt: skip
"""Here the provider had taken the request, may go on with it unheard, or has answered what nobody can read: it bills what it
generates."""


async def check_one_clean_answer(server: Served, response: Response, streamed: bool, name: str) -> Record:
    assert response.status == 200
    assert response.headers["x-fairlead-model"] == "m-two"
    assert response.headers["x-fairlead-attempts"] == "2"
    assert response.body == (b"".join(events(usage=None)) if streamed else completion())
    record = await server.record(response)
    assert server.upstream.seats == ["one", "two"]
    assert [(attempt.model, attempt.outcome) for attempt in record.attempts] == [("m-one", "failed"), ("m-two", "ok")]
    assert [attempt.move for attempt in record.attempts] == ["first", "failover"]
    first, second = record.attempts
    assert second.cost == USAGE[0] * 100 + USAGE[1] * 400
    assert record.cost == first.cost + second.cost
    assert (first.cost > 0) == first.usage.estimated == (name in LEFT_RUNNING)
    return record


@pytest.mark.parametrize("name", [*BEFORE, *PLAIN])
async def test_an_answer_that_fails_comes_from_the_next_model(tmp_path: Path, name: str) -> None:  # F1-F6 F9
    async with serving(tmp_path / "s", provider=QUICK) as server:
        play = {**BEFORE, **PLAIN}[name]
        server.upstream.push("one", play)
        response = await server.chat(model="auto")
        record = await check_one_clean_answer(server, response, False, name)
        assert record.attempts[0].error
        if play.status != 200:
            assert record.attempts[0].status == play.status
        await soon(lambda: server.running.runtime.ledger.lag == 0)


@pytest.mark.parametrize("name", [*BEFORE, *STREAMED])
async def test_a_stream_that_fails_before_its_content_comes_from_the_next_model(
    tmp_path: Path, name: str
) -> None:  # F16
    async with serving(tmp_path / "s", provider=QUICK) as server:
        server.upstream.push("one", {**BEFORE, **STREAMED}[name])
        await check_one_clean_answer(server, await server.chat(model="auto", stream=True), True, name)


def silent(stop: str) -> Play:
    return stream([ROLE, event({}, stop), event(None, usage=USAGE), b"data: [DONE]\n\n"])


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("stop", ["stop", "content_filter"])
async def test_a_stream_without_a_word_comes_from_the_next_model(
    tmp_path: Path, stop: str, path: str
) -> None:  # F4 M4.1
    async with serving(tmp_path / "s", provider=QUICK) as server:
        server.upstream.push("one", silent(stop))
        asked = question(model="auto", stream=True, max_tokens=50)
        response = await ask(server.port, "POST", path, asked)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-two")
        first, second = (await server.record(response)).attempts
        assert (first.outcome, first.error) == (
            "failed",
            "the answer was empty" if stop == "stop" else "held back: the answer was blocked",
        )
        assert (first.usage.input, first.usage.output, first.usage.estimated) == (*USAGE, False)
        assert second.outcome == "ok"


async def test_a_stream_without_a_word_is_given_where_nobody_has_more_to_say(tmp_path: Path) -> None:  # F4 M4.1
    async with serving(tmp_path / "s", provider=QUICK) as server:
        for seat in ("one", "two", "one", "two"):
            server.upstream.push(seat, silent("stop"))
        response = await server.chat(model="auto", stream=True)
        assert (response.status, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert response.body.endswith(b"data: [DONE]\n\n")
        record = await server.record(response)
        assert record.outcome == "ok"
        assert record.attempts[-1].outcome == "ok"
        assert server.upstream.seats == ["one", "two"]


async def test_a_stream_that_only_thought_up_to_its_limit_is_no_empty_one(tmp_path: Path) -> None:  # M4.1
    async with serving(tmp_path / "s", provider=QUICK) as server:
        server.upstream.push("one", silent("length"))
        response = await server.chat(model="auto", stream=True)
        assert response.headers["x-fairlead-model"] == "m-one"
        assert server.upstream.seats == ["one"]


async def test_what_a_provider_refuses_costs_nothing_and_its_header_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", provider=QUICK) as server:
        server.upstream.push("one", status(400))
        response = await server.chat()
        assert response.status == 400
        assert response.headers["x-fairlead-cost"] == "0"
        assert (await server.record(response)).cost == 0


async def test_a_refused_connection_leads_to_the_next_channel(tmp_path: Path) -> None:  # F1 M1.3
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f'  nobody: {{kind: openai, base_url: "http://127.0.0.1:{closed.getsockname()[1]}/v1"}}\n'
        model = "  two-ways: {channels: [{provider: nobody}, {provider: two}], price: {input: 1, output: 2}}\n"
        async with serving(tmp_path / "s", extra_provider=nobody, extra_model=model) as server:
            response = await server.chat(model="two-ways")
            assert (response.status, response.headers["x-fairlead-channel"]) == (200, "two")
            record = await server.record(response)
            assert [(attempt.channel, attempt.status) for attempt in record.attempts] == [
                ("two-ways@nobody", 0),
                ("two-ways@two", 200),
            ]
            assert "connect" in record.attempts[0].error


async def test_each_channels_own_price_is_charged(tmp_path: Path) -> None:  # M1.3
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", status(500))
        response = await server.chat(model="both")
        record = await server.record(response)
        assert record.channel == "both@two"
        assert record.cost == USAGE[0] * 3000 + USAGE[1] * 4000
        assert [line.price_row for line in record.attempts[1].lines] != []


async def test_a_server_that_closes_every_connection_at_once_is_an_ordinary_failure(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.deaf = True
        for _ in range(5):
            response = await server.chat(model="same")
            assert (response.status, response.error["code"]) == (502, "upstream_failed")
        server.upstream.deaf = False
        assert (await server.chat(model="same")).status == 200
        assert not [one for one in server.running.runtime.http.pools["one"].open if not one.usable]


AFTER = {
    "cut": ([0.02, CUT], "broke"),
    "reset": ([0.02, RST], "broke"),
    "stalls": ([HANG], "broke"),
    "error event": ([ERROR, 0.02], "broke"),
    "ends without its end": ([b""], "broke"),
    "cut within an event": ([b'data: {"choices":[{"index":0,"del', 0.02, CUT], "broke"),
}


@pytest.mark.parametrize("usage", [True, False])
@pytest.mark.parametrize("name", AFTER)
async def test_a_stream_that_fails_within_its_content_says_so_in_the_stream(
    tmp_path: Path, name: str, usage: bool
) -> None:  # F4 F5
    async with serving(tmp_path / "s", provider=QUICK) as server:
        steps = AFTER[name][0]
        ended = name in ("error event", "ends without its end")
        server.upstream.push(
            "one", stream([ROLE, event({"content": "Bon"}), 0.02, *[step for step in steps if step != b""]], end=ended)
        )
        response = await server.chat(model="auto", stream=True, stream_options={"include_usage": usage})
        assert response.status == 200
        assert response.whole
        told = [line[6:] for line in response.body.decode().split("\n") if line.startswith("data: ")]
        assert "[DONE]" not in told
        last = json.loads(told[-1])
        assert "message" in last["error"]
        for line in told[:-1]:
            assert json.loads(line)
        assert server.upstream.seats == ["one"]
        record = await server.record(response)
        assert (record.outcome, record.status) == ("failed", 200)
        (attempt,) = record.attempts
        assert attempt.usage.estimated
        assert attempt.cost > 0


async def test_an_error_in_the_middle_of_a_stream_is_told_as_a_cut(tmp_path: Path) -> None:  # F5 F7
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", stream([ROLE, event({"content": "Bon"}), 0.02, ERROR, 0.02]))
        response = await server.chat(model="auto", stream=True)
        assert "reported an error in the stream" in response.body.decode().split("data: ")[-1]


@pytest.mark.parametrize("ending", [CUT, RST, HANG])
@pytest.mark.parametrize("words", [10, 400])
async def test_a_broken_stream_is_billed_as_if_it_had_been_whole_or_not_begun(
    tmp_path: Path, words: int, ending: object
) -> None:  # F5
    """The upstream's log is the oracle: what it sent is what is estimated, whatever the usual length of an answer."""
    async with serving(tmp_path / "s", provider=QUICK) as server:
        sent = [event({"content": "seven of them "})] * words
        server.upstream.push("one", stream([ROLE, *sent, 0.05, ending], end=False))
        response = await server.chat(model="auto", stream=True)
        assert response.body.count(b"seven of them ") == words
        (attempt,) = (await server.record(response)).attempts
        assert attempt.usage.estimated
        assert 2 * words <= attempt.usage.output <= 5 * words
        assert attempt.cost >= attempt.usage.output * 2000


UNREADABLE = b'data: {"choices": [{"delta": {"cont\n\n'


@pytest.mark.parametrize("translated", [False, True])
async def test_one_unreadable_event_is_lost_in_silence(tmp_path: Path, translated: bool) -> None:  # FAULTS 7
    async with serving(tmp_path / "s") as server:
        told = events()
        server.upstream.push("one", stream([*told[:2], 0.05, UNREADABLE, *told[2:]]))
        if not translated:
            response = await server.chat(stream=True)
            assert response.body == b"".join(
                [*told[:2], UNREADABLE, *(one for one in told[2:] if b'"usage"' not in one)]
            )
            return
        response = await ask(server.port, "POST", "/v1/messages", question(stream=True, max_tokens=9))
        assert response.status == 200
        assert b"event: error" in response.body
        assert b"message_stop" not in response.body
        assert (await server.record(response)).outcome == "failed"


async def test_usage_that_came_before_a_cut_is_what_is_charged(tmp_path: Path) -> None:  # F17
    async with serving(tmp_path / "s") as server:
        server.upstream.push(
            "one", stream([*events(done=False)[:2], event(None, usage=(100, 50)), 0.02, CUT], end=False)
        )
        response = await server.chat(stream=True)
        (attempt,) = (await server.record(response)).attempts
        assert (attempt.usage.input, attempt.usage.output, attempt.usage.estimated) == (100, 50, False)


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_a_request_the_provider_finds_wrong_is_not_sent_to_another(tmp_path: Path, code: int) -> None:
    async with serving(tmp_path / "s") as server:
        play = status(code, "messages[0].content is wrong")
        server.upstream.push("one", play)
        response = await server.chat(model="auto", stream=True)
        assert response.status == code
        assert response.error["message"] == "messages[0].content is wrong"
        assert server.upstream.seats == ["one"]


async def test_when_all_fail_the_error_names_every_attempt(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", status(500, "first trouble"))
        server.upstream.push("two", Play([CUT]))
        response = await server.chat(model="auto")
        assert (response.status, response.error["code"]) == (502, "upstream_failed")
        message = str(response.error["message"])
        for word in ("m-one@one", "first trouble", "m-two@two"):
            assert word in message
        record = await server.record(response)
        assert (record.status, record.cost, len(record.attempts)) == (502, 0, 2)


@pytest.mark.parametrize(("waits", "least"), [(("7", "3"), 3), (("7", ""), 7), (("soon", "²"), None)])
async def test_a_shortage_everywhere_stays_a_shortage(
    tmp_path: Path, waits: tuple[str, str], least: int | None
) -> None:  # F9
    async with serving(tmp_path / "s") as server:
        for seat, wait in zip(("one", "two"), waits, strict=True):
            header = b"Retry-After: " + wait.encode("latin-1") + b"\r\n" if wait else b""
            play = status(429)
            first = play.steps[0]
            assert isinstance(first, bytes)
            server.upstream.push(seat, Play([first.replace(b"Content-Length", header + b"Content-Length")], None, 429))
        response = await server.chat(model="auto")
        assert (response.status, response.error["code"]) == (429, "upstream_rate_limited")
        if least is not None:
            assert response.headers["retry-after"] == str(least)


@pytest.mark.parametrize("phase", ["before the head", "before content", "within content", "plain body"])
async def test_the_deadline_ends_an_attempt_and_closes_upstream(tmp_path: Path, phase: str) -> None:  # F14
    plays = {
        "before the head": Play([HANG]),
        "before content": stream([ROLE, HANG], end=False),
        "within content": stream([ROLE, event({"content": "Bon"}), HANG], end=False),
        "plain body": Play([plain(200, completion())[:-5], HANG]),
    }
    async with serving(tmp_path / "s", server=", request_timeout: 0.3") as server:
        server.upstream.push("one", plays[phase])
        response = await server.chat(model="auto", stream=phase.endswith("content"))
        await within_a_second(server.upstream.calls[0].left.wait())
        if phase == "within content":
            assert response.status == 200
            last = response.body.decode().strip().split("\n\n")[-1]
            assert json.loads(last.removeprefix("data: "))["error"]["code"] == "deadline_exceeded"
        else:
            assert (response.status, response.error["code"]) == (504, "deadline_exceeded")
        record = await server.record(response)
        assert record.outcome == "failed"
        assert server.upstream.seats == ["one"]


async def test_a_streams_drip_does_not_outlive_the_deadline(tmp_path: Path) -> None:  # F14
    async with serving(tmp_path / "s", server=", request_timeout: 0.4") as server:
        drip = [step for _ in range(100) for step in (b": \n\n", 0.02)]
        server.upstream.push("one", stream([ROLE, *drip]))
        assert (await server.chat(stream=True)).status == 504
        await within_a_second(server.upstream.calls[0].left.wait())


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_without_usage_is_an_estimate_and_says_so(tmp_path: Path, streamed: bool) -> None:  # F17
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", stream(events(usage=None)) if streamed else answer(usage=None))
        record = await server.record(await server.chat(stream=streamed))
        usage = record.attempts[0].usage
        assert usage.estimated
        assert usage.input > 0
        assert usage.output > 0
        assert record.cost > 0


async def test_an_answer_beyond_the_cap_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # F15
    monkeypatch.setattr("fairlead.gateway.encodings.MAX_BODY", 1_000_000)
    async with serving(tmp_path / "s") as server:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
        server.upstream.push("one", Play([head, *[b" " * 100_000] * 1000, HANG]))
        assert (await server.chat(model="auto")).headers["x-fairlead-model"] == "m-two"
        await within_a_second(server.upstream.calls[0].left.wait())
        assert server.upstream.calls[0].sent < 20_000_000


async def test_the_books_agree_with_the_upstream_over_a_mixed_run(tmp_path: Path) -> None:  # F46
    chance = random.Random(5)
    plain_plays = [*PLAIN.values(), *BEFORE.values()]
    stream_plays = [
        *STREAMED.values(),
        *BEFORE.values(),
        *(
            stream([ROLE, event({"content": "B"}), *steps], end=False)
            for steps, _ in AFTER.values()
            if CUT in steps or RST in steps
        ),
    ]
    slow = (HANG,)
    plain_plays = [play for play in plain_plays if play.steps[-1] not in slow]
    stream_plays = [play for play in stream_plays if play.steps[-1] not in slow]
    async with serving(tmp_path / "s", provider=QUICK) as server:

        async def one() -> Response:
            streamed = chance.random() < 0.5
            raw = question(model="auto", stream=streamed)
            return await server.chat(raw=raw)

        def play(body: bytes) -> Play:
            streamed = bool(json.loads(body)["stream"])
            if chance.random() < 0.3:
                return chance.choice(stream_plays if streamed else plain_plays)
            usage = (chance.randint(1, 5000), chance.randint(1, 5000))
            return stream(events(("a", "b"), usage), usage) if streamed else answer("x", usage)

        import asyncio

        server.upstream.next_play = lambda _, body: play(body)  # type: ignore[method-assign]
        turns = asyncio.Semaphore(16)

        async def in_turn() -> Response:
            async with turns:
                return await one()

        responses = await asyncio.gather(*(in_turn() for _ in range(500)))
        records = await server.records()
        asked = [response for response in responses if b'"all_ejected"' not in response.body]
        assert len(asked) > 20
        assert sorted(record.request for record in records) == sorted(
            response.headers["x-fairlead-request-id"] for response in asked
        )
        attempts = [attempt for record in records for attempt in record.attempts]
        assert len(attempts) == len(server.upstream.calls)
        assert sorted(attempt.provider for attempt in attempts) == sorted(server.upstream.seats)
        billed = sorted((seen.seat, *(seen.play.usage or ())) for seen in server.upstream.calls if _billed(seen.play))
        booked = sorted((a.provider, a.usage.input, a.usage.output) for a in attempts if a.outcome == "ok")
        assert booked == billed
        rates = {"one": (1000, 2000), "two": (100, 400)}
        for attempt in attempts:
            given, taken = rates[attempt.provider]
            assert attempt.cost == attempt.usage.input * given + attempt.usage.output * taken
        for record in records:
            assert record.cost == sum(attempt.cost for attempt in record.attempts)
        assert not server.running.runtime.ledger._open  # type: ignore[attr-defined]


def _billed(play: Play) -> bool:
    return play.usage is not None and play.usage != USAGE
