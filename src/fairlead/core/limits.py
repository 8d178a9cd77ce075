"""Rate limits of a key, a team, a tenant, a model: requests and tokens a minute, requests at once. Pure: time comes in.

A limit holds in every window of 60 seconds, wherever it begins: no burst at a minute's edge, no second burst while the
first is still in the window. What was admitted is kept in slots of a quarter second and forgotten a window after its
slot has ended, so a key may have to wait that quarter longer, never less.

A request's tokens are held as it comes in: what its input is estimated at, and the most that its answer may take, where that
is said, else what answers took of late of which nobody had said it. What it really took counts once it is over, in the slot
its estimate was booked in: it leaves the window with it, and moves nothing once that has happened.

Several limits may meet on one request: all of them admit it, or it is counted by none. Every request passes here twice,
so that `enter` and `leave` go through its limits without a call inside, and touch only the sums of each: what came in the
slot under way is what they have grown by since it began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from fairlead.core.policy import Limits
from fairlead.core.settable import settable

WINDOW = 60.0
SLOT = 0.25
_SLOTS = int(WINDOW / SLOT)
WHOLE = _SLOTS + 1
"""Slots for which one counts, its own included."""
UNLIMITED = 1 << 62
COUNTLESS = (1 << 30) - 1
"""More requests than come in a window, and no larger than what Python compares at once."""
USUAL = 400
"""Tokens of an answer, before any was seen."""
LATEST = 10
"""One in so many is the weight of the latest answer in what is usual."""
SOON = 1.0
"""Seconds after which to come back where a request that is over may make room: nobody knows when that is."""


class Refused:
    """Why a request was not admitted, and when to come back."""

    __slots__ = ("held", "limit", "retry_after", "what", "whose")

    def __init__(self, what: str, limit: int, retry_after: float, whose: str = "", held: int = 0) -> None:
        self.what = what
        self.limit = limit
        self.retry_after = retry_after
        self.whose = whose
        self.held = held
        """Tokens that are kept for answers under way."""


class Slot:
    """What a meter admitted in a quarter second."""

    __slots__ = ("ends", "meter", "number", "requests", "tokens")

    def __init__(self, meter: Meter, number: int) -> None:
        self.meter = meter
        self.number = number
        self.requests = 0
        self.tokens = 0
        self.ends = (number + WHOLE) * SLOT
        """When it counts no more."""


class Meter:
    """The running state of the limits of one key, team, tenant or model: what was admitted in the last 60 seconds, and
    what is under way."""

    __slots__ = (
        "_slots", "concurrency", "held", "in_flight", "lately", "latest", "requests", "requests_before", "rpm", "slot", "tokens",
        "tokens_before", "told", "tpm", "until", "whose",
    )  # fmt: skip

    def __init__(self, limits: Limits, whose: str = "") -> None:
        self.whose = whose
        self.told = "", ""
        """How what is left of requests and of tokens begins to be told; nothing where there is no such limit."""
        self.requests = self.tokens = self.in_flight = 0
        """Those of the window, and what is under way."""
        self.requests_before = self.tokens_before = 0
        """What there was when the slot under way began."""
        self.held = 0
        """Tokens that are kept for answers under way."""
        self.lately = LATEST * USUAL
        """What so many answers as usual take: a mean in whole numbers."""
        self.latest = -1
        """The number of the slot under way: that time has come to last."""
        self.until = 0.0
        """When that slot is over, and `turn` is due."""
        self.slot = Slot(self, self.latest)
        """That slot: what is admitted goes there, and is counted in it when it is over."""
        self._slots: deque[Slot] = deque()
        """Those that count, the oldest first."""
        self.turn_to(limits)

    def turn_to(self, limits: Limits) -> None:
        """From now on these; what was counted stays."""
        self.rpm = COUNTLESS if limits.rpm is None else limits.rpm
        self.tpm = UNLIMITED if limits.tpm is None else limits.tpm
        self.concurrency = COUNTLESS if limits.concurrency is None else limits.concurrency

    def turn(self, now: float) -> None:
        """Time has come to another slot: what is a whole window old is forgotten."""
        number, slots = int(now / SLOT), self._counted()
        while slots and slots[0].number < number - _SLOTS:
            gone = slots.popleft()
            self.requests -= gone.requests
            self.tokens -= gone.tokens
        self.requests_before, self.tokens_before = self.requests, self.tokens
        self.latest, self.until = number, (number + 1) * SLOT
        self.slot = Slot(self, number)
        slots.append(self.slot)

    def _counted(self) -> deque[Slot]:
        """The slots, with what the one under way has come to so far."""
        self.slot.requests = self.requests - self.requests_before
        self.slot.tokens = self.tokens - self.tokens_before
        return self._slots

    def refusal(self, now: float, tokens: int) -> Refused | None:
        """Why a request of so many tokens is not admitted."""
        if self.in_flight >= self.concurrency:
            return Refused("requests at once", self.concurrency, SOON, self.whose)
        if self.requests >= self.rpm:
            excess, waits = self.requests + 1 - self.rpm, WINDOW
            for slot in self._counted():
                excess -= slot.requests
                if excess <= 0:
                    waits = slot.ends - now
                    break
            return Refused("requests a minute", self.rpm, waits, self.whose)
        used = self.tokens
        # A single request larger than the whole limit is let through when nothing else counts, else it never could be.
        if used > 0 and used + tokens > self.tpm:
            excess, waits = min(used, used + tokens - self.tpm), WINDOW
            if excess <= self.held:
                return Refused("tokens a minute", self.tpm, SOON, self.whose, self.held)
            for slot in self._counted():
                excess -= slot.tokens
                if excess <= 0:
                    waits = slot.ends - now
                    break
            return Refused("tokens a minute", self.tpm, waits, self.whose, self.held)
        return None

    def whole_in(self) -> int:
        """Slots, from the beginning of the one under way, until nothing counts any more."""
        if self.requests > self.requests_before:
            return WHOLE
        latest = next((one.number for one in reversed(self._counted()) if one.requests), None)
        return 0 if latest is None else latest - self.latest + WHOLE

    def at_rest(self, now: float) -> bool:
        """Nothing of it counts any more."""
        if now >= self.until:
            self.turn(now)
        return not (self.in_flight or self.requests or self.tokens)


@settable
class Gate(msgspec.Struct, eq=False, gc=False):
    """One request's way through every limit it meets: through all of them or through none, and out again once."""

    meters: Sequence[Meter]
    _booked: list[Slot] | None = None
    """Where, while it is within."""
    _estimate: int = 0
    _answer: int = 0
    _tells: bool = False
    """Whether its answer says what is usual: nobody has bounded it."""

    def enter(self, now: float, tokens: int, answer: int | None = 0) -> Refused | None:
        """With so many tokens of input. `answer`: the most that its answer may take; None where nobody says.
        Where several refuse, the one that has to be waited for longest."""
        meters = self.meters
        if answer is None:
            answer, self._tells = meters[0].lately // LATEST, True
        tokens += answer
        self._estimate, self._answer = tokens, answer
        booked = self._booked = []
        for meter in meters:
            if now >= meter.until:
                meter.turn(now)
            counted = meter.tokens + tokens
            if (
                meter.in_flight >= meter.concurrency
                or meter.requests >= meter.rpm
                or (counted > meter.tpm and counted > tokens)
            ):
                return self._refusal(now, tokens)
            meter.in_flight += 1
            meter.requests += 1
            meter.tokens = counted
            meter.held += answer
            booked.append(meter.slot)
        return None

    def _refusal(self, now: float, tokens: int) -> Refused | None:
        """What those before have counted is taken back."""
        booked, self._booked = self._booked or [], None
        for slot in booked:
            meter = slot.meter
            meter.in_flight -= 1
            meter.requests -= 1
            meter.tokens -= tokens
            meter.held -= self._answer
        refused: Refused | None = None
        for meter in self.meters:
            if now >= meter.until:
                meter.turn(now)
            found = meter.refusal(now, tokens)
            if found is not None and (refused is None or found.retry_after > refused.retry_after):
                refused = found
        return refused

    def leave(self, tokens: int) -> None:
        """It is over and took so many tokens."""
        booked, self._booked = self._booked, None
        if booked is not None:
            more, answer = tokens - self._estimate, self._answer
            if self._tells and tokens:
                first, took = self.meters[0], more + answer
                first.lately += (took if took > 0 else 0) - first.lately // LATEST
            for slot in booked:
                meter = slot.meter
                meter.in_flight -= 1
                meter.held -= answer
                if slot is meter.slot:
                    meter.tokens += more
                elif slot.number >= meter.latest - _SLOTS:
                    meter.tokens += more
                    meter.tokens_before += more
                    slot.tokens += more

    def nearest(self) -> tuple[Meter, Meter]:
        """The limits that have least left, of requests and of tokens."""
        of_requests = of_tokens = self.meters[0]
        requests, tokens = of_requests.rpm - of_requests.requests, of_tokens.tpm - of_tokens.tokens
        for meter in self.meters[1:]:
            left = meter.rpm - meter.requests
            if left < requests:
                of_requests, requests = meter, left
            left = meter.tpm - meter.tokens
            if left < tokens:
                of_tokens, tokens = meter, left
        return of_requests, of_tokens
