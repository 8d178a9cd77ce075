"""Simulated models reached inside the process, behind the same seam as providers across the network.

All time is simulated time, the endpoint's timeouts included: at speed 10 a 5 s timeout takes half a second, and
at infinite speed an answer that never comes is an immediate timeout. A timeout of 0 or infinity waits until the
caller gives up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from fairlead.core.egress import EgressPermit
from fairlead.providers.simulated.behaviour import SimulatedModel
from fairlead.providers.simulated.log import Log
from fairlead.providers.simulated.pacing import Pacer
from fairlead.providers.simulated.script import Script
from fairlead.providers.simulated.simulation import Simulation, Turn
from fairlead.providers.wire import Endpoint, Outbound, Reply, UpstreamBroken

MAX_BODY = 64 * 1024 * 1024


class SimulatedReply:
    """An answer of a simulated model; a `providers.wire.Reply`."""

    def __init__(self, turn: Turn, pacer: Pacer, idle_timeout: float, max_body: int) -> None:
        self.status = turn.performance.status
        self.headers: Mapping[bytes, bytes] = dict(turn.headers)
        self._turn = turn
        self._pacer = pacer
        self._idle_timeout = idle_timeout
        self._max_body = max_body
        self._aborted = False

    async def read(self) -> bytes:
        turn = self._turn
        beat = turn.beat
        if beat is None:
            if turn.performance.broken:
                raise UpstreamBroken("cut", "the simulated provider broke off its answer")
            return b""
        await _wait(turn, self._pacer, beat.wait, self._idle_timeout, "idle_timeout")
        if self._aborted:
            raise UpstreamBroken("cut", "the answer was aborted")
        turn.deliver(beat)
        return beat.data

    def whole(self) -> bytes | None:
        return None

    async def body(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := await self.read():
            size += len(piece)
            if size > self._max_body:
                self.abort()
                raise UpstreamBroken("too_large", f"the answer exceeds {self._max_body} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def await_content(self, awaited: bool) -> None:
        """Nobody times simulated models."""

    def let_go(self) -> None:
        turn = self._turn
        while turn.beat is not None:
            turn.deliver(turn.beat)

    def abort(self) -> None:
        self._turn.leave()
        self._aborted = True
        self._pacer.release()


class SimulatedUpstream:
    """A `providers.wire.Upstream` whose models live here. `script` spoils their answers, `log` is the oracle."""

    def __init__(
        self,
        models: Iterable[SimulatedModel] | Simulation,
        *,
        speed: float = 1.0,
        keep: int = 1000,
        bodies: bool = False,
        max_body: int = MAX_BODY,
    ) -> None:
        self.simulation = models if isinstance(models, Simulation) else Simulation(models, keep=keep, bodies=bodies)
        Pacer(speed)
        self.speed = speed
        self._max_body = max_body

    @property
    def script(self) -> Script:
        return self.simulation.script

    @property
    def log(self) -> Log:
        return self.simulation.log

    async def send(
        self, permit: EgressPermit, endpoint: Endpoint, outbound: Outbound, sent: Callable[[Reply], None]
    ) -> SimulatedReply:
        if not isinstance(permit, EgressPermit):
            raise TypeError("nothing is sent without an EgressPermit")
        line, _, lines = outbound.head.partition(b"\r\n")
        method, path, _ = line.decode().split(" ")
        turn = self.simulation.turn(method, path, header_map(lines, endpoint.headers), outbound.body, permit.call)
        if turn.performance.broken == "refused":
            turn.refuse()
            raise UpstreamBroken("connect", f"{endpoint.name} refused the connection")
        pacer = Pacer(self.speed)
        reply = SimulatedReply(turn, pacer, endpoint.idle_timeout, self._max_body)
        sent(reply)
        started = False
        try:
            await _wait(turn, pacer, turn.performance.wait, endpoint.first_byte_timeout, "first_byte_timeout")
            started = True
        finally:
            if not started:
                turn.leave()
        turn.start()
        return reply


def header_map(*blocks: bytes) -> dict[bytes, bytes]:
    """Rendered header lines by lower-case name; the first of several wins."""
    found: dict[bytes, bytes] = {}
    for block in blocks:
        for line in block.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if colon:
                found.setdefault(name.strip().lower(), value.strip())
    return found


async def _wait(turn: Turn, pacer: Pacer, seconds: float | None, timeout: float, reason: str) -> None:
    if 0 < timeout < math.inf and (seconds is None or seconds > timeout):
        await pacer.pause(timeout)
        turn.leave()
        raise UpstreamBroken(reason, f"nothing came for {timeout:g} s")
    await pacer.pause(seconds)
