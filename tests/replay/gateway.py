"""One gateway for many tests: on a thread of its own, in front of a scripted upstream that plays recorded answers."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairlead.config.load import loads
from fairlead.server.serve import start
from tests.replay.clients import CLIENTS
from tests.replay.exchanges import RECORDED, Recorded
from tests.upstream import Play, Upstream, chunk, plain, scripted

KEY = "fl_test"
CONFIG = """
server: {{host: 127.0.0.1, port: 0, state_dir: "{state}", retries: 0, max_lag: 60}}
providers:
{providers}
models:
{models}
keys: [{{name: test, key: {key}}}]
"""
RETRY_AFTER = "7"
"""Sent with every shortage: the recordings hold none."""


def model_of(recorded: Recorded, client: str) -> str:
    """A model for each exchange and client, so that what one of them makes of a channel is nothing to the others."""
    return f"{list(RECORDED).index(recorded.name)}-{client}"


def configuration(port: int, state: Path) -> str:
    kinds = sorted({one.kind for one in RECORDED.values()})
    version = {"anthropic": "/v1", "gemini": "/v1beta"}
    providers = [
        f'  p-{kind}: {{kind: {kind}, base_url: "http://127.0.0.1:{port}/{kind}{version.get(kind, "/v1")}", api_key: key}}'
        for kind in kinds
    ]
    models = [
        f"  {model_of(one, client)}: {{channels: [{{provider: p-{one.kind}, model: up}}], price: {{input: 1, output: 2}}}}"
        for one in RECORDED.values()
        for client in (*CLIENTS, "own")
    ]
    return CONFIG.format(state=state, providers="\n".join(providers), models="\n".join(models), key=KEY)


class Gateway:
    def __init__(self, port: int, upstream: Upstream) -> None:
        self.port = port
        self.upstream = upstream

    def ask(
        self, recorded: Recorded, path: str, body: bytes, pieces: list[bytes] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) that the client gets for a request that the provider answers as recorded."""
        self.upstream.script[recorded.kind].clear()
        self.upstream.push(recorded.kind, played(recorded, pieces))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def played(recorded: Recorded, pieces: list[bytes] | None) -> Play:
    if not recorded.streams:
        wait = f"retry-after: {RETRY_AFTER}\r\n" if recorded.status == 429 else ""
        return Play([plain(recorded.status, recorded.body, wait)], None, recorded.status)
    kind = recorded.headers.get("content-type", "text/event-stream")
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return Play([head, *(chunk(piece) for piece in pieces or [recorded.body]), b"0\r\n\r\n"])


@contextmanager
def running(state: Path) -> Iterator[Gateway]:
    ready: Future[Gateway] = Future()
    stopping: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        async with scripted() as upstream:
            server = await start(loads(configuration(upstream.port, state)))
            try:
                stopping.append((asyncio.get_running_loop(), stop))
                ready.set_result(Gateway(server.port, upstream))
                await stop.wait()
            finally:
                await server.stop()

    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(lambda: asyncio.run(serve()))
        either: list[Future[Any]] = [ready, served]
        wait(either, return_when=FIRST_COMPLETED)
        if not ready.done():
            served.result()
        try:
            yield ready.result()
        finally:
            for loop, stop in stopping:
                loop.call_soon_threadsafe(stop.set)
            served.result()
