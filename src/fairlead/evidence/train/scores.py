"""How good the classifier is on sources it did not learn from: each source in turn is left out, and asked.

Sources that are only measured on are asked of the model that learned from all the others. Big sources are thinned
(by template, and by task) before anything is counted, so that none of them decides the figures.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.classify import language
from fairlead.classify.excerpt import excerpt
from fairlead.classify.features import words
from fairlead.classify.heads import COLUMNS, HEADS, LATIN_LANGUAGES, SPANS
from fairlead.evidence.train import calibration, solver
from fairlead.evidence.train.solver import Model, Row
from fairlead.evidence.train.sources import OWN, Sample

BALANCE = 0.9
LEARNED_PER_PART, LEARNED_PER_TASK = 80, 700
ASKED_PER_PART, ASKED_PER_TASK = 15, 120


NOT_ASKED = (f"{OWN}/languages", f"{OWN}/phrases-others")
"""They hold few phrases a task and language: without a part of them a language has little to be learned from."""

TRANSLATED = {"belle_zh_seed": "self_instruct_seed"}
TONGUE = re.compile(r"(?<=[/_])(en|zh)(?=_|$)")
PHRASES = re.compile(r"(phrases)-.*(?=\.\d)")


class Asked(msgspec.Struct, frozen=True):
    """Samples with the scores of a model that had not learned from their source."""

    samples: tuple[Sample, ...]
    scores: NDArray[np.float32]


def thinned(samples: Iterable[Sample], per_part: int, per_task: int) -> list[int]:
    """Places of the samples to keep; within a part they come evenly from all of it."""
    listed = list(samples)
    sizes = Counter(sample.part for sample in listed)
    seen: Counter[str] = Counter()
    tasks: Counter[tuple[str, str | None]] = Counter()
    found = []
    for at, sample in enumerate(listed):
        nth, size = seen[sample.part], sizes[sample.part]
        seen[sample.part] += 1
        if size > per_part and nth * per_part // size == (nth - 1) * per_part // size:
            continue
        if tasks[sample.source, sample.task] >= per_task and sample.task is not None:
            continue
        tasks[sample.source, sample.task] += 1
        found.append(at)
    return found


def weights(samples: Sequence[Sample]) -> list[tuple[float, ...]]:
    """By head: rarer answers and smaller sources count more, by the root of how many there are."""
    found = []
    for head, _ in HEADS:
        labels = [solver.answers(sample)[[name for name, _ in HEADS].index(head)] for sample in samples]
        of_label = Counter(labels)
        of_both = Counter((sample.source, label) for sample, label in zip(samples, labels, strict=True))
        raw = [
            0.0 if label < 0 else of_label[label] ** -BALANCE * of_both[sample.source, label] ** -0.3
            for sample, label in zip(samples, labels, strict=True)
        ]
        mean = sum(raw) / max(1, sum(each > 0 for each in raw)) or 1.0
        found.append([min(6.0, max(0.05, each / mean)) if each else 0.0 for each in raw])
    return list(zip(*found, strict=True))


def learn(samples: Sequence[Sample], rows: Sequence[Row], seed: int) -> Model:
    """From what may be learned from, thinned."""
    allowed = [at for at, sample in enumerate(samples) if sample.learnable]
    kept = [allowed[at] for at in thinned((samples[at] for at in allowed), LEARNED_PER_PART, LEARNED_PER_TASK)]
    return solver.fit([rows[at] for at in kept], weights([samples[at] for at in kept]), seed)


def family(source: str) -> str:
    """What is held out together: a source and its translation, and the same third of all files of phrases."""
    return PHRASES.sub(r"\1", TONGUE.sub("", TRANSLATED.get(source, source)))


def ask(samples: Sequence[Sample], rows: Sequence[Row], full: Model, seed: int, say: Callable[[str], None]) -> Asked:
    """Every source, of a model that has not seen it."""
    kept: list[Sample] = []
    scores: list[NDArray[np.float32]] = []
    families: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        families[family(sample.source)].add(sample.source)
    for _, sources in sorted(families.items()):
        model, asked = full, sorted(source for source in sources if not source.startswith(NOT_ASKED))
        if asked and any(sample.learnable for sample in samples if sample.source in sources):
            rest = [at for at, sample in enumerate(samples) if sources.isdisjoint((sample.source, sample.borrowed))]
            model = learn([samples[at] for at in rest], [rows[at] for at in rest], seed)
        for source in asked:
            inside = [at for at, sample in enumerate(samples) if sample.source == source]
            chosen = [inside[at] for at in thinned((samples[at] for at in inside), ASKED_PER_PART, ASKED_PER_TASK)]
            kept += (samples[at] for at in chosen)
            scores.append(solver.scores(model, [rows[at] for at in chosen]))
            say(f"asked about {source}: {len(chosen)} of {len(inside)}")
    return Asked(tuple(kept), np.concatenate(scores) if scores else np.zeros((0, COLUMNS), np.float32))


class Score(msgspec.Struct, frozen=True):
    samples: int
    accuracy: float
    macro_f1: float
    calibration_error: float


def macro_f1(given: Sequence[int], said: Sequence[int]) -> float:
    """The mean over the labels that occur of harmonic means of precision and recall."""
    found = []
    for label in sorted(set(given)):
        hit = sum(g == s == label for g, s in zip(given, said, strict=True))
        wrong = sum((g == label) != (s == label) for g, s in zip(given, said, strict=True))
        found.append(2 * hit / (2 * hit + wrong))
    return sum(found) / len(found) if found else 0.0


class Judged(msgspec.Struct, frozen=True):
    """One head's answers to everything that was asked and has a label."""

    samples: tuple[Sample, ...]
    given: NDArray[np.int64]
    said: NDArray[np.int64]
    confidence: NDArray[np.float64]
    """Calibrated on what was not held out together with it."""
    temperature: float
    curves: dict[str, tuple[tuple[float, float], ...]]
    """By kind of language; calibration on all of them: what ships."""

    def score(self, keep: Callable[[Sample], bool] = lambda _: True) -> Score:
        at = [place for place, sample in enumerate(self.samples) if keep(sample)]
        given, said = self.given[at], self.said[at]
        right = given == said
        gap = calibration.error(self.confidence[at], right, np.ones(len(at))) if at else 0.0
        share = float(right.mean()) if at else 0.0
        return Score(len(at), round(share, 4), round(macro_f1(given.tolist(), said.tolist()), 4), round(gap, 4))

    def confusions(self, most: int) -> list[tuple[int, int, int]]:
        wrong = Counter(
            (int(g), int(s)) for g, s in zip(self.given, self.said, strict=True) if g != s
        )  # fmt: skip
        return [(g, s, count) for (g, s), count in wrong.most_common(most)]


