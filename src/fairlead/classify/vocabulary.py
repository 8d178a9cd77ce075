"""Which of thousands of words stand in a text: all of its words at once, not one after the other.

Of each word the first eight letters are taken as a number, and looked up in a table of places; the few that pass are
looked up as they are. What of a text is a word is said by a table that turns every byte into a small letter, a digit or a
space. Pairs of characters, of scripts that do not set their words apart, are found likewise.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SHORT = 1_024
"""Of a text no longer than this the words are rather split: the many steps cost more than the few words."""
_WIDTH = 8
_ROOM, _MOST = 6, 18
"""The table has at least 2**_ROOM places for each number, and at most 2**_MOST in all, which stay in a core's cache."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_KEPT = np.array([(1 << 8 * length) - 1 for length in range(_WIDTH + 1)], np.uint64)
_SPACE = 32
_FIRST_FOREIGN = 128


class Numbers:
    """A set of numbers that lets few others pass: whether the place is taken that a number is scattered to."""

    def __init__(self, numbers: list[int]) -> None:
        bits = min(len(numbers).bit_length() + _ROOM, _MOST)
        self._shift = np.uint64(64 - bits)
        self._taken = np.zeros(1 << bits, np.bool_)
        self._taken[self._places(np.array(numbers, np.uint64))] = True

    def may_hold(self, numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
        return self._taken[self._places(numbers)]

    def _places(self, numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
        return (numbers * _MIX >> self._shift).view(np.int64)


class Vocabulary:
    def __init__(self, words: Iterable[bytes], table: bytes) -> None:
        self._words = frozenset(words)
        self._table = table
        self._heads = Numbers([int.from_bytes(word[:_WIDTH], "little") for word in self._words])

    def within(self, raw: bytes) -> frozenset[bytes]:
        said = raw.translate(self._table)
        if len(said) <= SHORT:
            return self._words.intersection(said.split())
        padded = b" %b%b" % (said, b" " * _WIDTH)
        inside = np.frombuffer(padded, np.uint8) != _SPACE
        starts = (inside[1:] > inside[:-1]).nonzero()[0]
        ends = (inside[1:] < inside[:-1]).nonzero()[0]
        heads: NDArray[np.uint64] = np.ndarray(len(said), "<u8", padded, 1, (1,))[starts]
        heads &= _KEPT[np.minimum(ends - starts, _WIDTH)]
        may_be = self._heads.may_hold(heads).nonzero()[0]
        ranges = zip(starts[may_be].tolist(), ends[may_be].tolist(), strict=True)
        return self._words.intersection([said[start:end] for start, end in ranges])


class Pairs:
    """Of two characters each, neither of them in ASCII nor beyond the basic plane."""

    def __init__(self, pairs: Iterable[str]) -> None:
        self._pairs = frozenset(pairs)
        self._codes = Numbers([ord(pair[0]) << 16 | ord(pair[1]) for pair in self._pairs])

    def within(self, text: str) -> frozenset[str]:
        codes = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.dtype("<u2"))
        foreign = codes >= _FIRST_FOREIGN
        at = (foreign[1:] & foreign[:-1]).nonzero()[0]
        both = codes[at].astype(np.uint64) << np.uint64(16) | codes[at + 1]
        told = both[self._codes.may_hold(both)].tolist()
        return self._pairs.intersection([f"{chr(code >> 16)}{chr(code & 0xFFFF)}" for code in told])
