"""The simulated provider on a real socket: what breaks there breaks as it does on a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fairlead.providers.simulated import Fault, Simulation
from fairlead.server.simulate import start


@asynccontextmanager
async def server(speed: float = 1000.0) -> AsyncIterator[tuple[Simulation, int]]:
    listener, simulation, (_, port) = await start("127.0.0.1", 0, speed=speed)
    try:
        yield simulation, port
    finally:
        await listener.close(0)


def request(body: object, path: str = "/v1/chat/completions", method: str = "POST", extra: str = "") -> bytes:
    data = json.dumps(body).encode() if body is not None else b""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {len(data)}\r\n\r\n".encode() + data


def chat(stream: bool = False) -> dict[str, object]:
    return {"model": "sim-nano", "stream": stream, "messages": [{"role": "user", "content": "hi [tokens:20]"}]}


async def exchange(port: int, data: bytes, until: bytes = b"") -> bytes:
    """All that comes, up to the end of the connection, or up to a mark."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        async with asyncio.timeout(10):
            return await (reader.readuntil(until) if until else reader.read())
    finally:
        writer.close()


async def test_answers_with_a_length_cost_the_connection() -> None:
    async with server() as (_, port):
        once = request(chat(), extra="")
        answer = await exchange(port, once + request(chat(), extra="Connection: close\r\n"))
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert json.loads(rest[:length])["model"] == "sim-nano"
        assert rest[length:].startswith(b"HTTP/1.1 200 OK")


async def test_a_stream_ends_without_its_end() -> None:
    async with server() as (simulation, port):
        answer = await exchange(port, request(chat(stream=True)), until=b"0\r\n\r\n")
        assert b"Transfer-Encoding: chunked" in answer
        assert b"data: [DONE]" in answer
        assert simulation.log.entries[-1].ending == "ok"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_cut_answer_looks_whole_or_loses_what_came_before(stream: bool) -> None:
    async with server() as (simulation, port):
        simulation.script.push(Fault("cut", after_tokens=5))
        answer = await exchange(port, request(chat(stream)))
        assert not answer.endswith(b"0\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        if stream:
            assert body.count(b'"content":"') >= 5
        else:
            assert 0 < len(body) < int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert simulation.log.entries[-1].ending == "cut"


async def test_a_reset_or_refused_connection_ends_politely() -> None:
    async with server() as (simulation, port):
        for fault in (Fault("reset", after_tokens=0), Fault("refuse")):
            simulation.script.push(fault)
            with pytest.raises(ConnectionResetError):
                await exchange(port, request(chat(stream=True)))


async def test_a_client_that_left_is_not_noticed() -> None:
    async with server(speed=0.001) as (simulation, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(chat()))
        async with asyncio.timeout(10):
            while not simulation.log.open:
                await asyncio.sleep(0.01)
            writer.close()
            while simulation.log.open:
                await asyncio.sleep(0.01)
        assert simulation.log.entries[-1].ending == "closed"


async def test_a_web_page_steers_the_simulation() -> None:
    async with server() as (simulation, port):
        closing = "Connection: close\r\n"
        order = request(
            {"kind": "status", "status": 503}, "/sim/script", extra=closing + "Origin: http://a.example\r\n"
        )
        assert b"403" in (await exchange(port, order)).splitlines()[0]
        assert simulation.script.pending() == 0
        assert (
            b"200" in (await exchange(port, request({"kind": "empty"}, "/sim/script", extra=closing))).splitlines()[0]
        )
        assert simulation.script.pending() == 1
        log = await exchange(port, request(None, "/sim/log?since=0", "GET", closing))
        assert b'"total":0' in log
