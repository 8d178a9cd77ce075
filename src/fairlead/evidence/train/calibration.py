"""What a probability is worth: a temperature, and by kind of language a rising curve from the probability said to the
share that was right.

Both are fitted on sources that were not learned from, since that is what requests are.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

TEMPERATURES = tuple(float(each) for each in np.round(np.geomspace(0.3, 6.0, 60), 4))
KNOTS = 12
"""Points of the curve, each over as many samples as the others."""
BINS = 10


def softmax(scores: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    scaled = scores.astype(np.float64) / temperature
    likely = np.exp(scaled - scaled.max(1, keepdims=True))
    return np.asarray(likely / likely.sum(1, keepdims=True))


def temperature(scores: NDArray[np.float32], answers: NDArray[np.int64], weights: NDArray[np.float64]) -> float:
    """The one under which the right answers were likeliest."""

    if not len(answers):
        return 1.0

    def surprise(candidate: float) -> float:
        likely = softmax(scores, candidate)[np.arange(len(answers)), answers]
        return float(-(weights * np.log(likely + 1e-9)).sum())

    return min(TEMPERATURES, key=surprise)


def curve(
    said: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[tuple[float, float], ...]:
    """A rising curve through the shares that were right (pool adjacent violators over groups of equal weight)."""
    if not len(said):
        return ((0.0, 0.0), (1.0, 1.0))
    order = np.argsort(said, kind="stable")
    reached = np.cumsum(weights[order])
    blocks: list[list[float]] = []
    for part in range(KNOTS):
        inside = order[(reached > reached[-1] * part / KNOTS) & (reached <= reached[-1] * (part + 1) / KNOTS)]
        if not len(inside):
            continue
        weight = float(weights[inside].sum())
        blocks.append([
            float((said[inside] * weights[inside]).sum()) / weight,
            float((right[inside] * weights[inside]).sum()) / weight, weight,
        ])  # fmt: skip
        while len(blocks) > 1 and blocks[-2][1] >= blocks[-1][1]:
            last, before = blocks.pop(), blocks.pop()
            both = before[2] + last[2]
            blocks.append([(before[at] * before[2] + last[at] * last[2]) / both for at in (0, 1)] + [both])
    return tuple((round(x, 4), round(y, 4)) for x, y, _ in blocks)


class Learned(msgspec.Struct, frozen=True):
    """Scores with their right answers, from which any part can be calibrated on any other."""

    scores: NDArray[np.float32]
    answers: NDArray[np.int64]
    weights: NDArray[np.float64]
    kinds: NDArray[np.object_]
    """The kind of language of each."""

    def temperature(self, among: NDArray[np.bool_]) -> float:
        return temperature(self.scores[among], self.answers[among], self.weights[among])

    def curve(self, among: NDArray[np.bool_], kind: str, warmth: float) -> tuple[tuple[float, float], ...]:
        """Of this kind of language; where there is none among them, of all."""
        alike = among & (self.kinds == kind)
        at = alike if alike.any() else among
        said = softmax(self.scores[at], warmth).max(1)
        return curve(said, self.scores[at].argmax(1) == self.answers[at], self.weights[at])


def read_off(points: tuple[tuple[float, float], ...], said: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.interp(said, [x for x, _ in points], [y for _, y in points])


def error(said: NDArray[np.float64], right: NDArray[np.bool_], weights: NDArray[np.float64]) -> float:
    """Expected calibration error: how far confidence and share right lie apart, over bins of equal width."""
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    gap = 0.0
    for each in range(BINS):
        inside = bins == each
        gap += abs(float((weights[inside] * (said[inside] - right[inside])).sum()))
    return gap / float(weights.sum())
