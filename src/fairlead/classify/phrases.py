"""Many words and phrases, found at once in time that is linear in the text and does not depend on how many they are.

Whatever the case, with any run of spaces for a space, and as whole words: no letter right before or after a letter, no
digit beside a digit. Chinese, Japanese, Korean and Thai do not set their words apart and have no such boundary.

Each phrase has a key: the one of its words in ASCII that fewest phrases have, or else two of its characters. What
keys a text holds is found for all its words at once; most texts hold none. Where a key stands, what may be a phrase
around it is cut out and looked up, once for each place and length that a phrase with that key has: none is compared
with the text by itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from fairlead.classify.vocabulary import Pairs, Vocabulary

FEW = 8
"""So many keys are searched for one by one; where there are more, the words of the text are gone through once."""
_LETTERS = bytes(code if 97 <= code <= 122 else code + 32 if 65 <= code <= 90 else 32 for code in range(256))
_DIGITS = bytes(code if 48 <= code <= 57 else 32 for code in range(256))
_BOTH = bytes(max(pair) for pair in zip(_LETTERS, _DIGITS, strict=True))
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that do not set their words apart."""
_NO_CASE = re.compile(f"[{_UNSPACED}]+")
_FOLDED = (b"\xc3\x9f", b"\xc4\xb0", b"\xc5\x89", b"\xc5\xbf", b"\xc7\xb0", b"\xe1\xba", b"\xe2\x84\xaa", b"\xef\xac")
"""How in UTF-8 all begins that is not ASCII and becomes it where case is left aside."""
_LETTER = re.compile(rf"[^\W\d_{_UNSPACED}]")
_DIGIT = re.compile(r"\d")


class Place(NamedTuple):
    """Where a phrase begins before its key, and how long it is."""

    before: int
    length: int


