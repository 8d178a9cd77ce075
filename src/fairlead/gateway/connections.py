"""One HTTP/1.1 connection to a provider and the answer that arrives on it, straight on asyncio.Protocol and httptools.

A reply wakes its reader once for each read from the socket, when all of it is parsed; nothing is copied that need not
be, nothing is held that the reader could have. The parser is the strict one: an answer framed in two ways, folded
headers and bare line ends are failures of the protocol.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Mapping
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import httptools
import msgspec

from fairlead.core.settable import settable
from fairlead.gateway.connecting import NOT_LET_IN
from fairlead.gateway.encodings import EncodedReply, read_all, readable
from fairlead.providers.wire import Outbound, Reply, UpstreamBroken

if TYPE_CHECKING:
    from fairlead.gateway.pool import Pool

READ = 64 * 1024
"""Bytes read at once. A loop's own buffer is four times as large, and a stream whose client is slow holds several reads: one
that waits here, two that the client's side was given."""
HIGH_WATER = READ // 2
"""Bytes of a stream that a reply may buffer before its connection stops reading: less than a read that is full."""
HIGH_WATER_WHOLE = 4 * READ
"""The same of an answer that nobody gets before it is whole."""
MAX_HEADER_BYTES = 64 * 1024
NO_HEADERS: Mapping[bytes, bytes] = MappingProxyType({})
RACE_SECONDS = 0.05
"""A kept connection that breaks this soon after we wrote was being closed already; later, the request has been seen."""
LINGER_SECONDS = 1.0
"""How long an answer that has said all may take to end before its connection is given up."""


@settable
class HttpReply(msgspec.Struct, eq=False):
    """A provider's answer while it arrives."""

    _connection: Connection | None
    _asked: asyncio.Future[HttpReply | EncodedReply] | None
    """Who waits for its head."""
    sent_at: float
    expires: float
    most: int = HIGH_WATER_WHOLE
    """Bytes that wait for the reader before its connection stops reading."""
    status: int = 0
    """0 before its head has come whole."""
    headers: Mapping[bytes, bytes] = NO_HEADERS
    complete: bool = False
    awaited: bool = False
    """Its content has still to begin: pings and the like do not count for its being there."""
    unwanted: bool = False
    """Nobody reads on: what still comes is dropped."""
    untouched: bool = True
    """Not one byte has come."""
    heard: bool = False
    """Something of it has come since the sweep last looked."""
    _pieces: list[bytes] = []
    _size: int = 0
    _waiter: asyncio.Future[None] | None = None
    _give: Callable[[bytes], bool] | None = None
    """Who takes what arrives, within the read."""
    _error: tuple[str, str] | None = None
    """(reason, detail): an exception kept here would keep all that met it."""

    def whole(self) -> bytes | None:
        """All of the body, if it is there already."""
        return b"".join(self._pieces) if self.complete else None

    async def read(self) -> bytes:
        while not self._pieces:
            if self._error is not None:
                raise UpstreamBroken(*self._error)
            if self.complete:
                return b""
            await self._wait()
        return self._taken()

    @property
    def pouring(self) -> HttpReply:
        return self

    async def pour(self, give: Callable[[bytes], bool]) -> bool:
        if self._pieces and not give(self._taken()):
            return True
        if not self.complete and self._error is None:
            self._give = give
            try:
                await self._wait()
            finally:
                refused, self._give = self._give is None, None
            if refused:
                return True
        if self._error is not None:
            raise UpstreamBroken(*self._error)
        return False

    def _taken(self) -> bytes:
        piece = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._connection is not None:
            self._connection.resume()
        return piece

    body = read_all

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()

    def await_content(self, awaited: bool) -> None:
        connection = self._connection
        # The sweep may have seen the head before whoever waits for content.
        if awaited and not self.awaited and connection is not None:
            self.expires = min(self.expires, self.sent_at + connection.pool.endpoint.first_byte_timeout)
        self.awaited = awaited

    def let_go(self) -> None:
        """All that matters has come: the connection may end the answer by itself and be used again."""
        connection = self._connection
        if connection is not None:
            self.unwanted = True
            self.heard = False
            self.expires = monotonic() + LINGER_SECONDS
            connection.resume()

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # What the connection reports.

    def wake(self) -> None:
        """A read is over, or there will be none."""
        asked = self._asked
        if asked is None:
            waiter = self._waiter
            if waiter is not None and (self._give is None or self.complete or self._error is not None):
                if not waiter.done():
                    waiter.set_result(None)
        elif asked.done():
            self._asked = None
        elif self.status:
            self._asked = None
            asked.set_result(readable(self) if b"content-encoding" in self.headers else self)
        elif self._error is not None:
            self._asked = None
            asked.set_exception(UpstreamBroken(*self._error))

    def add(self, arrived: list[bytes]) -> bool:
        """Takes what one read has brought, however many chunks there were; true when the connection should stop reading for
        now."""
        piece = b"".join(arrived)
        arrived.clear()
        if self.unwanted:
            return False
        self.heard = True
        give = self._give
        if give is not None:
            if not give(piece):
                self._give = None
            return False
        self._pieces.append(piece)
        size = self._size = self._size + len(piece)
        return size >= self.most

    def finish(self, arrived: list[bytes]) -> None:
        """The last of it has come."""
        if self._give is None and not self.unwanted:
            self._pieces += arrived
            arrived.clear()
        elif arrived:
            self.add(arrived)
        self.complete = True
        self._connection = None
        self.wake()

    def fail(self, reason: str, detail: str, proper_end: bool = False) -> None:
        if self.complete:
            return
        self._connection = None
        if proper_end and self.status and self._ends_with_connection():
            self.complete = True
        else:
            self._error = (reason, detail)
        self.wake()

    def _ends_with_connection(self) -> bool:
        headers = self.headers
        return b"content-length" not in headers and b"chunked" not in headers.get(b"transfer-encoding", b"")


