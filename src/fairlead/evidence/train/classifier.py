"""From labelled prompts to the files that ship: read, learn, ask about unseen sources, calibrate, write.

The same samples and seed give the same bytes again (on the same numpy and processor family).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.classify.heads import HEADS, SPANS
from fairlead.classify.linear import FACTS, Facts
from fairlead.errors import ConfigError
from fairlead.evidence.train import card, phrases, scores, solver, sources
from fairlead.evidence.train.solver import Model

SEED = 20_261
STEPS = 127
CLIPPED = 99.99
"""Percentile of the weights of a column from which they are cut off: one giant would coarsen all the others."""


class Trained(msgspec.Struct, frozen=True):
    facts: Facts
    steps: dict[str, NDArray[np.int8]]
    judged: dict[str, scores.Judged]
    card: str


def train(data: Path, own: Path, say: Callable[[str], None], seed: int = SEED) -> Trained:
    found = sources.read(data, own / "examples")
    found += phrases.examples(own / "phrases", phrases.lent(found), seed)
    found += phrases.small_words(own / "languages.yaml", seed)
    samples = sources.lengthened(found, seed)
    if not any(sample.learnable for sample in samples):
        raise ConfigError([f"no labelled prompts to learn from in {data} or {own}"])
    say(f"{len(samples)} samples")
    rows = [solver.row(sample) for sample in samples]
    model = scores.learn(samples, rows, seed)
    asked = scores.ask(samples, rows, model, seed, say)
    judged = {head: scores.judge(asked, head) for head, _ in HEADS}
    facts, steps = packed(model, judged)
    return Trained(facts, steps, judged, card.written(samples, judged, facts.version))


def packed(model: Model, judged: dict[str, scores.Judged]) -> tuple[Facts, dict[str, NDArray[np.int8]]]:
    """Eight bits a weight."""
    most = np.percentile(np.abs(model.weights[np.abs(model.weights).sum(1) > 0]), CLIPPED, axis=0)
    scales = np.maximum(most, 1e-6).astype(np.float32) / np.float32(STEPS)
    whole = np.clip(np.rint(model.weights / scales), -STEPS, STEPS).astype(np.int8)
    steps = {head: np.ascontiguousarray(whole[:, SPANS[head]]) for head, _ in HEADS}
    facts = Facts(
        version=hashlib.sha256(whole.tobytes() + scales.tobytes()).hexdigest()[:12],
        heads=HEADS,
        scales=tuple(float(each) for each in scales),
        bias=tuple(float(each) for each in model.bias),
        temperatures={head: each.temperature for head, each in judged.items()},
        confidence={head: each.curves for head, each in judged.items()},
    )
    return facts, steps


def write(trained: Trained, folder: Path) -> None:
    """The weights and what belongs to them, and the data card."""
    folder.mkdir(parents=True, exist_ok=True)
    for head, steps in trained.steps.items():
        np.save(folder / f"{head}.npy", steps)
    (folder / FACTS).write_bytes(msgspec.json.format(msgspec.json.encode(trained.facts), indent=1) + b"\n")
    (folder / "README.md").write_text(trained.card, encoding="utf-8")
