"""How far answers to the same question agree: by what they call, by their last number or word where they are short, by their
words where they are long.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from fairlead.core.gates.logprobs import between
from fairlead.core.gates.schemas import read
from fairlead.core.gates.verdict import Given

SHORT: Final = 160
MOST: Final = 20_000
ALIKE: Final = 0.75
AGREE: Final = ((0.0, 0.1), (0.25, 0.3), (0.5, 0.65), (0.75, 0.85), (1.0, 0.97))
"""(agreement, confidence)."""
_WORD: Final = re.compile(r"[^\W_]+", re.UNICODE)
_SIGN: Final = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]")
_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_FINAL: Final = re.compile(
    r"(?:answer|result|total|答案|结果)\D{0,40}?(-?\d[\d,]*(?:\.\d+)?)(?!.*(?:answer|result|答案|结果)\D{0,40}?\d)",
    re.IGNORECASE | re.DOTALL,
)


def agreement(first: Given, others: Sequence[Given]) -> float:
    """From 0 to 1: the mean over the others."""
    return math.fsum(_alike(first, other) for other in others) / len(others)


def confidence(agreed: float) -> float:
    return round(between(AGREE, agreed), 4)


def _alike(a: Given, b: Given) -> float:
    if a.calls or b.calls:
        return (
            1.0
            if [_called(one.name, one.arguments) for one in a.calls]
            == [_called(one.name, one.arguments) for one in b.calls]
            else 0.0
        )
    one, other = a.text[-MOST:].strip(), b.text[-MOST:].strip()
    results = _result(one), _result(other)
    if results[0] and results[1]:
        return 1.0 if results[0] == results[1] else 0.0
    words, others = _counted(one), _counted(other)
    shared = _cosine(words, others)
    if max(len(one), len(other)) <= SHORT:
        return 1.0 if words == others or (shared >= ALIKE and _numbers(one) == _numbers(other)) else shared * 0.5
    return min(shared / ALIKE, 1.0)


def _called(name: str, arguments: str) -> tuple[str, object]:
    try:
        return name, read(arguments or "{}")
    except ValueError:
        return name, arguments


def _result(text: str) -> str:
    """The number an answer comes to; empty where it comes to none."""
    found = _FINAL.search(text[-600:])
    if found is not None:
        return found[1].replace(",", "")
    told = _NUMBER.findall(text) if len(text) <= SHORT else []
    return told[0].replace(",", "") if len(told) == 1 else ""


def _numbers(text: str) -> list[str]:
    return sorted(_NUMBER.findall(text))


def _counted(text: str) -> Counter[str]:
    lowered = text.lower()
    signs = _SIGN.findall(lowered)
    pairs = [a + b for a, b in pairwise(signs)]
    return Counter((*_WORD.findall(_SIGN.sub(" ", lowered)), *signs, *pairs))


def _cosine(a: Counter[str], b: Counter[str]) -> float:
    if not a or not b:
        return 1.0 if a == b else 0.0
    dot = sum(times * b[word] for word, times in a.items())
    return dot / math.sqrt(sum(times * times for times in a.values()) * sum(times * times for times in b.values()))
