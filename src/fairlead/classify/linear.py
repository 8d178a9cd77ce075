"""The trained linear model: rows of weights for hashed words and for structure, summed into scores.

The weights are read once, at first need; `load()` at start-up keeps that off the first request. Eight bits a weight and
one scale a column, on disk as in memory: a request takes some hundred rows from anywhere, and each is one cache line or two.
"""

from __future__ import annotations

from functools import cache
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


class Linear(msgspec.Struct, frozen=True):
    facts: Facts
    steps: NDArray[np.int8]
    """A row a feature."""
    scales: NDArray[np.float32]
    bias: NDArray[np.float32]
    structures: dict[tuple[int, ...], NDArray[np.float32]]
    """Sums for structures seen before; there are few different ones."""


STRUCTURES_KEPT = 4096


def build(facts: Facts, steps: NDArray[np.int8]) -> Linear:
    if facts.heads != HEADS or steps.shape != (ROWS + TRAIT_ROWS, COLUMNS):
        raise ValueError("the weights of the classifier are for other answers; run `fairlead train classifier`")
    spare = (0, WIDTH - COLUMNS)
    scales, bias = (np.pad(np.array(one, np.float32), spare) for one in (facts.scales, facts.bias))
    return Linear(facts, np.pad(steps, ((0, 0), spare)), scales, bias, {})


@cache
def load() -> Linear:
    """The model that ships."""
    return read(FOLDER)


def read(folder: Path) -> Linear:
    facts = msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts)
    return build(facts, np.hstack([np.load(folder / f"{head}.npy") for head, _ in HEADS]))


def scores(model: Linear, piece: Excerpt, found: Words) -> list[float]:
    """One number a column."""
    total = found.values.dot(model.steps.take(found.rows, 0).astype(np.float32))
    total *= model.scales
    total += structure(model, piece.structure)
    said: list[float] = total.tolist()
    return said


def weights(model: Linear, rows: NDArray[np.int64] | list[int]) -> NDArray[np.float32]:
    return model.steps.take(rows, 0) * model.scales


def structure(model: Linear, traits: tuple[int, ...]) -> NDArray[np.float32]:
    known = model.structures.get(traits)
    if known is None:
        known = weights(model, trait_rows(traits)).sum(0) * np.float32(STRUCTURE_VALUE) + model.bias
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
