"""What is written in one turn of the loop, to clients and to providers, goes out together.

Sending wakes whoever waits at the other end, which costs as much as all else about it. Between two writes lies our own
work for a request: time enough for the other end to take the first and to fall asleep again. Written at one go, many
answers are one awakening. Whoever is alone does not wait: the write behind the last read goes out at once.

A stream hurries until its first token is on its way: sixty-four that begin at once would else wait for one another,
twice.

Rules: bytes for one transport stay in order; `flush` before a transport is closed in an orderly way.
"""

from __future__ import annotations

import asyncio

MOST = 32
"""Writes that are held: what a turn leads to, in which sixteen requests begin and as many end. Beyond, there is little more to
save, and whoever wrote first would wait for it."""
MOST_BYTES = 64 * 1024
"""Who writes so much at once does not wait: sending it costs more than waking whoever it is for."""


class Outbox:
    """Of one loop; shared by all that write on it."""

    __slots__ = ("_held", "_loop", "expected")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.expected = 0
        """Reads that have not led to a write yet. Some never do; then `_late` sends what waits for them."""
        self._loop = loop
        self._held: list[tuple[asyncio.Transport, bytes]] = []

    def write(self, transport: asyncio.Transport, data: bytes) -> None:
        held, expected = self._held, self.expected
        if expected <= 1:
            self.expected = 0
            if held:
                self.flush()
            transport.write(data)
            return
        self.expected = expected - 1
        if not held:
            self._loop.call_soon(self._late)
        held.append((transport, data))
        if len(held) >= MOST or len(data) >= MOST_BYTES:
            self.flush()

    def hurry(self, transport: asyncio.Transport, data: bytes) -> None:
        """What a stream's reader waits for before anything else: it waits neither for the work of others nor for what is
        held for them."""
        self.expected = max(self.expected - 1, 0)
        if any(one is transport for one, _ in self._held):
            self.flush()
        transport.write(data)

    def flush(self) -> None:
        held, self._held = self._held, []
        for transport, data in held:
            if not transport.is_closing():
                transport.write(data)

    def _late(self) -> None:
        """The turn is over."""
        if len(self._held) == 1:
            self.expected = 0
        self.flush()
