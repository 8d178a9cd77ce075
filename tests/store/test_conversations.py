"""Kept conversations: for a day, for one tenant, readable by their owner only."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead.core.call import Caller
from fairlead.core.egress import grant_sink
from fairlead.store import conversations, shelf
from fairlead.store.conversations import Conversations, Kept, history
from tests.core.scenes import call

ACME = grant_sink(call(caller=Caller("k", "acme")), "conversation", local=True)
ONE = Kept((b'{"role":"user"}',), (b'{"type":"message"}',), b'{"id":"resp_1"}')


@asynccontextmanager
async def opened(folder: Path | None) -> AsyncIterator[Conversations]:
    store = Conversations(folder)
    try:
        yield store
    finally:
        store.close()


@pytest.mark.parametrize("kept_in_memory", [True, False])
async def test_a_conversation_is_its_tenants_alone(tmp_path: Path, kept_in_memory: bool) -> None:
    async with opened(None if kept_in_memory else tmp_path) as store:
        await store.keep(ACME, "resp_1", ONE)
        assert await store.find("acme", "resp_1") == ONE
        assert await store.find("others", "resp_1") is None
        assert not await store.forget("others", "resp_1")
        assert await store.forget("acme", "resp_1")
        assert await store.find("acme", "resp_1") is None


async def test_who_leaves_with_the_answer_takes_the_conversation_along(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        free = threading.Event()
        store._shelf._thread.submit(free.wait, 10)  # the disk is busy
        keeping = asyncio.create_task(store.keep(ACME, "resp_1", ONE))
        await asyncio.sleep(0)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
        assert await store.find("acme", "resp_1") == ONE
        free.set()
        await store._shelf.find("acme", "something else")
        assert store._shelf._written == {}
        assert await store.find("acme", "resp_1") == ONE


async def test_a_conversation_outlives_the_process_but_not_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as store:
        await store.keep(ACME, "resp_1", ONE)
    async with opened(tmp_path) as store:
        assert await store.find("acme", "resp_1") == ONE
        now = shelf.time.time()
        monkeypatch.setattr(shelf.time, "time", lambda: now + shelf.KEPT_SECONDS + 1)
        assert await store.find("acme", "resp_1") is None
        await store.keep(ACME, "resp_2", Kept((), (), b"{}"))
    # Closed, its log is in the file, and nothing of what was deleted.
    assert b"resp_1" not in (tmp_path / conversations.FILE).read_bytes()


async def test_a_caller_that_is_quicker_than_the_disk_finds_its_conversation(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        writing = asyncio.ensure_future(store.keep(ACME, "resp_1", ONE))
        await asyncio.sleep(0)
        assert await store.find("acme", "resp_1") == ONE
        await writing


async def test_what_people_said_is_readable_by_the_owner_only(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await store.keep(ACME, "resp_1", ONE)
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_one_that_is_too_long_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "LARGEST", 10)
    async with opened(tmp_path) as store:
        await store.keep(ACME, "resp_1", ONE)
        assert await store.find("acme", "resp_1") is None


def test_history_is_what_was_asked_and_then_answered() -> None:
    assert history(ONE) == (b'{"role":"user"}', b'{"type":"message"}')
