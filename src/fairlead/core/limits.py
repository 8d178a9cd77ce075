"""Rate limits of a key, a team, a tenant, a model: requests and tokens a minute, requests at once. Pure: time comes in.

A limit holds in every window of 60 seconds, wherever it begins: no burst at a minute's edge, no second burst while the
first is still in the window. What was admitted is kept in slots of a quarter second and forgotten a window after its
slot has ended, so a key may have to wait that quarter longer, never less.

A request's tokens are held as it comes in: what its input is estimated at, and the most that its answer may take, where that
is said, else what answers took of late. What it really took counts once it is over, in the slot its estimate was booked in: it
leaves the window with it, and moves nothing once that has happened.

Several limits may meet on one request: all of them admit it, or it is counted by none. Every request passes here twice,
so that `enter` and `leave` go through its limits without a call inside, and touch only what is left of each: what came in
the slot under way is what that has become less by since it began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from fairlead.core.policy import Limits

WINDOW = 60.0
SLOT = 0.25
_SLOTS = int(WINDOW / SLOT)
UNLIMITED = 1 << 62
_ANY = UNLIMITED >> 1
"""More than is left of any limit, and less than of none."""
USUAL = 400.0
"""Tokens of an answer, before any was seen."""
LATEST = 0.1
"""Weight of the latest answer in what is usual."""
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
        self.ends = (number + 1 + _SLOTS) * SLOT
        """When it counts no more."""


class Meter:
    """The running state of the limits of one key, team, tenant or model: what was admitted in the last 60 seconds, and
    what is under way."""

    __slots__ = (
        "_slots", "concurrency", "held", "latest", "places_left", "requests_left", "requests_then", "rpm", "slot",
        "tokens_left", "tokens_then", "tpm", "until", "usual", "whose",
    )  # fmt: skip

    def __init__(self, limits: Limits, whose: str = "") -> None:
        self.whose = whose
        self.rpm = self.tpm = self.concurrency = 0
        self.requests_left = self.tokens_left = self.places_left = 0
        """Of each, as of the last request."""
        self.requests_then = self.tokens_then = 0
        """What was left when the slot under way began."""
        self.held = 0
        """Tokens that are kept for answers under way."""
        self.usual = USUAL
        """What an answer took of late."""
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
        rpm, tpm, concurrency = self.rpm, self.tpm, self.concurrency
        self.rpm = UNLIMITED if limits.rpm is None else limits.rpm
        self.tpm = UNLIMITED if limits.tpm is None else limits.tpm
        self.concurrency = UNLIMITED if limits.concurrency is None else limits.concurrency
        self.requests_left += self.rpm - rpm
        self.requests_then += self.rpm - rpm
        self.tokens_left += self.tpm - tpm
        self.tokens_then += self.tpm - tpm
        self.places_left += self.concurrency - concurrency

    @property
    def requests(self) -> int:
        """Those of the window."""
        return self.rpm - self.requests_left

    @property
    def tokens(self) -> int:
        return self.tpm - self.tokens_left

    @property
    def in_flight(self) -> int:
        return self.concurrency - self.places_left

    def turn(self, now: float) -> None:
        """Time has come to another slot: what is a whole window old is forgotten."""
        number, slots = int(now / SLOT), self._counted()
        while slots and slots[0].number < number - _SLOTS:
            gone = slots.popleft()
            self.requests_left += gone.requests
            self.tokens_left += gone.tokens
        self.requests_then, self.tokens_then = self.requests_left, self.tokens_left
        self.latest, self.until = number, (number + 1) * SLOT
        self.slot = Slot(self, number)
        slots.append(self.slot)

    def _counted(self) -> deque[Slot]:
        """The slots, with what the one under way has come to so far."""
        self.slot.requests = self.requests_then - self.requests_left
        self.slot.tokens = self.tokens_then - self.tokens_left
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

    def whole_in(self, now: float) -> float:
        """Seconds until nothing counts any more."""
        if self.requests_left < self.requests_then:
            return self.slot.ends - now
        latest = next((one for one in reversed(self._counted()) if one.requests), None)
        return 0.0 if latest is None else max(latest.ends - now, 0.0)

    def at_rest(self, now: float) -> bool:
        """Nothing of it counts any more."""
        if now >= self.until:
            self.turn(now)
        return not (self.in_flight or self.requests or self.tokens)


Quota = tuple[int, int, float]
"""(a limit, what is left of it, seconds until it is whole again if nothing more comes)"""


class Gate:
    """One request's way through every limit it meets: through all of them or through none, and out again once."""

    __slots__ = ("_answer", "_estimate", "_slots", "meters")
    _answer: int
    _estimate: int

    def __init__(self, meters: Sequence[Meter]) -> None:
        self.meters = meters
        self._slots: list[Slot] | None = None
        """Where it is booked, while it is within."""

    def enter(self, now: float, tokens: int, answer: int | None = 0) -> Refused | None:
        """With so many tokens of input. `answer`: the most that its answer may take; None where nobody says.
        Where several refuse, the one that has to be waited for longest."""
        meters = self.meters
        if answer is None:
            answer = int(meters[0].usual)
        tokens += answer
        for meter in meters:
            if now >= meter.until:
                meter.turn(now)
            if (
                meter.places_left <= 0
                or meter.requests_left <= 0
                or (meter.tokens_left < tokens and meter.tokens_left < meter.tpm)
            ):
                return self._refusal(now, tokens)
        booked = []
        for meter in meters:
            meter.places_left -= 1
            meter.requests_left -= 1
            meter.tokens_left -= tokens
            meter.held += answer
            booked.append(meter.slot)
        self._slots, self._estimate, self._answer = booked, tokens, answer
        return None

    def _refusal(self, now: float, tokens: int) -> Refused | None:
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
        booked, self._slots = self._slots, None
        if booked is not None:
            more, answer = tokens - self._estimate, self._answer
            if answer and tokens:
                first, took = self.meters[0], more + answer
                first.usual += LATEST * ((took if took > 0 else 0) - first.usual)
            for slot in booked:
                meter = slot.meter
                meter.places_left += 1
                meter.held -= answer
                if slot is meter.slot:
                    meter.tokens_left -= more
                elif slot.number >= meter.latest - _SLOTS:
                    meter.tokens_left -= more
                    meter.tokens_then -= more
                    slot.tokens += more

    def quotas(self, now: float) -> tuple[Quota | None, Quota | None]:
        """Of requests and of tokens, each of the limit that has least left; as of when it came in."""
        meters = self.meters
        of_requests = of_tokens = meters[0]
        if len(meters) > 1:
            for meter in meters[1:]:
                if meter.requests_left < of_requests.requests_left:
                    of_requests = meter
                if meter.tokens_left < of_tokens.tokens_left:
                    of_tokens = meter
        requests = tokens = None
        left = of_requests.requests_left
        # The slot under way counts longest; mostly that is where it came.
        resets = of_requests.slot.ends - now if left < of_requests.requests_then else of_requests.whole_in(now)
        if left < _ANY:
            requests = of_requests.rpm, left if left > 0 else 0, resets
        left = of_tokens.tokens_left
        if left < _ANY:
            if of_tokens is not of_requests:
                resets = of_tokens.whole_in(now)
            tokens = of_tokens.tpm, left if left > 0 else 0, resets
        return requests, tokens
