"""What kind of character each code unit is, and what it counts as: small letters, one digit, simplified Chinese.

Tables over the 65,536 UTF-16 code units, built from ranges of Unicode blocks rather than from the running Python's
database, so that weights mean the same under every Python. Units of a pair (emoji) are single signs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairlead.classify.traditional import PAIRS

UNITS = 1 << 16

SPACE, LATIN, DIGIT, GREEK, CYRILLIC, ARABIC, HEBREW, DEVANAGARI, INDIC, OTHER_WORD = range(10)
SIGN, HAN, KANA, HANGUL, THAI, OTHER_SINGLE = range(16, 22)
KINDS = 22
SINGLES = 16
"""From here on a character is a token of its own; below it, runs of them are."""

RANGES: tuple[tuple[int, int, int], ...] = (
    (0x0000, 0x0000, SPACE),
    (0x0001, 0x001F, SIGN),
    (0x0020, 0x0020, SPACE),
    (0x0021, 0x007E, SIGN),
    (0x007F, 0x00A0, SPACE),
    (0x00A1, 0x00BF, SIGN),
    (0x00C0, 0x024F, LATIN),
    (0x0250, 0x036F, OTHER_WORD),
    (0x0370, 0x03FF, GREEK),
    (0x0400, 0x052F, CYRILLIC),
    (0x0530, 0x058F, OTHER_WORD),
    (0x0590, 0x05FF, HEBREW),
    (0x0600, 0x077F, ARABIC),
    (0x0780, 0x08FF, OTHER_WORD),
    (0x0900, 0x097F, DEVANAGARI),
    (0x0980, 0x0DFF, INDIC),
    (0x0E00, 0x0EFF, THAI),
    (0x0F00, 0x109F, OTHER_SINGLE),
    (0x10A0, 0x10FF, OTHER_WORD),
    (0x1100, 0x11FF, HANGUL),
    (0x1200, 0x16FF, OTHER_WORD),
    (0x1700, 0x1DFF, OTHER_SINGLE),
    (0x1E00, 0x1EFF, LATIN),
    (0x1F00, 0x1FFF, GREEK),
    (0x2000, 0x200F, SPACE),
    (0x2010, 0x2E7F, SIGN),
    (0x2E80, 0x2FFF, HAN),
    (0x3000, 0x3000, SPACE),
    (0x3001, 0x303F, SIGN),
    (0x3040, 0x30FF, KANA),
    (0x3100, 0x312F, HAN),
    (0x3130, 0x318F, HANGUL),
    (0x3190, 0x33FF, SIGN),
    (0x3400, 0x9FFF, HAN),
    (0xA000, 0xABFF, OTHER_SINGLE),
    (0xAC00, 0xD7FF, HANGUL),
    (0xD800, 0xF8FF, SIGN),
    (0xF900, 0xFAFF, HAN),
    (0xFB00, 0xFB4F, LATIN),
    (0xFB50, 0xFDFF, ARABIC),
    (0xFE00, 0xFE6F, SIGN),
    (0xFE70, 0xFEFE, ARABIC),
    (0xFEFF, 0xFEFF, SPACE),
    (0xFF00, 0xFF65, SIGN),
    (0xFF66, 0xFF9F, KANA),
    (0xFFA0, 0xFFDC, HANGUL),
    (0xFFDD, 0xFFFF, SIGN),
    (0x0009, 0x0009, SPACE),
    (0x000D, 0x000D, SPACE),
    (0x0030, 0x0039, DIGIT),
    (0x0041, 0x005A, LATIN),
    (0x005F, 0x005F, LATIN),
    (0x0061, 0x007A, LATIN),
    (0x00D7, 0x00D7, SIGN),
    (0x00F7, 0x00F7, SIGN),
    (0x0964, 0x0965, SIGN),
    (0x060C, 0x060C, SIGN),
    (0x061B, 0x061B, SIGN),
    (0x061F, 0x061F, SIGN),
)
"""(from, to, kind), later ones over earlier ones."""

CASED = ((0x41, 0x5A), (0xC0, 0x24F), (0x370, 0x52F), (0x1E00, 0x1EFF))
ASIDE = {0x3002: ".", 0x3001: ",", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x061F: "?", 0x060C: ","}


def _kinds() -> NDArray[np.uint8]:
    table = np.full(UNITS, SIGN, np.uint8)
    for start, end, kind in RANGES:
        table[start : end + 1] = kind
    return table


def _folded() -> NDArray[np.uint64]:
    """The code unit that each one counts as."""
    table = np.arange(UNITS, dtype=np.uint64)
    for start, end in CASED:
        for code in range(start, end + 1):
            small = chr(code).lower()
            if len(small) == 1:
                table[code] = ord(small)
    table[0xFF01:0xFF5F] -= np.uint64(0xFEE0)
    table[0xFF21:0xFF3B] += np.uint64(0x20)
    table[ord("0") : ord("9") + 1] = ord("0")
    for code, sign in ASIDE.items():
        table[code] = ord(sign)
    for traditional, simplified in zip(PAIRS[::2], PAIRS[1::2], strict=True):
        table[ord(traditional)] = ord(simplified)
    return table


def mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each number to another of 64 well-mixed bits, the same on every machine and in every process."""
    x = numbers + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


KIND = _kinds()
MIX = mixed(_folded())
STEP = np.where(KIND >= SINGLES, 2, np.where(KIND > SPACE, 1, 0)).astype(np.uint8)
"""0 between tokens, 1 part of a word, 2 a token of its own."""
