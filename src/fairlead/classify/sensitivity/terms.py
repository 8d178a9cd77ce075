"""Terms of the operator's own, thousands of them, found in time that does not depend on how many there are.

A term in ASCII is looked up by its longest word among the words of the text; any other by its first two characters,
at the places where a character that begins a term is followed by one that may. What the look-up leaves is compared in
full: letters in any case, any run of spaces for a space, and no letter of an alphabet right before or after. Chinese,
Japanese, Korean and Thai have no such boundary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fairlead.classify.sensitivity.page import Page

LONGEST = 200
_WORDS = re.compile(r"[a-z0-9]+")
_SPLIT = bytes(
    code + 32 if 65 <= code <= 90 else code if 48 <= code <= 57 or 97 <= code <= 122 else 32 for code in range(256)
)
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that do not set their words apart."""
_LETTER = rf"[^\W_{_UNSPACED}]"
_IS_LETTER = re.compile(_LETTER)


class Terms:
    def __init__(self, terms: Iterable[str]) -> None:
        self._by_word: dict[bytes, list[str]] = {}
        self._by_pair: dict[str, list[str]] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        for term in dict.fromkeys(" ".join(one.split()) for one in terms):
            self._add(term)
        self._words = frozenset(self._by_word)
        self._pairs = _pairs(self._by_pair)
        self._foreign = not any(pair.isascii() for pair in self._by_pair)

    def _add(self, term: str) -> None:
        if not term or len(term) > LONGEST:
            raise ValueError(f"a term has 1 to {LONGEST} characters, found {len(term)}")
        folded = term.casefold()
        words = _WORDS.findall(folded) if folded.isascii() else []
        if words:
            self._by_word.setdefault(max(words, key=len).encode(), []).append(term)
        else:
            self._by_pair.setdefault(folded[:2], []).append(term)

    def find(self, page: Page, found: dict[str, float]) -> None:
        """Adds `term:<term>` for every term of the page."""
        candidates: list[str] = []
        if self._words:
            for word in self._words.intersection(page.raw.translate(_SPLIT).split()):
                candidates += self._by_word[word]
        text = ""
        if self._pairs is not None and not (self._foreign and page.text.isascii()):
            text = page.text.casefold()
            for pair in {match[0] for match in self._pairs.finditer(text)}:
                candidates += self._by_pair.get(pair, [])
                if len(pair) > 1:
                    candidates += self._by_pair.get(pair[:1], [])
        for term in candidates:
            name = f"term:{term}"
            if name not in found:
                text = text or page.text.casefold()
                if self._pattern(term).search(text):
                    found[name] = 1.0

    def _pattern(self, term: str) -> re.Pattern[str]:
        pattern = self._patterns.get(term)
        if pattern is None:
            folded = term.casefold()
            body = r"\s{1,8}".join(map(re.escape, folded.split(" ")))
            before = rf"(?<!{_LETTER})" if _IS_LETTER.match(folded[0]) else ""
            after = rf"(?!{_LETTER})" if _IS_LETTER.match(folded[-1]) else ""
            pattern = self._patterns[term] = re.compile(f"{before}{body}{after}")
        return pattern


def _pairs(terms: Iterable[str]) -> re.Pattern[str] | None:
    """Every place where a term may begin: one class of first characters, one of second ones."""
    starts = sorted(set(terms))
    if not starts:
        return None
    single = "".join(re.escape(start) for start in starts if len(start) == 1)
    first = "".join(sorted({re.escape(start[0]) for start in starts if len(start) > 1}))
    second = "".join(sorted({re.escape(start[1]) for start in starts if len(start) > 1}))
    told = [rf"[{first}](?=[{second}])."] if first else []
    return re.compile("|".join([*told, *([f"[{single}]"] if single else [])]), re.DOTALL)
