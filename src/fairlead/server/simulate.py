"""Simulated models behind our own listener: what `fairlead simulate` runs, and what tests stand a provider in with.

The models answer whoever reaches the port. What steers them (`/sim/...`) answers programs on this machine only, and
no web page: it can replace what the models say.
"""

from __future__ import annotations

from fairlead.config.values import is_loopback
from fairlead.errors import Forbidden, RequestError
from fairlead.providers.simulated import DEFAULT_MODELS, Behaviour, Simulation
from fairlead.providers.simulated.server import SimulatedServer
from fairlead.server.app import refusal
from fairlead.server.bounds import Bounds
from fairlead.server.exchange import Exchange
from fairlead.server.listener import Listener

BOUNDS = Bounds(body_bytes=64 * 1024 * 1024)


class Stage:
    """An exchange as the `Sink` a simulated answer is written to."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        length = None
        lines = b""
        for name, value in headers:
            if name == b"content-length":
                length = int(value)
            else:
                lines += b"%b: %b\r\n" % (name, value)
        self._exchange.start(status, lines, length)
        self._exchange.put_head()

    async def write(self, data: bytes) -> None:
        await self._exchange.write(data)

    def end(self) -> None:
        self._exchange.end()

    def abort(self, rst: bool = False) -> None:
        self._exchange.hang_up(rst)


class SimulatedApp:
    """The handler a listener is given."""

    def __init__(self, server: SimulatedServer) -> None:
        self.server = server

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.path.startswith("/sim/") and not (is_loopback(exchange.peer) and b"origin" not in exchange.headers):
            error: RequestError = Forbidden("The simulation is steered by programs on its own machine only.")
            exchange.send(error.status, *refusal(error, exchange.path))
            return
        path = f"{exchange.path}?{exchange.query}" if exchange.query else exchange.path
        await self.server.answer(exchange.method, path, exchange.headers, exchange.body, Stage(exchange))


async def start(
    host: str, port: int, *, speed: float = 1.0, any_model: bool = True
) -> tuple[Listener, Simulation, tuple[str, int]]:
    """Listen; a port of 0 takes a free one. The shipped models are there, with `any_model` every other name too."""
    simulation = Simulation(DEFAULT_MODELS, any_model=Behaviour() if any_model else None)
    listener = Listener(SimulatedApp(SimulatedServer(simulation, speed=speed)), refusal, BOUNDS)
    try:
        address = await listener.listen(host, port)
    except OSError:
        await listener.close(0)
        raise
    return listener, simulation, address
