"""Whoever leaves takes everything along, and what is sent waits for who reads it, whatever the other end does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead.gateway.addresses import Addresses
from fairlead.providers.wire import Endpoint, Outbound, Proxy, UpstreamBroken, head
from tests.gateway.reaching import Sending, black_hole, ear, endpoint, middle, named, on_both_loops, sending
from tests.server.serving import soon, within_a_second
from tests.upstream import HANG, STREAM_HEAD, Play, chunk, completion, scripted

LARGE = Outbound(head("POST", "/one/v1/chat/completions", b"Host: h\r\n"), b"x" * 20_000_000)
Reached = Callable[[], bool]


def files() -> int:
    return len(os.listdir("/dev/fd"))


# ---- leaving


@asynccontextmanager
async def connecting(folder: Path) -> AsyncIterator[tuple[Endpoint, Reached]]:
    async with black_hole() as port:
        at = files()
        yield endpoint(port), lambda: files() > at


@asynccontextmanager
async def connecting_to_several(folder: Path) -> AsyncIterator[tuple[Endpoint, Reached]]:
    async with black_hole() as port:
        at = files()
        yield endpoint(port, "provider.test"), lambda: files() > at


@asynccontextmanager
async def shaking_hands(folder: Path) -> AsyncIterator[tuple[Endpoint, Reached]]:
    async with ear() as silent:
        yield endpoint(silent.port, tls=True), lambda: any(silent.heard)


@asynccontextmanager
async def asking_a_proxy(folder: Path) -> AsyncIterator[tuple[Endpoint, Reached]]:
    async with middle(0, b"") as proxy:
        yield endpoint(443, tls=True, proxy=Proxy("127.0.0.1", proxy.port)), lambda: bool(proxy.asked)


@asynccontextmanager
async def shaking_hands_in_a_tunnel(folder: Path) -> AsyncIterator[tuple[Endpoint, Reached]]:
    async with ear() as silent, middle(silent.port) as proxy:
        yield endpoint(443, tls=True, proxy=Proxy("127.0.0.1", proxy.port)), lambda: any(silent.heard)


@asynccontextmanager
async def waiting_for_a_head(folder: Path) -> AsyncIterator[tuple[Endpoint, Reached]]:
    async with ear() as silent:
        yield endpoint(silent.port), lambda: any(silent.heard)


@asynccontextmanager
async def reading_a_body(folder: Path) -> AsyncIterator[tuple[Endpoint, Reached]]:
    async with ear(STREAM_HEAD + chunk(b"x")) as slow:
        yield endpoint(slow.port), lambda: any(slow.heard)


PHASES = [
    connecting,
    connecting_to_several,
    shaking_hands,
    asking_a_proxy,
    shaking_hands_in_a_tunnel,
    waiting_for_a_head,
    reading_a_body,
]


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
@on_both_loops
async def test_a_request_that_is_given_up_closes_what_it_had_opened(
    tmp_path: Path, phase: Callable[[Path], contextlib.AbstractAsyncContextManager[tuple[Endpoint, Reached]]]
) -> None:  # FAULTS 19 FAULTS 40 FAULTS 43
    async with phase(tmp_path) as (far, reached):
        async with sending(far, named("127.0.0.1", "127.0.0.1", "127.0.0.2")) as one:
            at, tasks = files(), len(asyncio.all_tasks())
            for _ in range(3):
                asking = asyncio.create_task(_ask(one))
                await soon(reached)
                await asyncio.sleep(0.02)
                assert not asking.done()
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                await soon(lambda: files() <= at and len(asyncio.all_tasks()) <= tasks)
                pool = one.http.pools["one"]
                assert (len(pool.open), pool.connecting, len(pool.idle), len(pool.waiting)) == (0, 0, 0, 0)


async def _ask(one: Sending) -> None:
    reply = await one.send()
    try:
        await reply.body()
    finally:
        reply.abort()


@on_both_loops
async def test_a_request_that_is_given_up_half_sent_is_broken_off_at_the_other_end() -> None:  # FAULTS 19
    async with ear(reads=False) as deaf, sending(endpoint(deaf.port)) as one:
        asking = asyncio.create_task(one.send(LARGE))
        await soon(lambda: bool(deaf.gone))
        await asyncio.sleep(0.02)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await soon(lambda: one.open == 0)
        deaf.listen()
        await within_a_second(deaf.gone[0].wait())
        assert deaf.broken == 1
        assert len(deaf.heard[0]) < len(LARGE.body)


@on_both_loops
async def test_who_waits_for_a_turn_and_leaves_takes_nobodys_turn() -> None:  # FAULTS 48
    async with scripted() as upstream, sending(endpoint(upstream.port, max_connections=1)) as one:
        upstream.push("one", Play([HANG]))
        first, second, third = (asyncio.create_task(one.ask()) for _ in range(3))
        await soon(lambda: len(upstream.calls) == 1 and len(one.http.pools["one"].waiting) == 2)
        second.cancel()
        await asyncio.sleep(0)
        assert len(one.http.pools["one"].waiting) == 1
        first.cancel()
        assert await third == completion()
        assert upstream.seats == ["one", "one"]
        assert not one.http.pools["one"].waiting


@on_both_loops
async def test_there_are_never_more_connections_than_may_be_and_nobody_is_left_waiting() -> None:  # FAULTS 48
    async with scripted() as upstream, sending(endpoint(upstream.port, max_connections=3)) as one:
        most = 0

        async def ask(number: int) -> bytes:
            nonlocal most
            task = asyncio.create_task(one.ask())
            await asyncio.sleep(0)
            most = max(most, len(upstream.connections), one.open)
            if number % 7 == 3:
                await asyncio.sleep(0.002)
                task.cancel()
            return await task

        told = await asyncio.gather(*(ask(number) for number in range(60)), return_exceptions=True)
        assert {one if isinstance(one, bytes) else type(one) for one in told} <= {
            completion(),
            asyncio.CancelledError,
        }
        assert sum(isinstance(one, bytes) for one in told) >= 51
        assert most <= 3
        assert not one.http.pools["one"].waiting


@on_both_loops
async def test_who_gives_up_connecting_leaves_the_turn_to_the_next() -> None:  # FAULTS 48
    async with ear() as silent, sending(endpoint(silent.port, tls=True, max_connections=1)) as one:
        first, second = (asyncio.create_task(one.ask()) for _ in range(2))
        await soon(lambda: len(silent.heard) == 1 and len(one.http.pools["one"].waiting) == 1)
        first.cancel()
        await soon(lambda: len(silent.heard) == 2)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)


async def test_a_turn_that_does_not_come_is_told_as_such() -> None:
    async with scripted() as upstream, sending(endpoint(upstream.port, max_connections=1, connect_timeout=0.1)) as one:
        upstream.push("one", Play([HANG]))
        first = asyncio.create_task(one.ask())
        await soon(lambda: len(upstream.calls) == 1)
        with pytest.raises(UpstreamBroken, match="busy: all 1 connections are in use"):
            await one.ask()
        first.cancel()


# ---- sending


@on_both_loops
async def test_a_large_body_is_let_go_once_it_is_sent() -> None:
    async with ear() as slow, sending(endpoint(slow.port)) as one:
        tracemalloc.start()
        try:
            task = asyncio.create_task(one.send(LARGE))
            await soon(lambda: bool(slow.heard) and len(slow.heard[0]) >= len(LARGE.body))
            slow.heard[0].clear()
            await asyncio.sleep(0.05)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < 0.5 * len(LARGE.body)
        task.cancel()


@on_both_loops
async def test_a_provider_that_reads_nothing_uses_up_its_time() -> None:
    async with ear(reads=False) as deaf, sending(endpoint(deaf.port, first_byte_timeout=0.3)) as one:
        with pytest.raises(UpstreamBroken) as broken:
            await one.send(LARGE)
        assert broken.value.reason == "first_byte_timeout"
        assert one.open == 0


TOO_LARGE = b"HTTP/1.1 413 Too Large\r\n%bContent-Length: 9\r\n\r\ntoo large"


@pytest.mark.parametrize("closes", [True, False])
@on_both_loops
async def test_a_provider_that_answers_before_it_has_all_is_heard(closes: bool) -> None:
    async with ear(TOO_LARGE % (b"Connection: close\r\n" if closes else b""), closes, reads=False) as hasty:
        async with sending(endpoint(hasty.port)) as one:
            for _ in range(3):
                reply = await one.send(LARGE)
                assert reply.status == 413
                assert await reply.body() == b"too large"
            # The rest of a body that nobody took must not stand before another request.
            assert len(hasty.heard) == 3
            await soon(lambda: one.open == 0)


# ---- names


async def test_closing_leaves_no_question_open() -> None:
    async def never(host: str, port: int) -> list[object]:
        await asyncio.Event().wait()
        return []

    loop = asyncio.get_running_loop()
    async with sending(endpoint(80, "provider.test"), Addresses(loop, never)) as one:  # type: ignore[arg-type]
        task = asyncio.create_task(one.send())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await soon(lambda: len(asyncio.all_tasks()) == 1)
