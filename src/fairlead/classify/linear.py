"""The trained linear model: rows of weights for hashed words and for structure, summed into odds.

The weights are read once, at first need; `load()` at start-up keeps that off the first request. Eight bits a weight and
one scale a column, on disk as in memory: a request takes some hundred rows from anywhere, and each is one cache line or two.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.classify.excerpt import TRAITS, Excerpt
from fairlead.classify.features import ROWS, Words, spelled
from fairlead.classify.heads import COLUMNS, HEADS, SPANS

FOLDER = Path(__file__).parent / "weights"
FACTS = "model.json"

STRUCTURE_VALUE = 0.5
_FLOAT, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
TRAIT_ROWS = sum(size for _, size in TRAITS)
_TRAIT_STARTS = tuple(ROWS + sum(size for _, size in TRAITS[:at]) for at in range(len(TRAITS)))


def trait_rows(structure: tuple[int, ...]) -> list[int]:
    """The rows of the weights for the values of the traits."""
    return [start + value for start, value in zip(_TRAIT_STARTS, structure, strict=True)]


class Facts(msgspec.Struct, frozen=True):
    """What is stored beside the weights."""

    version: str
    """Hash of the weights."""
    heads: tuple[tuple[str, tuple[str, ...]], ...]
    scales: tuple[float, ...]
    """What an eighth-bit step is worth, by column."""
    bias: tuple[float, ...]
    temperatures: dict[str, float]
    confidence: dict[str, dict[str, tuple[tuple[float, float], ...]]]
    """By head and kind of language: (probability said, share that was right), increasing; between the points, in
    proportion."""


WIDTH = -(-COLUMNS // 8) * 8
"""Of a row in memory: columns without a meaning fill it up, so that rows are copied in whole words."""


class Curve(msgspec.Struct, frozen=True):
    """What a probability that was said is worth: lines, each up to a bound."""

    bounds: tuple[float, ...]
    lines: tuple[tuple[float, float], ...]
    """(at nought, slope), one more than bounds."""

    def read(self, said: float) -> float:
        start, slope = self.lines[bisect_right(self.bounds, said)]
        return start + slope * said


def curve(points: tuple[tuple[float, float], ...]) -> Curve:
    """Level before the first point and after the last."""
    lines = [(points[0][1], 0.0)]
    for (x0, y0), (x1, y1) in pairwise(points):
        slope = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
        lines.append((y0 - slope * x0, slope))
    lines.append((points[-1][1], 0.0))
    return Curve(tuple(x for x, _ in points), tuple(lines))


class Linear(msgspec.Struct, frozen=True):
    facts: Facts
    steps: NDArray[np.int8]
    """A row a feature."""
    scales: NDArray[np.float32]
    bias: NDArray[np.float32]
    temperatures: NDArray[np.float64]
    """By column, its head's."""
    worth: NDArray[np.float64]
    """What an eighth-bit step is worth, by column, over its temperature."""
    curves: dict[str, dict[str, Curve]]
    """By kind of language and head."""
    structures: dict[tuple[int, ...], NDArray[np.float64]]
    """Sums over temperatures for structures seen before; there are few different ones."""


STRUCTURES_KEPT = 4096
_LARGEST = np.array(700.0)
"""What is above has odds too large for a number. As an array it is taken up faster."""


def build(facts: Facts, steps: NDArray[np.int8]) -> Linear:
    if facts.heads != HEADS or steps.shape != (ROWS + TRAIT_ROWS, COLUMNS):
        raise ValueError("the weights of the classifier are for other answers; run `fairlead train classifier`")
    spare = (0, WIDTH - COLUMNS)
    steps = np.pad(steps, ((0, 0), spare))
    scales, bias = (np.pad(np.array(one, np.float32), spare) for one in (facts.scales, facts.bias))
    temperatures = np.ones(WIDTH)
    for head, span in SPANS.items():
        temperatures[span] = facts.temperatures[head]
    kinds = {kind for curves in facts.confidence.values() for kind in curves}
    curves = {kind: {head: curve(one[kind]) for head, one in facts.confidence.items()} for kind in kinds}
    return Linear(facts, steps, scales, bias, temperatures, scales / temperatures, curves, {})


@cache
def load() -> Linear:
    """The model that ships."""
    return read(FOLDER)


def read(folder: Path) -> Linear:
    facts = msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts)
    return build(facts, np.hstack([np.load(folder / f"{head}.npy") for head, _ in HEADS]))


def odds(model: Linear, piece: Excerpt, found: Words) -> list[float]:
    """One number a column: an answer's share of its head's numbers is how likely it is."""
    score = found.values.dot(model.steps.take(found.rows, 0).astype(_FLOAT)).astype(_DOUBLE)
    score *= model.worth
    score += structure(model, piece.structure)
    said: list[float] = np.exp(np.minimum(score, _LARGEST)).tolist()
    return said


def weights(model: Linear, rows: NDArray[np.int64] | list[int]) -> NDArray[np.float32]:
    return model.steps.take(rows, 0) * model.scales


def structure(model: Linear, traits: tuple[int, ...]) -> NDArray[np.float64]:
    known = model.structures.get(traits)
    if known is None:
        total = weights(model, trait_rows(traits)).sum(0) * np.float32(STRUCTURE_VALUE) + model.bias
        known = total / model.temperatures
        if len(model.structures) < STRUCTURES_KEPT:
            model.structures[traits] = known
    return known


class Reason(msgspec.Struct, frozen=True):
    """How much a word, or a trait of the structure, spoke for an answer (against it, if negative)."""

    feature: str
    weight: float


def reasons(model: Linear, piece: Excerpt, found: Words, head: str, answer: str, most: int = 8) -> list[Reason]:
    """What spoke loudest for an answer rather than for the average one."""
    names = dict(HEADS)[head]
    span = SPANS[head]
    share = weights(model, found.rows)[:, span]
    spoke = (share[:, names.index(answer)] - share.mean(1)) * found.values
    heard: dict[str, float] = {}
    for word, weight in zip(spelled(found), spoke.tolist(), strict=True):
        heard[word] = heard.get(word, 0.0) + weight
    rows = trait_rows(piece.structure)
    traits = weights(model, rows)[:, span] * STRUCTURE_VALUE
    for (trait, _), value, each in zip(TRAITS, piece.structure, traits, strict=True):
        heard[f"{trait}: {int(value)}"] = float(each[names.index(answer)] - each.mean())
    loudest = sorted(heard.items(), key=lambda entry: (-abs(entry[1]), entry[0]))[:most]
    return [Reason(feature, round(weight, 3)) for feature, weight in loudest]
