"""Rate limits per key: requests and tokens a minute, and requests at once. Pure: time comes in.

A limit holds in every window of 60 seconds, wherever it begins: no burst at a minute's edge, no second burst while the
first is still in the window. What was admitted is kept in slots of a quarter second and forgotten a window after its
slot has ended, so a key may have to wait that quarter longer, never less.
"""

from __future__ import annotations

from collections import deque

from fairlead.core.policy import Limits

WINDOW = 60.0
SLOT = 0.25
_SLOTS = int(WINDOW / SLOT)


class Refused:
    """Why a request was not admitted, and when to come back."""

    __slots__ = ("limit", "retry_after", "what")

    def __init__(self, what: str, limit: int, retry_after: float) -> None:
        self.what = what
        self.limit = limit
        self.retry_after = retry_after


class Window:
    """What was admitted in the last 60 seconds."""

    __slots__ = ("_latest", "_slots", "total")

    def __init__(self) -> None:
        self.total = 0
        self._slots: deque[list[int]] = deque()
        """[number of the slot, amount], oldest first."""
        self._latest = 0

    def forget(self, now: float) -> None:
        """Drop what is a whole window old."""
        slots = self._slots
        self._latest = max(self._latest, int(now / SLOT))
        oldest = self._latest - _SLOTS
        while slots and slots[0][0] < oldest:
            self.total -= slots.popleft()[1]

    def add(self, amount: int) -> None:
        """At the time last told to `forget`."""
        slots = self._slots
        if slots and slots[-1][0] == self._latest:
            slots[-1][1] += amount
        else:
            slots.append([self._latest, amount])
        self.total += amount

    def wait(self, now: float, excess: int) -> float:
        """Seconds until at least `excess` of what is in the window has left it."""
        for slot, amount in self._slots:
            excess -= amount
            if excess <= 0:
                return (slot + 1 + _SLOTS) * SLOT - now
        return WINDOW


class Meter:
    """The running state of one key's limits."""

    __slots__ = ("in_flight", "limits", "requests", "tokens")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = Window()
        self.tokens = Window()
        self.in_flight = 0

    def admit(self, now: float, tokens: int) -> Refused | None:
        """Take one request of so many tokens, or say why not; a refusal changes nothing."""
        rpm, tpm, concurrency = self.limits.rpm, self.limits.tpm, self.limits.concurrency
        if concurrency is not None and self.in_flight >= concurrency:
            return Refused("requests at once", concurrency, 1.0)
        if rpm is not None:
            self.requests.forget(now)
            if self.requests.total >= rpm:
                return Refused("requests a minute", rpm, self.requests.wait(now, self.requests.total + 1 - rpm))
        if tpm is not None:
            self.tokens.forget(now)
            used = self.tokens.total
            # A single request larger than the whole limit is let through when nothing else counts, else it never could be.
            if used > 0 and used + tokens > tpm:
                return Refused("tokens a minute", tpm, self.tokens.wait(now, min(used, used + tokens - tpm)))
            self.tokens.add(tokens)
        if rpm is not None:
            self.requests.add(1)
        self.in_flight += 1
        return None

    def correct(self, tokens: int) -> None:
        """Add what a request used beyond its estimate (or give back, when negative)."""
        if self.limits.tpm is not None:
            self.tokens.add(max(tokens, -self.tokens.total))

    def release(self) -> None:
        self.in_flight -= 1
