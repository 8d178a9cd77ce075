"""HTTP/1.1 to the providers: kept-alive connections straight on asyncio.Protocol and httptools.

One `HttpUpstream` holds a pool for every endpoint. A reply wakes its reader once for each read from the socket, when
all of it is parsed; nothing is copied that need not be, nothing is held that the reader could have. Time limits are
kept by one sweep over the replies under way, not by a timer each.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import cast

import httptools

from fairlead.core.egress import EgressPermit
from fairlead.gateway.outbox import Outbox
from fairlead.providers.wire import Endpoint, Outbound, UpstreamBroken

HIGH_WATER = 256 * 1024
"""Bytes a reply may buffer before its connection stops reading."""
MAX_BODY = 64 * 1024 * 1024
MAX_HEADER_BYTES = 64 * 1024
SWEEP = 0.1
STANDSTILL = 0.01
"""A sweep that comes later than this was held up: answers may have come meanwhile that nobody has read yet."""
RACE_SECONDS = 0.05
"""A kept connection that breaks this soon after we wrote was being closed already; later, the request has been seen."""
LINGER_SECONDS = 1.0
"""How long an answer that has said all may take to end before its connection is given up."""
IDLE_SECONDS = 55.0
"""A connection idle for longer is not used again: most servers close theirs after a minute."""


class HttpReply:
    """A provider's answer while it arrives."""

    __slots__ = (
        "_connection",
        "_error",
        "_loop",
        "_pieces",
        "_size",
        "_waiter",
        "complete",
        "expires",
        "headed",
        "headers",
        "heard",
        "status",
        "untouched",
        "unwanted",
    )

    def __init__(self, connection: Connection, expires: float) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.headed = False
        self.complete = False
        self.unwanted = False
        """Nobody reads on: what still comes is dropped."""
        self.untouched = True
        """Not one byte has come."""
        self.heard = False
        """Something of it has come since the sweep last looked."""
        self.expires = expires
        self._connection: Connection | None = connection
        self._loop = connection.pool.loop
        self._pieces: list[bytes] = []
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: tuple[str, str] | None = None
        """(reason, detail): an exception kept here would keep all that met it."""

    async def head(self) -> None:
        while not self.headed:
            if self._error is not None:
                raise UpstreamBroken(*self._error)
            await self._wait()

    def whole(self) -> bytes | None:
        """All of the body, if it is there already."""
        if not self.complete or self._error is not None:
            return None
        pieces = self._pieces
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def read(self) -> bytes:
        while not self._pieces:
            if self._error is not None:
                raise UpstreamBroken(*self._error)
            if self.complete:
                return b""
            await self._wait()
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._size = 0
        if self._connection is not None:
            self._connection.resume()
        return piece

    async def body(self) -> bytes:
        pieces = []
        size = 0
        while piece := await self.read():
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY:
                self.abort()
                raise UpstreamBroken("too_large", f"the answer exceeds {MAX_BODY >> 20} MB")
        return b"".join(pieces)

    def abort(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.drop()

    def let_go(self) -> None:
        """All that matters has come: the connection may end the answer by itself and be used again."""
        connection = self._connection
        if connection is not None:
            self.unwanted = True
            self.heard = False
            self.expires = connection.pool.now() + LINGER_SECONDS
            connection.resume()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # What the connection reports.

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def begin(self, status: int) -> None:
        self.status, self.headed, self.heard = status, True, True

    def add(self, piece: bytes) -> bool:
        """Takes a piece; true when the connection should stop reading for now."""
        if self.unwanted:
            return False
        self.heard = True
        self._pieces.append(piece)
        self._size += len(piece)
        return self._size > HIGH_WATER

    def finish(self) -> None:
        self.complete = True
        self._connection = None

    def fail(self, reason: str, detail: str, proper_end: bool = False) -> None:
        if self.complete:
            return
        self._connection = None
        if proper_end and self.headed and self._ends_with_connection():
            self.complete = True
        else:
            self._error = (reason, detail)
        self.wake()

    def _ends_with_connection(self) -> bool:
        headers = self.headers
        return b"content-length" not in headers and b"chunked" not in headers.get(b"transfer-encoding", b"")


class Connection(asyncio.Protocol):
    """One connection to a provider; one request at a time."""

    __slots__ = (
        "_arrived",
        "_paused",
        "_silent",
        "_status",
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
        self.reply: HttpReply | None = None
        self.transport: asyncio.Transport | None = None
        self._arrived: list[bytes] = []
        self.on_body = self._arrived.append
        """What httptools calls for every chunk: the cheapest there is."""
        self.parser = httptools.HttpResponseParser(self)
        self.used = False
        self.idle_since = 0.0
        self._paused = False
        self._silent = 0
        """Bytes since the last of a body: a head, chunk sizes, a trailer."""
        self._status = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self.pool.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        del self.parser  # it holds this connection in turn, and nothing more can come
        self.pool.lost(self)
        reply, self.reply = self.reply, None
        if reply is not None:
            told = "the provider closed the connection" if exc is None else f"the connection broke: {exc}"
            reply.fail("cut", told, proper_end=exc is None)

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def send(self, data: bytes, expires: float) -> HttpReply:
        self.reply = reply = HttpReply(self, expires)
        assert self.transport is not None
        self.pool.outbox.write(self.transport, data)
        return reply

    def data_received(self, data: bytes) -> None:
        if self.reply is None:
            # Bytes nobody asked for: such a connection must never carry another request.
            self.drop()
            return
        reply = self.reply
        reply.untouched = False
        self.pool.outbox.expected += 1
        try:
            self.parser.feed_data(data)
            if self.reply is not None:
                self._in_pieces(reply, len(data))
        except httptools.HttpParserUpgrade:
            self._break("it wants to switch protocols")
        except httptools.HttpParserError as problem:
            self._break(str(problem))
        reply.wake()

    def _in_pieces(self, reply: HttpReply, read: int) -> None:
        """This read has not brought the end of the answer."""
        if self._arrived:
            self._silent = 0
            self._hand_over(reply)
        else:
            self._silent += read
            if self._silent > MAX_HEADER_BYTES:
                self._break("the answer's head or trailer has no end")

    def _break(self, why: str) -> None:
        reply = self.reply
        self.drop()
        if reply is not None:
            reply.fail("protocol", f"the provider's answer is not proper HTTP: {why}")

    def on_message_begin(self) -> None:
        if self.reply is None:
            # A second answer to one request.
            self.drop()

    def on_header(self, name: bytes, value: bytes) -> None:
        reply = self.reply
        if reply is not None:
            reply.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self._status = self.parser.get_status_code()
        reply = self.reply
        if reply is not None and self._status >= 200:
            reply.begin(self._status)
        elif reply is not None:
            reply.headers.clear()

    def _hand_over(self, reply: HttpReply) -> None:
        """What has arrived goes to the reply: once per read, however many chunks there were."""
        arrived = self._arrived
        full = reply.add(arrived[0] if len(arrived) == 1 else b"".join(arrived))
        arrived.clear()
        if full and not self._paused and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        reply = self.reply
        if reply is None or self._status < 200:
            return
        if self._arrived:
            self._hand_over(reply)
        self.reply = None
        self._silent = 0
        if self._paused:
            self.resume()
        if self.parser.should_keep_alive():
            self.pool.give_back(self)
        else:
            self.drop()
        reply.finish()

    def resume(self) -> None:
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()

    def drop(self) -> None:
        self.reply = None
        self._arrived.clear()
        if self.transport is not None:
            self.transport.abort()


class Pool:
    """The connections to one endpoint; the most recently used one is taken first."""

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop, outbox: Outbox) -> None:
        self.endpoint = endpoint
        self.loop = loop
        self.outbox = outbox
        self.now = loop.time
        self.idle: list[Connection] = []
        self.open: set[Connection] = set()
        self.connecting = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.tls = tls_context(endpoint)

    def ready(self) -> Connection | None:
        """An idle connection that can be used at once."""
        while self.idle:
            connection = self.idle.pop()
            if connection.usable:
                if self.now() - connection.idle_since <= IDLE_SECONDS:
                    return connection
                connection.drop()
        return None

    async def acquire(self) -> Connection:
        while True:
            connection = self.ready()
            if connection is not None:
                return connection
            if len(self.open) + self.connecting < self.endpoint.max_connections:
                return await self.connect()
            turn = self.loop.create_future()
            self.waiting.append(turn)
            try:
                async with asyncio.timeout(self.endpoint.connect_timeout):
                    await turn
            except TimeoutError:
                raise UpstreamBroken(
                    "connect_timeout", f"all {self.endpoint.max_connections} connections are busy"
                ) from None
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._next_turn()
                raise
            finally:
                if turn in self.waiting:
                    self.waiting.remove(turn)

    async def connect(self) -> Connection:
        endpoint = self.endpoint
        connection: Connection | None = None
        self.connecting += 1
        try:
            async with asyncio.timeout(endpoint.connect_timeout):
                _, connection = await self.loop.create_connection(
                    lambda: Connection(self),
                    endpoint.host,
                    endpoint.port,
                    ssl=self.tls,
                    server_hostname=endpoint.host if self.tls else None,
                )
        except TimeoutError:
            raise UpstreamBroken(
                "connect_timeout", f"no connection to {endpoint.host}:{endpoint.port} in {endpoint.connect_timeout:g} s"
            ) from None
        except ssl.SSLError as problem:
            raise UpstreamBroken("tls", f"{endpoint.host}:{endpoint.port}: {problem.reason or problem}") from None
        except OSError as problem:
            raise UpstreamBroken("connect", f"{endpoint.host}:{endpoint.port}: {problem.strerror or problem}") from None
        finally:
            self.connecting -= 1
            self._next_turn()
        if not connection.usable:
            raise UpstreamBroken("cut", f"{endpoint.host}:{endpoint.port} closed the connection at once")
        return connection

    def give_back(self, connection: Connection) -> None:
        connection.used = True
        connection.idle_since = self.now()
        self.idle.append(connection)
        if self.waiting:
            self._next_turn()

    def lost(self, connection: Connection) -> None:
        self.open.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        self._next_turn()

    def _next_turn(self) -> None:
        while self.waiting:
            turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def sweep(self, now: float, late: float) -> None:
        """`late`: how long this process itself stood still, which counts for nobody."""
        for connection in list(self.open):
            reply = connection.reply
            if reply is None:
                continue
            if late > STANDSTILL:
                reply.expires += late
            if reply.heard or connection._paused:
                # Paused, it is the client that is slow, and the listener that bounds that.
                reply.heard = False
                reply.expires = now + self.endpoint.idle_timeout
            elif reply.expires < now:
                reason = "idle_timeout" if reply.headed else "first_byte_timeout"
                limit = self.endpoint.idle_timeout if reply.headed else self.endpoint.first_byte_timeout
                connection.drop()
                reply.fail(reason, f"nothing came for {limit:g} s")

    def close(self) -> None:
        for connection in list(self.open):
            connection.drop()


def tls_context(endpoint: Endpoint) -> ssl.SSLContext | None:
    if not endpoint.tls:
        return None
    context = ssl.create_default_context(cafile=endpoint.ca_file or None)
    if not endpoint.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class HttpUpstream:
    """Carries requests to providers over HTTP. See `providers.wire.Upstream`."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self.loop = asyncio.get_running_loop()
        self.outbox = Outbox(self.loop)
        self.pools = {name: Pool(endpoint, self.loop, self.outbox) for name, endpoint in endpoints.items()}
        self._due = self.loop.time() + SWEEP
        self._sweeping = self.loop.call_at(self._due, self._sweep)

    async def send(
        self, permit: EgressPermit, endpoint: Endpoint, outbound: Outbound, sent: Callable[[], None]
    ) -> HttpReply:
        if type(permit) is not EgressPermit or permit.provider != endpoint.name:
            raise TypeError(f"no permit for {endpoint.name}")
        pool = self.pools[endpoint.name]
        data = b"%b %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (
            outbound.method.encode(),
            outbound.path.encode(),
            outbound.headers,
            len(outbound.body),
            outbound.body,
        )
        connection = pool.ready() or await pool.acquire()
        used = connection.used
        now = pool.now()
        reply = connection.send(data, now + endpoint.first_byte_timeout)
        sent()
        try:
            waiter = reply._waiter = self.loop.create_future()
            await waiter
            if not reply.headed:
                await reply.head()
        except UpstreamBroken as broken:
            if used and broken.reason == "cut" and reply.untouched and pool.now() - now <= RACE_SECONDS:
                raise UpstreamBroken("stale", "a kept connection had been closed") from None
            raise
        except asyncio.CancelledError:
            reply.abort()
            raise
        return reply

    def _sweep(self) -> None:
        now = self.loop.time()
        for pool in self.pools.values():
            pool.sweep(now, now - self._due)
        self._due = now + SWEEP
        self._sweeping = self.loop.call_at(self._due, self._sweep)

    async def close(self) -> None:
        self._sweeping.cancel()
        for pool in self.pools.values():
            pool.close()
