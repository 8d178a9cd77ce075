"""Requests that are alike and come at the same time: the first asks, the others wait for what it is told.

    the leader keeps an answer     every follower is given it
    it fails, leaves, or keeps nothing    one follower leads; the others wait for that one
    that one too                   nobody waits any longer: each asks for itself

A follower may leave at any time; nobody notices.
"""

from __future__ import annotations

import asyncio

TRIES = 2
"""Leaders that are waited for."""
PATIENCE = 60.0
"""Seconds for which one is waited for: a client that reads slowly holds its own answer up. Half of what a follower has
left is its own, to ask for itself."""

Place = tuple[str, bytes]


class Flights:
    def __init__(self) -> None:
        self._leading: dict[Place, asyncio.Future[None]] = {}

    def __len__(self) -> int:
        return len(self._leading)

    def lead(self, place: Place) -> asyncio.Future[None] | None:
        """None where whoever asks leads from now on, up to `land`; else what to wait for."""
        found = self._leading.get(place)
        if found is None:
            self._leading[place] = asyncio.get_running_loop().create_future()
        return found

    def land(self, place: Place) -> None:
        """The leader is done: whoever waited looks again."""
        self._leading.pop(place).set_result(None)


async def wait(leader: asyncio.Future[None], seconds: float) -> bool:
    """Whether the leader was done within that time."""
    done, _ = await asyncio.wait((leader,), timeout=min(seconds, PATIENCE))
    return bool(done)
