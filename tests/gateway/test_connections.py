"""Connections to providers: what one may send, when it is used again, and when a request goes out a second time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import cast

import pytest

from fairlead.core.egress import grant
from fairlead.gateway.connections import HttpReply
from fairlead.gateway.transport import HttpUpstream
from fairlead.providers.wire import Endpoint, Reply, UpstreamBroken
from tests.gateway.test_transport import CHANNEL, OUTBOUND, call
from tests.server.serving import question, serving, soon, within_a_second
from tests.upstream import (
    CUT,
    HANG,
    RST,
    STREAM_HEAD,
    USAGE,
    Play,
    Step,
    Upstream,
    answer,
    chunk,
    completion,
    event,
    events,
    plain,
    scripted,
    stream,
)

ROLE = events()[0]
LINES = b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 500
MEGABYTES = 16_000_000


class Sending:
    def __init__(self, upstream: Upstream, http: HttpUpstream, endpoint: Endpoint) -> None:
        self.upstream = upstream
        self.http = http
        self.endpoint = endpoint

    async def send(self) -> HttpReply:
        begun: list[Reply] = []
        try:
            return await self.http.send(grant(call(), CHANNEL), self.endpoint, OUTBOUND, begun.append)
        except asyncio.CancelledError:
            for one in begun:
                one.abort()
            raise


@asynccontextmanager
async def sending() -> AsyncIterator[Sending]:
    async with scripted() as upstream:
        endpoint = Endpoint(
            "one", "openai", "openai_chat", "127.0.0.1", upstream.port, first_byte_timeout=5.0, idle_timeout=5.0
        )
        http = HttpUpstream({"one": endpoint})
        try:
            yield Sending(upstream, http, endpoint)
        finally:
            await http.close()


ENDLESS = {
    "header lines": (b"HTTP/1.1 200 OK\r\n", LINES),
    "one header": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 16_000),
    "status line": (b"HTTP/1.1 200 O", b"K" * 16_000),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "trailer": (STREAM_HEAD + chunk(ROLE) + b"0\r\n", LINES),
    "trailer of one line": (STREAM_HEAD + chunk(ROLE) + b"0\r\nX: ", b"y" * 16_000),
    "chunk extension": (STREAM_HEAD + chunk(ROLE) + b"5;x=", b"y" * 16_000),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_an_answer_whose_framing_has_no_end_is_given_up_after_bounded_bytes(name: str) -> None:
    begin, piece = ENDLESS[name]
    async with sending() as one:
        one.upstream.push("one", Play([begin, 0.01, *[piece] * (2 * MEGABYTES // len(piece)), HANG]))
        async with asyncio.timeout(20):
            with pytest.raises(UpstreamBroken) as broken:
                await (await one.send()).body()
        assert broken.value.reason == "protocol"
        (seen,) = one.upstream.calls
        await within_a_second(seen.left.wait())
        assert seen.sent < MEGABYTES
        assert not one.http.pools["one"].open


SWITCHING = {
    "101": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello",
    "101 without an upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello",
}


@pytest.mark.parametrize("name", SWITCHING)
async def test_a_switch_of_protocols_is_a_failure_of_the_protocol(name: str) -> None:
    async with sending() as one:
        one.upstream.push("one", Play([SWITCHING[name], HANG]))
        async with asyncio.timeout(20):
            with pytest.raises(UpstreamBroken) as broken:
                await one.send()
        assert broken.value.reason == "protocol"
        await within_a_second(one.upstream.calls[0].left.wait())
        assert await (await one.send()).body() == completion()


async def test_a_switch_of_protocols_gives_way_to_the_next_model(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([SWITCHING["101"], HANG]))
        response = await server.chat(model="auto")
        assert response.headers["x-fairlead-model"] == "m-two"
        first = (await server.record(response)).attempts[0]
        assert (first.outcome, first.cost) == ("failed", 0)
        assert first.error.startswith("protocol")


# ---- a kept connection that was closing


@pytest.mark.parametrize("ending", [CUT, RST], ids=["fin", "rst"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_kept_connection_that_was_closing_costs_the_client_nothing(
    tmp_path: Path, ending: object, streamed: bool
) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", answer(), Play([ending]))
        await server.chat()
        response = await server.chat(model="auto", stream=streamed)
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-one")
        assert response.body == (b"".join(events(usage=None)) if streamed else completion())
        assert response.headers["x-fairlead-attempts"] == "2"
        record = await server.record(response)
        first, second = record.attempts
        assert (first.channel, first.outcome, first.cost, first.usage.estimated) == ("m-one@one", "failed", 0, False)
        assert first.error.startswith("stale")
        assert (second.channel, second.outcome, second.number) == ("m-one@one", "ok", 2)
        assert record.cost == second.cost == USAGE[0] * 1000 + USAGE[1] * 2000
        assert server.upstream.seats == ["one", "one", "one"]
        assert not server.running.runtime.ledger._open  # type: ignore[attr-defined]


async def test_a_second_kept_connection_that_was_closing_is_an_ordinary_failure(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", answer(wait=0.05), answer(wait=0.05))
        await asyncio.gather(server.chat(), server.chat())
        assert len(server.running.runtime.http.pools["one"].idle) == 2
        server.upstream.push("one", Play([CUT]), Play([CUT]))
        response = await server.chat(model="auto")
        assert (response.status, response.headers["x-fairlead-model"]) == (200, "m-two")
        record = await server.record(response)
        assert [attempt.channel for attempt in record.attempts] == ["m-one@one", "m-one@one", "m-two@two"]
        assert server.upstream.seats[2:] == ["one", "one", "two"]


SEEN = {
    "a byte": Play([b"H", CUT]),
    "a part of the head": Play([b"HTTP/1.1 200 OK\r\nContent-", CUT]),
    "an interim answer": Play([b"HTTP/1.1 100 Continue\r\n\r\n", CUT]),
    "nothing for a while": Play([0.15, CUT]),
}


@pytest.mark.parametrize("name", SEEN)
async def test_a_request_the_provider_has_seen_is_not_sent_to_it_again(tmp_path: Path, name: str) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", answer(), SEEN[name])
        await server.chat()
        response = await server.chat(model="auto")
        assert response.headers["x-fairlead-model"] == "m-two"
        assert server.upstream.seats == ["one", "one", "two"]
        first = (await server.record(response)).attempts[0]
        assert (first.outcome, first.error[:4]) == ("failed", "cut:")


async def test_a_fresh_connection_that_closes_at_once_is_not_tried_again_at_the_same_place(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", Play([CUT]))
        assert (await server.chat(model="auto")).headers["x-fairlead-model"] == "m-two"
        assert server.upstream.seats == ["one", "two"]


# ---- time


async def test_the_providers_patience_is_not_used_up_by_a_slow_client(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", provider=", idle_timeout: 0.15") as server, server.client() as client:
        piece = event({"content": "x" * 60_000})
        server.upstream.push("one", stream([ROLE, *[piece] * 300, *events()[2:]]))
        client.reader._limit = 2**16  # type: ignore[attr-defined]
        transport = cast(asyncio.Transport, client.writer.transport)
        transport.pause_reading()
        client.ask("POST", "/v1/chat/completions", question(stream=True))
        sent = -1
        while not server.upstream.calls or server.upstream.calls[0].sent != sent or sent < 1000:
            sent = server.upstream.calls[0].sent if server.upstream.calls else -1
            await asyncio.sleep(0.06)
        await asyncio.sleep(0.4)
        assert not server.upstream.calls[0].whole
        transport.resume_reading()
        response = await client.response()
        assert response.whole
        assert response.body.count(b"x" * 60_000) == 300
        assert response.body.endswith(b"data: [DONE]\n\n")
        (record,) = await server.records()
        assert record.outcome == "ok"


async def test_a_provider_that_stalls_does_use_up_its_patience(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", provider=", idle_timeout: 0.15") as server:
        server.upstream.push("one", stream([ROLE, event({"content": "a"}), HANG], end=False))
        response = await server.chat(stream=True)
        assert b"idle_timeout" in response.body


# ---- behind the end mark


async def test_an_answer_that_ends_soon_behind_its_end_mark_leaves_its_connection_for_the_next(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server:
        pool = server.running.runtime.http.pools["one"]
        for _ in range(3):
            server.upstream.push("one", stream([*events(), 0.05]))
            response = await server.chat(stream=True)
            assert response.body == b"".join(events(usage=None))
            await soon(lambda: len(pool.idle) == 1)
        assert server.upstream.accepted == 1


NEVER: dict[str, list[Step]] = {
    "silent": [HANG],
    "talking": [0.05, *[step for _ in range(200) for step in (b": still there\n\n", 0.02)]],
    "flooding": [0.05, *[b": " + b"x" * 100_000 + b"\n\n"] * 200, HANG],
}


@pytest.mark.parametrize("name", NEVER)
async def test_an_answer_that_never_ends_behind_its_end_mark_loses_its_connection(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.gateway.connections.LINGER_SECONDS", 0.2)
    async with serving(tmp_path / "s") as server:
        server.upstream.push("one", stream([*events(), *NEVER[name]], end=False))
        began = monotonic()
        response = await server.chat(stream=True)
        assert response.whole
        assert response.body.startswith(b"".join(events(usage=None)))
        await soon(server.upstream.calls[0].left.is_set)
        assert monotonic() - began < 20
        assert not server.running.runtime.http.pools["one"].open
        assert (await server.record(response)).outcome == "ok"
        assert (await server.chat()).status == 200
        assert server.upstream.accepted == 2


# ---- how an answer is framed

HELLO = b"hello"
FRAMED: dict[str, tuple[list[Step], bytes, bool]] = {
    "length": ([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"], HELLO, True),
    "chunks": ([STREAM_HEAD + chunk(b"hel") + chunk(b"lo") + b"0\r\n\r\n"], HELLO, True),
    "trailer": ([STREAM_HEAD + chunk(HELLO) + b"0\r\nRetry-After: 9\r\nX: y\r\n\r\n"], HELLO, True),
    "chunk extension": ([STREAM_HEAD + b"5;x=y\r\nhello\r\n0\r\n\r\n"], HELLO, True),
    "interim answers": (
        [
            b"HTTP/1.1 100 Go\r\nRetry-After: 9\r\n\r\n",
            0.01,
            b"HTTP/1.1 103 Hints\r\nLink: <x>\r\n\r\n",
            plain(200, HELLO),
        ],
        HELLO,
        True,
    ),
    "204": ([b"HTTP/1.1 204 No Content\r\n\r\n"], b"", True),
    "304": ([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"], b"", True),
    "no reason": ([b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello"], HELLO, True),
    "last of its connection": (
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"],
        HELLO,
        False,
    ),
    "up to the end": ([b"HTTP/1.1 200 OK\r\n\r\nhel", 0.01, b"lo", CUT], HELLO, False),
    "1.0": ([b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"], HELLO, False),
    "1.0 up to the end": ([b"HTTP/1.0 200 OK\r\n\r\nhello", CUT], HELLO, False),
}


@pytest.mark.parametrize("name", FRAMED)
@pytest.mark.parametrize("bytewise", [False, True])
async def test_an_answer_is_read_however_it_is_framed(name: str, bytewise: bool) -> None:
    steps, body, kept = FRAMED[name]
    if bytewise:
        steps = [piece for step in steps for piece in (_bytes(step) if isinstance(step, bytes) else [step])]
    async with sending() as one:
        one.upstream.push("one", Play(steps))
        reply = await one.send()
        assert await reply.body() == body
        assert b"retry-after" not in reply.headers
        assert await (await one.send()).body() == completion()
        assert one.upstream.accepted == (1 if kept else 2)


HEADS = {
    "as it is": b"HTTP/1.1 200 OK\r\nRetry-After: 9\r\nX-Two:a:b\r\nx-empty:\r\nContent-Length: 5\r\n\r\n",
    "line ends before it": b"\r\n\r\nHTTP/1.1 200 OK\r\nretry-after:\t9\r\nX-TWO: a:b\r\nX-Empty: \r\nContent-Length: 5\r\n\r\n",
    "an interim answer before it": b"HTTP/1.1 103 Hints\r\nX-Two: c\r\nX: y\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nX-Two: d\r\nX-Two: a:b\r\nX-Empty:\r\nRetry-After: 9\r\nContent-Length: 5\r\n\r\n",
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("pieces", [1, 3, 400])
async def test_a_head_says_the_same_however_it_comes(name: str, pieces: int) -> None:
    head = HEADS[name] + HELLO
    size = -(-len(head) // pieces)
    async with sending() as one:
        steps: list[Step] = []
        for at in range(0, len(head), size):
            steps += [head[at : at + size], 0.001]
        one.upstream.push("one", Play(steps))
        reply = await one.send()
        assert await reply.body() == HELLO
        assert reply.headers == {b"retry-after": b"9", b"x-two": b"a:b", b"x-empty": b"", b"content-length": b"5"}
        assert await (await one.send()).body() == completion()
        assert one.upstream.accepted == 1


def _bytes(step: bytes) -> list[bytes]:
    return [step[at : at + 1] for at in range(len(step))]


MISFRAMED = {
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunks and length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a list of lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello!",
    "a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "a length beyond counting": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello",
    "a folded header": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello",
    "a bare line end": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "a return within a value": b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 5\r\n\r\nhello",
    "a NUL within a value": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 5\r\n\r\nhello",
    "a space behind a name": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
    "chunks of something": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "something else than chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    "no size of a chunk": STREAM_HEAD + b"x\r\nhello\r\n0\r\n\r\n",
    "a size beyond counting": STREAM_HEAD + b"fffffffffffffffff\r\nhello",
    "a chunk that is longer than it says": STREAM_HEAD + b"3\r\nhello\r\n0\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
}


@pytest.mark.parametrize("name", MISFRAMED)
async def test_an_answer_framed_in_two_ways_or_none_is_a_failure_of_the_protocol(name: str) -> None:  # FAULTS 18
    async with sending() as one:
        one.upstream.push("one", Play([MISFRAMED[name], HANG]))
        with pytest.raises(UpstreamBroken) as broken:
            await (await one.send()).body()
        assert broken.value.reason == "protocol"
        await within_a_second(one.upstream.calls[0].left.wait())
        assert await (await one.send()).body() == completion()
        assert one.upstream.accepted == 2


BROKEN_OFF: dict[str, list[Step]] = {
    "length": [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", CUT],
    "chunks": [STREAM_HEAD + chunk(HELLO), CUT],
    "the last chunk": [STREAM_HEAD + chunk(HELLO) + b"0\r\n", CUT],
    "up to the end": [b"HTTP/1.1 200 OK\r\n\r\nhello", 0.05, RST],
}


@pytest.mark.parametrize("name", BROKEN_OFF)
async def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one(name: str) -> None:  # FAULTS 5
    async with sending() as one:
        one.upstream.push("one", Play(BROKEN_OFF[name]))
        with pytest.raises(UpstreamBroken) as broken:
            await (await one.send()).body()
        assert broken.value.reason == "cut"


async def test_a_connection_nobody_uses_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:  # FAULTS 40
    monkeypatch.setattr("fairlead.gateway.pool.IDLE_SECONDS", 0.1)
    async with sending() as one:
        assert await (await one.send()).body() == completion()
        assert len(one.http.pools["one"].open) == 1
        await soon(lambda: not one.upstream.connections)
        assert not one.http.pools["one"].open


async def test_a_head_that_comes_just_before_the_sweep_lets_content_begin_late() -> None:  # FAULTS 3
    async with sending() as one:
        one.upstream.push("one", Play([STREAM_HEAD, HANG]))
        reply = await one.send()
        pool = one.http.pools["one"]
        sent = monotonic()
        pool.sweep(sent + 4, 0.0)
        reply.await_content(True)
        pool.sweep(sent + 5.5, 0.0)
        with pytest.raises(UpstreamBroken) as broken:
            await asyncio.wait_for(reply.read(), 2)
        assert broken.value.reason == "first_byte_timeout"
