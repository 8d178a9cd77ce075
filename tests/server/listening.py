"""A listener alone, with a handler that does as the path says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fairlead.errors import RequestError
from fairlead.server.bounds import USUAL, Bounds
from fairlead.server.exchange import Exchange
from fairlead.server.listener import Listener, anyone
from tests.server.wire import Client

TEXT = b"Content-Type: text/plain\r\n"


class Paths:
    """/echo gives the body back, /slow waits for `go`, /stream sends pieces, /raise and /raise-late fail."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.bodies: list[bytes] = []
        self.go = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.written = 0
        self.seen: dict[bytes, bytes] = {}

    async def __call__(self, exchange: Exchange) -> None:
        self.served.append(f"{exchange.method} {exchange.path}")
        self.bodies.append(exchange.body)
        self.seen = exchange.headers
        try:
            await self._answer(exchange)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def _answer(self, exchange: Exchange) -> None:
        match exchange.path:
            case "/slow":
                await self.go.wait()
                exchange.send(200, TEXT, b"slow")
            case "/stream":
                exchange.start(200, TEXT)
                for piece in (b"one", b"two"):
                    await exchange.write(piece)
                exchange.end()
            case "/endless":
                exchange.start(200, TEXT)
                while True:
                    await exchange.write(b"x" * 16384)
                    self.written += 16384
            case "/raise":
                raise ValueError("on purpose")
            case "/raise-late":
                exchange.start(200, TEXT)
                await exchange.write(b"part")
                raise ValueError("on purpose")
            case "/forget":
                pass
            case "/forget-late":
                exchange.start(200, TEXT)
                await exchange.write(b"part")
            case _:
                exchange.send(200, TEXT, exchange.body or exchange.path.encode())


def refusal(error: RequestError, path: str) -> tuple[bytes, bytes]:
    return TEXT, error.code.encode()


class Listening:
    def __init__(self, listener: Listener, paths: Paths, port: int) -> None:
        self.listener = listener
        self.paths = paths
        self.port = port

    def client(self) -> Client:
        return Client(self.port, key="")


@asynccontextmanager
async def listening(bounds: Bounds = USUAL, gate: Callable[[Exchange], None] = anyone) -> AsyncIterator[Listening]:
    paths = Paths()
    listener = Listener(paths, refusal, bounds, gate)
    _, port = await listener.listen("127.0.0.1", 0)
    try:
        yield Listening(listener, paths, port)
    finally:
        await listener.close(0.2)
