"""In which order equal channels are tried, by the load they bear: one small function a way, one line each in BALANCE.

Orders are pure: the same channels, loads, time and seed give the same order, and `Order.inputs` tells what it came of.
`Loads` is what the process knows of its own traffic. An order and the `began` of the channel it led to belong together:
with other work in between, several requests see the same loads and take the same channel.

Rules that hold in all but `declared`:
- A channel that leaves passes its share on to all the others alike, as does one whose requests are tried elsewhere.
- A node that fails fast must not look idle or quick. A failure makes a channel ten times as costly, which is forgotten
  by and by: so it is asked again once in a while (some 20 s), however much there is to do, and an answer redeems it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import exp, log

import msgspec

FADING = 10.0
"""Seconds in which what is known of an idle channel's slowness, and of failures, fades to a third (1/e)."""
BLAME = 10.0
MOST_BLAME = 10_000.0
LEAST_SHARE = 0.001
"""A quota that is used up leaves this, so that a channel is never quite forgotten."""
ANY_MS = 1000.0
"""What an answer takes where nobody knows."""
LEAST_MS = 0.01
_WORD = 2**64 - 1
_UNIT = 2.0**-53


class Load(msgspec.Struct):
    """What one channel bears, and how it bears it."""

    in_flight: int = 0
    turn: int = 0
    """When it was last asked, counted in requests of all channels."""
    ms: float = 0.0
    """Response time as of `measured`; 0 where there was no answer yet."""
    measured: float = 0.0
    blame: float = 1.0
    """By how much failures made it look costlier, at `blamed`."""
    blamed: float = 0.0
    share: float = 1.0
    """What is left of its quota, until `refilled`."""
    refilled: float = 0.0

    def blame_at(self, now: float) -> float:
        return 1.0 if self.blame <= 1.0 else max(1.0, self.blame * exp(min(0.0, self.blamed - now) / FADING))

    def ms_at(self, now: float, best: float) -> float:
        """An idle channel looks better with time, at last as good as the best: one that was slow is tried again, and
        one request at a time finds out."""
        if self.in_flight or not self.ms:
            return self.ms or best
        return max(best, self.ms * exp(min(0.0, self.measured - now) / FADING))

    def share_at(self, now: float) -> float:
        return 1.0 if now >= self.refilled else max(self.share, LEAST_SHARE)


IDLE = Load()
"""Of a channel that was never asked."""


class Loads:
    """The loads of all channels. Whatever began has to end, once, whatever became of it."""

    def __init__(self) -> None:
        self._loads: dict[str, Load] = {}
        self.turns = 0

    def of(self, channel: str) -> Load:
        """To look at."""
        return self._loads.get(channel) or IDLE

    def _own(self, channel: str) -> Load:
        return self._loads.setdefault(channel, Load())

    def began(self, channel: str) -> None:
        load = self._own(channel)
        self.turns += 1
        load.turn = self.turns
        load.in_flight += 1

    def ended(self, channel: str, now: float, ms: float | None, ok: bool | None) -> None:
        """`ms` is None where the response time tells nothing, `ok` where the end says nothing of the channel."""
        load = self._own(channel)
        load.in_flight = max(0, load.in_flight - 1)
        if ok is None:
            return
        blame = load.blame_at(now)
        load.blame = max(1.0, blame / BLAME) if ok else min(blame * BLAME, MOST_BLAME)
        load.blamed = now
        if ok and ms is not None:
            before = load.ms
            # A worse one counts at once, a better one by and by.
            kept = exp(min(0.0, load.measured - now) / FADING) if ms < before else 0.0
            load.ms = max(before * kept + ms * (1 - kept), LEAST_MS)
            load.measured = now

    def quota(self, channel: str, share: float, until: float) -> None:
        """What is left of a channel's quota, between 0 and 1, until it is full again."""
        load = self._own(channel)
        load.share, load.refilled = share, until

    def keep(self, channels: frozenset[str]) -> None:
        """Forget the others, as far as nothing of theirs is under way."""
        self._loads = {name: load for name, load in self._loads.items() if load.in_flight or name in channels}


