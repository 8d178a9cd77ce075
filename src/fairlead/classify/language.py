"""The language of a request: its script where that settles it, the linear model's columns among Latin languages."""

from __future__ import annotations

import numpy as np

from fairlead.classify.features import Words
from fairlead.classify.letters import (
    ARABIC,
    CYRILLIC,
    DEVANAGARI,
    GREEK,
    HAN,
    HANGUL,
    HEBREW,
    INDIC,
    KANA,
    KIND,
    KINDS,
    LATIN,
    THAI,
)

SCRIPTS: tuple[tuple[int, str], ...] = (
    (CYRILLIC, "ru"),
    (ARABIC, "ar"),
    (HANGUL, "ko"),
    (DEVANAGARI, "hi"),
    (GREEK, "el"),
    (HEBREW, "he"),
    (THAI, "th"),
    (INDIC, "bn"),
)
TELLING: dict[str, tuple[tuple[str, str], ...]] = {
    "ru": (("uk", "іїєґ"), ("bg", "ъщ")),
    "ar": (("fa", "پچژگ"), ("ur", "ٹڈڑے")),
}
"""Letters that one language of a script has and the usual one has not."""
WEIGHT = {HAN: 3, KANA: 2, HANGUL: 2}
"""A sign that is a syllable or a word says more than a letter."""
KANA_SHARE = 8
"""Japanese has at least one kana in so many Chinese characters."""
UKRAINIAN_SHARE = 40
KINDS_OF_LANGUAGE = ("English", "Chinese", "other")
"""How much was there to learn from: what a probability is worth differs by it."""
_KIND_OF = {"en": "English", "zh": "Chinese"}
SURE = 0.97
FEW = 0.6


def of_script(found: Words, text: str) -> tuple[str, float] | None:
    """The language that the script tells, and how surely; None where it is Latin (or nothing was written)."""
    if text.isascii():
        return None
    kinds = np.bincount(KIND.take(found.units), minlength=KINDS).tolist()
    latin, han, kana = kinds[LATIN], kinds[HAN], kinds[KANA]
    best, most = "", latin
    if han + kana:
        weight = han * WEIGHT[HAN] + kana * WEIGHT[KANA]
        if weight > most:
            best, most = "ja" if kana and kana * KANA_SHARE >= han else "zh", weight
    for kind, language in SCRIPTS:
        if kinds[kind]:
            weight = kinds[kind] * WEIGHT.get(kind, 1)
            if weight > most:
                best, most = language, weight
    if not best:
        return None
    total = latin + most
    return variant(best, text), SURE if most * 3 > total * 2 else FEW + (SURE - FEW) * (most * 2 - total) / total


def kind(language: str) -> str:
    return _KIND_OF.get(language, "other")


def variant(language: str, text: str) -> str:
    for other, letters in TELLING.get(language, ()):
        if sum(text.count(letter) for letter in letters) * UKRAINIAN_SHARE > len(text):
            return other
    return language
