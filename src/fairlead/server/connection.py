"""One client connection: HTTP/1.1, strict, straight on asyncio.Protocol and httptools.

Anything ambiguous about where a request ends (two lengths, two hosts, a folded line) closes the connection. Requests
are answered in turn, by one task, which is cancelled when the client leaves: whatever it awaits ends there, upstream
connections included. A client that closes its sending half has left.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import deque
from typing import TYPE_CHECKING, cast

import httptools

from fairlead.errors import BadRequest, HeadersTooLarge, Internal, Overloaded, RequestError, TooLarge
from fairlead.server.exchange import STATUS_LINES, Exchange
from fairlead.server.head import Head, known_to, remembered

if TYPE_CHECKING:
    from fairlead.server.listener import Listener

log = logging.getLogger("fairlead.server")

SLICE = 16 * 1024
"""Bytes parsed at a time."""
AHEAD = 16
"""Requests that may wait behind the one being answered (or so many slices of a body) before reading stops: a client
that is not read from is not seen to leave, either."""
LINGER = 2.0
"""Seconds a refused client may go on sending, so that its kernel does not throw the refusal away unread."""
VERSIONS = ("1.1", "1.0")
ONCE = frozenset((b"host", b"content-length", b"transfer-encoding", b"authorization", b"content-type"))


class Connection(asyncio.Protocol):
    """One client connection."""

    __slots__ = (
        "_begun", "_body", "_drained", "_fed", "_head", "_header_bytes", "_headers", "_held", "_paused", "_queue", "_rejected", "_repeats", "_silent", "_target", "_turn", "_unparsed", "_wake", "back_at", "busy", "choked", "choked_since", "closing", "exchange",
        "idle_since", "known", "leave_at", "listener", "parser", "peer", "receiving_since", "share", "task", "transport",
    )  # fmt: skip

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.transport: asyncio.Transport | None = None
        self.parser = httptools.HttpRequestParser(self)
        self.task: asyncio.Task[None] | None = None
        self.peer = ""
        self.known: object = None
        self.share = 0
        self.busy = False
        self.choked = False
        self.choked_since = 0.0
        self.closing = False
        self.leave_at = 0.0
        """When a connection that was told to close is broken off; 0 while it was not."""
        self.exchange: Exchange | None = None
        self.receiving_since = 0.0
        self.idle_since = 0.0
        """When the sweep first saw that it has nothing to do; 0 while it has not."""
        self._queue: deque[Exchange] = deque()
        self._head: Head | None = None
        """Of the last request, where the next one may look just like it; None as long as anything is with the parser."""
        self.back_at = 0.0
        """When it may ask again, where it was turned away with this head; 0 where it was not."""
        self._turn: Exchange | None = None
        """The next request to be answered."""
        self._rejected: RequestError | None = None
        self._body: bytes | bytearray = b""
        self._target = b""
        self._headers: dict[bytes, bytes] | None = None
        """Of the request whose header block is arriving; None before and behind it."""
        self._repeats = 0
        self._begun = 0.0
        """When it was first seen that the body comes in pieces; 0 while it is not known."""
        self._held = 0
        """Bytes of it that the listener has counted."""
        self._silent = 0
        """Bytes since the last of the body: chunk sizes, a trailer."""
        self._paused = False
        self._unparsed = b""
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
        if len(self.listener.connections) > self.listener.bounds.connections:
            self.refuse(Overloaded("Too many connections are open; try again later.", code="too_many_connections"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.listener.connections.discard(self)
        self.transport = None
        self.closing = True
        self._queue.clear()
        self._turn = None
        self.resume_writing()
        if self.task is not None:
            self.task.cancel()
            self.task = None
        del self.parser  # it holds this connection in turn, and nothing more can come
        self.exchange = self._headers = self._head = None
        self._body = self._unparsed = b""
        self._hold(0)

    def data_received(self, data: bytes) -> None:
        listener = self.listener
        listener.outbox.expected += 1
        head = self._head
        if head is None and not self._fed:
            head = self._head = known_to(data, listener.heads)
        if head is not None and not self.busy and not self.closing and len(data) <= listener.bounds.body_bytes:
            now = listener.now  # as a method it would be looked up anew
            exchange = head.again(data, self, now())
            if exchange is not None:
                self.receiving_since = 0.0
                if not (self.back_at and listener.gauge.scarce and listener.early.keeps(self, exchange)):
                    self._take(exchange)
                return
        if len(data) <= SLICE and not self._unparsed:
            self._parse(data)
        else:
            self._unparsed += data
            self._parse_on()
        if (self._unparsed or (self.busy and self._ahead())) and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    def _parse_on(self) -> None:
        """What was read and not looked at yet, until a request has to wait."""
        data = memoryview(self._unparsed)
        at = 0
        while at < len(data) and not self.closing and not (self.busy and self._ahead()):
            self._parse(data[at : at + SLICE])
            at += SLICE
        self._unparsed = b"" if self.closing else bytes(data[at:])

    def _ahead(self) -> bool:
        return len(self._queue) >= AHEAD or len(self._body) >= AHEAD * SLICE

    def _parse(self, data: bytes | memoryview) -> None:
        if self.closing:
            return
        fresh = self.exchange is None and not self.busy
        if fresh:
            self.receiving_since = self.receiving_since or self.listener.now()
        self._head = None
        self.back_at = 0.0
        self._fed = len(data)
        try:
            self.parser.feed_data(data)
            if self.exchange is not None:
                self._in_pieces(self.exchange, len(data))
            elif fresh and type(data) is bytes and self._turn is not None and not self._queue:
                self._head = remembered(data, self._turn, self.listener.heads)
        except httptools.HttpParserUpgrade:
            # The request itself is answered in HTTP/1.1; what follows it is in no protocol we speak.
            self.closing = True
        except httptools.HttpParserCallbackError as problem:
            cause = problem.__context__
            try:
                self._reject(
                    cause
                    if isinstance(cause, RequestError)
                    else BadRequest("This is not proper HTTP/1.1.", code="bad_http")
                )
            finally:
                del cause  # it holds this frame, which holds it and the connection
        except httptools.HttpParserError as problem:
            self._reject(BadRequest(f"This is not proper HTTP/1.1: {problem}.", code="bad_http"))
        except RequestError as error:
            self._reject(error)

    def _in_pieces(self, exchange: Exchange, fed: int) -> None:
        """A request has not come whole with one read: bounds for what is there so far."""
        if self._headers is not None:
            self._header_bytes += fed
            self._bound_headers(self._headers)
            return
        if not self._begun:
            self._begun = self.receiving_since = self.listener.now()
            self.listener.gate(exchange)
        size = len(self._body)
        if size > self._held:
            self._silent = 0
            self._hold(size)
            if self.listener.held > self.listener.bounds.held_bytes:
                raise Overloaded(
                    "Too many large bodies are arriving at once; try again later.", code="too_much_at_once"
                )
        else:
            self._silent += fed
            if self._silent > self.listener.bounds.header_bytes:
                raise HeadersTooLarge("The trailer of the body has no end.")

    def _hold(self, size: int) -> None:
        self.listener.held += size - self._held
        self._held = size

    @property
    def in_head(self) -> bool:
        """The header block has not come whole."""
        return self.exchange is None or self._headers is not None

    def overdue(self, now: float) -> bool:
        """The body comes too slowly, however regularly."""
        bounds = self.listener.bounds
        return self._begun > 0 and now - self._begun > bounds.body_grace + len(self._body) / bounds.body_rate

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
        self._begun = 0.0
        self._silent = 0
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
        length = headers.pop(b"content-length", None)  # from here on the body itself tells
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
        exchange.keep_alive = exchange._chunked and self.parser.should_keep_alive()
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
        if self._held:
            self._hold(0)
        exchange.received = self.listener.now()
        self.receiving_since = 0.0
        self._queue.append(exchange)
        if not self.busy:
            self._next()

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body exceeds {self.listener.bounds.body_bytes:,} bytes (server.max_body_mb).")

    # answering

    def _next(self) -> None:
        """Answer the first request that waits."""
        self._turn = self._queue.popleft()
        self.busy = True
        if self.listener.gauge.scarce:
            # A no leads on to what comes next: not from within the parser.
            self.listener.loop.call_soon(self._at_the_door)
        else:
            self._take(self._turn)

    def _at_the_door(self) -> None:
        exchange, self._turn = self._turn, None
        if exchange is not None and self.transport is not None:
            self._take(exchange)

    def _take(self, exchange: Exchange) -> None:
        """Let the task answer it in its turn, in the order of all connections; or say at once that it gets none."""
        listener = self.listener
        if listener.gauge.scarce and not self.choked:
            seconds = listener.door.turned_away(exchange)
            if seconds is not None:
                self.back_at = listener.now() + seconds if seconds and self._head is not None else 0.0
                return
        self._turn = exchange
        self.busy = True
        listener.turns.begin(self, exchange)

    def asked_in(self, exchange: Exchange) -> None:
        if self.transport is not None:
            self.busy = False
            self._take(exchange)

    def go(self) -> None:
        """One task serves the connection for good: it costs less than one each."""
        if self.transport is None:
            return
        wake = self._wake
        if wake is not None and not wake.done():
            wake.set_result(None)
        elif self.task is None:
            self.task = self.listener.loop.create_task(self._serve())

    async def _serve(self) -> None:
        loop, handler = self.listener.loop, self.listener.handler
        while True:
            while (exchange := self._turn) is None:
                if self.closing:
                    return
                self._wake = wake = loop.create_future()
                await wake
            self._turn = None
            try:
                await handler(exchange)
            except asyncio.CancelledError:
                if not self.closing:
                    raise
            except Exception:
                log.exception("a handler failed at %s %s", exchange.method, exchange.path)
                if not exchange.started:
                    self.refuse(Internal("fairlead failed here; this is a defect on our side, see the log."))
            if not exchange.finished and not self.leave_at and self.transport is not None:
                exchange.abort()
            if self.busy:
                # Others have their turn between the requests of one client; and a slow one reads first.
                await asyncio.sleep(0)
                await self.drain()

    def answered(self, last: bytes, keep_alive: bool) -> None:
        """Writes the last of an answer; then on to the next request, if there is to be one."""
        self.busy = False
        transport = self.transport
        if transport is None:
            return
        if last:
            self.listener.outbox.write(transport, last)
        if not keep_alive:
            self._leave()
            return
        self.idle_since = 0.0
        if self._head is not None:  # as mostly: nothing has come behind it
            return
        if self._queue:
            self._next()
        elif self._unparsed:
            self._parse_on()
        if not self.busy and not self.leave_at:
            self._wait_for_next()
        if self._paused and not self._unparsed and not (self.busy and self._ahead()) and self.transport is not None:
            self._paused = False
            transport.resume_reading()

    def _wait_for_next(self) -> None:
        """Nothing is left to answer."""
        if self._rejected is not None:
            self.refuse(self._rejected)
        elif self.closing:
            self._leave()
        elif self.exchange is not None:
            self.receiving_since = self.listener.now()
            self._begun = self._begun and self.receiving_since

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.listener.outbox.write(self.transport, data)

    def hurry(self, data: bytes) -> None:
        if self.transport is not None:
            self.listener.outbox.hurry(self.transport, data)

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
        self.listener.statuses[error.status] += 1
        headers, body = self.listener.refusal(error, self._target.partition(b"?")[0].decode("latin-1"))
        self.write(
            b"%b%bConnection: close\r\nContent-Length: %d\r\n\r\n%b"
            % (STATUS_LINES[error.status], headers, len(body), body)
        )
        if self.transport is not None:
            self.leave_at = self.listener.now() + LINGER
            self.listener.outbox.flush()
            if not self.transport.is_closing():
                self.transport.write_eof()

    def _leave(self) -> None:
        """Close once all is written; the sweep breaks it off if the client never reads it."""
        self.closing = True
        self.leave_at = self.listener.now() + self.listener.bounds.idle_seconds
        if self.transport is not None:
            self.listener.outbox.flush()
            self.transport.close()

    def drop(self) -> None:
        self.closing = True
        if self.transport is not None:
            self.listener.outbox.flush()
            self.transport.abort()

    def hang_up(self, rst: bool) -> None:
        """What was written still goes out; then FIN, or RST."""
        self.closing = True
        if self.transport is not None:
            self.listener.outbox.flush()
            if rst:
                sock = self.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.close()
