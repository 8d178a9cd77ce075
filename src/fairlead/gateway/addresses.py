"""Where a host is: its addresses, remembered for a while, and the first of them that takes a connection.

Addresses are tried as RFC 8305 has it: both families in turn, the next one when the one before has failed or has not
answered in a quarter of a second; the first connection wins and the others are closed. One that failed goes to the
end of the line for a while. An answer of the name service is used for half a minute, and for an hour where the
service has no newer one: that it falters stops no traffic.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain, zip_longest
from typing import cast

import msgspec

STAGGER = 0.25
FRESH = 30.0
STALE = 3600.0
PATIENCE = 0.5
"""How long a name service may take that is asked again, before its old answer is used."""
DEAD_SECONDS = 30.0
MOST_DEAD = 1024
QUIET_SECONDS = 60
"""A connection on which nothing moves for so long is probed: models think for minutes, and middle boxes forget."""

Where = tuple[str | int, ...]
Address = tuple[int, Where]
"""(family, what the socket is connected to)."""
LookUp = Callable[[str, int], Awaitable[Sequence[Address]]]


class Found(msgspec.Struct, frozen=True):
    addresses: tuple[Address, ...]
    at: float


class Addresses:
    """Of one loop; shared by all that connect on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, look_up: LookUp | None = None) -> None:
        self.loop = loop
        self._look_up = look_up or self._ask_system
        self._found: dict[tuple[str, int], Found] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[OSError | None]] = {}
        self._dead: dict[Address, float] = {}

    async def reach(self, host: str, port: int) -> socket.socket:
        """A connected socket. Raises OSError when no address takes the connection."""
        literal = _literal(host, port)
        if literal is not None:
            return await self._join(literal)
        addresses = self._in_order(await self.find(host, port))
        if len(addresses) == 1:
            return await self._join(addresses[0])
        return await self._race(addresses)

    async def find(self, host: str, port: int) -> tuple[Address, ...]:
        key = host, port
        found = self._found.get(key)
        age = float("inf") if found is None else self.loop.time() - found.at
        if found is not None and age <= FRESH:
            return found.addresses
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = self.loop.create_task(self._ask(key))
        usable = found is not None and age <= STALE
        await asyncio.wait((asking,), timeout=PATIENCE if usable else None)
        newest = self._found.get(key)
        if newest is not None and (usable or newest is not found):
            return newest.addresses
        raise asking.result() or OSError("the name has no address")

    async def _ask(self, key: tuple[str, int]) -> OSError | None:
        """Asks the name service for all that wait. What went wrong is given back: nobody may be left to hear it."""
        try:
            addresses = tuple(dict.fromkeys(await self._look_up(*key)))
        except OSError as problem:
            return problem
        except UnicodeError:
            return OSError("the name is no host name")
        finally:
            del self._asking[key]
        if not addresses:
            return OSError("the name has no address")
        self._found[key] = Found(addresses, self.loop.time())
        return None

    async def _ask_system(self, host: str, port: int) -> Sequence[Address]:
        answer = await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(family, cast(Where, where)) for family, _, _, _, where in answer]

    def _in_order(self, addresses: Sequence[Address]) -> list[Address]:
        """Both families in turn, beginning with the one the system prefers; dead ones last."""
        now = self.loop.time()
        first = [one for one in addresses if one[0] == addresses[0][0]]
        other = [one for one in addresses if one[0] != addresses[0][0]]
        mixed = (one for one in chain.from_iterable(zip_longest(first, other)) if one is not None)
        return sorted(mixed, key=lambda one: self._dead.get(one, 0.0) > now)

    async def _race(self, addresses: Iterable[Address]) -> socket.socket:
        left = deque(addresses)
        running: set[asyncio.Task[socket.socket]] = set()
        failed: OSError | None = None
        try:
            while left or running:
                if left:
                    running.add(self.loop.create_task(self._join(left.popleft())))
                done, running = await asyncio.wait(
                    running, timeout=STAGGER if left else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    problem = task.exception()
                    if problem is None:
                        running |= done - {task}
                        return task.result()
                    if not isinstance(problem, OSError):
                        raise problem
                    failed = failed or problem
            raise failed or OSError("the name has no address")
        finally:
            for task in running:
                task.cancel()
                task.add_done_callback(_discard)
            del failed  # it holds this frame

    async def _join(self, address: Address) -> socket.socket:
        family, where = address
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            _prepare(sock)
            await self.loop.sock_connect(sock, where)
        except OSError:
            sock.close()
            self._bury(address)
            raise
        except BaseException:
            sock.close()
            raise
        self._dead.pop(address, None)
        return sock

    def _bury(self, address: Address) -> None:
        now = self.loop.time()
        if len(self._dead) >= MOST_DEAD:
            self._dead = {one: until for one, until in self._dead.items() if until > now}
        if len(self._dead) < MOST_DEAD:
            self._dead[address] = now + DEAD_SECONDS

    def close(self) -> None:
        for task in self._asking.values():
            task.cancel()


def _literal(host: str, port: int) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if address.version == 4:
        return socket.AF_INET, (host, port)
    return None if "%" in host else (socket.AF_INET6, (host, port, 0, 0))


def _prepare(sock: socket.socket) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, QUIET_SECONDS)


def _discard(task: asyncio.Task[socket.socket]) -> None:
    """It has connected although another one was first."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
