"""The moving part of the snapshot: how fast each channel has been lately. Renewed at most once a second, and
only when something moved enough to matter."""

from __future__ import annotations

from fairlead.classify.tokens import TYPICAL_OUTPUT
from fairlead.core.model import Conditions

WEIGHT = 0.1
TELLING_OUTPUT = 64
"""A whole answer of fewer tokens says too little of how long a usual one takes."""
RENEW_SECONDS = 1.0


class Vitals:
    """Measured latencies, and the conditions made of them."""

    def __init__(self) -> None:
        self.conditions = Conditions()
        self._latency: dict[str, float] = {}
        self._moved = False
        self._renewed = 0.0

    def observe(self, channel: str, ms: float) -> None:
        before = self._latency.get(channel)
        self._latency[channel] = ms if before is None else before + WEIGHT * (ms - before)
        self._moved = True

    def at(self, now: float) -> Conditions:
        """The conditions to decide by."""
        if self._moved and now - self._renewed >= RENEW_SECONDS:
            self._renewed = now
            self._moved = False
            rounded = {channel: quantised(ms) for channel, ms in self._latency.items()}
            if rounded != self.conditions.latency_ms:
                self.conditions = Conditions(self.conditions.version + 1, self.conditions.disabled, rounded)
        return self.conditions


def typical_ms(first_ms: int, total_ms: int, output: int, stream: bool) -> float | None:
    """What an answer of typical length would have taken, as far as this one tells; None when it tells nothing."""
    if stream and output > 1 and first_ms >= 0:
        return first_ms + (total_ms - first_ms) * TYPICAL_OUTPUT / output
    return float(total_ms) if output >= TELLING_OUTPUT else None


def quantised(ms: float) -> int:
    """Two significant digits: a difference below that is noise, and every change is a new version to store."""
    whole = round(ms)
    step = 1
    while whole // step >= 100:
        step *= 10
    return whole // step * step
