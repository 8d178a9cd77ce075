"""A whole server in this process, on a free port, with two providers that are seats of one scripted upstream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fairlead.config.load import loads
from fairlead.core.record import Record
from fairlead.server.serve import Running, start
from tests.server.wire import Client, Response, ask
from tests.upstream import Upstream, scripted

KEYS = """
keys:
  - {name: test, key: fl_test}
  - {name: other, key: fl_other, tenant: others}
"""


def config(
    upstream: int,
    state_dir: Path,
    server: str = "",
    provider: str = "",
    more: str = KEYS,
    extra_model: str = "",
    extra_provider: str = "",
    extra_policy: str = "",
) -> str:
    """`server` and `provider` are further settings of those sections, `more` further sections. A machine that has much
    else to do turns nobody away."""
    lag = "" if "max_lag" in server else ", max_lag: 60"
    return f"""
server: {{host: 127.0.0.1, port: 0, state_dir: "{state_dir}", retries: 0{lag}{server}}}
providers:
  one: {{kind: openai, base_url: "http://127.0.0.1:{upstream}/one/v1", api_key: key-one{provider}}}
  two: {{kind: openai, base_url: "http://127.0.0.1:{upstream}/two/v1", api_key: key-two{provider}}}
{extra_provider}models:
  m-one: {{channels: [{{provider: one, model: up-one}}], price: {{input: 1, output: 2}}, context: 128000, quality: 0.9}}
  m-two: {{channels: [{{provider: two, model: up-two}}], price: {{input: 0.1, output: 0.4}}, context: 128000, quality: 0.6}}
  same: {{channels: [{{provider: one, model: same}}], price: {{input: 1, output: 2}}, context: 1000, quality: 0.5}}
  both: {{channels: [{{provider: one, model: up-one}}, {{provider: two, model: up-two, price: {{input: 3, output: 4}}}}], price: {{input: 1, output: 2}}, quality: 0.5}}
{extra_model}policies:
  ordered: {{strategy: pinned, model: m-one, fallbacks: [m-two]}}
{extra_policy}policy: {{default: ordered}}
{more}"""


@dataclass
class Served:
    running: Running
    upstream: Upstream
    port: int

    async def chat(
        self, headers: Mapping[str, str] | None = None, *, key: str = "fl_test", raw: bytes = b"", **fields: object
    ) -> Response:
        return await ask(self.port, "POST", "/v1/chat/completions", raw or question(**fields), headers, key)

    async def get(self, path: str, key: str = "fl_test") -> Response:
        return await ask(self.port, "GET", path, key=key)

    def client(self, key: str = "fl_test") -> Client:
        return Client(self.port, key)

    async def record(self, response: Response) -> Record:
        """What the books say about an answer."""
        return await self.record_of(response.headers["x-fairlead-request-id"])

    async def record_of(self, request: str) -> Record:
        record = await self.running.runtime.ledger.decision(request, None)
        assert record is not None
        return record

    async def records(self) -> list[Record]:
        """Every request on the books so far."""
        ledger = self.running.runtime.ledger
        await ledger.flush()
        ids = await asyncio.to_thread(rows, self.state_dir, "SELECT id FROM requests ORDER BY seq")
        return [await self.record_of(str(row[0])) for row in ids]

    async def audits(self) -> list[tuple[str, str]]:
        """(kind, key) of every audited event."""
        await self.running.runtime.ledger.flush()
        found = await asyncio.to_thread(rows, self.state_dir, "SELECT kind, key FROM audit")
        return [(str(kind), str(key)) for kind, key in found]

    @property
    def state_dir(self) -> Path:
        return self.running.admin.path.parent


def rows(state_dir: Path, query: str) -> list[tuple[object, ...]]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"file:{state_dir / 'ledger.db'}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def question(**fields: object) -> bytes:
    return json.dumps({"model": "m-one", "messages": [{"role": "user", "content": "Hello"}], **fields}).encode()


@asynccontextmanager
async def serving(
    state_dir: Path,
    server: str = "",
    provider: str = "",
    more: str = KEYS,
    extra_model: str = "",
    extra_provider: str = "",
    extra_policy: str = "",
) -> AsyncIterator[Served]:
    async with scripted() as upstream:
        running = await start(
            loads(config(upstream.port, state_dir, server, provider, more, extra_model, extra_provider, extra_policy))
        )
        try:
            yield Served(running, upstream, running.port)
        finally:
            for connection in list(running.listener.connections):
                connection.drop()
            if not running.listener.closing:
                await running.stop()


async def soon(true: Callable[[], bool]) -> None:
    """Waits for what has to become true; its coming at all is the test."""
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


async def within_a_second(happening: Awaitable[object]) -> None:
    """A second of a loop that gets its turns: where the machine has much else to do, these beats take longer as well."""
    waiting = asyncio.ensure_future(happening)
    for _ in range(100):
        if (await asyncio.wait([waiting], timeout=0.01))[0]:
            waiting.result()
            return
    waiting.cancel()
    raise TimeoutError
