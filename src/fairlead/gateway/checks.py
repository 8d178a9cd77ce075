"""How often the answers of cascades were kept, counted while running. What was long ago counts less and less, so that a model
which is passed over for having failed is tried again.
"""

from __future__ import annotations

HALF_LIFE = 6 * 3600.0
"""Seconds in which a count halves."""
LEAST = 0.25
"""A count below this says nothing any more."""

Told = tuple[float, float, float, int]
"""Kept, good enough for the next in line, all, and what a check cost."""


class Checks:
    def __init__(self) -> None:
        self._counts: dict[str, tuple[float, float, float, float]] = {}
        """The same, with what all checks cost."""
        self._counted_at = 0.0

    def add(self, name: str, kept: bool, near: bool, cost: int) -> None:
        before = self._counts.get(name, (0.0, 0.0, 0.0, 0.0))
        self._counts[name] = before[0] + kept, before[1] + near, before[2] + 1, before[3] + cost

    def told(self, now: float) -> dict[str, Told]:
        """In steps, so that not every answer is a new version of all that is known."""
        self._forget(now)
        return {name: _stepped(counts) for name, counts in self._counts.items()}

    def _forget(self, now: float) -> None:
        before, self._counted_at = self._counted_at, now
        if before and now > before:
            kept = 0.5 ** ((now - before) / HALF_LIFE)
            faded = {name: tuple(count * kept for count in counts) for name, counts in self._counts.items()}
            self._counts = {
                name: (counts[0], counts[1], counts[2], counts[3])
                for name, counts in faded.items()
                if counts[2] >= LEAST
            }


def _stepped(counts: tuple[float, float, float, float]) -> Told:
    """Shares in hundredths, the number of checks to two digits."""
    kept, near, every, cost = counts
    size = float(f"{every:.2g}")
    return round(kept / every, 2) * size, round(near / every, 2) * size, size, round(cost / every)
