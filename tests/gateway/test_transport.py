"""What may happen on a connection to a provider before anybody reads from it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from fairlead.core.call import Call, Caller, Facts, Wishes
from fairlead.core.egress import grant
from fairlead.core.model import Channel
from fairlead.dialects.openai_chat.native import read_request
from fairlead.gateway.connections import HIGH_WATER
from fairlead.gateway.transport import HttpUpstream
from fairlead.providers.wire import Endpoint, Outbound, head
from tests.server.serving import question, serving, soon
from tests.upstream import Play, answer, completion, plain, scripted

CHANNEL = Channel("m@one", "one", "m", "one", "m")
OUTBOUND = Outbound(head("POST", "/one/v1/chat/completions", b"Host: h\r\n"), question())


def call() -> Call:
    view = read_request(question())
    return Call("req_1", "generate", "openai_chat", "m", False, question(), view, Caller("test"), Wishes(), Facts(0))


async def test_a_connection_that_was_stopped_at_the_end_of_a_large_answer_goes_on_with_the_next() -> None:  # F20
    async with scripted() as upstream:
        body = completion("x" * HIGH_WATER)
        sent = plain(200, body)
        upstream.push("one", Play([sent[: HIGH_WATER // 2], 0.02, sent[HIGH_WATER // 2 :]]))
        endpoint = Endpoint("one", "openai", "openai_chat", "127.0.0.1", upstream.port, first_byte_timeout=2.0)
        http = HttpUpstream({"one": endpoint})
        permit = grant(call(), CHANNEL)
        reply = await http.send(permit, endpoint, OUTBOUND, lambda reply: None)
        await soon(lambda: reply.complete)
        assert await reply.body() == body
        again = await http.send(permit, endpoint, OUTBOUND, lambda reply: None)
        assert await again.body() == completion()
        assert upstream.accepted == 1
        await http.close()


async def test_a_standstill_of_this_process_is_not_held_against_the_provider() -> None:
    async with scripted() as upstream:
        upstream.push("one", answer(wait=0.05))
        endpoint = Endpoint("one", "openai", "openai_chat", "127.0.0.1", upstream.port, first_byte_timeout=0.2)
        http = HttpUpstream({"one": endpoint})
        sending = asyncio.ensure_future(http.send(grant(call(), CHANNEL), endpoint, OUTBOUND, lambda reply: None))
        await soon(lambda: len(upstream.calls) == 1)
        time.sleep(0.5)
        assert await (await sending).body() == completion()
        await http.close()


async def test_nothing_leaves_without_a_permit_for_that_provider() -> None:
    async with scripted() as upstream:
        endpoint = Endpoint("two", "openai", "openai_chat", "127.0.0.1", upstream.port)
        http = HttpUpstream({"two": endpoint})
        with pytest.raises(TypeError, match="no permit"):
            await http.send(grant(call(), CHANNEL), endpoint, OUTBOUND, lambda reply: None)
        assert upstream.accepted == 0
        await http.close()


async def test_the_head_of_an_answer_nobody_asked_for_does_not_swallow_the_next_answer(tmp_path: Path) -> None:  # F24
    async with serving(tmp_path / "s") as server:
        unasked = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        server.upstream.push("one", Play([plain(200, completion("mine")) + unasked]))
        assert (await server.chat()).body == completion("mine")
        told = await asyncio.gather(*(server.chat() for _ in range(3)))
        assert [response.body for response in told] == [completion()] * 3
        assert all(response.headers["x-fairlead-model"] == "m-one" for response in told)
