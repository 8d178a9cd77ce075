"""Where the words stand that announce something, and the long words that a key may be, in two passes over a text.

Each word has three letters in a row that few other words have, and a bit. Two tables turn every byte into the bits of
the words that have it as the first and the second of these letters; where two neighbours share one the third is looked
at. The first table has a bit more, for what long words are made of. A short text is rather searched for one after the other:
each step on arrays costs what searching a KB does.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

SHORT = 4_096
LONG_WORD = 16

LETTERS: dict[bytes, tuple[bytes, int]] = {
    b"pass": (b"pas", 0),
    b"pwd": (b"pwd", 1),
    b"unionpay": (b"npa", 1),
    b"secret": (b"ecr", 2),
    b"token": (b"tok", 3),
    b"visa": (b"isa", 3),
    b"iban": (b"iba", 3),
    b"bearer": (b"rer", 4),
    b"key": (b"key", 5),
    b"amex": (b"mex", 5),
    b"card": (b"car", 6),
}
"""Word -> its letters, its bit. Words share a bit where a mixture of their letters is rare."""


_OF_LONG = 1 << 7
_LONG = b"a" * LONG_WORD
_MASK = bytes(
    ord("a") if code < 128 and (chr(code).isalnum() or chr(code) in "_-.") else ord(" ") for code in range(256)
)


def _table(place: int) -> bytes:
    bits = [0] * 256
    for letters, bit in LETTERS.values():
        for letter in (letters[place], letters[place : place + 1].upper()[0]):
            bits[letter] |= 1 << bit
    return bytes(bits)


_FIRST = bytes(bits | (_OF_LONG if kind == ord("a") else 0) for bits, kind in zip(_table(0), _MASK, strict=True))
_SECOND, _THIRD = _table(1), np.frombuffer(_table(2), np.uint8)
_AT = {
    bytes(spelt): (word, word.index(letters))
    for word, (letters, _) in LETTERS.items()
    for spelt in product(*zip(letters, letters.upper(), strict=True))
}
"""In whatever case."""


def looked_up(raw: bytes) -> tuple[dict[bytes, list[int]], list[int]]:
    """Word -> where it begins, in whatever case, for those that stand there; where the long words begin."""
    if len(raw) <= SHORT:
        return _searched(raw.lower()), list(_long(raw.translate(_MASK)))
    bytes_ = np.frombuffer(raw, np.uint8)
    first = np.frombuffer(raw.translate(_FIRST), np.uint8)
    near = first[:-2] & np.frombuffer(raw.translate(_SECOND), np.uint8)[1:-1]
    two = (near != 0).nonzero()[0]
    three = two[(near[two] & _THIRD[bytes_[two + 2]]) != 0]
    found: dict[bytes, list[int]] = {}
    for at in three.tolist():
        meant = _AT.get(raw[at : at + 3])
        if meant is not None:
            word, before = meant
            start = at - before
            if start >= 0 and raw[start : start + len(word)].lower() == word:
                if word in found:
                    found[word].append(start)
                else:
                    found[word] = [start]
    return found, _runs(first & np.uint8(_OF_LONG))


def _runs(kinds: NDArray[np.uint8]) -> list[int]:
    """Where LONG_WORD of a kind begin to stand in a row: two, then four, then eight, then all of them."""
    for step in (1, 2, 4, 8):
        kinds = kinds[step:] & kinds[:-step]
    starts: list[int] = ((kinds[1:] > kinds[:-1]).nonzero()[0] + 1).tolist()
    return [0, *starts] if kinds[0] else starts


def _searched(low: bytes) -> dict[bytes, list[int]]:
    """From the end on, as that is the faster of the two."""
    found: dict[bytes, list[int]] = {}
    for word in LETTERS:
        at = low.rfind(word)
        if at >= 0:
            found[word] = [at]
            while (at := low.rfind(word, 0, at)) >= 0:
                found[word].append(at)
            found[word].reverse()
    return found


def _long(mask: bytes) -> Iterator[int]:
    at = mask.find(_LONG)
    while at >= 0:
        yield at
        end = mask.find(b" ", at)
        if end < 0:
            return
        at = mask.find(_LONG, end)