class Order(msgspec.Struct, frozen=True):
    channels: tuple[str, ...]
    """The first to be asked first."""
    inputs: tuple[tuple[str, float], ...] = ()
    """Channel and what it was judged by: how many requests ago it was asked, its weight, its cost."""


Balance = Callable[[Sequence[str], Loads, float, int], Order]


def order(way: str, channels: Sequence[str], loads: Loads, now: float, seed: int) -> Order:
    """By a way of BALANCE."""
    return Order(tuple(channels)) if len(channels) < 2 else BALANCE[way](channels, loads, now, seed)


def declared(channels: Sequence[str], loads: Loads, now: float, seed: int) -> Order:
    """As given: the first bears everything as long as it answers."""
    return Order(tuple(channels))


def round_robin(channels: Sequence[str], loads: Loads, now: float, seed: int) -> Order:
    """Who was not asked for longest comes first. Being tried in another's place counts as one's turn."""
    ago = {channel: float(loads.turns - loads.of(channel).turn) for channel in channels}
    return _told(sorted(channels, key=ago.__getitem__, reverse=True), ago)


def least_connections(channels: Sequence[str], loads: Loads, now: float, seed: int) -> Order:
    """Who has the least under way, and failures count as though they still were. Equals are drawn."""
    costs = {}
    for channel in channels:
        load = loads.of(channel)
        costs[channel] = (load.in_flight + 1) * load.blame_at(now)
    places = {channel: (costs[channel], draw) for channel, draw in zip(channels, draws(seed), strict=False)}
    return _told(sorted(channels, key=places.__getitem__), costs)


def weighted(channels: Sequence[str], loads: Loads, now: float, seed: int) -> Order:
    """Drawn by weight: twice the quota left or half the response time is twice the share."""
    best = _best_ms(channels, loads)
    weights = {}
    for channel in channels:
        load = loads.of(channel)
        weights[channel] = load.share_at(now) / (load.ms_at(now, best) * load.blame_at(now))
    # The shortest of exponential waits is each one's with the probability of its weight's share, and so on in turn.
    drawn = zip(weights.items(), draws(seed), strict=False)
    waits = {channel: -log(1 - draw) / weight for (channel, weight), draw in drawn}
    return _told(sorted(channels, key=waits.__getitem__), weights)


def peak_ewma(channels: Sequence[str], loads: Loads, now: float, seed: int) -> Order:
    """Of two drawn the one with the lower cost, response time x requests under way; and so on with those left.
    Choosing of two rather than of all keeps requests from all running to the one that looks best."""
    best = _best_ms(channels, loads)
    costs = {}
    for channel in channels:
        load = loads.of(channel)
        costs[channel] = load.ms_at(now, best) * (load.in_flight + 1) * load.blame_at(now)
    drawing, left, chosen = draws(seed), list(channels), []
    while len(left) > 1:
        one = int(next(drawing) * len(left))
        other = int(next(drawing) * (len(left) - 1))
        other += other >= one
        better = one if costs[left[one]] <= costs[left[other]] else other
        chosen.append(left.pop(better))
    return _told([*chosen, *left], costs)


BALANCE: dict[str, Balance] = {
    "declared": declared,
    "round_robin": round_robin,
    "weighted": weighted,
    "least_connections": least_connections,
    "peak_ewma": peak_ewma,
}


def draws(seed: int) -> Iterator[float]:
    """Numbers from 0 to below 1, without end: Vigna's splitmix64. The standard generator takes longer to be seeded than
    all else here."""
    state = seed
    while True:
        state = (state + 0x9E3779B97F4A7C15) & _WORD
        mixed = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & _WORD
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _WORD
        yield ((mixed ^ mixed >> 31) >> 11) * _UNIT


def _best_ms(channels: Sequence[str], loads: Loads) -> float:
    """The best response time among them, which one without any is taken to have."""
    return min((ms for ms in (loads.of(channel).ms for channel in channels) if ms), default=ANY_MS)


def _told(ordered: Sequence[str], judged: dict[str, float]) -> Order:
    return Order(tuple(ordered), tuple([(channel, judged[channel]) for channel in ordered]))
