"""The simulated provider as an HTTP server's handler, for whatever listener carries it.

    POST .../chat/completions   GET .../models   GET .../models/{name}
    POST /sim/script            faults as JSON: one, a list, or {"model": ..., "faults": [...]}
    GET  /sim/log               every call, token and disconnect; ?since=N leaves out serials up to N
    POST /sim/reset             as if newly started

The listener cancels `answer` when the client goes away, or lets `Sink.write` raise ConnectionError; either is
logged as a client that left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qs

import msgspec

from fairlead.providers.simulated.ask import error_body
from fairlead.providers.simulated.log import Entry
from fairlead.providers.simulated.pacing import Pacer
from fairlead.providers.simulated.script import ANY, KINDS, Fault
from fairlead.providers.simulated.simulation import Simulation, Turn


class Sink(Protocol):
    """Where an answer goes. A head without a content-length means chunked."""

    def head(self, status: int, headers: list[tuple[bytes, bytes]]) -> None: ...

    async def write(self, data: bytes) -> None: ...

    def end(self) -> None: ...

    def abort(self, rst: bool = False) -> None:
        """Close the connection now, without ending the body."""
        ...


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """What `POST /sim/script` takes."""

    faults: list[Fault]
    model: str = ANY


class Report(msgspec.Struct):
    """What `GET /sim/log` gives."""

    total: int
    open: int
    pending_faults: int
    calls: list[Entry]


class SimulatedServer:
    def __init__(self, simulation: Simulation, *, speed: float = 1.0) -> None:
        Pacer(speed)
        self.simulation = simulation
        self.speed = speed

    async def answer(self, method: str, path: str, headers: Mapping[bytes, bytes], body: bytes, out: Sink) -> None:
        """`headers` by lower-case name; `path` may carry a query."""
        if path.startswith("/sim/"):
            status, data = self._control(method, path, body)
            out.head(status, [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())])
            await out.write(data)
            out.end()
            return
        turn = self.simulation.turn(method, path, headers, body)
        try:
            await self._play(turn, out)
        except ConnectionError:
            out.abort()
        finally:
            turn.leave()

    async def _play(self, turn: Turn, out: Sink) -> None:
        performance = turn.performance
        if performance.broken == "refused":
            turn.refuse()
            out.abort(rst=True)
            return
        pacer = Pacer(self.speed)
        await pacer.pause(performance.wait)
        out.head(performance.status, list(turn.headers))
        turn.start()
        while (beat := turn.beat) is not None:
            await pacer.pause(beat.wait)
            await out.write(beat.data)
            turn.deliver(beat)
        if performance.broken:
            out.abort(rst=performance.broken == "rst")
        else:
            out.end()

    def _control(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        place, _, query = path.partition("?")
        if (method, place) == ("POST", "/sim/reset"):
            self.simulation.reset()
        elif (method, place) == ("POST", "/sim/script"):
            try:
                order = _order(body)
            except (msgspec.ValidationError, msgspec.DecodeError) as error:
                return 400, error_body(f"This is no script: {error}.", "invalid_request_error")
            self.simulation.script.push(*order.faults, model=order.model)
        elif (method, place) != ("GET", "/sim/log"):
            return 404, error_body(f"There is no {method} {place}.", "invalid_request_error", code="unknown_url")
        return 200, msgspec.json.encode(self._report(query))

    def _report(self, query: str) -> Report:
        asked = parse_qs(query).get("since", ["0"])[0]
        since = int(asked) if asked.isdecimal() else 0
        log = self.simulation.log
        calls = [entry for entry in log.entries if entry.serial > since]
        return Report(log.total, log.open, self.simulation.script.pending(), calls)


def _order(body: bytes) -> Order:
    given = msgspec.json.decode(body)
    if isinstance(given, list):
        given = {"faults": given}
    elif isinstance(given, dict) and "faults" not in given:
        given = {"faults": [given]}
    for fault in given.get("faults") or () if isinstance(given, dict) else ():
        kind = fault.get("kind") if isinstance(fault, dict) else None
        if isinstance(kind, str) and kind not in KINDS:
            raise msgspec.ValidationError(f"there is no fault {kind[:100]!r}; there are: {', '.join(KINDS)}")
    return msgspec.convert(given, Order)
