"""Words and phrases that rules and tasks ask for, wherever they stand in what the system and the user say.

Whatever the case; in scripts with spaces only as whole words. Text beyond `MOST` characters a part is not searched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fairlead.core.call import Signal

MOST = 65_536
READ = ("system", "developer", "user")


class Keywords:
    def __init__(self, words: Iterable[str]) -> None:
        folded = {word.casefold(): word for word in words}
        self.words = tuple((fold, _bounded(fold), word) for fold, word in folded.items())


def _bounded(word: str) -> re.Pattern[str]:
    """Letters of a script with spaces must not go on before or behind it."""
    before = r"(?<![^\W\d_])" if _spaced(word[:1]) else ""
    behind = r"(?![^\W\d_])" if _spaced(word[-1:]) else ""
    return re.compile(f"{before}{re.escape(word)}{behind}")


def _spaced(char: str) -> bool:
    return char.isalpha() and ord(char) < 0x2E80


def find(keywords: Keywords, texts: Iterable[tuple[str, str]]) -> tuple[Signal, ...]:
    found: dict[str, None] = {}
    for role, text in texts:
        if role in READ:
            folded = text[:MOST].casefold()
            for fold, bounded, word in keywords.words:
                if fold in folded and bounded.search(folded):
                    found[word] = None
    return tuple(Signal("keyword", word, True) for word in found)
