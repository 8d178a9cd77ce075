"""Softmax regression for all heads at once: AdaGrad over single samples, with features left out at random.

Leaving features out keeps single words from carrying a label alone, which is what fails on prompts from elsewhere.
Deterministic: the order and what is left out come from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence

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
POWER = 0.25
PATIENCE = 1e-2
KEPT = 0.6
"""Of the features of a sample, each time it is seen."""
SMOOTHING = 0.1
"""Of certainty, spread over all answers: labels are not always right."""
TRUST = {"task": 1.0, "complexity": 0.5, "critical": 0.5, "language": 0.5}
"""How much each head's error counts."""


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


def fit(rows: Sequence[Row], weights: Sequence[tuple[float, ...]], seed: int) -> Model:
    """`weights` says for each row how much each head's error in it counts."""
    rng = np.random.default_rng(seed)
    model = np.zeros((ROWS + TRAIT_ROWS, COLUMNS), np.float32)
    bias = np.zeros(COLUMNS, np.float32)
    seen = np.full(ROWS + TRAIT_ROWS, PATIENCE, np.float32)
    seen_bias = np.float32(1.0)
    for epoch in range(EPOCHS):
        rate = np.float32(RATE * (1 - epoch / EPOCHS))
        for at in rng.permutation(len(rows)):
            each = rows[at]
            keep = rng.random(len(each.features), np.float32) < KEPT
            features, values = each.features[keep], each.values[keep] / np.float32(KEPT)
            taken = model.take(features, 0)
            error = errors(values @ taken + bias, each.answers, weights[at])
            strength = float(error @ error)
            if strength < 1e-9:
                continue
            grown = seen.take(features) + values * values * np.float32(strength)
            seen[features] = grown
            model[features] = taken - (rate * values / grown ** np.float32(POWER))[:, None] * error
            seen_bias += np.float32(strength)
            bias -= rate * np.float32(0.1) * error / np.sqrt(seen_bias)
    return Model(model, bias)


def errors(scores: NDArray[np.float32], given: tuple[int, ...], weights: tuple[float, ...]) -> NDArray[np.float32]:
    """What each column said minus what it should have."""
    found = np.zeros(COLUMNS, np.float32)
    for (head, names), answer, weight in zip(HEADS, given, weights, strict=True):
        if answer >= 0 and weight:
            part = scores[SPANS[head]]
            likely = np.exp(part - part.max())
            likely /= likely.sum()
            likely -= np.float32(SMOOTHING / len(names))
            likely[answer] -= np.float32(1 - SMOOTHING)
            found[SPANS[head]] = likely * np.float32(weight * TRUST[head])
    return found


def scores(model: Model, rows: Sequence[Row]) -> NDArray[np.float32]:
    found = [each.values @ model.weights.take(each.features, 0) + model.bias for each in rows]
    return np.array(found, np.float32).reshape(len(rows), COLUMNS)
