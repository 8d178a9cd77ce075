"""The connections to one endpoint: how many there may be, who is next, which may be used again."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic

from fairlead.gateway.addresses import Addresses
from fairlead.gateway.connecting import Way
from fairlead.gateway.connections import READ, Connection
from fairlead.gateway.outbox import Outbox
from fairlead.providers.wire import Endpoint, UpstreamBroken

STANDSTILL = 0.01
"""A sweep that comes later than this was held up: answers may have come meanwhile that nobody has read yet."""
IDLE_SECONDS = 55.0
"""A connection idle for longer is not used again: most servers close theirs after a minute."""


class Pool:
    """The connections to one endpoint; the most recently used one is taken first."""

    def __init__(
        self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop, outbox: Outbox, addresses: Addresses
    ) -> None:
        self.endpoint = endpoint
        self.loop = loop
        self.outbox = outbox
        self.swept = monotonic()
        """When the sweep last came by: near enough for whoever asks since when a connection is idle."""
        self.idle: list[Connection] = []
        self.open: set[Connection] = set()
        self.connecting = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.way = Way(endpoint, loop, addresses)
        self.inbox = memoryview(bytearray(READ))

    def ready(self, now: float) -> Connection | None:
        """An idle connection that can be used at once."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            transport = connection.transport
            if transport is not None and not transport.is_closing():
                if now - connection.idle_since <= IDLE_SECONDS:
                    return connection
                connection.drop()
        return None

    async def acquire(self) -> Connection:
        while True:
            connection = self.ready(monotonic())
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
                raise UpstreamBroken("busy", f"all {self.endpoint.max_connections} connections are in use") from None
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._next_turn()
                raise
            finally:
                if turn in self.waiting:
                    self.waiting.remove(turn)

    async def connect(self) -> Connection:
        self.connecting += 1
        try:
            return await self.way.dial(lambda: Connection(self))
        finally:
            self.connecting -= 1
            self._next_turn()

    def give_back(self, connection: Connection) -> None:
        connection.used = True
        connection.idle_since = self.swept
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
        self.swept = now
        while self.idle and now - self.idle[0].idle_since > IDLE_SECONDS:
            self.idle.pop(0).drop()
        for connection in list(self.open):
            reply = connection.reply
            if reply is None:
                continue
            if late > STANDSTILL:
                reply.expires += late
            if (reply.heard or connection._paused) and not reply.awaited:
                # Paused, it is the client that is slow, and the listener that bounds that.
                reply.heard = False
                reply.expires = now + self.endpoint.idle_timeout
            elif reply.expires < now:
                begun = reply.status and not reply.awaited
                reason = "idle_timeout" if begun else "first_byte_timeout"
                limit = self.endpoint.idle_timeout if begun else self.endpoint.first_byte_timeout
                connection.drop()
                reply.fail(reason, f"{'no content' if reply.awaited else 'nothing'} came for {limit:g} s")

    def close(self) -> None:
        for connection in list(self.open):
            connection.drop()
