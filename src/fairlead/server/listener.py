"""Listens for clients: accepts connections, bounds them, and hands their requests to one handler.

A handler sees an `Exchange` and nothing of the server. What a connection does with bytes stands in `connection`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from time import monotonic
from typing import Protocol

from fairlead.errors import RequestError, RequestTimeout
from fairlead.gateway.outbox import Outbox
from fairlead.server.bounds import USUAL, Bounds
from fairlead.server.connection import Connection
from fairlead.server.early import Early
from fairlead.server.exchange import Exchange
from fairlead.server.head import Heads
from fairlead.server.turns import Turns

SWEEP = 1.0
BACKLOG = 2048
"""Clients that may come at once; beyond it those at a Unix socket are refused."""
FAREWELL = 1.0
"""Seconds in which who is cut off may read why."""

Handler = Callable[[Exchange], Awaitable[object]]


def date_line() -> bytes:
    """The Date header, renewed by the sweep: its resolution is a second anyway."""
    return b"Date: %b\r\n" % formatdate(usegmt=True).encode()


def anyone(exchange: Exchange) -> None:
    """The gate that is always open."""


class Gauge(Protocol):
    """What tells whether the door is to be asked."""

    @property
    def scarce(self) -> bool: ...


class Door(Protocol):
    """What may turn requests away as they come, before anything is begun for them."""

    @property
    def gauge(self) -> Gauge: ...

    def turned_away(self, exchange: Exchange) -> float | None:
        """None where it lets the request in; else it has answered, and who asks again has to wait for so many seconds."""


class Open:
    """Lets everybody in."""

    scarce = False

    def __init__(self) -> None:
        self.gauge = self

    def turned_away(self, exchange: Exchange) -> None:
        return None


OPEN = Open()


def nothing() -> None:
    """Where nobody can break off what is under way."""


class Listener:
    """Accepts connections and hands their requests to one handler."""

    def __init__(
        self,
        handler: Handler,
        refusal: Callable[[RequestError, str], tuple[bytes, bytes]],
        bounds: Bounds = USUAL,
        gate: Callable[[Exchange], None] = anyone,
        outbox: Outbox | None = None,
        door: Door = OPEN,
    ) -> None:
        self.handler = handler
        self.door = door
        self.gauge = door.gauge
        self.gate = gate
        """Asked with the headers of a request whose body does not come at once, before more of it is taken; raises
        the RequestError to refuse it with."""
        self.held = 0
        self.refusal = refusal
        """How an error that no handler saw is spelled, for a request to this path: header lines and body."""
        self.bounds = bounds
        self.loop = asyncio.get_running_loop()
        self.outbox = Outbox(self.loop) if outbox is None else outbox
        self.turns = Turns(self.loop)
        self.early = Early()
        self.now = monotonic  # the loop's own clock has only milliseconds under uvloop
        self.connections: set[Connection] = set()
        self.heads = Heads()
        self.statuses = [0] * 600
        """How often each HTTP status was answered."""
        self.closing = False
        self._until = 0.0
        """When closing ends, whatever is under way then."""
        self.servers: list[asyncio.Server] = []
        self.date = date_line()
        self._sweeping = self.loop.call_later(SWEEP, self._sweep)

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        server = await self.loop.create_server(lambda: Connection(self), host, port, backlog=BACKLOG)
        self.servers.append(server)
        address = server.sockets[0].getsockname()
        return address[0], address[1]

    async def listen_unix(self, path: str) -> None:
        """For this user alone: nobody can connect before the mode is set, whatever the umask and the directory."""
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            door.bind(path)
            os.chmod(path, 0o600)
            self.servers.append(
                await self.loop.create_unix_server(lambda: Connection(self), sock=door, backlog=BACKLOG)
            )
        except BaseException:
            door.close()
            raise

    async def close(self, grace: float = 10.0, break_off: Callable[[], None] = nothing) -> None:
        """Stop accepting, let what is under way finish for so long, then have it broken off; who has not read that a
        second later is left behind."""
        self.closing = True
        self._sweeping.cancel()
        for server in self.servers:
            server.close()
        self.early.call_all()
        self.outbox.flush()
        for connection in list(self.connections):
            if not connection.busy and connection.exchange is None and connection.transport is not None:
                connection.transport.close()
        self._until = self.now() + grace
        await self._until_left()
        if self.connections and grace > 0:
            break_off()
            self.outbox.flush()
            self._until = self.now() + FAREWELL
            await self._until_left()
        tasks = [connection.task for connection in self.connections if connection.task is not None]
        for connection in list(self.connections):
            connection.drop()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    def hurry(self) -> None:
        """Wait no longer for what is under way."""
        self._until = 0.0

    async def _until_left(self) -> None:
        while self.connections and self.now() < self._until:
            await asyncio.sleep(0.02)

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
                if not connection.idle_since:
                    connection.idle_since = now
                elif now - connection.idle_since > bounds.idle_seconds:
                    connection._leave()
            elif now - since > (bounds.head_seconds if connection.in_head else bounds.receive_seconds) or (
                connection.overdue(now)
            ):
                if connection.exchange is None:
                    connection.drop()
                else:
                    connection.refuse(
                        RequestTimeout("The request did not arrive in time: it stopped, or came too slowly.")
                    )
        self._sweeping = self.loop.call_later(SWEEP, self._sweep)
