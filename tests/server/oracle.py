"""A mixed run against an upstream whose own log says what was asked and what would be billed: the books must say the same.

python -m tests.server.oracle 100000       as many requests; some minutes
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from fairlead.store.ledger import DATABASE
from fairlead.store.reports import open_ledger, totals
from fairlead.store.verification import verify
from tests.server.serving import KEYS, Served, question, serving
from tests.server.wire import Client
from tests.upstream import CUT, RST, Play, answer, events, status, stream

CLIENTS = 16
CALM = "health: {failures: 1000000, probe: 'off'}\n"
"""A seat that fails often is asked again all the same."""
RATES = {"one": (1_000, 2_000), "two": (100, 400)}
"""Nano-dollars of a token in and out, as the configuration has them."""


def play(chance: random.Random) -> Play:
    """What a seat does next: mostly it answers."""
    usage = (chance.randrange(1, 5_000), chance.randrange(1, 2_000))
    kind = chance.random()
    if kind < 0.55:
        return answer(usage=usage)
    if kind < 0.75:
        return stream(events(usage=usage), usage)
    if kind < 0.85:
        return status(503)
    if kind < 0.90:
        return Play([RST])
    if kind < 0.95:
        return Play([CUT])
    return status(429)


async def asked(client: Client, streamed: bool, leaves: bool) -> None:
    client.ask("POST", "/v1/chat/completions", question(model="auto", stream=streamed))
    if not leaves:
        await client.response()


async def customer(port: int, work: asyncio.Queue[tuple[bool, bool]]) -> None:
    """Some hang up without waiting for the answer."""
    client = Client(port)
    async with client:
        while not work.empty():
            streamed, leaves = work.get_nowait()
            if leaves:
                async with Client(port) as other:
                    await asked(other, streamed, True)
            else:
                await asked(client, streamed, False)


async def mixed(count: int, folder: Path, seed: int = 1) -> Served:
    """The books against the log; raises AssertionError where they differ."""
    chance = random.Random(seed)
    async with serving(folder / "s", more=KEYS + CALM) as server:
        upstream = server.upstream
        scripted = {seat: random.Random(f"{seat}{seed}") for seat in RATES}

        def next_play(seat: str, body: bytes) -> Play:
            found = play(scripted[seat])
            if found.usage is None or bool(json.loads(body).get("stream")) == (len(found.steps) > 2):
                return found
            return (
                stream(events(usage=found.usage), found.usage) if len(found.steps) <= 2 else answer(usage=found.usage)
            )

        upstream.next_play = next_play  # type: ignore[method-assign]
        work: asyncio.Queue[tuple[bool, bool]] = asyncio.Queue()
        for _ in range(count):
            work.put_nowait((chance.random() < 0.3, chance.random() < 0.03))
        await asyncio.gather(*(customer(server.port, work) for _ in range(CLIENTS)))
        runtime = server.running.runtime
        async with asyncio.timeout(30):
            while runtime.deadlines:
                await asyncio.sleep(0.02)
        await runtime.ledger.flush()
        compare(server, count)
        return server


def compare(server: Served, count: int) -> None:
    calls = server.upstream.calls
    with closing(open_ledger(server.state_dir / DATABASE)) as ledger:
        found = verify(ledger)
        assert found.told == []
        whole = totals(ledger)
        rows = ledger.execute("SELECT provider, input, output, estimated, usd, outcome FROM attempts").fetchall()
    unsent = sum(1 for _, read, _, estimated, _, outcome in rows if outcome == "cancelled" and not (read or estimated))
    assert len(rows) == len(calls) + unsent == whole.attempts
    # What was told is on the books to the token; whom the client left before that is estimated, and says so.
    billed = Counter((seen.seat, *seen.play.usage) for seen in calls if seen.play.usage is not None)
    booked = Counter((seat, read, written) for seat, read, written, estimated, *_ in rows if not estimated and read)
    assert booked - billed == Counter()
    assert (billed - booked).total() <= sum(1 for row in rows if row[3])
    for seat, read, written, _, usd, _ in rows:
        assert usd == read * RATES[seat][0] + written * RATES[seat][1]
    assert whole.cost == sum(row[4] for row in rows)
    assert whole.requests <= count


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as here:
        ran = asyncio.run(mixed(int(sys.argv[1]), Path(here)))
        print(f"{sys.argv[1]} requests, {len(ran.upstream.calls)} attempts: the books agree")
