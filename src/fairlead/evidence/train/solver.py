"""Softmax regression for all heads at once: AdaGrad over single samples, with features left out at random.

Leaving features out keeps single words from carrying a label alone, which is what fails on prompts from elsewhere.
Deterministic: the order and what is left out come from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.classify.excerpt import excerpt
from fairlead.classify.features import ROWS, words
from fairlead.classify.heads import COLUMNS, HEADS, SPANS
from fairlead.classify.linear import STRUCTURE_VALUE, TRAIT_ROWS, trait_rows
from fairlead.evidence.train.sources import Sample

EPOCHS = 8
RATE = 1.0
PATIENCE = 1e-2
MODELS = 2
"""Learned in different orders, with other features left out, and averaged: what one of them has by chance goes away."""
KEPT = 0.6
"""Of the features of a sample, each time it is seen."""
SMOOTHING = 0.1
"""Of certainty, spread over all answers: labels are not always right."""
TRUST = {"task": 1.0, "complexity": 0.2, "critical": 0.5, "language": 0.5}
"""How much each head's error counts. Of complexity examples tell little that holds elsewhere: if it counts more, they are
learned by heart."""
STARTS = np.array([span.start for span in SPANS.values()])
SIZES = np.array([len(names) for _, names in HEADS])


class Row(msgspec.Struct, frozen=True):
    """A sample as numbers."""

    features: NDArray[np.int64]
    values: NDArray[np.float32]
    answers: tuple[int, ...]
    """One a head; -1 where there is no label."""


class Model(msgspec.Struct, frozen=True):
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


def row(sample: Sample) -> Row:
    piece = excerpt(sample.shape, sample.texts)
    found = words(piece.text)
    features, places = np.unique(found.rows, return_inverse=True)
    structure = np.array(trait_rows(piece.structure), np.int64)
    values = np.concatenate((np.bincount(places, found.values), np.full(len(structure), STRUCTURE_VALUE)))
    return Row(np.concatenate((features, structure)), values.astype(np.float32), answers(sample))


def answers(sample: Sample) -> tuple[int, ...]:
    critical = None if sample.critical is None else "yes" if sample.critical else "no"
    given = {"task": sample.task, "complexity": sample.complexity, "critical": critical, "language": sample.language}
    return tuple(names.index(given[head]) if given[head] in names else -1 for head, names in HEADS)


def targets(
    rows: Sequence[Row], weights: Sequence[tuple[float, ...]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """By row and column: what should be said, and how much an error counts (nothing, where there is no label)."""
    wanted, counts = np.zeros((2, len(rows), COLUMNS), np.float32)
    for at, (row, weight) in enumerate(zip(rows, weights, strict=True)):
        for (head, names), answer, share in zip(HEADS, row.answers, weight, strict=True):
            if answer >= 0:
                span = SPANS[head]
                wanted[at, span] = SMOOTHING / len(names)
                wanted[at, span.start + answer] += 1 - SMOOTHING
                counts[at, span] = share * TRUST[head]
    return wanted, counts


def fit(rows: Sequence[Row], weights: Sequence[tuple[float, ...]], seed: int) -> Model:
    """`weights` says for each row how much each head's error in it counts."""
    wanted, counts = targets(rows, weights)
    return mean([descended(rows, wanted, counts, seed + each) for each in range(MODELS)])


def mean(models: Sequence[Model]) -> Model:
    share = np.float32(1 / len(models))
    weights, bias = models[0].weights * share, models[0].bias * share
    for other in models[1:]:
        weights += other.weights * share
        bias += other.bias * share
    return Model(weights, bias)


def descended(rows: Sequence[Row], wanted: NDArray[np.float32], counts: NDArray[np.float32], seed: int) -> Model:
    """One model, from one order of the samples; the features to leave out are drawn for a whole epoch at once."""
    rng = np.random.default_rng(seed)
    model = np.zeros((ROWS + TRAIT_ROWS, COLUMNS), np.float32)
    bias = np.zeros(COLUMNS, np.float32)
    seen = np.full(ROWS + TRAIT_ROWS, PATIENCE, np.float32)
    seen_bias = 1.0
    whole = np.concatenate([np.zeros(0, np.int64), *(each.features for each in rows)])
    values: NDArray[np.float32] = np.concatenate([np.zeros(0, np.float32), *(each.values for each in rows)])
    values /= np.float32(KEPT)
    ends = np.cumsum([len(each.features) for each in rows], dtype=np.int64)
    for epoch in range(EPOCHS):
        rate = np.float32(RATE * (1 - epoch / EPOCHS))
        keep = rng.random(len(whole), np.float32) < KEPT
        features, left = whole[keep], values[keep]
        stops = np.concatenate((np.zeros(1, np.int64), keep.cumsum()[ends - 1])).tolist()
        for at in rng.permutation(len(rows)).tolist():
            places, value = features[stops[at] : stops[at + 1]], left[stops[at] : stops[at + 1]]
            taken = model.take(places, 0)
            error = (shares(value @ taken + bias) - wanted[at]) * counts[at]
            strength = float(error @ error)
            if strength < 1e-9:
                continue
            grown = seen.take(places) + value * value * np.float32(strength)
            seen[places] = grown
            taken -= (rate * value / np.sqrt(np.sqrt(grown)))[:, None] * error
            model[places] = taken
            seen_bias += strength
            bias -= error * np.float32(rate * 0.1 / sqrt(seen_bias))
    return Model(model, bias)


def shares(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each head's answers, in one go."""
    likely = np.exp(scores)
    likely /= np.add.reduceat(likely, STARTS).repeat(SIZES)
    return likely


def scores(model: Model, rows: Sequence[Row]) -> NDArray[np.float32]:
    found = [each.values @ model.weights.take(each.features, 0) + model.bias for each in rows]
    return np.array(found, np.float32).reshape(len(rows), COLUMNS)
