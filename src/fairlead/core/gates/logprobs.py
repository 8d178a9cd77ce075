"""How sure the model was of its own tokens, where the provider tells it: the mean, and how close the second choice came.

The table gives what share of answers as sure as this one were right; between its points, in proportion. It says nothing
of answers shorter than a few tokens.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from fairlead.core.gates.verdict import FIT, Asked, Given, Verdict

FEWEST: Final = 3
MEANS: Final = ((-3.0, 0.1), (-2.0, 0.25), (-1.2, 0.5), (-0.8, 0.7), (-0.5, 0.82), (-0.3, 0.9), (-0.12, FIT))
"""(mean logprob, confidence)."""
CLOSE: Final = 0.3
"""A margin below this is a coin that was tossed."""
TOSSED: Final = 0.35
"""The share of such tokens from which the answer counts as guessed."""


def logprobs(asked: Asked, given: Given) -> Verdict | None:
    told = given.logprobs
    if len(told) < FEWEST:
        return None
    mean = sum(told) / len(told)
    sure = between(MEANS, mean)
    close = sum(margin < CLOSE for margin in given.margins) / len(given.margins) if given.margins else 0.0
    if close > TOSSED:
        sure = min(sure, 0.5)
    if sure >= FIT:
        return None
    words = f"the mean log probability of its tokens is {mean:.2f}"
    if close > TOSSED:
        words += f", and {close:.0%} of them were nearly others"
    return Verdict("logprobs", round(sure, 4), words)


def between(points: tuple[tuple[float, float], ...], at: float) -> float:
    """The value at a place of a curve that is given by points in rising order."""
    if at <= points[0][0]:
        return points[0][1]
    for (left, low), (right, high) in pairwise(points):
        if at <= right:
            return low + (high - low) * (at - left) / (right - left)
    return points[-1][1]
