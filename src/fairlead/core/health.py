"""Which channels are not to be asked just now: a circuit breaker for each. Pure: time and randomness come in.

    closed --faults in a row, or Retry-After--> open --its time is over--> half open --answers--> closed
                                                 ^                            |
                                                 +---------- a fault ---------+

Rules that hold whatever happens:
- Only a provider's own faults count. What ends by the caller's fault or leaving is `abandoned` and says nothing.
- Whoever wants to ask a channel takes a claim, and reports on it once; a second report on it changes nothing.
- Half open, one claim at a time is let through: the trial. Its place is free again when it is reported on.
- A claim belongs to the state it was taken in. What became of it says nothing once the circuit has changed since: it
  neither closes what opened meanwhile nor adds to it.
- Every ejection by faults is twice as long as the one before, until the channel was well for long enough.
- Until the time a provider gave with Retry-After it is not asked at all, not even as the last resort.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Literal, final

import msgspec

from fairlead.core.settable import settable

Name = Literal["closed", "open", "half-open"]
NONE: frozenset[str] = frozenset()


class HealthSettings(msgspec.Struct, frozen=True):
    """Times in seconds."""

    failures: int = 3
    """Faults in a row that open a circuit."""
    successes: int = 2
    """Answers in a row that close it."""
    ejection: float = 30.0
    """The first; each further one takes twice as long."""
    longest: float = 600.0
    jitter: float = 0.1
    """The share by which an ejection is made longer or shorter, so that not all end at once."""
    forgotten: float = 300.0
    """How long a channel has to be well, at least, before its next ejection is a first one again."""
    longest_wait: float = 3600.0
    """What a Retry-After is obeyed for at most."""
    probe_every: float = 60.0
    """How long a channel may go unasked before it is probed; 0 for never."""


@dataclass(slots=True, eq=False)
class Circuit:
    """Set with every request, and to what it may belong to: no struct is set so fast (`core.settable`)."""

    channel: str
    asked_at: float
    """When it was asked last; of one that never was, a time from which its first probe is counted."""
    closed: bool = True
    turns: int = 0
    """How often it opened or closed."""
    failures: int = 0
    """Faults in a row."""
    successes: int = 0
    """Answers in a row since it opened."""
    until: float = 0.0
    """When the ejection ends."""
    rests_until: float = 0.0
    """When the provider wants to be asked again, as far as it said."""
    since: float = 0.0
    """When it closed."""
    ejection: float = 0.0
    """The last ejection by faults, before jitter; 0 when there was none."""
    ejections: int = 0
    fault: str = ""
    trial: Claim | None = None


@final
@settable
class Claim(msgspec.Struct):
    """The right to ask a channel once. To be reported on with `failed`, `answered` or `abandoned`."""

    circuit: Circuit
    turn: int
    probe: bool = False
    over: bool = False
    provider: str = ""
    """The channel's, for a claim that a request's attempt has."""
    further: bool = False
    """That attempt is made in place of another."""
    scout: bool = False
    ok: bool | None = None
    """What it said of the channel; None for nothing."""


class Change(msgspec.Struct, frozen=True):
    """A circuit opened or closed."""

    channel: str
    opened: bool
    seconds: float
    """For how long, where it opened."""
    why: str


class Health(msgspec.Struct, frozen=True):
    """What there is to show of a channel."""

    channel: str
    state: Name
    seconds: float
    """Until it may be asked again."""
    failures: int
    ejections: int
    fault: str


class Breakers:
    def __init__(self, settings: HealthSettings, random: Random) -> None:
        self.settings = settings
        self._random = random
        self._circuits: dict[str, Circuit] = {}
        self.opened: dict[str, Circuit] = {}
        """Those that are not closed: usually none, which makes asking for them cheap."""

    def watch(self, channels: Iterable[str], now: float) -> None:
        """These are all there are; what is known of them stays. New ones are probed at first when as long as between
        two probes has passed, and then evenly spread."""
        known, every = self._circuits, self.settings.probe_every
        self._circuits = {
            channel: known.get(channel) or Circuit(channel, now + every * self._random.random()) for channel in channels
        }
        self.opened = {channel: one for channel, one in self._circuits.items() if not one.closed}

    def forget(self, channels: Iterable[str]) -> None:
        """They are others by the same name: what is still under way at those before says nothing of them."""
        for channel in channels:
            circuit = self._circuits.pop(channel, None)
            if circuit is not None:
                circuit.closed = False
                circuit.turns += 1
                self.opened.pop(channel, None)

    def claim(self, channel: str, now: float, anyway: bool = False, probe: bool = False) -> Claim | None:
        """None where the channel is not to be asked. `anyway` is the last resort: it skips the ejection and the trial's
        place, though not what the provider asked for itself."""
        circuit = self._circuits.get(channel)
        if circuit is None:
            circuit = self._circuits[channel] = Circuit(channel, now)
        claim = Claim(circuit, circuit.turns, probe)
        if not circuit.closed:
            if _may_try(circuit, now):
                circuit.trial = claim
            elif not anyway or now < circuit.rests_until:
                return None
        circuit.asked_at = now
        return claim

    def failed(self, claim: Claim, now: float, fault: str, retry_after: float = 0.0) -> Change | None:
        """The provider did not answer as it should."""
        circuit, trial = claim.circuit, claim.circuit.trial is claim
        wait = min(max(retry_after, 0.0), self.settings.longest_wait)
        current = claim.turn == circuit.turns
        if not _report(claim):
            return None
        if current:
            circuit.fault = fault
            circuit.failures += 1
            circuit.successes = 0
        decides = current and (circuit.closed or trial)
        if decides and (circuit.failures >= self.settings.failures or (trial and not wait)):
            return self._open_up(circuit, now, fault, self._ejection(circuit, now), wait)
        if wait and (circuit.closed or decides):
            return self._open_up(circuit, now, fault, wait, wait)
        self._lengthen(circuit, now, wait)
        return None

    def well(self, claim: Claim) -> bool:
        """Whether the channel is well, and known to be: that it answered changes nothing, and is reported with this."""
        circuit = claim.circuit
        if circuit.closed and not circuit.failures and circuit.trial is None:
            claim.over = True
            return True
        return False

    def answered(self, claim: Claim, now: float) -> Change | None:
        circuit = claim.circuit
        if not _report(claim) or claim.turn != circuit.turns:
            return None
        if circuit.closed:
            # A probe asks for little: that it is answered does not tell that requests are.
            circuit.failures = circuit.failures if claim.probe else 0
            return None
        circuit.successes += 1
        if circuit.successes < self.settings.successes or now < circuit.rests_until:
            return None
        circuit.closed = True
        circuit.turns += 1
        circuit.failures = circuit.successes = 0
        circuit.since = circuit.until = now
        self.opened.pop(circuit.channel, None)
        return Change(circuit.channel, False, 0.0, f"{self.settings.successes} answers in a row")

    def abandoned(self, claim: Claim) -> None:
        """It ended without a word on the provider: cancelled, or refused for the caller's own fault."""
        _report(claim)

    def ejected(self, now: float) -> frozenset[str]:
        """Who is not to be asked at this moment."""
        if not self.opened:
            return NONE
        return frozenset(channel for channel, one in self.opened.items() if not _may_try(one, now))

    def resting(self, now: float) -> frozenset[str]:
        """Those of them that asked for it, and are to be left alone even when nobody else is there."""
        if not self.opened:
            return NONE
        return frozenset(channel for channel, one in self.opened.items() if now < one.rests_until)

    def turn(self, channel: str) -> tuple[bool, float]:
        """Its place in the line when everything fails, the least first: who answered last time, then who was asked longest
        ago. So one that is well again is found by as many requests as there are channels, and not left again."""
        circuit = self._circuits.get(channel)
        if circuit is None or not (circuit.failures if circuit.closed else not circuit.successes):
            return (False, 0.0)
        return (True, circuit.asked_at)

    def back_in(self, channels: Iterable[str], now: float) -> float:
        """Seconds until the first of them may be asked: what a client is told who finds none."""
        return min((_left(self.opened[one], now) if one in self.opened else 0.0 for one in channels), default=0.0)

    def due(self, now: float) -> list[str]:
        """Who should be probed: those nobody has asked for a while, and those whose ejection is over."""
        every = self.settings.probe_every
        if not every:
            return []
        return [
            channel
            for channel, one in self._circuits.items()
            if (now >= one.asked_at + every if one.closed else _may_try(one, now))
        ]

    def healths(self, now: float) -> list[Health]:
        return [
            Health(channel, _state(one, now), _left(one, now), one.failures, one.ejections, one.fault)
            for channel, one in self._circuits.items()
        ]

    def _ejection(self, circuit: Circuit, now: float) -> float:
        settings, last = self.settings, circuit.ejection
        if last and circuit.closed and now - circuit.since >= max(settings.forgotten, last):
            last = 0.0
        circuit.ejection = min(last * 2, settings.longest) if last else settings.ejection
        return circuit.ejection * self._random.uniform(1 - settings.jitter, 1 + settings.jitter)

    def _open_up(self, circuit: Circuit, now: float, why: str, seconds: float, rest: float) -> Change:
        circuit.closed = False
        circuit.turns += 1
        circuit.ejections += 1
        circuit.fault = why
        if self._circuits.get(circuit.channel) is circuit:
            self.opened[circuit.channel] = circuit
        circuit.until = max(circuit.until, now + seconds)
        self._lengthen(circuit, now, rest)
        return Change(circuit.channel, True, circuit.until - now, why)

    def _lengthen(self, circuit: Circuit, now: float, rest: float) -> None:
        if rest:
            circuit.rests_until = max(circuit.rests_until, now + rest)
            circuit.until = max(circuit.until, circuit.rests_until)


def _report(claim: Claim) -> bool:
    """Whether this is the first word on a claim. It gives the trial's place free."""
    if claim.over:
        return False
    claim.over = True
    if claim.circuit.trial is claim:
        claim.circuit.trial = None
    return True


def _may_try(circuit: Circuit, now: float) -> bool:
    return not circuit.closed and now >= circuit.until and circuit.trial is None


def _state(circuit: Circuit, now: float) -> Name:
    if circuit.closed:
        return "closed"
    return "half-open" if now >= circuit.until else "open"


def _left(circuit: Circuit, now: float) -> float:
    return 0.0 if circuit.closed else max(0.0, circuit.until - now)
