"""One request's way through the cache's step: an outlet that remembers what it is told, and keeps it where that is the answer
which such a request gets when all is well.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fairlead.cache.answers import Kept
from fairlead.cache.key import Named
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.egress import SinkPermit, grant_sink
from fairlead.core.limits import Gate
from fairlead.dialects import replay
from fairlead.gateway.request import Outlet

if TYPE_CHECKING:
    from fairlead.gateway.caching import Caching
    from fairlead.gateway.execute import Run

NEW, MISSED = b"x-fairlead-cache: bypass\r\n", b"x-fairlead-cache: miss\r\n"
STANDS_IN = b"x-fairlead-downgraded: true\r\n"
OF_THE_ANSWER = (b"x-fairlead-lossy: ", b"x-fairlead-confidence: ", b"x-fairlead-escalated: true")
"""Header lines that are said again with the answer."""
STOOD_IN_SECONDS = 60.0
"""How long an answer is given again whose model was asked because another failed."""


class Look:
    """One request's way through the step: an outlet that remembers what it is told, where that may be kept."""

    __slots__ = (
        "_caching", "_outlet", "_pieces", "_size", "call", "choice", "ended", "gate", "headers", "leads",
        "looked_up", "memory", "name", "status", "told",
    )  # fmt: skip

    def __init__(
        self, caching: Caching, call: Call, outlet: Outlet, choice: Choice | None = None, name: Named | None = None
    ) -> None:
        self._caching = caching
        self._outlet = outlet
        self._pieces: list[bytes] | None = None if name is None else []
        """None where nothing is kept."""
        self._size = 0
        self.call = call
        self.choice = choice
        self.name = name
        self.leads: tuple[str, bytes] | None = None
        self.looked_up = False
        self.told = False
        self.ended = False
        self.status = 0
        self.headers = b""
        self.gate: Gate | None = None
        self.memory = b""
        """The header line that tells what was put into the request."""

    @property
    def outlet(self) -> Outlet:
        """Where the answer goes from here."""
        return self._outlet if self.name is None or self.told else self

    @property
    def started(self) -> bool:
        return self._outlet.started

    def send(self, status: int, headers: bytes, body: bytes) -> None:
        self._begin(status, headers)
        self._take(body)
        self.ended = True
        self._outlet.send(status, self._shown(headers), body)

    def start(self, status: int, headers: bytes) -> None:
        self._begin(status, headers)
        self._outlet.start(status, self._shown(headers))

    async def write(self, piece: bytes) -> None:
        self._take(piece)
        await self._outlet.write(piece)

    def end(self, last: bytes = b"") -> None:
        self._take(last)
        self.ended = True
        self._outlet.end(last)

    def _begin(self, status: int, headers: bytes) -> None:
        self.status, self.headers = status, headers
        if status != 200 or STANDS_IN in headers:
            self._pieces = None

    def _shown(self, headers: bytes) -> bytes:
        return headers.replace(NEW, MISSED) if self.looked_up else headers

    def _take(self, piece: bytes) -> None:
        if self._pieces is not None and piece:
            self._size += len(piece)
            self._pieces.append(piece)
            if self._size > self._caching.settings.largest:
                self._pieces = None

    async def keep(self, run: Run) -> None:
        """Behind an answer. Whoever waited for it is called at once."""
        pieces = self._pieces
        if pieces is None or not self.ended or self.name is None or self.choice is None:
            return
        call, choice = self.call, self.choice
        body = b"".join(pieces)
        if not fit(run, choice) or not replay.is_proper(call.dialect, call.stream, body):
            return
        kept = kept_of(run, call, body, lines_of(self.headers), self.name.told)
        permit = grant_sink(call, "cache", local=not self._caching.settings.redis)
        self._caching.counts["kept", call.caller.tenant, kept.model] += 1
        keeping = self._keep(permit, self.name, choice, kept)
        await (self._caching.beside(keeping) if self._caching.settings.redis else keeping)

    async def _keep(self, permit: SinkPermit, name: Named, choice: Choice, kept: Kept) -> None:
        await self._caching.answers.keep(permit, name.form, kept)
        self.land()
        if self._caching.semantic is not None:
            await self._caching.semantic.keep(permit, self.call, choice, kept)

    def land(self) -> None:
        """Nobody needs to wait any longer, whatever became of it."""
        if self.leads is not None:
            self._caching.flights.land(self.leads)
            self.leads = None


def fit(run: Run, choice: Choice) -> bool:
    """Whether it is the answer that such a request gets when all is well: from one model, the one that was named, nobody
    standing in for another."""
    if not run.attempts or run.broken or run.unfit or run.irregular or run.call.facts.eased:
        return False
    last = run.attempts[-1]
    if last.outcome != "ok" or last.error or (run.joint is not None and run.joint.goes_on):
        return False
    return choice.model is None or choice.model.name == last.model


def stood_in(run: Run) -> bool:
    """Whether it might have been another model's, had nobody failed."""
    last, plan = run.attempts[-1], run.plan
    if plan.named:
        return False
    if any(one.reason == "ejected" and one.model != last.model for one in plan.rejected):
        return True
    return last.move == "failover" and last.model != plan.steps[0].targets[0].model.name


def kept_of(run: Run, call: Call, body: bytes, lines: str, form: bytes) -> Kept:
    last, now = run.attempts[-1], time.time()
    return Kept(
        call.id,
        now,
        call.dialect,
        call.operation,
        call.stream,
        body,
        last.model,
        last.channel,
        run.plan.policy,
        run.plan.task,
        last.tier,
        last.usage,
        run.spent,
        lines,
        form,
        now + STOOD_IN_SECONDS if stood_in(run) else 0.0,
    )


def lines_of(headers: bytes) -> str:
    return b"".join([line for line in headers.splitlines(True) if line.startswith(OF_THE_ANSWER)]).decode("latin-1")
