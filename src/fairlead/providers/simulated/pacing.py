"""Simulated time on a real event loop: pauses divided by `speed`, and none at all when it is infinite."""

from __future__ import annotations

import asyncio
import math


class Pacer:
    """The pauses of one answer, one after the other.

    A pause that is cancelled goes on where it stood when it is entered again, so a reader may put a timeout
    around a read without losing time or data.
    """

    def __init__(self, speed: float) -> None:
        if not speed > 0:
            raise ValueError(f"speed is a factor above 0, not {speed}")
        self._speed = speed
        self._due: float | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def pause(self, seconds: float | None) -> None:
        """None waits until `release`."""
        if seconds is not None and seconds <= 0:
            return
        loop = asyncio.get_running_loop()
        if self._due is None:
            self._due = math.inf if seconds is None else loop.time() + seconds / self._speed
        remaining = self._due - loop.time()
        if remaining > 0:
            waiter = self._waiter = loop.create_future()
            timer = None if remaining == math.inf else loop.call_later(remaining, _wake, waiter)
            try:
                await waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        self._due = None

    def release(self) -> None:
        """End the pause that is on."""
        if self._waiter is not None:
            _wake(self._waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
