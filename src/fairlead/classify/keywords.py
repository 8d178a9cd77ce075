"""Words and phrases that rules and tasks ask for, wherever they stand in what the system and the user say.

Whatever the case; as whole words, but in Chinese, Japanese, Korean and Thai, which do not set them apart. Text beyond
`MOST` characters a part, and `ALTOGETHER`, is not searched; the first part and the last ones go before the others.

Each is looked up by that of its words which fewest others have, or by its first two characters where it has none in
ASCII, so that only those are looked for which may be there, however many there are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from operator import add

from fairlead.core.call import Signal

MOST = 65_536
ALTOGETHER = 131_072
READ = ("system", "developer", "user")
BETWEEN = "\n\0\n"
"""No phrase reaches from one part into the next."""
LOOKED_AT = 64
"""Places of a word that are looked at one by one, before they are left to a pattern."""
_LETTERS = bytes(code if 97 <= code <= 122 else 32 for code in range(256))
_DIGITS = bytes(code if 48 <= code <= 57 else 32 for code in range(256))
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER = rf"[^\W\d_{_UNSPACED}]"
_IS_LETTER = re.compile(_LETTER)


class Keywords:
    def __init__(self, words: Iterable[str]) -> None:
        self._spelt: dict[str, list[str]] = {}
        for word in dict.fromkeys(words):
            if word.strip():
                self._spelt.setdefault(word.casefold(), []).append(word)
        common = Counter(run for folded in self._spelt for run in _runs(folded))
        self._by: dict[bytes | str, list[str]] = {}
        for folded in self._spelt:
            rarest = min(_runs(folded), key=lambda run: (common[run], -len(run), run), default=None)
            self._by.setdefault(folded[:2] if rarest is None else rarest, []).append(folded)
        self._runs = frozenset(key for key in self._by if isinstance(key, bytes))
        self._pairs = frozenset(key for key in self._by if isinstance(key, str))

    def find(self, text: str) -> list[str]:
        """As they were spelt where they are asked for."""
        folded = text.casefold()
        keys: list[bytes | str] = []
        if self._runs:
            keys += self._runs & _runs(folded)
        if self._pairs:
            keys += self._pairs & {*map(add, folded, folded[1:]), *folded}
        words = [word for key in keys for word in self._by[key] if _stands(word, folded)]
        return [spelt for word in words for spelt in self._spelt[word]]


def find(keywords: Keywords, texts: Iterable[tuple[str, str]]) -> tuple[Signal, ...]:
    parts = [text[:MOST] for role, text in texts if role in READ]
    if not parts:
        return ()
    found = keywords.find(parts[0] if len(parts) == 1 else BETWEEN.join(_kept(parts)))
    return tuple(Signal("keyword", word, True) for word in sorted(found))


def _kept(parts: list[str]) -> list[str]:
    room = ALTOGETHER - len(parts[0])
    last: list[str] = []
    for part in reversed(parts[1:]):
        room -= len(part) + len(BETWEEN)
        if room < 0:
            break
        last.append(part)
    return [parts[0], *reversed(last)]


def _runs(folded: str) -> set[bytes]:
    """The letters that stand together, and the digits."""
    raw = folded.encode("utf-8", "replace")
    return {*raw.translate(_LETTERS).split(), *raw.translate(_DIGITS).split()}


def _stands(word: str, folded: str) -> bool:
    at = folded.find(word)
    for _ in range(LOOKED_AT):
        if at < 0:
            return False
        end = at + len(word)
        if not (at and _goes_on(folded[at - 1], word[0])) and not (
            end < len(folded) and _goes_on(folded[end], word[-1])
        ):
            return True
        at = folded.find(word, at + 1)
    before, behind = _boundary(word[0]), _boundary(word[-1])
    return re.compile(f"(?<!{before}){re.escape(word)}(?!{behind})").search(folded, max(at, 0)) is not None


def _goes_on(char: str, end: str) -> bool:
    """Whether a word that ends so goes on with this."""
    if end.isdecimal():
        return char.isdecimal()
    return _IS_LETTER.match(end) is not None and _IS_LETTER.match(char) is not None


def _boundary(end: str) -> str:
    return r"\d" if end.isdecimal() else _LETTER if _IS_LETTER.match(end) else r"[^\s\S]"
