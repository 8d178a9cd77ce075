"""What a text means as a vector, without a model: a hashed lexical vector of its words, pairs of words and letters.

Two texts are alike as far as they are made of the same words. That is not what they mean: a negation or another name
changes little, and synonyms share nothing. Whoever hands out anything by it has to look closer (`cache/verifier`), or says
that it is a lexical search.

Lengths are one, so that a product is the cosine of the angle. Never Python's `hash()`: vectors are kept over restarts. What
changes them changes SPACE.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from zlib import crc32

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]

SPACE = "hashed/1"
DIMENSIONS = 1024
MOST_READ = 4_000
"""Characters: of a longer text the first and last are read."""
_WORDS = re.compile(r"[a-z0-9]+(?:['’][a-z]+)?|[^\W\x00-\x7f]+")
_SPACED = re.compile(r"[a-z0-9]")
_COMMON_ENGLISH = """
    a an the is are was were be been am do does did to of in on at for with by from and or as it its this that these those
    i you he she we they me my your our their his her can could would should will shall may might please so if then than
    there here what which who how when where why"""
_COMMON_CHINESE = "的了是在我你他她它们吗呢吧啊和与就都也很请把被对从到有个这那什么"
_COMMON = frozenset((*_COMMON_ENGLISH.split(), *_COMMON_CHINESE))
_OF_COMMON = 0.25
"""What a word is worth that every text has."""
_OF_PAIR, _OF_LETTERS = 0.5, 0.25


def vector(text: str) -> Vector:
    """All zeros where there is no word in it."""
    found = np.zeros(DIMENSIONS, dtype=np.float32)
    for feature, worth in _features(text).items():
        place = crc32(feature.encode("utf-8", "surrogatepass"))
        found[place % DIMENSIONS] += worth if place & 0x80000000 else -worth
    length = math.sqrt(float(found @ found))
    if length:
        found /= length
    return found


def _features(text: str) -> dict[str, float]:
    """Each with what it is worth: less than proportional to how often it is there."""
    counts: Counter[str] = Counter()
    worth: dict[str, float] = {}
    before = ""
    for word in _words(text):
        usual = _OF_COMMON if word in _COMMON else 1.0
        _count(counts, worth, word, usual)
        if before:
            _count(counts, worth, f"{before} {word}", _OF_PAIR * (usual if usual < 1 else 1.0))
        before = word
        if len(word) > 4 and word.isascii():
            marked = f"^{word}$"
            for at in range(len(marked) - 3):
                _count(counts, worth, f"#{marked[at : at + 4]}", _OF_LETTERS)
    return {feature: worth[feature] * (1 + math.log(count)) for feature, count in counts.items()}


def _count(counts: Counter[str], worth: dict[str, float], feature: str, value: float) -> None:
    counts[feature] += 1
    worth[feature] = value


def _words(text: str) -> list[str]:
    """In lower case; scripts that put no spaces between words are read character by character, their pairs as words."""
    if len(text) > MOST_READ:
        text = f"{text[: MOST_READ // 2]}\n{text[-MOST_READ // 2 :]}"
    found: list[str] = []
    for match in _WORDS.finditer(unicodedata.normalize("NFKC", text).lower()):
        word = match.group()
        found += [word] if _SPACED.match(word) or _spaced(word) else list(word)
    return found


def _spaced(word: str) -> bool:
    """Cyrillic, Greek, accented Latin...: everything below the scripts of East Asia, but for Thai and its neighbours."""
    first = ord(word[0])
    return first < 0x2E80 and not 0x0E00 <= first <= 0x109F