def judge(asked: Asked, head: str) -> Judged:
    """To calibration, whatever is held out together counts as one in each kind of language, be it large or small: a
    request is from one more."""
    at = [name for name, _ in HEADS].index(head)
    places = [place for place, sample in enumerate(asked.samples) if solver.answers(sample)[at] >= 0]
    samples = tuple(asked.samples[place] for place in places)
    given = np.array([solver.answers(sample)[at] for sample in samples], np.int64)
    scores = asked.scores[places][:, SPANS[head]]
    said = scores.argmax(1)
    families = [family(sample.source) for sample in samples]
    group = [(name, language.kind(sample.language)) for name, sample in zip(families, samples, strict=True)]
    sizes = Counter(group)
    weight = np.array([1 / sizes[each] for each in group])
    kinds = [language.kind(heard(asked.samples[place], asked.scores[place])) for place in places]
    learned = calibration.Learned(scores, given, weight, np.array(kinds, object))
    together: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, (name, kind) in enumerate(zip(families, kinds, strict=True)):
        together[name][kind].append(place)
    confidence = np.zeros(len(samples))
    for name, by_kind in together.items():
        others = np.array([each != name for each in families]) if len(together) > 1 else np.ones(len(samples), bool)
        warmth = learned.temperature(others)
        for kind, inside in by_kind.items():
            likely = calibration.softmax(scores[inside], warmth).max(1)
            confidence[inside] = calibration.read_off(learned.curve(others, kind, warmth), likely)
    everything = np.ones(len(samples), bool)
    warmth = learned.temperature(everything)
    curves = {kind: learned.curve(everything, kind, warmth) for kind in language.KINDS_OF_LANGUAGE}
    return Judged(samples, given, said, confidence, warmth, curves)


def heard(sample: Sample, scores: NDArray[np.float32]) -> str:
    """The language that the sample would be taken for: it may not be the one it is in."""
    text = excerpt(sample.shape, sample.texts).text
    told = language.of_script(words(text), text)
    return told[0] if told else LATIN_LANGUAGES[int(scores[SPANS["language"]].argmax())]


def external(sample: Sample) -> bool:
    return not sample.source.startswith(OWN)


def phrases(sample: Sample) -> bool:
    return sample.source.startswith(f"{OWN}/phrases-")


def examples(sample: Sample) -> bool:
    return not external(sample) and not phrases(sample)
