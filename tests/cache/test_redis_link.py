"""What a Redis that is slow, gone or odd does to those who ask it."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from fairlead.cache import redis_link
from fairlead.cache.redis_link import Link
from tests.cache.redis_server import started


async def test_a_frozen_redis_holds_requests_up_or_answers_are_mixed_up_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # M5.1
    monkeypatch.setattr(redis_link, "REST", 0.05)
    monkeypatch.setattr(redis_link, "PATIENCE", 0.25)
    with started() as (socket, process):
        link = Link(f"unix://{socket}")
        for number in range(20):
            assert await link.asked(link.redis.set, str(number), number)
        process.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(5):
            found = await asyncio.gather(*(link.asked(link.redis.get, str(number)) for number in range(20)))
            assert found == [None] * 20
        assert link.rests
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.1)
        for number in range(20):
            assert await link.asked(link.redis.get, str(number)) == str(number).encode()
        await link.close()


async def test_a_redis_that_is_left_alone_is_asked_all_the_same(tmp_path: Path) -> None:
    pytest.importorskip("redis")
    link = Link(f"unix://{tmp_path}/nobody")
    asked = 0

    async def question() -> None:
        nonlocal asked
        asked += 1
        await link.redis.get("a")

    for _ in range(3):
        assert await link.asked(question) is None
    assert (asked, link.rests) == (1, True)
    await link.close()