class Phrases:
    """`numbered`: whether a digit beside a letter makes them one word, so that "phoenix" is not in "phoenix2"."""

    def __init__(self, phrases: Iterable[str], *, numbered: bool) -> None:
        self._spelt: dict[str, list[str]] = {}
        for phrase in dict.fromkeys(phrases):
            folded = " ".join(phrase.casefold().split())
            if folded:
                self._spelt.setdefault(folded, []).append(phrase)
        self._numbered = numbered
        tables = (_BOTH,) if numbered else (_LETTERS, _DIGITS)
        self._word = re.compile("[a-z0-9]+" if numbered else "[a-z]+|[0-9]+")
        self._spaced: set[str] = set()
        """Keys of phrases of more than one word: only for these it matters how many spaces stand between words."""
        places = self._keyed()
        self._words = {key: told for key, told in places.items() if self._word.match(key)}
        raw = [key.encode() for key in self._words]
        self._vocabularies = [Vocabulary(raw, table) for table in tables] if raw else []
        self._pairs = {key: told for key, told in places.items() if key not in self._words}
        self._starts = _starts(self._pairs)
        self._foreign = not any(pair.isascii() for pair in self._pairs)
        self._caseless = all(map(_NO_CASE.fullmatch, self._pairs))
        paired = self._caseless and all(len(pair) == 2 and max(pair) <= "\uffff" for pair in self._pairs)
        self._paired = Pairs(self._pairs) if paired else None

    def find(self, text: str, raw: bytes | None = None) -> list[str]:
        """As they were spelt where they are asked for, each once. `raw` is the text in UTF-8, where that is at hand."""
        words, pairs = self._words_in(text, raw), self._pairs_in(text)
        if not words and not pairs:
            return []
        folded = text.casefold()
        if not (self._spaced.isdisjoint(words) and self._spaced.isdisjoint(pairs)):
            folded = " ".join(folded.split())
        found: dict[str, None] = {}
        for at, (before, length) in chain(self._around(words, folded), self._beside(pairs, folded)):
            start, end = at - before, at - before + length
            if start < 0 or end > len(folded) or (phrase := folded[start:end]) not in self._spelt or phrase in found:
                continue
            if self._alone(folded, start, end):
                found[phrase] = None
        return [spelt for phrase in found for spelt in self._spelt[phrase]]

    def _keyed(self) -> dict[str, tuple[Place, ...]]:
        keys = {folded: self._keys(folded) for folded in self._spelt}
        common = Counter(key for told in keys.values() for key in told)
        places: dict[str, dict[Place, None]] = {}
        for folded, told in keys.items():
            key = min(told, key=lambda one: (common[one], -len(one), told[one]))
            places.setdefault(key, {})[Place(told[key], len(folded))] = None
            if " " in folded:
                self._spaced.add(key)
        return {key: tuple(told) for key, told in places.items()}

    def _keys(self, folded: str) -> dict[str, int]:
        """Its words, or its pairs of characters, or its characters, whichever it has first -> where each stands."""
        for told in (
            ((found[0], found.start()) for found in self._word.finditer(folded)),
            ((folded[at : at + 2], at) for at in range(len(folded) - 1) if " " not in folded[at : at + 2]),
            ((char, at) for at, char in enumerate(folded) if char != " "),
        ):
            if keys := dict(told):
                return keys
        raise AssertionError(folded)

    def _words_in(self, text: str, raw: bytes | None) -> set[str]:
        if not self._vocabularies:
            return set()
        if raw is None:
            raw = text.encode("utf-8", "replace")
        if len(raw) > len(text) and any(raw.find(sign[0]) >= 0 and raw.rfind(sign) >= 0 for sign in _FOLDED):
            raw = text.casefold().encode("utf-8", "replace")
        return {key.decode() for vocabulary in self._vocabularies for key in vocabulary.within(raw)}

    def _pairs_in(self, text: str) -> set[str]:
        if self._starts is None or (self._foreign and text.isascii()):
            return set()
        if self._paired is not None:
            return set(self._paired.within(text))
        folded = text if self._caseless else text.casefold()
        at_all = {folded[found.start() : found.start() + 2] for found in self._starts.finditer(folded)}
        return self._pairs.keys() & (at_all | {pair[0] for pair in at_all})

    def _around(self, words: set[str], folded: str) -> Iterator[tuple[int, Place]]:
        if len(words) > FEW:
            for found in self._word.finditer(folded):
                if found[0] in words:
                    for place in self._words[found[0]]:
                        yield found.start(), place
            return
        for word in words:
            yield from ((at, place) for at in _each(word, folded) for place in self._words[word])

    def _beside(self, pairs: set[str], folded: str) -> Iterator[tuple[int, Place]]:
        if not pairs or self._starts is None:
            return
        for found in self._starts.finditer(folded):
            at = found.start()
            for key in {folded[at], folded[at : at + 2]} & pairs:
                for place in self._pairs[key]:
                    yield at, place

    def _alone(self, folded: str, start: int, end: int) -> bool:
        return (start == 0 or not self._goes_on(folded[start], folded[start - 1])) and (
            end == len(folded) or not self._goes_on(folded[end - 1], folded[end])
        )

    def _goes_on(self, ends: str, char: str) -> bool:
        """Whether a word that ends so goes on with this."""
        kind = self._kind(ends)
        return kind > 0 and kind == self._kind(char)

    def _kind(self, char: str) -> int:
        if _LETTER.match(char):
            return 1
        return 0 if _DIGIT.match(char) is None else 1 if self._numbered else 2


def _each(word: str, folded: str) -> Iterator[int]:
    at = folded.find(word)
    while at >= 0:
        yield at
        at = folded.find(word, at + 1)


def _starts(pairs: Iterable[str]) -> re.Pattern[str] | None:
    """Every place where a key of two characters or one may stand: one class of first characters, one of second ones."""
    keys = sorted(pairs)
    if not keys:
        return None
    single, first, second = (
        "".join(sorted({re.escape(char) for char in chars}))
        for chars in (
            [key for key in keys if len(key) == 1],
            [key[0] for key in keys if len(key) > 1],
            [key[1] for key in keys if len(key) > 1],
        )
    )
    told = [f"[{first}](?=[{second}])"] if first else []
    return re.compile("|".join([*told, *([f"[{single}]"] if single else [])]), re.DOTALL)
