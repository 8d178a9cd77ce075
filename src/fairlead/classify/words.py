"""What the words of a request say: task, complexity, domain, language and latency class, each with its confidence.

One excerpt, one tokenising pass, one sum over the weights; then a few rules that are facts rather than guesses:
pictures and sound make a request multimodal, and its task gives the usual domain and latency class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import product
from operator import itemgetter

import msgspec

from fairlead.classify import language, linear
from fairlead.classify.excerpt import Excerpt, excerpt
from fairlead.classify.features import Words, words
from fairlead.classify.heads import LATIN_LANGUAGES, SPANS
from fairlead.classify.linear import Curve
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
_OF_DOMAIN: dict[Domain, itemgetter[tuple[float, ...]]] = {
    domain: itemgetter(*places)
    for domain in DOMAINS
    if len(places := [at for at, task in enumerate(TABLE) if task.domain == domain]) > 1
}
"""What is said of the tasks that have it as their usual one, where these are several."""

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
    found = words(piece.text)
    odds = linear.odds(model, piece, found)
    of_script = language.of_script(found, piece.text)
    spoken, sure = of_script or best(LATIN_LANGUAGES, odds[_LANGUAGE])
    curves = model.curves[language.kind(spoken)]
    if of_script is None:
        sure = curves["language"].read(sure)
    name, likely = best(TASKS, odds[_TASK])
    confidence = curves["task"].read(likely)
    if (shape.images or shape.audio) and not (shape.tools and name in ACTING):
        name, likely, confidence = "multimodal", 1.0, SEEN
    level, level_likely = best(COMPLEXITIES, odds[_COMPLEXITY])
    domain, domain_confidence = domain_of(curves, name, confidence, likely, odds)
    return Found(
        piece, found, name, likely, confidence, level, curves["complexity"].read(level_likely),
        domain, domain_confidence, spoken, sure,
        "batch" if shape.chars > BULK_CHARS else BY_NAME[name].latency_class,
    )  # fmt: skip


def best(answers: Sequence[str], odds: list[float]) -> tuple[str, float]:
    """The likeliest answer, and its probability."""
    top = max(odds)
    return answers[odds.index(top)], top / sum(odds)


def domain_of(
    curves: Mapping[str, Curve], task: str, confidence: float, likely: float, odds: list[float]
) -> tuple[Domain, float]:
    """Where an error does harm: `critical`. Else the task's domain, at least as sure as the task."""
    no, yes = odds[_CRITICAL]
    harm = yes / (no + yes)
    if harm >= CRITICAL_FROM:
        return "critical", curves["critical"].read(harm)
    domain = BY_NAME[task].domain
    if domain not in _OF_DOMAIN:
        return domain, confidence
    tasks = odds[_TASK]
    share = sum(_OF_DOMAIN[domain](tasks)) / sum(tasks)
    return domain, confidence + (1.0 - confidence) * max(0.0, share - likely)


def signals(shape: Shape, found: Found) -> tuple[Signal, ...]:
    said = (
        Signal("task", found.task, _short(found.probability), _short(found.confidence)),
        Signal("complexity", found.complexity, True, _short(found.complexity_confidence)),
        Signal("domain", found.domain, True, _short(found.domain_confidence)),
        Signal("language", found.language, True, _short(found.language_confidence)),
        Signal("latency_class", found.latency_class, True, USUAL_CLASS),
    )
    return (*said, _TEXT) if shape.chars else said  # the other modalities are the structure's to tell


_TEXT = Signal("modality", "text", True)


def _short(share: float) -> float:
    """Four decimals; `round` writes the number out to find them."""
    return int(share * 10_000 + 0.5) / 10_000


def explain(shape: Shape, texts: Iterable[tuple[str, str]], head: str = "task", most: int = 8) -> list[linear.Reason]:
    """Which words, pairs and traits spoke for the answer that a head gave, loudest first."""
    found = find(shape, texts)
    answer = {"task": found.task, "complexity": found.complexity, "critical": "yes", "language": found.language}[head]
    return linear.reasons(linear.load(), found.piece, found.words, head, answer, most)
