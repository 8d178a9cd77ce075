"""A request that is over is gone: its objects are freed at once, without a collector having to find them."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import pytest

from fairlead.core.call import Call
from fairlead.gateway.execute import Run
from tests.server.serving import Served, serving
from tests.upstream import HANG, Play, event, events, status, stream

ROLE = events()[0]


def kept() -> list[str]:
    return [type(one).__name__ for one in gc.get_objects() if type(one) in (Run, Call)]


ENDINGS = {
    "answered": (None, False, 200),
    "streamed": (None, True, 200),
    "every provider failed": (status(500), False, 502),
    "rate limited": (status(429), False, 429),
    "refused": (status(400), False, 400),
    "too late": (Play([HANG]), False, 504),
    "too late within a stream": (stream([ROLE, event({"content": "a"}), HANG], end=False), True, 200),
}


@pytest.mark.parametrize("name", ENDINGS)
async def test_a_request_leaves_nothing_for_the_collector_however_it_ends(tmp_path: Path, name: str) -> None:
    play, streamed, expected = ENDINGS[name]
    seconds = 0.1 if name.startswith("too late") else 60
    async with serving(tmp_path / "s", server=f", request_timeout: {seconds}") as server:
        await ended(server, None, False)
        gc.collect()
        before = kept()
        gc.disable()
        try:
            for _ in range(3):
                assert await ended(server, play, streamed) == expected
            assert kept() == before
        finally:
            gc.enable()


async def ended(server: Served, play: Play | None, streamed: bool) -> int:
    if play is not None:
        server.upstream.push("one", play, play)
        server.upstream.push("two", play)
    response = await server.chat(model="auto", stream=streamed)
    server.upstream.script.clear()
    await server.running.runtime.ledger.flush()
    await asyncio.sleep(0.02)
    return response.status
