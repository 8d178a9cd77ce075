"""What the words of a request say: task, complexity, domain, language and latency class, each with its confidence.

One excerpt, one tokenising pass, one sum over the weights; then a few rules that are facts rather than guesses:
pictures and sound make a request multimodal, and its task gives the usual domain and latency class.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from math import exp

import msgspec

from fairlead.classify import language, linear
from fairlead.classify.excerpt import Excerpt, excerpt
from fairlead.classify.features import Words, words
from fairlead.classify.heads import LATIN_LANGUAGES, SPANS
from fairlead.classify.tasks import BY_NAME, COMPLEXITIES, DOMAINS, TABLE, TASKS, Domain
from fairlead.core.call import Shape, Signal

CRITICAL_FROM = 0.5
"""Calibrated probability from which the domain is `critical`, whatever the task."""
USUAL_CLASS = 0.5
"""How surely a task's usual latency class is the caller's."""
KEPT = 2048
"""Excerpts whose reading is remembered: retries, samples of one prompt, loops that ask the same."""
BULK_CHARS = 200_000
"""Nobody waits at a prompt for so much to be read."""
ACTING = frozenset(("agent", "desktop"))
"""What a request with pictures may still be, when tools are declared: looking at a screen is part of it."""
SEEN = 0.95
_OF_DOMAIN: dict[Domain, tuple[int, ...]] = {
    domain: tuple(at for at, task in enumerate(TABLE) if task.domain == domain) for domain in DOMAINS
}
"""Which tasks have it as their usual one."""

_TASK, _COMPLEXITY = SPANS["task"], SPANS["complexity"]
_CRITICAL, _LANGUAGE = SPANS["critical"], SPANS["language"]


class Found(msgspec.Struct, frozen=True):
    """Everything the words said, before it is told as signals."""

    piece: Excerpt
    words: Words
    task: str
    probability: float
    confidence: float
    complexity: str
    complexity_confidence: float
    domain: Domain
    domain_confidence: float
    language: str
    language_confidence: float
    latency_class: str


def read(shape: Shape, texts: Iterable[tuple[str, str]]) -> tuple[Signal, ...]:
    """The signals. The same excerpt says the same: what was read lately is not read again."""
    piece = excerpt(shape, texts)
    return _read(piece, shape if shape.chars > BULK_CHARS else _ordinary(shape))


_ORDINARY = {
    (text, images, audio, tools): Shape(int(text), 0, 0, int(images), int(audio), tools=int(tools))
    for text, images, audio, tools in product((False, True), repeat=4)
}


def _ordinary(shape: Shape) -> Shape:
    """What counts of a shape beside its excerpt, so that like requests are the same."""
    return _ORDINARY[shape.chars > 0, shape.images > 0, shape.audio > 0, shape.tools > 0]


@lru_cache(KEPT)
def _read(piece: Excerpt, shape: Shape) -> tuple[Signal, ...]:
    return signals(shape, said(shape, piece))


def find(shape: Shape, texts: Iterable[tuple[str, str]]) -> Found:
    return said(shape, excerpt(shape, texts))


def said(shape: Shape, piece: Excerpt) -> Found:
    model = linear.load()
    facts = model.facts
    found = words(piece.text)
    scores = linear.scores(model, piece, found)
    task, likely, compared = best(scores[_TASK], facts.temperatures["task"])
    spoken, spoken_confidence = language.of_script(found, piece.text) or latin(facts, scores[_LANGUAGE])
    kind = language.kind(spoken)
    name, confidence = TASKS[task], calibrated(facts, "task", kind, likely)
    if shape.images or shape.audio:
        if not (shape.tools and name in ACTING):
            name, likely, confidence = "multimodal", 1.0, SEEN
    level, level_likely, _ = best(scores[_COMPLEXITY], facts.temperatures["complexity"])
    domain, domain_confidence = domain_of(facts, kind, name, confidence, likely, compared, scores)
    latency = "batch" if shape.chars > BULK_CHARS else BY_NAME[name].latency_class
    level_confidence = calibrated(facts, "complexity", kind, level_likely)
    return Found(
        piece, found, name, likely, confidence, COMPLEXITIES[level], level_confidence,
        domain, domain_confidence, spoken, spoken_confidence, latency,
    )  # fmt: skip


def best(scores: Sequence[float], temperature: float) -> tuple[int, float, list[float]]:
    """The likeliest answer, its probability, and how everyone's compares to it."""
    top = max(scores)
    compared = [exp((score - top) / temperature) for score in scores]
    return scores.index(top), 1.0 / sum(compared), compared


def calibrated(facts: linear.Facts, head: str, kind: str, said: float) -> float:
    """The share that was right when so much was said in this kind of language, read off the curve."""
    points = facts.confidence[head][kind]
    after = bisect_right(points, (said, 2.0))
    if after == 0:
        return points[0][1]
    if after == len(points):
        return points[-1][1]
    (x0, y0), (x1, y1) = points[after - 1], points[after]
    return y0 + (y1 - y0) * (said - x0) / (x1 - x0)


def domain_of(
    facts: linear.Facts,
    kind: str,
    task: str,
    confidence: float,
    likely: float,
    compared: list[float],
    scores: list[float],
) -> tuple[Domain, float]:
    """Where an error does harm: `critical`. Else the task's domain, at least as sure as the task."""
    no, yes = scores[_CRITICAL]
    harm = 1.0 / (1.0 + exp(min(50.0, (no - yes) / facts.temperatures["critical"])))
    if harm >= CRITICAL_FROM:
        return "critical", calibrated(facts, "critical", kind, harm)
    domain = BY_NAME[task].domain
    if task == "multimodal":
        return domain, confidence
    share = likely * sum(map(compared.__getitem__, _OF_DOMAIN[domain]))
    return domain, confidence + (1.0 - confidence) * max(0.0, share - likely)


def latin(facts: linear.Facts, scores: Sequence[float]) -> tuple[str, float]:
    at, likely, _ = best(scores, facts.temperatures["language"])
    spoken = LATIN_LANGUAGES[at]
    return spoken, calibrated(facts, "language", language.kind(spoken), likely)


def signals(shape: Shape, found: Found) -> tuple[Signal, ...]:
    said = [
        Signal("task", found.task, _short(found.probability), _short(found.confidence)),
        Signal("complexity", found.complexity, True, _short(found.complexity_confidence)),
        Signal("domain", found.domain, True, _short(found.domain_confidence)),
        Signal("language", found.language, True, _short(found.language_confidence)),
        Signal("latency_class", found.latency_class, True, USUAL_CLASS),
    ]
    if shape.chars:
        said.append(_TEXT)  # the other modalities are the structure's to tell
    return tuple(said)


_TEXT = Signal("modality", "text", True)


def _short(share: float) -> float:
    """Four decimals; `round` writes the number out to find them."""
    return int(share * 10_000 + 0.5) / 10_000


def explain(shape: Shape, texts: Iterable[tuple[str, str]], head: str = "task", most: int = 8) -> list[linear.Reason]:
    """Which words, pairs and traits spoke for the answer that a head gave, loudest first."""
    found = find(shape, texts)
    answer = {"task": found.task, "complexity": found.complexity, "critical": "yes", "language": found.language}[head]
    return linear.reasons(linear.load(), found.piece, found.words, head, answer, most)
