"""Requests whose end two readers might see at different places, and requests that are too much: refused, and closed."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from fairlead.server.bounds import Bounds
from tests.server.conftest import Run
from tests.server.listening import Listening, listening

SECOND = b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /first HTTP/1.1\r\n"
HOST = b"Host: h\r\n"

SMUGGLING = {
    "length and chunked": POST + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": POST + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "identity, chunked": POST + HOST + b"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": POST + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "gzip, chunked": POST + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two codings": POST + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding with a tab": POST + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "space before the colon": POST + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"GET /first HTTP/1.1\nHost: h\n\n",
    "bare line feed in the head": b"GET /first HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
    "bare carriage return": b"GET /first HTTP/1.1\r\nHost: h\rX: y\r\n\r\n",
    "folded line": b"GET /first HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
    "folded host": b"GET /first HTTP/1.1\r\n Host: h\r\n\r\n",
    "two hosts": b"GET /first HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /first HTTP/1.1\r\n\r\n",
    "two lengths": POST + HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "two different lengths": POST + HOST + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
    "a list of lengths": POST + HOST + b"Content-Length: 5, 5\r\n\r\nhello",
    "+5": POST + HOST + b"Content-Length: +5\r\n\r\nhello",
    "-5": POST + HOST + b"Content-Length: -5\r\n\r\nhello",
    "0x5": POST + HOST + b"Content-Length: 0x5\r\n\r\nhello",
    "empty length": POST + HOST + b"Content-Length:\r\n\r\nhello",
    "endless length": POST + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "NUL in a value": b"GET /first HTTP/1.1\r\nHost: h\x00\r\n\r\n",
    "NUL in a name": b"GET /first HTTP/1.1\r\nHost: h\r\nX\x00: y\r\n\r\n",
    "chunk without a size": POST + HOST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    "negative chunk": POST + HOST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "chunk longer than its size": POST + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": POST + HOST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "chunk extension with a line feed": POST + HOST + b"Transfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\n",
    "chunk ended by a line feed": POST + HOST + b"Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
    "chunked in 1.0": b"POST /first HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/0.9": b"GET /first\r\n\r\n",
    "HTTP/3.7": b"GET /first HTTP/3.7\r\nHost: h\r\n\r\n",
    "HTTP/2 without an upgrade": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "upgrade with a body": POST + HOST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi",
    "no method": b"/first HTTP/1.1\r\nHost: h\r\n\r\n",
    "unknown method": b"FETCH /first HTTP/1.1\r\nHost: h\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
}


async def refused(server: Listening, data: bytes) -> tuple[int, bytes]:
    """The status of the only answer, and its body. Asserts that it is the only one and that the connection closes."""
    async with server.client() as client:
        client.send(data)
        told = await client.rest()
        assert told.count(b"HTTP/1.1 ") == 1
        head, _, body = told.partition(b"\r\n\r\n")
        assert b"Connection: close" in head
        return int(head.split(b" ")[1]), body


@pytest.mark.parametrize("name", SMUGGLING)
def test_an_ambiguous_request_is_refused_once_and_nothing_behind_it_is_answered(run: Run, name: str) -> None:  # F24
    async def work() -> None:
        async with listening() as server:
            status, _ = await refused(server, SMUGGLING[name] + SECOND)
            assert 400 <= status < 500
            assert server.paths.served == []

    run(work())


def test_what_was_asked_before_an_ambiguous_request_is_answered_first(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.ask("GET", "/slow")
            client.ask("GET", "/good")
            client.send(SMUGGLING["two hosts"] + SECOND)
            await asyncio.sleep(0.05)
            server.paths.go.set()
            assert (await client.response()).body == b"slow"
            assert (await client.response()).body == b"/good"
            assert (await client.response()).status == 400
            assert await client.rest() == b""
            assert server.paths.served == ["GET /slow", "GET /good"]

    run(work())


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_an_offered_upgrade_is_ignored_and_nothing_behind_the_request_is_read(run: Run, protocol: bytes) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.send(
                b"GET /first HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: %b\r\n\r\n" % protocol + SECOND
            )
            assert (await client.response()).body == b"/first"
            assert await client.rest() == b""
            assert server.paths.served == ["GET /first"]

    run(work())


HEADERS = {
    "one of 1 MB": b"X: " + b"a" * 1_000_000 + b"\r\n",
    "5,000 of them": b"".join(b"X-%d: y\r\n" % number for number in range(5000)),
    "5,000 times the same": b"X: y\r\n" * 5000,
    "a name of 1 MB": b"X" * 1_000_000 + b": y\r\n",
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_block_beyond_the_bounds_is_431(run: Run, name: str) -> None:  # F25
    async def work() -> None:
        async with listening() as server:
            status, _ = await refused(server, b"GET /first HTTP/1.1\r\nHost: h\r\n" + HEADERS[name] + b"\r\n")
            assert status == 431
            assert server.paths.served == []

    run(work())


def test_a_target_beyond_the_bounds_is_431(run: Run) -> None:
    async def work() -> None:
        async with listening() as server:
            assert (await refused(server, b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n"))[0] == 431

    run(work())


BODIES = {
    "declared": b"Content-Length: 1001\r\n\r\n",
    "declared and sent": b"Content-Length: 5000000\r\n\r\n" + b"a" * 5_000_000,
    "in chunks": b"Transfer-Encoding: chunked\r\n\r\n" + (b"1f4\r\n" + b"a" * 500 + b"\r\n") * 3 + b"0\r\n\r\n",
    "in one chunk": b"Transfer-Encoding: chunked\r\n\r\n4c4b40\r\n" + b"a" * 5_000_000 + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_beyond_the_bounds_is_413_and_says_the_limit(run: Run, name: str) -> None:  # F21
    async def work() -> None:
        async with listening(Bounds(body_bytes=1000)) as server:
            status, body = await refused(server, POST + HOST + BODIES[name])
            assert (status, body) == (413, b"request_too_large")
            assert server.paths.served == []

    run(work())


def test_a_body_of_just_the_limit_passes(run: Run) -> None:
    async def work() -> None:
        async with listening(Bounds(body_bytes=1000)) as server, server.client() as client:
            client.ask("POST", "/x", b"a" * 1000)
            assert (await client.response()).body == b"a" * 1000

    run(work())


SLOW = {"head": b"GET /first HTTP/1.1\r\nHos", "body": POST + HOST + b"Content-Length: 100\r\n\r\nabc", "nothing": b""}


@pytest.mark.parametrize("name", SLOW)
def test_a_client_that_never_finishes_is_closed(run: Run, name: str) -> None:  # F26
    async def work() -> None:
        bounds = Bounds(receive_seconds=0.2) if name == "body" else Bounds(head_seconds=0.2)
        async with listening(bounds) as server, server.client() as client:
            client.send(SLOW[name])
            told = await client.rest()
            assert told == b"" or told.startswith(b"HTTP/1.1 408 ")
            assert server.paths.served == []

    run(work())


def test_a_head_that_drips_is_closed_however_steadily(run: Run) -> None:  # F26
    async def work() -> None:
        async with listening(Bounds(head_seconds=0.2)) as server, server.client() as client:
            client.send(b"GET /first HTTP/1.1\r\nHost: h\r\nX: ")
            reading = asyncio.ensure_future(client.rest())
            async with asyncio.timeout(5):
                while not reading.done():
                    with contextlib.suppress(ConnectionError):
                        client.send(b"a")
                    await asyncio.sleep(0.02)
            assert server.paths.served == []

    run(work())


def test_a_head_that_took_long_leaves_its_body_no_time(run: Run) -> None:  # F26
    async def work() -> None:
        async with listening(Bounds(head_seconds=30, receive_seconds=0.8)) as server, server.client() as client:
            client.send(b"POST /first HTTP/1.1\r\nHost: h\r\n")
            await asyncio.sleep(1.2)
            client.send(b"Content-Length: 4\r\n\r\nab")
            await asyncio.sleep(0.2)
            client.send(b"cd")
            assert (await client.response()).status == 200
            assert server.paths.served == ["POST /first"]

    run(work())


def test_an_idle_connection_is_closed(run: Run) -> None:
    async def work() -> None:
        async with listening(Bounds(idle_seconds=0.2)) as server, server.client() as client:
            client.ask("GET", "/a")
            await client.response()
            assert await client.rest() == b""

    run(work())


def test_a_request_that_is_long_in_work_is_not_taken_for_an_idle_connection(run: Run) -> None:
    async def work() -> None:
        bounds = Bounds(idle_seconds=0.1, head_seconds=0.1, receive_seconds=0.1)
        async with listening(bounds) as server, server.client() as client:
            client.ask("GET", "/slow")
            await asyncio.sleep(0.4)
            server.paths.go.set()
            assert (await client.response()).body == b"slow"

    run(work())
