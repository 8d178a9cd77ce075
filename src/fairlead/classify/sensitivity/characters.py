"""One spelling for what looks alike: full-width and foreign digits, exotic spaces and dashes, invisible characters.

Text without any of them, which is most, is given back as it is.
"""

from __future__ import annotations

import re

ZEROES = (
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0E50, 0x0ED0,
    0x0F20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6,
)  # fmt: skip
"""Where the digits of other scripts begin, and those of full-width and mathematical type."""
INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufe0e\ufe0f\ufeff"
SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"
DOTS = "\u2024\uff0e\uff61"
WIDE = "\uff0b\uff1d\uff20\uff3f"
"""+ = @ _ in full width. The punctuation of Chinese prose stays as it is."""


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys(map(ord, INVISIBLE))
    for zero in ZEROES:
        table.update({zero + digit: str(digit) for digit in range(10)})
    for chars, plainly in ((SPACES, " "), (DASHES, "-"), (DOTS, ".")):
        table.update({ord(char): plainly for char in chars})
    letters = (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))
    table.update({code: chr(code - 0xFEE0) for code in (*map(ord, WIDE), *letters)})
    return table


_TABLE = _table()
_ODD = re.compile(f"[{''.join(re.escape(chr(code)) for code in sorted(_TABLE) if code < 0x10000)}]")
"""Those of the basic plane only: a class of these is looked up, one with others is walked through."""
_BEYOND = b"\xf0"
"""With which what is beyond the basic plane begins; looking for one byte takes no time."""
_MATHEMATICAL = "\U0001d7ff".encode()[:3]


_ASCII = bytes(range(128))
MANY = 12


def plain(text: str) -> tuple[str, bytes]:
    """The text in plain characters and in UTF-8; linear in its length, and hardly more than a look at most texts."""
    raw = text.encode("utf-8", "replace")
    if len(raw) == len(text):
        return text, raw
    odd = set(_ODD.findall(raw.translate(None, _ASCII).decode("utf-8")))
    mathematical = raw.find(_BEYOND) >= 0 and _MATHEMATICAL in raw
    if not odd and not mathematical:
        return text, raw
    if mathematical or len(odd) > MANY:
        text = text.translate(_TABLE)
    else:
        for char in odd:
            text = text.replace(char, _TABLE[ord(char)] or "")
    return text, text.encode("utf-8", "replace")
