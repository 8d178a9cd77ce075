"""One answer for several readers: none holds the others up, and what is kept has a bound."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.errors import Overloaded
from fairlead.gateway import recording
from fairlead.gateway.recording import AHEAD, KEPT, REPLAYED, Reader, Recording


class Client:
    """An outlet that takes a piece for each ticket."""

    def __init__(self, tickets: int = 10**9) -> None:
        self.tickets = asyncio.Semaphore(tickets)
        self.status = 0
        self.headers = self.body = b""
        self.ended = False
        self.started = False

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self.start(status, headers)
        self.body, self.ended = body, True

    def start(self, status: int, headers: bytes) -> None:
        self.status, self.headers, self.started = status, headers, True

    async def write(self, piece: bytes) -> None:
        await self.tickets.acquire()
        self.body += piece

    def end(self, last: bytes = b"") -> None:
        self.ended = True


def told(made: Recording, client: Client, replayed: bool = False) -> asyncio.Task[None]:
    reader = Reader()
    made.readers.add(reader)

    async def work() -> None:
        try:
            await made.tell(reader, client, replayed)
        finally:
            made.readers.discard(reader)

    return asyncio.ensure_future(work())


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def write(made: Recording, pieces: int, size: int = 1000) -> None:
    made.start(200, b"A: b\r\n")
    for number in range(pieces):
        await made.write(b"%09d" % number + b"x" * (size - 9))
    made.end()


async def test_readers_at_any_moment_are_told_different_things() -> None:
    made, early, late = Recording(), Client(), Client()
    first = told(made, early)
    writing = asyncio.ensure_future(write(made, 50))
    await settled()
    await asyncio.gather(told(made, late, replayed=True), first, writing)
    assert early.body == late.body
    assert len(early.body) == 50_000
    assert early.ended
    assert late.ended
    assert (early.headers, late.headers) == (b"A: b\r\n", b"A: b\r\n" + REPLAYED)


async def test_a_slow_reader_holds_up_the_maker_or_the_quick_one() -> None:
    made, slow, quick = Recording(), Client(3), Client()
    slowly = told(made, slow)
    await asyncio.gather(told(made, quick), write(made, KEPT // 1000 - 10))
    assert quick.ended
    assert not slow.ended
    for _ in range(KEPT // 1000):
        slow.tickets.release()
    await slowly
    assert slow.body == quick.body


async def test_the_maker_runs_ahead_of_all_readers_without_end() -> None:
    made, slow = Recording(), Client(3)
    slowly = told(made, slow)
    writing = asyncio.ensure_future(write(made, 3000))
    await asyncio.sleep(0.05)
    assert AHEAD <= made._size <= AHEAD + 5000
    for _ in range(3000):
        slow.tickets.release()
    await asyncio.gather(slowly, writing)
    assert len(slow.body) == 3_000_000


async def test_a_reader_far_behind_is_told_what_has_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "KEPT", 10_000)
    monkeypatch.setattr(recording, "AHEAD", 5_000)
    made, slow, quick = Recording(), Client(3), Client()
    slowly = told(made, slow)
    await asyncio.gather(told(made, quick), write(made, 100))
    assert len(quick.body) == 100_000
    slow.tickets.release()
    await slowly
    assert not slow.ended
    assert quick.body.startswith(slow.body)
    assert not made.joinable
    assert len(made.body()) <= 10_000


async def test_a_failure_is_told_to_some_only() -> None:
    made = Recording()
    clients = [told(made, Client()) for _ in range(3)]
    await settled()
    made.fail(Overloaded("no"))
    assert [type(one) for one in await asyncio.gather(*clients, return_exceptions=True)] == [Overloaded] * 3


async def test_what_broke_off_ends_as_if_it_were_whole() -> None:
    made, client = Recording(), Client()
    reading = told(made, client)
    made.start(200, b"")
    await made.write(b"part")
    await settled()
    made.tear()
    await reading
    assert client.body == b"part"
    assert not client.ended
