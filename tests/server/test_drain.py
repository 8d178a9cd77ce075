"""The server is asked to end: what is under way finishes within the grace, what does not is told so, all is on the books."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.server.serving import Served, config, question, serving, soon
from tests.server.test_crash import NAME, process, records
from tests.server.wire import Client, ask
from tests.upstream import HANG, Play, Upstream, answer, event, events, scripted, stream

GRACE = 1.0
SHORT = f", grace: {GRACE}"
STUCK = stream([events()[0], event({"content": "Bon"}), HANG], end=False)


async def stopping(served: Served) -> asyncio.Task[None]:
    """The server, once it has been asked to end."""
    task = asyncio.ensure_future(served.running.stop())
    await soon(lambda: served.running.listener.closing)
    return task


async def test_an_ending_server_says_it_is_ready_or_takes_new_connections(tmp_path: Path) -> None:  # FAULTS 32
    async with serving(tmp_path / "s") as served, served.client() as client:
        served.upstream.push("one", answer(wait=0.4))
        client.ask("POST", "/v1/chat/completions", question())
        client.ask("GET", "/readyz")
        await soon(lambda: bool(served.upstream.calls))
        ending = await stopping(served)
        assert not served.running.app.ready
        with pytest.raises(OSError):
            await ask(served.port, "GET", "/healthz")
        response = await client.response()
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await client.rest() == b""
        await ending


async def test_a_client_waits_on_a_kept_connection_for_the_end_of_the_grace(tmp_path: Path) -> None:  # FAULTS 32
    async with serving(tmp_path / "s", ", grace: 60") as served, served.client() as client:
        client.ask("GET", "/healthz")
        assert "connection" not in (await client.response()).headers
        async with asyncio.timeout(5):
            await (await stopping(served))
        assert await client.rest() == b""


async def test_a_request_that_has_come_in_part_is_cut_off(tmp_path: Path) -> None:  # FAULTS 32
    async with serving(tmp_path / "s", ", grace: 60") as served, served.client() as client:
        body = question()
        client.ask("POST", "/v1/chat/completions", body[:20], {"Content-Length": str(len(body))})
        await soon(lambda: any(one.exchange is not None for one in served.running.listener.connections))
        ending = await stopping(served)
        client.send(body[20:])
        response = await client.response()
        assert (response.status, response.headers["connection"]) == (200, "close")
        await ending


CALLS: dict[str, tuple[str, dict[str, object], str]] = {
    "chat": ("/v1/chat/completions", {"model": "m-one", "stream": True}, "openai"),
    "messages": ("/v1/messages", {"model": "m-one", "stream": True, "max_tokens": 9}, "anthropic"),
    "responses": ("/v1/responses", {"model": "m-one", "stream": True, "input": "Hello"}, "responses"),
    "gemini": ("/v1beta/models/m-one:streamGenerateContent?alt=sse", {}, "gemini"),
}
ENDS = {
    "openai": b"[DONE]",
    "anthropic": b"message_stop",
    "responses": b"response.completed",
    "gemini": b"finishReason",
}


def said(path: str, fields: dict[str, object]) -> bytes:
    turn: dict[str, object] = {"messages": [{"role": "user", "content": "Hello"}]}
    if "gemini" in path or "models/" in path:
        turn = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    return json.dumps({**({} if "input" in fields else turn), **fields}).encode()


@pytest.mark.parametrize("name", CALLS)
async def test_a_stuck_stream_ends_without_a_word_or_as_if_it_were_whole(
    tmp_path: Path, name: str
) -> None:  # FAULTS 33
    path, fields, dialect = CALLS[name]
    async with serving(tmp_path / "s", SHORT) as served, served.client() as client:
        served.upstream.push("one", STUCK)
        client.ask("POST", path, said(path, fields))
        _, headers = await client.head()
        await soon(lambda: served.upstream.calls[0].sent > 100)
        began = asyncio.get_running_loop().time()
        ending = await stopping(served)
        body = b""
        while piece := await client.piece():
            body += piece
        await ending
        assert asyncio.get_running_loop().time() - began <= GRACE + 2
        assert b"Bon" in body
        assert b"error" in body
        assert b"being stopped" in body
        assert ENDS[dialect] not in body
        assert served.upstream.calls[0].left.is_set()
    async with serving(tmp_path / "s") as again:
        (record,) = await again.records()
        assert (record.request, record.outcome, record.error) == (headers[NAME], "failed", "stopping")
        assert record.attempts[0].usage.estimated


async def test_a_stuck_request_gets_no_answer_at_all(tmp_path: Path) -> None:  # FAULTS 33
    async with serving(tmp_path / "s", SHORT) as served, served.client() as client:
        served.upstream.push("one", Play([HANG]))
        client.ask("POST", "/v1/chat/completions", question(), {"Idempotency-Key": "one"})
        await soon(lambda: bool(served.upstream.calls))
        ending = await stopping(served)
        response = await client.response()
        assert (response.status, response.error["code"]) == (503, "stopping")
        assert response.headers["retry-after"] == "1"
        await ending
    async with serving(tmp_path / "s") as again:
        (record,) = await again.records()
        assert (record.outcome, record.status) == ("failed", 503)
        assert (await again.chat({"Idempotency-Key": "one"})).status == 200


async def test_a_client_that_reads_nothing_holds_the_end_up(tmp_path: Path) -> None:  # FAULTS 33
    async with serving(tmp_path / "s", SHORT) as served, served.client() as client:
        piece = event({"content": "x" * 100_000})
        served.upstream.push("one", stream([events()[0], *[piece] * 400, HANG], end=False))
        client.ask("POST", "/v1/chat/completions", question(stream=True))
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await soon(lambda: any(one.choked for one in served.running.listener.connections))
        began = asyncio.get_running_loop().time()
        await (await stopping(served))
        assert asyncio.get_running_loop().time() - began <= GRACE + 2
    async with serving(tmp_path / "s") as again:
        (record,) = await again.records()
        assert record.outcome in ("failed", "cancelled")


async def begun(upstream: Upstream, port: int, clients: list[Client], count: int) -> list[str]:
    """So many streams under way; their requests' ids."""
    found = []
    for _ in range(count):
        client = await Client(port).__aenter__()
        clients.append(client)
        client.ask("POST", "/v1/chat/completions", question(stream=True))
        found.append((await client.head())[1][NAME])
    return found


