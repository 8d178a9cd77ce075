"""How long the long answers of a model are: a histogram that forgets, and what 99 of 100 stay within."""

from __future__ import annotations

from bisect import bisect_left

EDGES = (
    128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12_288, 16_384, 24_576, 32_768, 49_152, 65_536,
    98_304, 131_072,
)  # fmt: skip
TELLING = 100
"""Answers before anything is told."""
FULL = 2_000
"""Answers after which each counts half."""


class Lengths:
    __slots__ = ("_counts", "_total")

    def __init__(self) -> None:
        self._counts = [0.0] * (len(EDGES) + 1)
        self._total = 0.0

    def add(self, tokens: int) -> None:
        self._counts[bisect_left(EDGES, tokens)] += 1.0
        self._total += 1.0
        if self._total > FULL:
            self._counts = [count / 2 for count in self._counts]
            self._total /= 2

    @property
    def longest(self) -> int | None:
        """Never less than the longest of 99 of 100: the upper edge of where that one lies."""
        if self._total < TELLING:
            return None
        beyond = self._total / 100
        for place in range(len(EDGES), 0, -1):
            beyond -= self._counts[place]
            if beyond < 0:
                return EDGES[min(place, len(EDGES) - 1)]
        return EDGES[0]
