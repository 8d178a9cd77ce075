"""One request and the way to answer it: all that a handler sees of the server."""

from __future__ import annotations

from typing import Protocol

import msgspec

from fairlead.core.settable import settable
from fairlead.gateway.request import Headers
from fairlead.server.turns import OF_A_STREAM

JSON = b"Content-Type: application/json\r\n"
REASONS = {
    200: b"OK",
    201: b"Created",
    204: b"No Content",
    400: b"Bad Request",
    401: b"Unauthorized",
    402: b"Payment Required",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    408: b"Request Timeout",
    409: b"Conflict",
    413: b"Content Too Large",
    415: b"Unsupported Media Type",
    422: b"Unprocessable Content",
    426: b"Upgrade Required",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
}
KEPT = b"Content-Length: %d\r\n\r\n"
CLOSED = b"Connection: close\r\nContent-Length: %d\r\n\r\n"
STATUS_LINES = {status: b"HTTP/1.1 %d %b\r\n" % (status, REASONS.get(status, b"Status")) for status in range(200, 600)}


class House(Protocol):
    """What an exchange needs of the listener that all connections share."""

    closing: bool
    """Connections close behind the answer under way, whatever their clients wish."""
    date: bytes
    """The header line, rendered."""
    statuses: list[int]
    """How often each status was answered."""


class Line(Protocol):
    """What an exchange needs of the connection it came over."""

    peer: str
    share: int
    """How much of a turn its latest answer took."""
    known: object
    """Whatever a handler wants to remember between the requests of a connection."""
    choked: bool
    """The client reads more slowly than we write."""

    @property
    def listener(self) -> House: ...

    def write(self, data: bytes) -> None: ...

    def hurry(self, data: bytes) -> None: ...

    async def drain(self) -> None: ...

    def answered(self, last: bytes, keep_alive: bool) -> None: ...

    def drop(self) -> None: ...

    def hang_up(self, rst: bool) -> None: ...


@settable
class Exchange(msgspec.Struct, eq=False):
    """One request and the way to answer it. Answer with `send`, or with `start`, `write`..., `end`."""

    _connection: Line
    received: float
    """Monotonic time at which the request was complete."""
    method: str = ""
    path: str = ""
    query: str = ""
    headers: Headers = msgspec.field(default_factory=Headers)
    """Lower-case names, without Content-Length. Several requests of a connection may share them."""
    body: bytes = b""
    keep_alive: bool = True
    started: bool = False
    finished: bool = False
    _chunked: bool = True
    _head: bytes = b""
    """Of an answer that was begun: it leaves with the first piece, for every write costs a system call and wakes whoever reads."""

    @property
    def peer(self) -> str:
        return self._connection.peer

    @property
    def known(self) -> object:
        return self._connection.known

    @known.setter
    def known(self, value: object) -> None:
        self._connection.known = value

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        """The whole answer at once. `headers` are rendered lines, each ended by CRLF."""
        self.started = self.finished = True
        connection = self._connection
        connection.share = 1
        house = connection.listener
        house.statuses[status] += 1
        keep_alive = self.keep_alive and not house.closing
        framing = (KEPT if keep_alive else CLOSED) % len(body)
        sent = b"" if self.method == "HEAD" else body
        connection.answered(b"".join((STATUS_LINES[status], house.date, headers, framing, sent)), keep_alive)

    def start(self, status: int, headers: bytes, length: int | None = None) -> None:
        """Begin an answer of unknown length, or of so many bytes, all of which have to be written. Its head leaves with the
        first of them, or with `put_head`."""
        self.started = True
        connection = self._connection
        connection.share = OF_A_STREAM
        house = connection.listener
        house.statuses[status] += 1
        self.keep_alive = self.keep_alive and not house.closing
        if length is not None:
            self._chunked = False
            framing = b"Content-Length: %d\r\n%b" % (length, b"" if self.keep_alive else b"Connection: close\r\n")
        elif self._chunked:
            framing = (
                b"Transfer-Encoding: chunked\r\n"
                if self.keep_alive
                else b"Transfer-Encoding: chunked\r\nConnection: close\r\n"
            )
        else:
            self.keep_alive = False
            framing = b"Connection: close\r\n"
        self._head = b"%b%b%b%b\r\n" % (STATUS_LINES[status], house.date, headers, framing)

    def put_head(self) -> None:
        """For an answer that begins long before its first piece."""
        head, self._head = self._head, b""
        self._connection.write(head)

    @property
    def direct(self) -> Exchange | None:
        return self

    async def write(self, piece: bytes) -> None:
        """One piece; waits while the client is slow."""
        if not self.put(piece):
            del piece  # the transport has it: a slow client is to hold it once
            await self._connection.drain()

    async def caught_up(self) -> None:
        await self._connection.drain()

    def put(self, piece: bytes) -> bool:
        """One piece, without waiting; whether the client keeps up."""
        if piece:
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece
            if self._head:
                head, self._head = self._head, b""
                self._connection.hurry(head + framed)
            else:
                self._connection.write(framed)
        return not self._connection.choked

    def end(self, last: bytes = b"") -> None:
        if self._chunked:
            last = b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last) if last else b"0\r\n\r\n"
        connection = self._connection
        self.finished = True
        connection.answered(self._head + last, self.keep_alive and not connection.listener.closing)

    def abort(self) -> None:
        """Break off so that nobody can take the answer for a whole one."""
        self.finished = True
        self._connection.drop()

    def hang_up(self, rst: bool = False) -> None:
        """Close after what was written, the answer unfinished: for a server that plays a broken one."""
        self.finished = True
        self._connection.hang_up(rst)