async def whole(client: Client) -> bytes:
    body = b""
    while piece := await client.piece():
        body += piece
    return body


async def test_a_process_with_stuck_streams_outstays_its_grace_or_loses_their_rows(tmp_path: Path) -> None:  # FAULTS 33
    state_dir, file = tmp_path / "s", tmp_path / "fairlead.yaml"
    async with scripted() as upstream:
        file.write_text(config(upstream.port, state_dir, SHORT))
        told = events(usage=None)
        upstream.push("one", *[STUCK] * 5, *[stream([told[0] + told[1], 0.5, *told[2:]])] * 5)
        async with process(file) as (child, port):
            clients: list[Client] = []
            ids = await begun(upstream, port, clients, 10)
            began = asyncio.get_running_loop().time()
            child.send_signal(signal.SIGTERM)
            bodies = await asyncio.gather(*(whole(client) for client in clients))
            assert await child.wait() == 0
            assert asyncio.get_running_loop().time() - began <= GRACE + 2
            for client in clients:
                client.close()
        found = {record.request: record.outcome for record in records(state_dir)}
        assert [found[one] for one in ids] == ["failed"] * 5 + ["ok"] * 5
        assert [b"[DONE]" in body for body in bodies] == [False] * 5 + [True] * 5
        assert [b"being stopped" in body for body in bodies] == [True] * 5 + [False] * 5


async def test_a_second_signal_has_to_wait_for_the_grace(tmp_path: Path) -> None:
    state_dir, file = tmp_path / "s", tmp_path / "fairlead.yaml"
    async with scripted() as upstream:
        file.write_text(config(upstream.port, state_dir, ", grace: 600"))
        upstream.push("one", STUCK)
        async with process(file) as (child, port):
            clients: list[Client] = []
            (request,) = await begun(upstream, port, clients, 1)
            child.send_signal(signal.SIGINT)
            await asyncio.sleep(0.3)
            assert child.returncode is None
            child.send_signal(signal.SIGINT)
            assert b"being stopped" in await whole(clients[0])
            async with asyncio.timeout(10):
                assert await child.wait() == 0
            clients[0].close()
        assert [(record.request, record.outcome) for record in records(state_dir)] == [(request, "failed")]
