"""Rate limits of a key, a team, a tenant, a model: requests and tokens a minute, requests at once. Pure: time comes in.

A limit holds in every window of 60 seconds, wherever it begins: no burst at a minute's edge, no second burst while the
first is still in the window. What was admitted is kept in slots of a quarter second and forgotten a window after its
slot has ended, so a key may have to wait that quarter longer, never less.

Tokens are estimates until a request is over. What it really took then counts in the slot its estimate was booked in:
it leaves the window with it, and moves nothing once that has happened.

Several limits may meet on one request: all of them admit it, or it is counted by none.
"""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.core.policy import Limits

WINDOW = 60.0
SLOT = 0.25
_SLOTS = int(WINDOW / SLOT)


class Refused:
    """Why a request was not admitted, and when to come back."""

    __slots__ = ("limit", "retry_after", "what", "whose")

    def __init__(self, what: str, limit: int, retry_after: float, whose: str = "") -> None:
        self.what = what
        self.limit = limit
        self.retry_after = retry_after
        self.whose = whose


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

    def empty_in(self, now: float) -> float:
        """Seconds until nothing that is in it now counts any more."""
        for latest in reversed(self._slots):
            return max(0.0, (latest + 1 + _SLOTS) * SLOT - now)
        return 0.0


Quota = tuple[int, int, float]
"""(a limit, what is left of it, seconds until it is whole again if nothing more comes)"""


class Meter:
    """The running state of the limits of one key, team, tenant or model."""

    __slots__ = ("booked", "in_flight", "limits", "requests", "tokens", "whose")

    def __init__(self, limits: Limits, whose: str = "") -> None:
        self.limits = limits
        self.whose = whose
        self.requests = Window()
        self.tokens = Window()
        self.in_flight = 0
        self.booked = 0
        """The slot of the request admitted last: what `correct` has to be told when that request is over."""

    def admit(self, now: float, tokens: int) -> Refused | None:
        """Take one request of so many tokens, or say why not; a refusal changes nothing."""
        refused = self.refusal(now, tokens)
        if refused is None:
            self.take(tokens)
        return refused

    def refusal(self, now: float, tokens: int) -> Refused | None:
        """Why a request of so many tokens is not admitted; nothing is counted."""
        rpm, tpm, concurrency = self.limits.rpm, self.limits.tpm, self.limits.concurrency
        if concurrency is not None and self.in_flight >= concurrency:
            return Refused("requests at once", concurrency, 1.0, self.whose)
        if rpm is not None:
            self.requests.forget(now)
            if self.requests.total >= rpm:
                wait = self.requests.wait(now, self.requests.total + 1 - rpm)
                return Refused("requests a minute", rpm, wait, self.whose)
        if tpm is not None:
            self.tokens.forget(now)
            used = self.tokens.total
            # A single request larger than the whole limit is let through when nothing else counts, else it never could be.
            if used > 0 and used + tokens > tpm:
                wait = self.tokens.wait(now, min(used, used + tokens - tpm))
                return Refused("tokens a minute", tpm, wait, self.whose)
        return None

    def take(self, tokens: int) -> None:
        """Counts a request that `refusal` has just let pass."""
        if self.limits.tpm is not None:
            self.tokens.add(tokens)
            self.booked = self.tokens.latest
        if self.limits.rpm is not None:
            self.requests.add(1)
        self.in_flight += 1

    def quotas(self, now: float) -> tuple[Quota | None, Quota | None]:
        """Of requests and of tokens a minute, where they are limited."""
        return _quota(self.limits.rpm, self.requests, now), _quota(self.limits.tpm, self.tokens, now)

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


class Gate:
    """One request's way through every limit it meets: through all of them or through none, and out again once."""

    __slots__ = ("_booked", "_estimate", "entered", "meters")

    def __init__(self, meters: Sequence[Meter]) -> None:
        self.meters = meters
        self.entered = False
        self._booked: list[int] = []
        self._estimate = 0

    def enter(self, now: float, tokens: int) -> Refused | None:
        """Where several refuse, the one that has to be waited for longest."""
        if len(self.meters) == 1:
            refused = self.meters[0].admit(now, tokens)
            if refused is None:
                self._booked.append(self.meters[0].booked)
                self.entered, self._estimate = True, tokens
            return refused
        refused = self._refusal(now, tokens)
        if refused is None:
            for meter in self.meters:
                meter.take(tokens)
                self._booked.append(meter.booked)
            self.entered, self._estimate = True, tokens
        return refused

    def _refusal(self, now: float, tokens: int) -> Refused | None:
        refused: Refused | None = None
        for meter in self.meters:
            found = meter.refusal(now, tokens)
            if found is not None and (refused is None or found.retry_after > refused.retry_after):
                refused = found
        return refused

    def leave(self, tokens: int) -> None:
        """It is over and took so many tokens."""
        if self.entered:
            self.entered = False
            more = tokens - self._estimate
            for meter, booked in zip(self.meters, self._booked):  # noqa: B905 - of every request: as many as were entered
                if more:
                    meter.correct(booked, more)
                meter.release()

    def quotas(self, now: float) -> tuple[Quota | None, Quota | None]:
        """Of requests and of tokens, each of the limit that has least left."""
        if len(self.meters) == 1:
            return self.meters[0].quotas(now)
        requests: Quota | None = None
        tokens: Quota | None = None
        for meter in self.meters:
            of_requests, of_tokens = meter.quotas(now)
            requests, tokens = _least(requests, of_requests), _least(tokens, of_tokens)
        return requests, tokens


def _quota(limit: int | None, window: Window, now: float) -> Quota | None:
    if limit is None:
        return None
    window.forget(now)
    left = limit - window.total
    return limit, left if left > 0 else 0, window.empty_in(now)


def _least(one: Quota | None, other: Quota | None) -> Quota | None:
    if one is None or other is None:
        return one or other
    return one if one[1] <= other[1] else other
