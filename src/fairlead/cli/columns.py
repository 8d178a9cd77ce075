"""Texts in columns: how wide a text is on a terminal, where it is broken, and how wide each column may be.

A terminal counts cells: a Chinese character takes two, a combining mark none and stays with what it marks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

WORD = re.compile("( *)([^ ]+)")
LEAST = 4
"""Cells that a column keeps, however narrow the window, if it has a text that long."""
NO_WIDTH = ("Mn", "Me", "Cf")
JOINED_JAMO = range(0x1160, 0x1200)
"""Vowels and finals of Hangul, drawn into the syllable before them."""


def char_width(char: str) -> int:
    if unicodedata.category(char) in NO_WIDTH or ord(char) in JOINED_JAMO:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def width(text: str) -> int:
    return len(text) if text.isascii() else sum(map(char_width, text))


def longest(texts: Iterable[str]) -> int:
    return max(map(width, texts), default=0)


def longest_word(texts: Iterable[str]) -> int:
    return longest(word for text in texts for word in text.split(" "))


def fill(text: str, cells: int, right: bool = False) -> str:
    space = " " * (cells - width(text))
    return space + text if right else text + space


def wrap(text: str, cells: int) -> list[str]:
    """Lines of at most so many cells: broken between words, a longer word wherever it has to be."""
    if width(text) <= cells:
        return [text]
    lines, line = [], ""
    for gap, word in WORD.findall(text):
        if width(line) + len(gap) + width(word) <= cells:
            line += gap + word
            continue
        indent = "" if line or len(gap) >= cells else gap
        *whole, rest = fold(indent + word, cells)
        lines += [line, *whole] if line else whole
        line = rest
    return [*lines, line]


def fold(text: str, cells: int) -> Iterator[str]:
    """Pieces of at most so many cells, but never less than one character with its marks."""
    begun, taken = 0, 0
    for place, char in enumerate(text):
        wide = char_width(char)
        if wide and taken and taken + wide > cells:
            yield text[begun:place]
            begun, taken = place, 0
        taken += wide
    yield text[begun:]


def share(wanted: Sequence[int], least: Sequence[int], cells: int) -> list[int]:
    """The widths of the columns where all may take so many cells: the widest gives way first, down to its least."""
    widths = list(wanted)
    over = sum(widths) - cells
    while over > 0:
        giving = [place for place, wide in enumerate(widths) if wide > least[place]]
        if not giving:
            break
        widest = max(widths[place] for place in giving)
        first = [place for place in giving if widths[place] == widest]
        next_widest = max((widths[place] for place in giving if widths[place] < widest), default=0)
        step = min(widest - next_widest, max(over // len(first), 1), *(widest - least[place] for place in first))
        for place in first[: over // step]:
            widths[place] -= step
        over = sum(widths) - cells
    return widths
