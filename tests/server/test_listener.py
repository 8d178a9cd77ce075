"""What a well-meaning client may rely on, and what a handler may."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from fairlead.server.bounds import Bounds
from fairlead.server.connection import SLICE
from tests.server.conftest import Run
from tests.server.listening import listening
from tests.server.serving import soon, within_a_second


def test_a_connection_serves_one_request_after_another(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            for path in ("/a", "/b", "/stream", "/c"):
                client.ask("GET", path)
                response = await client.response()
                assert (response.status, response.body) == (200, b"onetwo" if path == "/stream" else path.encode())
                assert "connection" not in response.headers
                assert "date" in response.headers

    run(work())


def test_pipelined_requests_are_answered_in_order(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            count = SLICE // 4
            client.ask("GET", "/slow")
            for number in range(count):
                client.ask("POST", f"/{number}", b"%d" % number)
            await soon(lambda: bool(server.paths.served))
            server.paths.go.set()
            assert (await client.response()).body == b"slow"
            assert [(await client.response()).body for _ in range(count)] == [b"%d" % number for number in range(count)]
            client.ask("GET", "/after")
            assert (await client.response()).body == b"/after"

    run(work())


def test_pipelined_requests_that_come_in_pieces_are_answered_in_order(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            count = SLICE // 8
            client.ask("GET", "/slow")
            for number in range(count):
                client.ask("POST", f"/{number}", b"%d" % number * 100)
                await asyncio.sleep(0.001)
            server.paths.go.set()
            assert (await client.response()).body == b"slow"
            for number in range(count):
                assert (await client.response()).body == b"%d" % number * 100

    run(work())


def test_http_1_0_gets_a_plain_body_and_a_closed_connection(run: Run) -> None:
    async def work() -> None:
        async with listening() as server:
            for path, body in (("/a", b"/a"), ("/stream", b"onetwo")):
                async with server.client() as client:
                    client.send(b"GET %b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" % path.encode())
                    told = await client.rest()
                    head, _, rest = told.partition(b"\r\n\r\n")
                    assert rest == body
                    assert b"Connection: close" in head
                    assert b"chunked" not in head

    run(work())


def test_head_has_the_length_but_no_body(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.ask("HEAD", "/abc")
            status, headers = await client.head()
            assert (status, headers["content-length"]) == (200, "4")
            client.ask("GET", "/d")
            assert (await client.response()).body == b"/d"

    run(work())


def test_connection_close_is_honoured(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.ask("GET", "/a", headers={"Connection": "close"})
            response = await client.response()
            assert response.headers["connection"] == "close"
            assert await client.rest() == b""

    run(work())


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"body")
            assert (await client.response()).body == b"body"

    run(work())


def test_a_too_large_body_is_refused_before_it_is_asked_for(run: Run) -> None:
    async def work() -> None:
        async with listening(Bounds(body_bytes=10)) as server, server.client() as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n")
            assert (await client.response()).status == 413
            assert server.paths.served == []

    run(work())


def test_a_chunked_body_is_put_together_whatever_its_pieces(run: Run) -> None:  # F21
    async def work() -> None:
        async with listening() as server, server.client() as client:
            body = bytes(range(256)) * 20
            client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send(b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
            assert (await client.response()).body == body

    run(work())


def test_a_request_may_come_byte_by_byte(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            for byte in b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello":
                client.send(bytes((byte,)))
                await asyncio.sleep(0)
            assert (await client.response()).body == b"hello"

    run(work())


def test_a_trailer_is_no_header(run: Run) -> None:  # F29
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send(b"2\r\nhi\r\n0\r\nX-Api-Key: stolen\r\nHost: other\r\n\r\n")
            assert (await client.response()).body == b"hi"
            assert b"x-api-key" not in server.paths.seen
            assert server.paths.seen[b"host"] == b"h"

    run(work())


def test_a_client_that_leaves_ends_its_handler(run: Run) -> None:  # F19
    async def work() -> None:
        async with listening() as server:
            client = await server.client().__aenter__()
            client.ask("GET", "/slow")
            await soon(lambda: bool(server.paths.served))
            client.close()
            await within_a_second(server.paths.cancelled.wait())

    run(work())


def test_a_client_that_leaves_with_requests_in_the_queue_ends_them_all(run: Run) -> None:
    async def work() -> None:
        async with listening() as server:
            client = await server.client().__aenter__()
            client.ask("GET", "/slow")
            client.ask("GET", "/never")
            client.send(b"nonsense\r\n\r\n")
            await soon(lambda: bool(server.paths.served))
            client.close()
            await within_a_second(server.paths.cancelled.wait())
            await soon(lambda: not server.listener.connections)
            assert server.paths.served == ["GET /slow"]

    run(work())


def test_a_reset_in_the_middle_of_an_answer_ends_its_handler(run: Run) -> None:
    async def work() -> None:
        async with listening() as server:
            async with server.client() as client:
                client.ask("GET", "/endless")
                await client.head()
                sock = client.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                await within_a_second(server.paths.cancelled.wait())

    run(work())


def test_a_client_that_closes_its_sending_half_has_left(run: Run) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.ask("GET", "/slow")
            await soon(lambda: bool(server.paths.served))
            client.writer.write_eof()
            await within_a_second(server.paths.cancelled.wait())
            assert await client.rest() == b""

    run(work())


def test_a_slow_reader_stops_the_writer(run: Run) -> None:  # F20
    async def work() -> None:
        async with listening() as server:
            reader = socket.socket()
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.setblocking(False)
            await asyncio.get_running_loop().sock_connect(reader, ("127.0.0.1", server.port))
            await asyncio.get_running_loop().sock_sendall(reader, b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
            written = -1
            while server.paths.written != written or not written:
                written = server.paths.written
                await asyncio.sleep(0.1)
            (connection,) = server.listener.connections
            assert connection.transport is not None
            assert connection.transport.get_write_buffer_size() <= 256 * 1024
            reader.close()
            await within_a_second(server.paths.cancelled.wait())

    run(work())


def test_a_reader_that_never_reads_is_given_up(run: Run) -> None:  # F20
    async def work() -> None:
        async with listening(Bounds(idle_seconds=0.3)) as server:
            reader = socket.create_connection(("127.0.0.1", server.port))
            reader.sendall(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
            async with asyncio.timeout(5):
                await server.paths.cancelled.wait()
            reader.close()

    run(work())


@pytest.mark.parametrize("path", ["/raise", "/forget"])
def test_a_handler_that_fails_before_its_answer_leaves_no_client_waiting(
    run: Run, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.ask("GET", path)
            if path == "/raise":
                response = await client.response()
                assert (response.status, response.body) == (500, b"internal_error")
            assert await client.rest() == b""

    run(work())
    assert ("a handler failed" in caplog.text) == (path == "/raise")


@pytest.mark.parametrize("path", ["/raise-late", "/forget-late"])
def test_a_handler_that_fails_within_its_answer_breaks_it_off(run: Run, path: str) -> None:
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.ask("GET", path)
            response = await client.response()
            assert response.status == 200
            assert not response.whole

    run(work())


def test_closing_lets_an_answer_under_way_finish_and_takes_nothing_new(run: Run) -> None:  # F32
    async def work() -> None:
        async with listening() as server, server.client() as client, server.client() as idle:
            client.ask("GET", "/slow")
            await soon(lambda: bool(server.paths.served))
            closing = asyncio.ensure_future(server.listener.close(5))
            assert await idle.rest() == b""
            with pytest.raises(OSError):
                await server.client().__aenter__()
            server.paths.go.set()
            assert (await client.response()).body == b"slow"
            await within_a_second(closing)

    run(work())


def test_closing_breaks_off_what_takes_longer_than_the_grace(run: Run) -> None:  # F33
    async def work() -> None:
        async with listening() as server, server.client() as client:
            client.ask("GET", "/slow")
            await soon(lambda: bool(server.paths.served))
            await server.listener.close(0.05)
            assert server.paths.cancelled.is_set()
            assert await client.rest() == b""

    run(work())
