"""How long a model that gives no answer is left alone, so that a dead one does not cost its timeout again and again.

After `AFTER` failures in a row it rests, each time twice as long, spread so that many gateways do not come back at once.
When the rest is over one request tries it; the others wait for what comes of that. Pure: time and seed are given.
"""

from __future__ import annotations

AFTER = 3
FIRST = 10.0
LONGEST = 300.0
SPREAD = 0.2
"""A rest is this share longer or shorter."""


class Patience:
    def __init__(self) -> None:
        self.failures = 0
        """In a row."""
        self.until = 0.0
        self.trying = False

    @property
    def resting(self) -> bool:
        return self.failures >= AFTER

    def allows(self, now: float) -> bool:
        return not self.resting or (now >= self.until and not self.trying)

    def begin(self) -> None:
        self.trying = self.resting

    def failed(self, now: float, seed: int) -> float:
        """Seconds it is left alone for; 0 as long as it is not. What was asked before the rest does not make it longer."""
        if self.resting and now < self.until:
            return 0.0
        self.trying = False
        self.failures += 1
        if not self.resting:
            return 0.0
        usual = min(FIRST * 2.0 ** min(self.failures - AFTER, 16), LONGEST)
        rest = min(usual * (1 + SPREAD * (2 * (seed % 1024) / 1023 - 1)), LONGEST)
        self.until = now + rest
        return rest

    def answered(self) -> bool:
        """Whether it had been resting."""
        was = self.resting
        self.failures, self.trying = 0, False
        return was

    def abandoned(self) -> None:
        """The question came to nothing that tells of the model: its asker left."""
        self.trying = False
