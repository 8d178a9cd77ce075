"""The process dies, or is asked to go: what a client got whole is on the books, once. A real process, real signals."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

import fairlead
from fairlead.core.record import Record
from tests.server.serving import config, question, rows
from tests.server.wire import Client
from tests.upstream import HANG, Play, Upstream, answer, event, events, scripted, stream

SOURCES = str(Path(fairlead.__file__).parent.parent)
decode = msgspec.msgpack.Decoder(Record).decode
NAME = "x-fairlead-request-id"


@asynccontextmanager
async def process(file: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """`fairlead serve`, and the port it says it answers on."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fairlead", "serve", "--config", str(file), "--port", "0",
        env={**os.environ, "PYTHONPATH": SOURCES}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stderr is not None
    told = b""
    try:
        async with asyncio.timeout(20):
            while b"http://127.0.0.1:" not in told:
                line = await child.stderr.readline()
                assert line, told.decode()
                told += line
        drain = asyncio.ensure_future(child.stderr.read())
        yield child, int(told.rpartition(b"http://127.0.0.1:")[2].partition(b"/")[0])
        await drain
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def records(state_dir: Path) -> list[Record]:
    return [decode(row[0]) for row in rows(state_dir, "SELECT record FROM requests ORDER BY seq")]


class Load:
    """Clients that ask until their server dies, and note what they got whole."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.whole: list[str] = []

    async def run(self, port: int) -> None:
        await asyncio.gather(*(self._client(port) for _ in range(8)))

    async def _client(self, port: int) -> None:
        try:
            async with Client(port) as client:
                while True:
                    client.ask("POST", "/v1/chat/completions", question(stream=self.chance.random() < 0.5))
                    response = await client.response()
                    if response.whole:
                        assert response.status == 200
                        self.whole.append(response.headers[NAME])
        except (OSError, asyncio.IncompleteReadError):
            return


async def test_no_finished_request_is_lost_and_none_counted_twice_when_the_process_is_killed(
    tmp_path: Path,
) -> None:  # F31
    chance = random.Random(7)
    state_dir, file = tmp_path / "s", tmp_path / "fairlead.yaml"
    async with scripted() as upstream:

        def play(_: str, body: bytes) -> Play:
            usage = (chance.randint(1, 999), chance.randint(1, 999))
            told = (
                stream([0.002, *events(("a", "b"), usage)], usage)
                if json.loads(body)["stream"]
                else answer("a", usage, 0.002)
            )
            return told

        upstream.next_play = play  # type: ignore[method-assign]
        file.write_text(config(upstream.port, state_dir))
        load = Load(chance)
        for _ in range(6):
            async with process(file) as (child, port):
                asking = asyncio.ensure_future(load.run(port))
                await asyncio.sleep(0.1 + chance.random() * 0.3)
                child.kill()
                await asking
        async with process(file) as (child, _):
            child.send_signal(signal.SIGTERM)
            assert await child.wait() == 0
        check_books(upstream, load.whole, records(state_dir))


def check_books(upstream: Upstream, whole: list[str], found: list[Record], lives: int = 6) -> None:
    assert len(whole) > 50
    by_id = {record.request: record for record in found}
    assert len(by_id) == len(found)
    for request in whole:
        record = by_id[request]
        assert record.outcome == "ok"
        (attempt,) = record.attempts
        assert not attempt.usage.estimated
        assert attempt.cost == record.cost == attempt.usage.input * 1000 + attempt.usage.output * 2000
    lost = [record for record in found if record.outcome == "lost"]
    assert all(attempt.usage.estimated for record in lost for attempt in record.attempts)
    assert {record.outcome for record in found} <= {"ok", "lost"}
    attempts = sum(len(record.attempts) for record in found)
    # An intent is written before its request leaves, so there may be a row for what the upstream never saw, never the reverse.
    assert len(upstream.calls) <= attempts <= len(upstream.calls) + 8 * lives
    played = sorted(seen.play.usage or (0, 0) for seen in upstream.calls)
    booked = [(a.usage.input, a.usage.output) for record in found if record.outcome == "ok" for a in record.attempts]
    for usage in booked:
        played.remove(usage)


async def test_a_terminated_process_finishes_its_streams_and_exits_well(tmp_path: Path) -> None:  # F32
    state_dir, file = tmp_path / "s", tmp_path / "fairlead.yaml"
    async with scripted() as upstream:
        file.write_text(config(upstream.port, state_dir))
        told = events(usage=None)
        upstream.push("one", stream([told[0] + told[1], 0.5, *told[2:]]))
        async with process(file) as (child, port), Client(port) as client:
            client.ask("POST", "/v1/chat/completions", question(stream=True))
            _, headers = await client.head()
            child.send_signal(signal.SIGTERM)
            body = b""
            while piece := await client.piece():
                body += piece
            assert body == b"".join(told)
            assert await child.wait() == 0
        (record,) = records(state_dir)
        assert (record.request, record.outcome) == (headers[NAME], "ok")
        assert not (state_dir / "admin.sock").exists()


async def test_a_killed_process_leaves_its_running_stream_as_a_flagged_estimate(tmp_path: Path) -> None:  # F31
    state_dir, file = tmp_path / "s", tmp_path / "fairlead.yaml"
    async with scripted() as upstream:
        file.write_text(config(upstream.port, state_dir))
        upstream.push("one", stream([events()[0], event({"content": "Bon"}), HANG], end=False))
        async with process(file) as (child, port), Client(port) as client:
            client.ask("POST", "/v1/chat/completions", question(stream=True))
            _, headers = await client.head()
            child.kill()
            await child.wait()
        async with process(file) as (child, port), Client(port) as client:
            client.ask("GET", f"/v1/decisions/{headers[NAME]}")
            told = (await client.response()).json
            assert told["outcome"] == "lost"
            child.send_signal(signal.SIGTERM)
            assert await child.wait() == 0
        (record,) = records(state_dir)
        assert record.cost > 0
        assert record.attempts[0].usage.estimated
