"""What channels read from their prompt caches, told apart by whether the conversation was there before.

    cached   of the input of a request that begins a conversation, or comes from another channel: what beginnings have in
             common, such as a system prompt
    kept     of what the channel is taken to hold since the request before

Later requests count more, and long ones more than short ones.
"""

from __future__ import annotations

from fairlead.core.call import Standing
from fairlead.core.record import Usage

FADING = 0.98
"""What is left of what was seen with each request that comes after it."""
TELLING = 5
"""Requests before their share says anything."""
STEP = 0.05
"""Shares are told in steps of this: each change is a new version of the conditions to store."""


class Share:
    __slots__ = ("_count", "_hit", "_seen")

    def __init__(self) -> None:
        self._count, self._hit, self._seen = 0, 0.0, 0.0

    def add(self, hit: int, of: int) -> None:
        self._count += 1
        self._hit = self._hit * FADING + min(hit, of)
        self._seen = self._seen * FADING + of

    @property
    def told(self) -> float | None:
        if self._count < TELLING or not self._seen:
            return None
        return round(round(self._hit / self._seen / STEP) * STEP, 2)


class Reads:
    def __init__(self) -> None:
        self._cached: dict[str, Share] = {}
        self._kept: dict[str, Share] = {}

    def knows(self, channel: str) -> bool:
        """Whether it was ever seen to read anything."""
        return channel in self._cached

    def add(self, channel: str, usage: Usage, standing: Standing | None) -> None:
        """`standing`: of the conversation, before this answer."""
        if usage.estimated or not usage.input:
            return
        if standing is not None and standing.cached and standing.channel == channel:
            self._kept.setdefault(channel, Share()).add(usage.cached_input, min(standing.cached, usage.input))
        elif usage.cached_input or channel in self._cached:
            self._cached.setdefault(channel, Share()).add(usage.cached_input, usage.input)

    def told(self) -> tuple[dict[str, float], dict[str, float]]:
        """(cached, kept), by channel."""
        cached = {channel: told for channel, share in self._cached.items() if (told := share.told)}
        kept = {channel: told for channel, share in self._kept.items() if (told := share.told) is not None}
        return cached, kept
