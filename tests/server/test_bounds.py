"""What comes slowly, without an end, or too much of it at once is bounded; and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from pathlib import Path

import pytest

from fairlead.errors import Unauthenticated
from fairlead.server.bounds import Bounds
from fairlead.server.connection import AHEAD, SLICE, Connection
from fairlead.server.exchange import Exchange
from tests.server.conftest import Run
from tests.server.listening import Listening, listening
from tests.server.serving import question, rows, serving, soon
from tests.server.wire import Client

CHUNKED = b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
READ = 2**18
"""The most that a loop hands over in one read."""


def sized(length: int, first: bytes = b"") -> bytes:
    return b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (length, first)


async def dripped(client: Client, piece: bytes, pause: float = 0.0, most: int = 10_000) -> bytes:
    """What the server says to so many pieces one after another, and then by closing."""
    reading = asyncio.ensure_future(client.rest())
    for _ in range(most):
        if reading.done():
            break
        with contextlib.suppress(ConnectionError):
            client.send(piece)
        await asyncio.sleep(pause)
    assert reading.done()
    return await reading


ENDLESS = {
    "trailer": (b"2\r\nhi\r\n0\r\n", b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
    "trailer of one line": (b"2\r\nhi\r\n0\r\nX: ", b"y" * 40),
    "trailer of an empty body": (b"0\r\n", b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
    "chunk extension": (b"2\r\nhi\r\n2;x=", b"y" * 40),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_chunked_body_whose_end_never_comes_is_refused_and_closed(run: Run, name: str) -> None:
    async def work() -> None:
        async with listening(Bounds(header_bytes=2000)) as server, server.client() as client:
            begin, piece = ENDLESS[name]
            client.send(CHUNKED + begin)
            told = await dripped(client, piece)
            assert told.startswith(b"HTTP/1.1 431 ")
            assert b"Connection: close" in told
            assert server.paths.served == []

    run(work())


def test_a_trailer_within_the_bounds_passes_in_pieces_too(run: Run) -> None:
    async def work() -> None:
        async with listening(Bounds(header_bytes=2000)) as server, server.client() as client:
            client.send(CHUNKED + b"2\r\nhi\r\n0\r\n")
            for _ in range(20):
                client.send(b"X: yyyyyyyyyyyy\r\n")
                await asyncio.sleep(0)
            client.send(b"\r\n")
            assert (await client.response()).body == b"hi"

    run(work())


def test_the_gate_is_asked_once_and_only_where_the_body_does_not_come_at_once(run: Run) -> None:
    async def work() -> None:
        asked: list[str] = []

        def gate(exchange: Exchange) -> None:
            asked.append(exchange.path)
            if b"x-bad" in exchange.headers:
                raise Unauthenticated("no")

        async with listening(gate=gate) as server, server.client() as client:
            client.ask("POST", "/whole", b"body")
            await client.response()
            assert asked == []
            client.ask("POST", "/first", headers={"Content-Length": "60"})
            for _ in range(6):
                await asyncio.sleep(0.01)
                client.send(b"0123456789")
            assert len((await client.response()).body) == 60
            assert asked == ["/first"]
            client.ask("POST", "/second", headers={"Content-Length": "60", "X-Bad": "1"})
            assert (await client.response()).status == 401
            assert await client.rest() == b""
            assert asked == ["/first", "/second"]
            assert server.paths.served == ["POST /whole", "POST /first"]

    run(work())


@pytest.mark.parametrize("key", ["fl_wrong", ""])
@pytest.mark.parametrize("chunked", [False, True])
async def test_who_has_no_key_is_told_so_before_the_body_is_there(tmp_path: Path, key: str, chunked: bool) -> None:
    async with serving(tmp_path / "s") as server, server.client(key) as client:
        framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": "1000000"}
        client.ask("POST", "/v1/chat/completions", headers={"Content-Type": "application/json", **framing})
        client.send(b'7\r\n{"model\r\n' if chunked else b'{"model')
        response = await client.response()
        assert (response.status, response.headers["connection"]) == (401, "close")
        told = response.error["request_id"]
        assert (response.headers["x-should-retry"], response.headers["x-fairlead-request-id"]) == ("false", told)
        kinds = [kind for kind, _ in await server.audits() if kind != "started"]
        assert kinds == ["invalid_api_key" if key else "missing_api_key"]
        assert rows(server.state_dir, "SELECT request FROM audit WHERE kind != 'started'") == [(told,)]
        assert server.running.listener.held == 0


async def test_who_has_a_key_may_send_a_body_in_pieces(tmp_path: Path) -> None:
    async with serving(tmp_path / "s") as server, server.client() as client:
        body = question()
        client.ask(
            "POST",
            "/v1/chat/completions",
            headers={"Content-Type": "application/json", "Content-Length": str(len(body))},
        )
        for byte in body:
            await asyncio.sleep(0)
            client.send(bytes((byte,)))
        assert (await client.response()).status == 200
        assert [kind for kind, _ in await server.audits()] == ["started"]


def test_a_body_that_drips_regularly_but_too_slowly_is_given_up(run: Run) -> None:
    async def work() -> None:
        bounds = Bounds(body_grace=0.15, body_rate=10_000, receive_seconds=30)
        async with listening(bounds) as server, server.client() as client:
            client.send(sized(1_000_000))
            told = await dripped(client, b"a" * 10, 0.01, 500)
            assert told.startswith(b"HTTP/1.1 408 ")
            assert server.paths.served == []
            client.close()
            await soon(lambda: server.listener.held == 0)

    run(work())


def test_a_body_that_keeps_up_the_rate_may_take_longer_than_the_grace(run: Run) -> None:
    async def work() -> None:
        bounds = Bounds(body_grace=0.1, body_rate=100, receive_seconds=30)
        async with listening(bounds) as server, server.client() as client:
            client.send(sized(4000))
            for _ in range(40):
                client.send(b"a" * 100)
                await asyncio.sleep(0.01)
            assert (await client.response()).status == 200

    run(work())


def test_bodies_that_are_too_much_together_are_refused_and_the_others_are_not(run: Run) -> None:
    async def work() -> None:
        async with (
            listening(Bounds(held_bytes=100_000)) as server,
            server.client() as first,
            server.client() as second,
            server.client() as third,
        ):
            for number, client in enumerate((first, second)):
                client.send(sized(50_000, b"a" * 40_000))
                await soon(lambda number=number: server.listener.held == 40_000 * (number + 1))  # type: ignore[misc]
            third.send(sized(50_000, b"a" * 40_000))
            response = await third.response()
            assert (response.status, response.body) == (503, b"too_much_at_once")
            assert await third.rest() == b""
            for client in (first, second):
                client.send(b"a" * 10_000)
                assert len((await client.response()).body) == 50_000
            third.close()
            await soon(lambda: server.listener.held == 0)
            assert len(server.paths.served) == 2

    run(work())


def test_more_connections_than_there_may_be_are_refused_and_the_others_are_served(run: Run) -> None:
    async def work() -> None:
        async with listening(Bounds(connections=2)) as server, server.client() as first, server.client() as second:
            await soon(lambda: len(server.listener.connections) == 2)
            async with server.client() as third:
                response = await third.response()
                assert (response.status, response.body) == (503, b"too_many_connections")
                assert await third.rest() == b""
            for client in (first, second):
                client.ask("GET", "/a")
                assert (await client.response()).status == 200
            first.close()
            await soon(lambda: len(server.listener.connections) == 1)
            async with server.client() as fourth:
                fourth.ask("GET", "/b")
                assert (await fourth.response()).body == b"/b"

    run(work())


def alive() -> int:
    return sum(type(one) is Connection for one in gc.get_objects())


ABORTED = {
    "in the head": b"POST /x HTTP/1.1\r\nHos",
    "in a body": sized(1_000_000, b"a" * 50_000),
    "in chunks": CHUNKED + b"c350\r\n" + b"a" * 50_000,
    "in a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX: y",
    "in a body behind a request": b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n" + sized(1_000_000, b"a" * 150_000),
    "no HTTP": b"\x16\x03\x01\x02\x00\r\n\r\n",
}


@pytest.mark.parametrize("name", ABORTED)
def test_an_upload_that_is_aborted_leaves_nothing_behind_for_a_collector_to_find(run: Run, name: str) -> None:
    async def work() -> None:
        gc.collect()
        before = alive()
        gc.disable()
        try:
            async with listening() as server:
                for _ in range(10):
                    async with server.client() as client:
                        client.send(ABORTED[name])
                        await soon(lambda: len(server.listener.connections) == 1)
                        await asyncio.sleep(0.01)
                    await soon(lambda: not server.listener.connections)
                await asyncio.sleep(0.01)
                assert server.listener.held == 0
                assert alive() <= before
        finally:
            gc.enable()

    run(work())


def waiting(server: Listening) -> int:
    """Bytes of requests that the only connection holds, read and not answered."""
    (connection,) = server.listener.connections
    queued = sum(len(exchange.body) for exchange in connection._queue)
    return queued + len(connection._body) + len(connection._unparsed)


@pytest.mark.parametrize(("size", "count"), [(2_000, 10_000), (100_000, 200)])
def test_large_requests_that_wait_for_their_turn_stay_with_the_client(run: Run, size: int, count: int) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.ask("GET", "/slow")
            for number in range(count):
                client.ask("POST", f"/{number}", b"%09d" % number + b"a" * (size - 9))
            transport = client.writer.transport
            left, most = -1, 0
            while left != transport.get_write_buffer_size() or not server.paths.served:
                left = transport.get_write_buffer_size()
                for _ in range(10):
                    await asyncio.sleep(0.005)
                    most = max(most, waiting(server))
            assert left > 0
            assert most <= AHEAD * min(size, AHEAD * SLICE) + 2 * READ
            server.paths.go.set()
            assert (await client.response()).body == b"slow"
            for number in range(count):
                body = (await client.response()).body
                assert (int(body[:9]), len(body)) == (number, size)
            client.ask("GET", "/after")
            assert (await client.response()).body == b"/after"

    run(work())


def test_small_requests_that_come_one_by_one_are_not_read_without_end_either(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.ask("GET", "/slow")
            await soon(lambda: bool(server.paths.served))
            (connection,) = server.listener.connections
            count = 0
            while not connection._paused and count < 10 * AHEAD:
                client.ask("GET", f"/{count}")
                count += 1
                await asyncio.sleep(0.002)
            assert connection._paused
            assert len(connection._queue) <= 2 * AHEAD
            server.paths.go.set()
            assert (await client.response()).body == b"slow"
            for number in range(count):
                assert (await client.response()).body == b"/%d" % number
            client.ask("GET", "/after")
            assert (await client.response()).body == b"/after"

    run(work())


def test_one_clients_many_requests_let_the_others_have_their_turn(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as greedy, server.client() as other:
            await soon(lambda: len(server.listener.connections) == 2)
            count = SLICE // 40
            greedy.send(b"GET /many HTTP/1.1\r\nHost: h\r\n\r\n" * count)
            other.send(b"GET /other HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await other.response()).body == b"/other"
            assert server.paths.served.index("GET /other") < count // 4
            for _ in range(count):
                assert (await greedy.response()).body == b"/many"

    run(work())
