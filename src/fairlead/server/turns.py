"""Whose request is begun next: few in one turn of the loop, in the order they came.

Whoever has been begun goes before whoever has not: between two turns what providers have answered is read and passed on.
Begun all at once, a thousand requests would all wait for the last of them, each with a connection to a provider of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

AT_ONCE = 16
"""Requests begun in one turn. Fewer cost throughput: what is written in one turn goes out together."""
OF_A_STREAM = 4
"""A stream counts as so many, for its reader waits for the first token: it is with whom was begun before, and not behind the
work for others."""
FADING = 0.9
"""What is left, with each beat, of what earlier ones saw of how fast the queue moves."""
UNSEEN = 64 * AT_ONCE
"""Requests that may be asked in at once where nobody waits: more than are begun from one beat to the next, else time would be lost."""
STOPPED = 0.25
"""Most seconds between two beats that count: where the loop was stopped by something else, that tells nothing of the queue."""
STREAM = b'"stream"'
EDGE = 128
"""Bytes at either end of a body where clients say whether they want a stream."""


class Line(Protocol):
    """What is needed of the connection a request came over."""

    share: int
    """How much of a turn its latest answer took; 0 where it had none yet."""

    def go(self) -> None:
        """Its turn has come."""


class Asked(Protocol):
    """What is needed of a request."""

    received: float
    path: str
    body: bytes


def share(asked: Asked) -> int:
    """How much of a turn a request takes, by what it says. Who keeps a connection goes on asking for the same, so this is for its
    first alone. Whoever is misjudged begins a little sooner or later, no more."""
    path, body = asked.path, asked.body
    at = body.find(STREAM, 0, EDGE)
    if at < 0:
        at = body.find(STREAM, -EDGE)
    said = at >= 0 and body[at + len(STREAM) : at + len(STREAM) + 6].lstrip(b": ").startswith(b"true")
    return OF_A_STREAM if said or "stream" in path else 1


class Turns:
    """Of one loop."""

    __slots__ = (
        "_begun",
        "_each",
        "_left",
        "_left_of_late",
        "_looked_at",
        "_loop",
        "_time_of_late",
        "_waiting",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._begun = 0
        """In this turn, by their shares."""
        self._waiting: deque[tuple[Line, Asked]] = deque()
        self._each = 0.0
        """Seconds from one that leaves the queue to the next, of late; 0 while it is not known."""
        self._left = 0
        """How many have left it since the latest beat."""
        self._left_of_late = self._time_of_late = 0.0
        self._looked_at = 0.0

    def begin(self, line: Line, asked: Asked) -> None:
        begun = self._begun
        if not begun:
            self._loop.call_soon(self._next)
        if begun < AT_ONCE and not self._waiting:
            self._begun = begun + (line.share or share(asked))
            line.go()
        else:
            self._waiting.append((line, asked))

    def ahead(self) -> float:
        """Seconds that whoever comes now will wait. Told by how many wait, not by how long the first of them has: that one tells
        what was let in a while ago, and whoever goes by it turns away too many, then too few."""
        return self._each * len(self._waiting)

    def room(self, seconds: float) -> int:
        """How many more there may be so that the last of them waits no longer than so many seconds."""
        return max(0, int(seconds / self._each) - len(self._waiting)) if self._each else UNSEEN

    def beat(self, now: float) -> None:
        """Looks at how fast the queue moves, where it was never empty since the latest beat. Behind an empty one it is measured anew."""
        passed, waiting = now - self._looked_at, self._waiting
        if not waiting:
            self._each = self._left_of_late = self._time_of_late = 0.0
        elif self._left and now - waiting[0][1].received >= passed:
            self._left_of_late = FADING * self._left_of_late + self._left
            self._time_of_late = FADING * self._time_of_late + min(passed, STOPPED)
            self._each = self._time_of_late / self._left_of_late
        self._looked_at, self._left = now, 0

    def _next(self) -> None:
        waiting = self._waiting
        self._begun = 0
        while waiting and self._begun < AT_ONCE:
            line, asked = waiting.popleft()
            self._begun += line.share or share(asked)
            self._left += 1
            line.go()
        if self._begun:
            self._loop.call_soon(self._next)
