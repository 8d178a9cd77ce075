"""Who was told to come back in some seconds, and comes at once: it is not told the same again, but waits until then.

A no costs a sixth of an answer, and a client that asks again at once gets nothing but the next one: a few hundred such clients
would take from the others half of what can be answered. Unheard they cost nothing. When room is found for them sooner, they are
begun sooner, who may return first before the others; when their time has come they are asked in like everybody.

This is so for the very same head on the same connection, so that nobody waits for what another key was told.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Protocol

from fairlead.server.exchange import Exchange

MOST_BYTES = 64 * 2**20
"""Of all bodies that wait here; who comes then is asked in."""


class Line(Protocol):
    """What is needed of a connection."""

    back_at: float
    busy: bool

    def asked_in(self, exchange: Exchange) -> None:
        """It has waited, and may be gone."""


class Early:
    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Line, Exchange]] = []
        """(until when, its place, who, what): a heap."""
        self._bytes = 0
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def keeps(self, line: Line, exchange: Exchange) -> bool:
        """Whether it has to wait."""
        until, line.back_at = line.back_at, 0.0
        size = self._bytes + len(exchange.body)
        if exchange.received >= until or size > MOST_BYTES:
            return False
        self._bytes = size
        self._count += 1
        heappush(self._waiting, (until, self._count, line, exchange))
        line.busy = True
        return True

    def call(self, now: float, more: int) -> None:
        """Those whose time has come, and so many more."""
        waiting, called = self._waiting, []
        while waiting and (more > 0 or waiting[0][0] <= now):
            until, _, line, exchange = heappop(waiting)
            self._bytes -= len(exchange.body)
            if until > now:
                more -= 1
            called.append((line, exchange))
        for line, exchange in called:  # who is turned away and asks again at once is not called twice
            line.asked_in(exchange)

    def call_all(self) -> None:
        self.call(0.0, len(self._waiting))
