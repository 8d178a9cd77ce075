"""HTTP/1.1 for clients: a strict listener straight on asyncio.Protocol and httptools.

A handler sees an `Exchange` and nothing of the server. It runs in a task of its own, which is cancelled when the
client leaves: whatever it awaits ends there, upstream connections included. Requests of one connection are answered
in turn. Anything ambiguous about where a request ends (two lengths, two hosts, a folded line) closes the connection.
A client that closes its sending half has left.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from time import monotonic
from typing import cast

import httptools
import msgspec

from fairlead.errors import BadRequest, HeadersTooLarge, Internal, RequestError, RequestTimeout, TooLarge
from fairlead.server.exchange import STATUS_LINES, Exchange

log = logging.getLogger("fairlead.server")

MAX_QUEUED = 16
SWEEP = 1.0
LINGER = 2.0
"""Seconds a refused client may go on sending, so that its kernel does not throw the refusal away unread."""
VERSIONS = ("1.1", "1.0")
ONCE = frozenset((b"host", b"content-length", b"transfer-encoding", b"authorization", b"content-type"))


class Bounds(msgspec.Struct, frozen=True):
    """How much and how slowly a client may send."""

    body_bytes: int = 32 * 1024 * 1024
    header_bytes: int = 64 * 1024
    header_count: int = 200
    receive_seconds: float = 10.0
    """For the header block, and again for every further piece of the body."""
    idle_seconds: float = 75.0
    """Without a request; as long may a client leave an answer unread."""


Handler = Callable[[Exchange], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One client connection."""

    __slots__ = (
        "_body", "_drained", "_fed", "_header_bytes", "_headers", "_queue", "_rejected", "_repeats", "_target", "_wake", "busy", "choked", "choked_since", "closing", "exchange",
        "idle_since", "known", "leave_at", "listener", "parser", "peer", "receiving_since", "task", "transport",
    )  # fmt: skip

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.transport: asyncio.Transport | None = None
        self.parser = httptools.HttpRequestParser(self)
        self.task: asyncio.Task[None] | None = None
        self.peer = ""
        self.known: object = None
        self.busy = False
        self.choked = False
        self.choked_since = 0.0
        self.closing = False
        self.leave_at = 0.0
        """When a connection that was told to close is broken off; 0 while it was not."""
        self.exchange: Exchange | None = None
        self.receiving_since = 0.0
        self.idle_since = 0.0
        self._queue: deque[Exchange] = deque()
        self._rejected: RequestError | None = None
        self._body: bytes | bytearray = b""
        self._target = b""
        self._headers: dict[bytes, bytes] | None = None
        """Of the request whose header block is arriving; None before and behind it."""
        self._repeats = 0
        self._fed = 0
        self._header_bytes = 0
        self._drained: asyncio.Future[None] | None = None
        self._wake: asyncio.Future[None] | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else "local"
        self.receiving_since = self.listener.now()
        self.listener.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.listener.connections.discard(self)
        self.transport = None
        self.closing = True
        self._queue.clear()
        self.resume_writing()
        if self.task is not None:
            self.task.cancel()
            self.task = None
        del self.parser  # it holds this connection in turn, and nothing more can come
        self.exchange = self._headers = None
        self._body = b""

    def data_received(self, data: bytes) -> None:
        if self.closing:
            return
        if self.exchange is None and not self.busy:
            self.receiving_since = self.receiving_since or self.listener.now()
        self._fed = len(data)
        try:
            self.parser.feed_data(data)
            if self._headers is not None:
                self._header_bytes += len(data)
                self._bound_headers(self._headers)
        except httptools.HttpParserUpgrade:
            # The request itself is answered in HTTP/1.1; what follows it is in no protocol we speak.
            self.closing = True
        except httptools.HttpParserCallbackError as problem:
            cause = problem.__context__
            self._reject(
                cause
                if isinstance(cause, RequestError)
                else BadRequest("This is not proper HTTP/1.1.", code="bad_http")
            )
        except httptools.HttpParserError as problem:
            self._reject(BadRequest(f"This is not proper HTTP/1.1: {problem}.", code="bad_http"))
        except RequestError as error:
            self._reject(error)

    def pause_writing(self) -> None:
        self.choked = True
        self.choked_since = self.listener.now()

    def resume_writing(self) -> None:
        self.choked = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # httptools

    def on_message_begin(self) -> None:
        self.exchange = exchange = Exchange(self, 0.0)
        self._headers = exchange.headers
        self._target = b""
        self._header_bytes = 0
        self._repeats = 0
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._target = self._target + url if self._target else url

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._headers
        if headers is None:
            return  # a trailer: nothing a proxy in front has seen as a header, so nothing we act on
        name = name.lower()
        if name in headers:
            self._repeats += 1
            if name in ONCE:
                raise BadRequest(f"The header {name.decode('latin-1')} stands twice.", code="bad_http")
            value = headers[name] + b", " + value
        headers[name] = value

    def _bound_headers(self, headers: dict[bytes, bytes]) -> None:
        bounds = self.listener.bounds
        size = len(self._target) + sum(map(len, headers)) + sum(map(len, headers.values()))
        # What has come of a line that is not complete yet is in none of these.
        pending = self._header_bytes - size if self._headers is not None else 0
        lines = len(headers) + self._repeats
        if size > bounds.header_bytes or pending > 2 * bounds.header_bytes or lines > bounds.header_count:
            raise HeadersTooLarge(
                f"The header block exceeds {bounds.header_bytes >> 10} KB or {bounds.header_count} lines."
            )

    def on_headers_complete(self) -> None:
        exchange = self.exchange
        assert exchange is not None
        self._headers = None
        headers = exchange.headers
        bounds = self.listener.bounds
        if self._header_bytes + self._fed > bounds.header_bytes or len(headers) + self._repeats > bounds.header_count:
            self._bound_headers(headers)
        version = self.parser.get_http_version()
        if version not in VERSIONS:
            raise BadRequest(f"HTTP/{version} is not spoken here; use HTTP/1.1.", code="bad_http")
        if b"host" not in headers and version == "1.1":
            raise BadRequest("The header Host is missing.", code="bad_http")
        length = headers.get(b"content-length")
        if length is not None:
            if b"transfer-encoding" in headers:
                raise BadRequest("Content-Length and Transfer-Encoding exclude each other.", code="bad_http")
            if int(length) > bounds.body_bytes:
                raise self._too_large()
        elif b"transfer-encoding" in headers and (
            headers[b"transfer-encoding"].lower() != b"chunked" or version == "1.0"
        ):
            raise BadRequest("The only transfer coding accepted is chunked, in HTTP/1.1.", code="bad_http")
        if (
            b"upgrade" in headers
            and self.parser.should_upgrade()
            and (b"transfer-encoding" in headers or length not in (None, b"0"))
        ):
            raise BadRequest(
                "This server does not upgrade connections; send the body without asking for it.", code="no_upgrade"
            )
        exchange.method = self.parser.get_method().decode("latin-1")
        exchange._chunked = version == "1.1"
        exchange._keep_alive = exchange._chunked and self.parser.should_keep_alive()
        path, _, query = self._target.partition(b"?")
        exchange.path = path.decode("latin-1")
        exchange.query = query.decode("latin-1")
        if headers.get(b"expect", b"").lower() == b"100-continue" and exchange._chunked and not self.busy:
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        if not self._body:
            self._body = body
        else:
            if type(self._body) is bytes:
                self._body = bytearray(self._body)
            self._body += body
        if len(self._body) > self.listener.bounds.body_bytes:
            raise self._too_large()
        self.receiving_since = self.listener.now()

    def on_message_complete(self) -> None:
        exchange = self.exchange
        assert exchange is not None
        self.exchange = None
        exchange.body = bytes(self._body)
        self._body = b""
        exchange.received = self.listener.now()
        self.receiving_since = 0.0
        self._queue.append(exchange)
        if not self.busy:
            self._next()
        elif len(self._queue) >= MAX_QUEUED and self.transport is not None:
            self.transport.pause_reading()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body exceeds {self.listener.bounds.body_bytes:,} bytes (server.max_body_mb).")

    # answering

    def _next(self) -> None:
        """Answer the first request that waits. One task serves the connection for good: it costs less than one each."""
        self.busy = True
        if self.task is None:
            self.task = self.listener.loop.create_task(self._serve())
        elif self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def _serve(self) -> None:
        while not self.closing or self._queue:
            if self._queue:
                await self._handle(self._queue.popleft())
            else:
                self._wake = self.listener.loop.create_future()
                await self._wake

    async def _handle(self, exchange: Exchange) -> None:
        try:
            await self.listener.handler(exchange)
        except asyncio.CancelledError:
            if not self.closing:
                raise
        except Exception:
            log.exception("a handler failed at %s %s", exchange.method, exchange.path)
            if not exchange.started:
                self.refuse(Internal("fairlead failed here; this is a defect on our side, the log has the details."))
        if not exchange.finished and not self.leave_at and self.transport is not None:
            exchange.abort()

    def answered(self, keep_alive: bool) -> None:
        """The answer is written; on to the next request, if there is to be one."""
        self.busy = False
        if self.transport is None:
            return
        if not keep_alive or self.listener.closing:
            self._leave()
        elif self._queue:
            if len(self._queue) == MAX_QUEUED:
                self.transport.resume_reading()
            self._next()
        elif self._rejected is not None:
            self.refuse(self._rejected)
        elif self.closing:
            self._leave()
        elif self.exchange is not None:
            self.receiving_since = self.listener.now()
        else:
            self.idle_since = self.listener.now()

    @property
    def date(self) -> bytes:
        return self.listener.date

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    async def drain(self) -> None:
        if self.choked:
            self._drained = self.listener.loop.create_future()
            try:
                await self._drained
            finally:
                self._drained = None

    def _reject(self, error: RequestError) -> None:
        """What came is no proper request. Answers still owed are given first; then the connection closes."""
        self.closing = True
        if self.busy:
            self._rejected = error
        else:
            self.refuse(error)

    def refuse(self, error: RequestError) -> None:
        """Say what is wrong and close."""
        self.closing = True
        body = self.listener.refusal(error)
        self.write(
            b"%bContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
            % (STATUS_LINES[error.status], len(body), body)
        )
        if self.transport is not None:
            self.leave_at = self.listener.now() + LINGER
            if not self.transport.is_closing():
                self.transport.write_eof()

    def _leave(self) -> None:
        """Close once all is written; the sweep breaks it off if the client never reads it."""
        self.closing = True
        self.leave_at = self.listener.now() + self.listener.bounds.idle_seconds
        if self.transport is not None:
            self.transport.close()

    def drop(self) -> None:
        self.closing = True
        if self.transport is not None:
            self.transport.abort()

    def hang_up(self, rst: bool) -> None:
        """What was written still goes out; then FIN, or RST."""
        self.closing = True
        if self.transport is not None:
            if rst:
                sock = self.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.close()


