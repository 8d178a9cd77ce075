"""Rate limits per key: requests and tokens a minute, and requests at once. Pure: time comes in.

A limit holds in every window of 60 seconds, wherever it begins: no burst at a minute's edge, no second burst while the
first is still in the window. What was admitted is kept in slots of a quarter second and forgotten a window after its
slot has ended, so a key may have to wait that quarter longer, never less.

Tokens are estimates until a request is over. What it really took then counts in the slot its estimate was booked in:
it leaves the window with it, and moves nothing once that has happened.
"""

from __future__ import annotations

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

    __slots__ = ("_slots", "latest", "total")

    def __init__(self) -> None:
        self.total = 0
        self.latest = 0
        """The slot last told to `forget`: what is added goes there."""
        self._slots: dict[int, int] = {}
        """Amounts by the number of their slot, oldest first."""

    def forget(self, now: float) -> None:
        """Drop what is a whole window old."""
        slots, number = self._slots, int(now / SLOT)
        if number <= self.latest:
            return
        self.latest = number
        while slots:
            first = next(iter(slots))
            if first >= number - _SLOTS:
                return
            self.total -= slots.pop(first)

    def add(self, amount: int) -> None:
        self._slots[self.latest] = self._slots.get(self.latest, 0) + amount
        self.total += amount

    def correct(self, slot: int, amount: int) -> None:
        """Change what was added in a slot, by no more than there is; nothing where the slot has left the window."""
        booked = self._slots.get(slot)
        if booked is not None:
            amount = max(amount, -booked)
            self._slots[slot] = booked + amount
            self.total += amount

    def wait(self, now: float, excess: int) -> float:
        """Seconds until at least `excess` of what is in the window has left it."""
        for slot, amount in self._slots.items():
            excess -= amount
            if excess <= 0:
                return (slot + 1 + _SLOTS) * SLOT - now
        return WINDOW


class Meter:
    """The running state of one key's limits."""

    __slots__ = ("booked", "in_flight", "limits", "requests", "tokens")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests = Window()
        self.tokens = Window()
        self.in_flight = 0
        self.booked = 0
        """The slot of the request admitted last: what `correct` has to be told when that request is over."""

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
            self.booked = self.tokens.latest
        if rpm is not None:
            self.requests.add(1)
        self.in_flight += 1
        return None

    def correct(self, booked: int, tokens: int) -> None:
        """Add what a request used beyond its estimate (or give back, when negative) where `booked` says it counts."""
        if self.limits.tpm is not None:
            self.tokens.correct(booked, tokens)

    def release(self) -> None:
        self.in_flight -= 1

    def at_rest(self, now: float) -> bool:
        """Nothing of it counts any more."""
        self.requests.forget(now)
        self.tokens.forget(now)
        return not (self.in_flight or self.requests.total or self.tokens.total)
