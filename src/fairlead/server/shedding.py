"""Turns requests away before they are read, where more come than can be answered: better a quick no than all too late.

Three things may run short: room (requests under way, open streams included), time (the loop runs late), memory.

- Room: from NEAR of it on, a key that holds more than its equal share gets a 429; without room everybody a 503. So a
  greedy key never takes the last fifth, and the others go on.
- Time and memory: from NEAR of the bound to the bound a growing share is turned away, so that what is let in settles at what
  can be done. Keys that were let in more than their equal share of late go first. A loop that runs late is a mean of what
  was, so there it begins at half of the bound; how many wait for their turn is known as each one comes.

Whoever was let in and has waited is answered. To wait a little is better for him than to be told to return, and for us: a no costs
a sixth of an answer. Who asks again before he was told to waits, too: see `early`.

A share is dealt out evenly, not by chance. What is turned away is counted; a line in the log and in the audit stands at
the beginning and at the end of an episode, however many it turned away.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable
from time import monotonic
from typing import Literal

import msgspec

from fairlead.errors import Overloaded, RateLimited, RequestError
from fairlead.server import memory

log = logging.getLogger("fairlead.server")

NEAR = 0.8
"""Of the room, or of the memory: where it becomes scarce."""
SMOOTH = 0.1
"""Weight of the latest beat in the mean lag: a single stop of the loop turns nobody away."""
NO = 1 / 6
"""What turning one away costs, as a share of letting it in."""
GOING_ON = 1 / 16
"""What a request under way costs from beat to beat, likewise."""
PATIENCE = 4
"""A request may wait for its turn so many times as long as the loop may be late: it holds up nobody who was begun."""
SOON = 0.8
"""Of the wait from which on somebody is turned away: from here on each one that comes is looked at."""
FADE_SECONDS = 1.0
"""How often what keys were let in of late is halved, and memory looked at."""
QUIET_SECONDS = 5.0
"""Without a refusal for so long, an episode is over."""
RETRY_SECONDS = (1, 3, 2, 4)
"""Who is turned away is asked to wait so long, one after another, so that they do not return together."""
ROOM_BYTES = 128 * 1024
"""What a request under way is reckoned to take when the bound follows from memory."""

Shortage = Literal["room", "share", "time", "memory"]
WORDS: dict[Shortage, str] = {
    "room": "As many requests are under way as this server bears",
    "share": "Room is scarce, and this key has more than its share of the requests under way",
    "time": "More requests come than this server has time for",
    "memory": "This server is short of memory",
}
Note = Callable[[str, str], None]
"""(kind, words) of a line in the audit."""


class Share:
    """What one key has of the server."""

    __slots__ = ("due", "held", "recent")

    def __init__(self) -> None:
        self.held = 0
        """Of its requests, how many are under way."""
        self.recent = 0.0
        """How often it was let in of late."""
        self.due = 0.0
        """What is owed of the share to be turned away."""


def refused(what: Shortage, seconds: int) -> RequestError:
    words = f"{WORDS[what]}; try again in {seconds} s."
    if what == "share":
        return RateLimited(words, code="over_share", retry_after=seconds)
    return Overloaded(words, retry_after=seconds)


REFUSALS = {what: tuple(refused(what, seconds) for seconds in RETRY_SECONDS) for what in WORDS}
LATER = dict(zip(REFUSALS["time"], map(float, RETRY_SECONDS), strict=True))
"""Those for want of time alone: for so many seconds who asks again has to wait. Room may be free at any moment, and what waits takes
memory."""


class Bearable(msgspec.Struct, frozen=True):
    """What a server bears."""

    in_flight: int
    lag: float = 0.5
    memory: int | None = None
    """Bytes; None where the system does not tell."""


def bearable(in_flight: int | None, lag: float, share: float, connections: int) -> Bearable:
    """`connections`: what there are files for."""
    most = memory.limit()
    allowed = None if most is None else int(most * share)
    if in_flight is None:
        in_flight = connections if allowed is None else max(1, min(connections, allowed // ROOM_BYTES))
    return Bearable(in_flight, lag, allowed)


def silent(kind: str, words: str) -> None:
    """Where nobody keeps an audit."""


def at_once() -> float:
    """Where nobody waits for a turn."""
    return 0.0


class Shedding:
    def __init__(self, bearable: Bearable, note: Note = silent, now: Callable[[], float] = monotonic) -> None:
        self.bearable = bearable
        self.in_flight = 0
        self.lag = 0.0
        """Seconds, for the work that was let in: a mean of the latest beats."""
        self.full = False
        """Everybody is turned away: it begins at a bound and ends below NEAR of it."""
        self.scarce = False
        """Whether anybody may be turned away: only then is it worth asking as a request comes."""
        self.ahead: Callable[[], float] = at_once
        """Seconds that whoever is let in now waits for a turn."""
        self.refused: Counter[Shortage] = Counter()
        """By what ran short, since the start."""
        self._note = note
        self._now = now
        self._shares: dict[str, Share] = {}
        """Of each key that has something under way, was let in of late or asked."""
        self._holding = 0
        """How many keys have something under way."""
        self._lately = 0
        """How many were let in of late."""
        self._recent_sum = 0.0
        """How often all of them were, up to the latest beat."""
        self._pressure = 0.0
        """The share to be turned away because the loop is late, or for want of memory."""
        self._scarce: Shortage = "time"
        """Which of the two it is."""
        self._came = self._went = 0
        """How many were let in, and turned away, since the latest beat."""
        self._taken = 0.0
        """Of the memory, as a share of the bound."""
        self._looked_at = now()
        self._began = self._last = 0.0
        self._before = 0

    @property
    def bearable(self) -> Bearable:
        return self._bearable

    @bearable.setter
    def bearable(self, bearable: Bearable) -> None:
        self._bearable = bearable
        self._near = math.ceil(NEAR * bearable.in_flight)
        """Requests under way from which on room is scarce."""

    # Every request

    def refusal(self, key: str) -> RequestError | None:
        """Why this key's next request is turned away now; None where it is let in. The same few errors again and again:
        saying no must cost next to nothing."""
        crowded = self.crowded(key)
        if crowded is not None:
            return crowded
        share, what = self._pressure, self._scarce
        waits = self._share_of_wait()
        if waits > share:
            share, what = waits, "time"
        return self._refuse(what) if share > 0 and self._due(key, share) else None

    def crowded(self, key: str) -> RequestError | None:
        """The same for want of room alone: it may be asked again of one that was let in and has not entered."""
        if self.in_flight >= self._near:
            most = self._bearable.in_flight
            if self.in_flight >= most:
                self.full = True
                return self._refuse("room")
            share = self._shares.get(key)
            if share is not None and share.held * self._holding > most:
                return self._refuse("share")
        return None

    def enter(self, key: str) -> None:
        under_way = self.in_flight = self.in_flight + 1
        if under_way >= self._near:
            self.scarce = True
        self._came += 1
        share = self._shares.get(key) or self._first(key)
        if not share.held:
            self._holding += 1
        if not share.recent:
            self._lately += 1
        share.held += 1
        share.recent += 1.0

    def leave(self, key: str) -> None:
        self.in_flight -= 1
        share = self._shares[key]
        share.held -= 1
        if not share.held:
            self._holding -= 1

    def _first(self, key: str) -> Share:
        share = self._shares[key] = Share()
        return share

    @property
    def unheeded(self) -> float:
        """Seconds that whoever is let in may wait for a turn before anybody is turned away for it; none while anybody may be."""
        return 0.0 if self.scarce else SOON * NEAR * PATIENCE * self._bearable.lag

    def _wait(self) -> float:
        """Of the longest that is borne."""
        return self.ahead() / (PATIENCE * self._bearable.lag)

    def _share_of_wait(self) -> float:
        """The share to be turned away because too many wait."""
        return min(1.0, (self._wait() - NEAR) / (1 - NEAR))

    def _due(self, key: str, share: float) -> bool:
        own = self._shares.get(key) or self._first(key)
        if self._lately > 1 and share < 1.0:
            greedy = own.recent * self._lately > self._recent_sum + self._came
            share = min(1.0, 2 * share) if greedy else max(0.0, 2 * share - 1.0)
        due = own.due + share
        own.due = due - 1.0 if due >= 1.0 else due
        return due >= 1.0

    def _refuse(self, what: Shortage) -> RequestError:
        refusals = REFUSALS[what]
        count = self.refused[what] = self.refused[what] + 1
        self._went += 1
        if not self._began:
            self._began = self._last = self._now()
            self._before = self.refused.total() - 1
            self._tell("shedding", f"{WORDS[what]}: {self.state()}")
        return refusals[count % len(refusals)]

    # Every beat

    def beat(self, late: float) -> None:
        """The loop's heartbeat, and by how much it is late."""
        now = self._now()
        # What saying no takes is left out: where it is all that is done, saying it more often would not help.
        work = self._came + GOING_ON * self.in_flight
        own = 1.0
        if self._went:
            self._last, own = now, work / (work + NO * self._went)
        self.lag += SMOOTH * (own * late - self.lag)
        self._recent_sum += self._came
        self._came = self._went = 0
        if now - self._looked_at >= FADE_SECONDS:
            self._look(now)
        late = 2 * self.lag / self.bearable.lag - 1
        short = (self._taken - NEAR) / (1 - NEAR)
        self._scarce = "time" if late >= short else "memory"
        self._pressure = min(1.0, max(0.0, late, short))
        pressure, near = max(self._pressure, self._share_of_wait()), self.in_flight >= self._near
        if pressure >= 1.0:
            self.full = True
        elif self.full and not near and pressure <= 0:
            self.full = False
        self.scarce = self._pressure > 0 or near or self._wait() > SOON * NEAR
        if self._began and now - self._last > QUIET_SECONDS:
            count, seconds = self.refused.total() - self._before, self._last - self._began
            self._began = 0.0
            self._tell("shedding_ended", f"{count:,} requests were turned away in {seconds:.1f} s")

    def _look(self, now: float) -> None:
        """What needs no more than a look a second."""
        self._looked_at = now
        most = self.bearable.memory
        if most is not None:
            self._taken = (memory.taken() or 0) / max(most, 1)
        for key, share in list(self._shares.items()):
            share.recent = share.recent / 2 if share.recent > 1.0 else 0.0
            if not share.recent:
                share.due = 0.0
                if not share.held:
                    del self._shares[key]
        recent = [share.recent for share in self._shares.values() if share.recent]
        self._lately, self._recent_sum = len(recent), sum(recent)

    def state(self) -> str:
        return (
            f"{self.in_flight:,} of {self.bearable.in_flight:,} under way, the loop {1000 * self.lag:.0f} ms late, "
            f"{100 * self._taken:.0f} % of the memory it may take"
        )

    def _tell(self, kind: str, words: str) -> None:
        log.warning("%s: %s", kind.replace("_", " "), words)
        self._note(kind, words)