def date_line() -> bytes:
    """The Date header, renewed by the sweep: its resolution is a second anyway."""
    return b"Date: %b\r\n" % formatdate(usegmt=True).encode()


class Listener:
    """Accepts connections and hands their requests to one handler."""

    def __init__(self, handler: Handler, refusal: Callable[[RequestError], bytes], bounds: Bounds = Bounds()) -> None:
        self.handler = handler
        self.refusal = refusal
        """How an error that no handler saw is spelled."""
        self.bounds = bounds
        self.loop = asyncio.get_running_loop()
        self.now = monotonic  # the loop's own clock has only milliseconds under uvloop
        self.connections: set[Connection] = set()
        self.closing = False
        self.servers: list[asyncio.Server] = []
        self.date = date_line()
        self._sweeping = self.loop.call_later(SWEEP, self._sweep)

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        server = await self.loop.create_server(lambda: Connection(self), host, port, backlog=2048)
        self.servers.append(server)
        address = server.sockets[0].getsockname()
        return address[0], address[1]

    async def listen_unix(self, path: str) -> None:
        self.servers.append(await self.loop.create_unix_server(lambda: Connection(self), path))

    async def close(self, grace: float = 10.0) -> None:
        """Stop accepting, let what is under way finish for so long, then break it off."""
        self.closing = True
        self._sweeping.cancel()
        for server in self.servers:
            server.close()
        for connection in list(self.connections):
            if not connection.busy and connection.transport is not None:
                connection.transport.close()
        until = self.now() + grace
        while self.connections and self.now() < until:
            await asyncio.sleep(0.02)
        tasks = [connection.task for connection in self.connections if connection.task is not None]
        for connection in list(self.connections):
            connection.drop()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    def _sweep(self) -> None:
        now = self.now()
        self.date = date_line()
        bounds = self.bounds
        for connection in list(self.connections):
            if connection.leave_at:
                if now > connection.leave_at:
                    connection.drop()
                continue
            if connection.choked and now - connection.choked_since > bounds.idle_seconds:
                connection.drop()
            if connection.busy or connection.closing:
                continue
            since = connection.receiving_since
            if not since:
                if now - connection.idle_since > bounds.idle_seconds:
                    connection._leave()
            elif now - since > bounds.receive_seconds:
                if connection.exchange is None:
                    connection.drop()
                else:
                    connection.refuse(
                        RequestTimeout(f"The request was not complete within {bounds.receive_seconds:g} s.")
                    )
        self._sweeping = self.loop.call_later(SWEEP, self._sweep)