class Connection(asyncio.BufferedProtocol):
    """One connection to a provider; one request at a time."""

    __slots__ = (
        "_arrived",
        "_fields",
        "_inbox",
        "_paused",
        "_silent",
        "idle_since",
        "on_body",
        "parser",
        "pool",
        "reply",
        "transport",
        "used",
    )

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._inbox = pool.inbox
        self.reply: HttpReply | None = None
        self.transport: asyncio.Transport | None = None
        self._arrived: list[bytes] = []
        self.on_body = self._arrived.append
        """What httptools calls for every chunk: the cheapest there is."""
        self._fields: dict[bytes, bytes] = {}
        """Header lines as they come; behind a body they are a trailer, which nobody reads."""
        self.parser = httptools.HttpResponseParser(self)
        self.used = False
        self.idle_since = 0.0
        self._paused = False
        self._silent = 0
        """Bytes since the last of a body: a head, chunk sizes, a trailer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self.pool.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        del self.parser  # it holds this connection in turn, and nothing more can come
        self.pool.lost(self)
        reply, self.reply = self.reply, None
        if reply is None:
            return
        if self.used and reply.untouched and monotonic() - reply.sent_at <= RACE_SECONDS:
            reply.fail("stale", "a kept connection had been closed")
        else:
            told = "the provider closed the connection" if exc is None else f"the connection broke: {exc}"
            reply.fail("cut", told, proper_end=exc is None)

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def send(
        self, outbound: Outbound, now: float, sent: Callable[[Reply], None]
    ) -> asyncio.Future[HttpReply | EncodedReply]:
        pool, transport = self.pool, self.transport
        assert transport is not None
        asked: asyncio.Future[HttpReply | EncodedReply] = pool.loop.create_future()
        self.reply = reply = HttpReply(self, asked, now, now + pool.endpoint.first_byte_timeout)
        body = outbound.body
        data = b"%bContent-Length: %d\r\n\r\n%b" % (outbound.head, len(body), body)
        if outbound.stream:
            reply.most = HIGH_WATER
            pool.outbox.hurry(transport, data)
        else:
            pool.outbox.write(transport, data)
        sent(reply)
        return asked

    def get_buffer(self, sizehint: int) -> memoryview:
        """All connections of a pool read into one place: what is read is taken from there at once."""
        return self._inbox

    def buffer_updated(self, nbytes: int) -> None:
        reply = self.reply
        if reply is None:
            # Bytes nobody asked for: such a connection must never carry another request.
            self.drop()
            return
        reply.untouched = False
        self.pool.outbox.expected += 1
        try:
            self.parser.feed_data(self._inbox[:nbytes])
            if self.reply is not None:
                self._in_pieces(reply, nbytes)
                reply.wake()
        except httptools.HttpParserUpgrade:
            self._break("it wants to switch protocols")
        except httptools.HttpParserError as problem:
            self._break(str(problem))

    def _in_pieces(self, reply: HttpReply, read: int) -> None:
        """This read has not brought the end of the answer."""
        if self._arrived:
            self._silent = 0
            if reply.add(self._arrived) and not self._paused and self.transport is not None:
                self._paused = True
                self.transport.pause_reading()
        else:
            self._silent += read
            if self._silent > MAX_HEADER_BYTES:
                self._break("the answer's head or trailer has no end")

    def _break(self, why: str) -> None:
        self._give_up("protocol", f"the provider's answer is not proper HTTP: {why}")

    def _give_up(self, reason: str, detail: str) -> None:
        reply = self.reply
        self.drop()
        if reply is not None:
            reply.fail(reason, detail)

    def on_message_begin(self) -> None:
        if self.reply is None:
            # A second answer to one request.
            self.drop()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        fields, self._fields = self._fields, {}
        reply = self.reply
        if reply is None or status < 200:
            return
        if status == 407 and (proxy := self.pool.endpoint.proxy) is not None:
            self._give_up("proxy", f"the proxy {proxy.host}:{proxy.port} {NOT_LET_IN}")
            return
        reply.status, reply.headers, reply.heard = status, fields, True
        transfer = fields.get(b"transfer-encoding")
        if transfer is not None and transfer.lower() != b"chunked":
            self._break("its body is encoded for the transfer in a way that was not asked for")

    def on_message_complete(self) -> None:
        reply = self.reply
        if reply is None or not reply.status:  # what is told ahead of an answer is none
            return
        reply.finish(self._arrived)
        self.reply = None
        self._silent = 0
        if self._fields:
            self._fields = {}
        if self._paused:
            self.resume()
        transport = self.transport
        # What is left to write is a request that was answered before it had all come.
        if transport is not None and not transport.get_write_buffer_size() and self.parser.should_keep_alive():
            self.pool.give_back(self)
        else:
            self.drop()

    def resume(self) -> None:
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()

    def drop(self) -> None:
        self.reply = None
        self._arrived.clear()
        transport = self.transport
        if transport is not None:
            if transport.get_write_buffer_size():
                # The system would go on offering the rest to somebody who does not take it.
                at_once = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
                transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            transport.abort()
