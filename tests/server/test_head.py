"""Requests that look like the one before on their connection: answered as if the parser had seen them."""

from __future__ import annotations

import asyncio
import random
import re

import pytest

from fairlead.server.bounds import Bounds
from fairlead.server.connection import Connection
from fairlead.server.exchange import Exchange
from fairlead.server.head import Heads, known_to, remembered
from fairlead.server.listener import Listener
from tests.server.conftest import Run
from tests.server.listening import listening, refusal

FIRST = b"POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Own: yes\r\n\r\nhello"
DATE = re.compile(rb"Date: [^\r]*\r\n")


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.told = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.told += data

    def write_eof(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass


Served = list[tuple[str, str, str, dict[bytes, bytes], bytes, bool]]


class Pair:
    """Two connections that get the same bytes, one of which knows no head and forgets those it has seen."""

    def __init__(self, listener: Listener, served: Served) -> None:
        self.served = served
        self.wires = Wire(), Wire()
        self.lines = Connection(listener), Connection(listener)
        for line, wire in zip(self.lines, self.wires, strict=True):
            line.connection_made(wire)
        self.lines[1]._fed = 1

    async def feed(self, data: bytes) -> tuple[list[tuple[Served, bytes, bool]], bool]:
        """(what each has served, told and whether it closed, whether the head was known)."""
        found = []
        known = False
        self.lines[1]._head = None
        for line, wire in zip(self.lines, self.wires, strict=True):
            self.served.clear()
            wire.told = b""
            head = line._head or (None if line._fed else known_to(data, line.listener.heads))
            known = known or (head is not None and head.again(data, line, 0.0) is not None)
            line.data_received(data)
            for _ in range(8):
                await asyncio.sleep(0)
            found.append((list(self.served), DATE.sub(b"", wire.told), wire.closed))
        return found, known

    def end(self) -> None:
        for line in self.lines:
            line.connection_lost(None)


def variant(chance: random.Random) -> bytes:
    """The first request with another length, or damaged in a place or two."""
    body = bytes(chance.choices(b'{}": x\r\n', k=chance.choice((0, 4, 5, 6, 23, 100))))
    said = b"%d" % (len(body) + chance.choice((0, 0, 0, 0, 1, -1)))
    said = chance.choice((said, said, said, b"0" + said, b"+" + said, said + b" ", b" " + said, said + b", " + said))
    data = bytearray(FIRST[:-5].replace(b": 5\r\n", b": " + said + b"\r\n") + body)
    for _ in range(chance.choice((0, 0, 0, 1, 2))):
        at = chance.randrange(len(data))
        put = chance.choices(b"\r\n\t :aA0\x00\xff", k=chance.choice((0, 1, 2)))
        data[at : at + chance.choice((0, 1, 2))] = bytes(put)
    return bytes(data) + chance.choice((b"", b"", b"", b"\r\n", FIRST, b"GET"))


@pytest.mark.parametrize("seed", range(4))
def test_a_known_head_is_read_as_the_parser_reads_it(run: Run, seed: int) -> None:  # F24
    async def work() -> None:
        served: Served = []

        async def handler(exchange: Exchange) -> None:
            one = exchange
            served.append((one.method, one.path, one.query, dict(one.headers), one.body, one.keep_alive))
            exchange.send(200, b"", exchange.body)

        listener = Listener(handler, refusal)
        chance = random.Random(seed)
        taken = 0
        other = Pair(listener, served)
        await other.feed(FIRST)
        for number in range(300):
            pair = Pair(listener, served)
            if number % 2:
                found, known = await pair.feed(FIRST)
                assert known, "from another connection"
                assert found[0] == found[1]
            for _ in range(2):
                data = variant(chance)
                found, known = await pair.feed(data)
                taken += known
                assert found[0] == found[1], data
            pair.end()
        other.end()
        assert taken > 10
        await listener.close(0)

    run(work())


def test_a_body_beyond_the_bound_is_refused_behind_a_known_head_too(run: Run) -> None:
    async def work() -> None:
        async with listening(Bounds(body_bytes=64)) as server, server.client() as client:
            client.ask("POST", "/echo", b"x" * 10)
            assert (await client.response()).body == b"x" * 10
            client.ask("POST", "/echo", b"x" * 64)
            assert (await client.response()).body == b"x" * 64
            client.ask("POST", "/echo", b"x" * 65)
            assert (await client.response()).status == 413

    run(work())


def test_a_known_head_in_pieces_or_twice_in_one_read_is_answered_all_the_same(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            request = FIRST.replace(b"/v1/x?a=b", b"/echo")
            for pieces in ([request], [request[:40], request[40:]], [request, request], [request * 3], [request]):
                for piece in pieces:
                    client.send(piece)
                    await asyncio.sleep(0.01)
                for _ in range(b"".join(pieces).count(b"POST")):
                    assert (await client.response()).body == b"hello"

    run(work())


class NoHouse:
    closing = False
    date = b""

    def __init__(self) -> None:
        self.statuses = [0] * 600


class NoLine:
    peer = ""
    known: object = None
    choked = False
    listener = NoHouse()

    def write(self, data: bytes) -> None: ...

    def hurry(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def answered(self, keep_alive: bool) -> None: ...

    def drop(self) -> None: ...

    def hang_up(self, rst: bool) -> None: ...


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (FIRST.replace(b"X-Own: yes", b"Expect: 100-continue"), {b"expect": b"100-continue"}),
        (FIRST.replace(b"X-Own: yes", b"Upgrade: h2c"), {b"upgrade": b"h2c"}),
        (FIRST.replace(b"yes", b"y" * 4000), {}),
        (FIRST + b"\r\n", {}),
        (b"\r\n\r\n" + FIRST, {}),
        (FIRST.replace(b"Content-Length: 5\r\n", b""), {}),
    ],
)
def test_what_makes_the_connection_act_or_is_not_one_whole_request_is_not_remembered(
    data: bytes, headers: dict[bytes, bytes]
) -> None:
    exchange = Exchange(NoLine(), 0.0)
    exchange.headers = headers
    exchange.body = b"hello"
    assert remembered(data, exchange, Heads()) is None
    exchange.headers = {}
    assert remembered(FIRST, exchange, Heads()) is not None
    exchange.keep_alive = False
    assert remembered(FIRST, exchange, Heads()) is None


def test_two_connections_keep_the_same_head_twice() -> None:
    heads = Heads()
    exchange = Exchange(NoLine(), 0.0, body=b"hello")
    first = remembered(FIRST, exchange, heads)
    other = FIRST.replace(b"Content-Length: 5", b"Content-Length: 12").replace(b"hello", b"hello, world")
    assert first is not None
    assert remembered(other, Exchange(NoLine(), 0.0, body=b"hello, world"), heads) is first
    assert remembered(FIRST.replace(b"yes", b"no"), exchange, heads) is not first
    del first
    assert not heads, "a head outlives the connections that were sent it"
