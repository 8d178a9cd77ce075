"""The words of an excerpt as rows of the weights: hashed tokens, pairs, triples, stems, endings, in one pass of numpy.

A token is a run of letters and digits, or one sign, Chinese, Japanese, Korean or Thai character; letters count as
small, digits as one digit. Token hashes are polynomial and read off one running sum, so nothing loops over tokens.
Wrapping 64-bit integers only: the rows are the same in every process and on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.classify.excerpt import HEAD, LONGEST
from fairlead.classify.letters import MIX, STEP

ROW_BITS = 16
ROWS = 1 << ROW_BITS
EDGE = 16
"""So many tokens at either end of what is asked count in full: there people say what they want."""
REST = 0.4
"""What the others count, which are mostly what it is about."""
PAIR, TRIPLE = 0.65, 0.35
"""What pairs and triples count beside single tokens: they are rarer, and the next one says it in other words."""
STEM = 5
"""Longer words are also known by their first letters: "summarise", "summary" and "summarization" share a stem."""
ENDING = 3
"""And words longer by two than this by their last letters, which tell languages and forms apart."""
LENGTHS_KEPT = 1024
"""Excerpts end within a few dozen tokens of each other, and begin with the same system prompt: their values are alike."""

_BASE = 0x9E3779B97F4A7C55
_INVERSE = pow(_BASE, -1, 1 << 64)
_SPAN = LONGEST * 2 + 2
"""Code units of the longest excerpt, if all of it were pairs."""
_SPREAD = 0xFF51AFD7ED558CCD
"""Each hash is multiplied by this in the end; as all steps are linear, its parts are instead."""
# Arrays of one number each, which are taken up faster than numbers are; and types as numpy keeps them.
_PAIR = np.array(0xC2B2AE3D27D4EB4F, np.uint64)
_TRIPLE = np.array(0x165667B19E3779F9, np.uint64)
_STEM = np.array(0x27D4EB2F165667C5 * _SPREAD % (1 << 64), np.uint64)
_ENDING = np.array(0x9FB21C651E98DF25 * _SPREAD % (1 << 64), np.uint64)
_SHIFT = np.array(64 - ROW_BITS, np.uint64)
_PART_OF_WORD = np.array(1, np.uint8)
_STEM_SIZE, _ENDING_SIZE, _WITHOUT_ENDING = np.array(STEM), np.array(ENDING), np.array(ENDING + 1)
_BYTE, _UNIT, _PLACE, _ROW = np.dtype(np.uint8), np.dtype("<u2"), np.dtype(np.intp), np.dtype(np.int64)
_ALL = np.arange(_SPAN)


def _powers(base: int, power: int = 1) -> NDArray[np.uint64]:
    found = []
    for _ in range(_SPAN):
        found.append(power)
        power = power * base % (1 << 64)
    return np.array(found, np.uint64)


_UP = np.concatenate((np.zeros(1, np.uint64), _powers(_BASE), np.zeros(1, np.uint64)))
"""For an excerpt with a space on either side."""
_DOWN = _powers(_INVERSE, _SPREAD)


class Words(msgspec.Struct, frozen=True):
    """The rows of an excerpt, and where in it each token begins and ends (for saying which words spoke)."""

    rows: NDArray[np.int64]
    """Tokens, then pairs, then triples, then the stems and the endings of the longer words."""
    values: NDArray[np.float32]
    """How much each counts; the squares come to one."""
    units: NDArray[np.uint8] | NDArray[np.uint16]
    """Of the text between two spaces."""
    starts: NDArray[np.int64]
    """The unit before each token."""
    ends: NDArray[np.int64]
    """The last unit of each token."""
    parts: NDArray[np.int64]
    """Of which tokens the stems and the endings are."""
    stems: int
    """How many of the parts are stems."""


def words(text: str) -> Words:
    """`text` begins and ends with a mark of the excerpt, which is a token: the ends of tokens are found between neighbours.

    What this costs is the number of its steps rather than the length of the text, so there are as few as can be.
    """
    spaced = f" {text} "
    if text.isascii():
        units = np.frombuffer(spaced.encode(), _BYTE)
    else:
        units = np.frombuffer(spaced.encode("utf-16-le", "surrogatepass"), _UNIT)
    places = units.astype(_PLACE)
    sums = MIX.take(places)
    sums *= _UP[: len(places)]
    sums = np.add.accumulate(sums)  # as `cumsum`, which takes twice as long to begin
    steps = STEP.take(places)
    in_word = steps & _PART_OF_WORD
    # A token begins, and ends, at a sign, and at a part of a word that has none beside it.
    starts = (steps[1:] > in_word[:-1]).nonzero()[0]
    ends = (steps[:-1] > in_word[1:]).nonzero()[0]
    sizes = ends - starts
    stems = (sizes > _STEM_SIZE).nonzero()[0]
    endings = (sizes > _WITHOUT_ENDING).nonzero()[0]
    tokens, stemmed = len(starts), len(starts) + len(stems)
    of = np.concatenate((_ALL[:tokens], stems, endings))
    low, high = starts[of], ends[of]
    np.add(low[tokens:stemmed], _STEM_SIZE, high[tokens:stemmed])
    np.subtract(high[stemmed:], _ENDING_SIZE, low[stemmed:])
    hashes = sums.take(high)
    hashes -= sums.take(low)
    hashes *= _DOWN.take(low)
    hashes[tokens:stemmed] += _STEM
    hashes[stemmed:] += _ENDING
    token, parts = hashes[:tokens], of[tokens:]
    pair = token[:-1] * _PAIR
    pair += token[1:]
    triple = pair[:-1] * _TRIPLE
    triple += token[2:]
    rows = np.concatenate((token, pair, triple, hashes[tokens:]))
    rows >>= _SHIFT
    risen = _risen(tokens, asked(text, starts))
    values = np.concatenate((risen, risen[parts]))
    values /= np.sqrt(values.dot(values))
    return Words(rows.view(_ROW), values, units, starts, ends, parts, len(stems))


def asked(text: str, starts: NDArray[np.int64]) -> int:
    """The token with which the last turn begins."""
    at = text.find(HEAD)
    if at <= 0:
        return 0
    before = text[:at]
    return int(starts.searchsorted(at if before.isascii() else len(before.encode("utf-16-le", "surrogatepass")) >> 1))


@lru_cache(LENGTHS_KEPT)
def _risen(tokens: int, asked: int) -> NDArray[np.float32]:
    """What tokens, pairs and triples count before their squares come to one: `asked` is where the last turn begins."""
    values = np.empty(3 * tokens - 3, np.float32)
    end = 0
    for size, share in ((tokens, 1.0), (tokens - 1, PAIR), (tokens - 2, TRIPLE)):
        start, end = end, end + size
        values[start:end] = REST * share
        values[start + asked : min(end, start + asked + EDGE)] = share
        values[max(start + asked, end - EDGE) : end] = share
    return values


def spelled(found: Words) -> list[str]:
    """What stands behind each row, in the same order."""
    whole = found.units.astype(_UNIT)
    token = [
        whole[start + 1 : end + 1].tobytes().decode("utf-16-le", "surrogatepass")
        for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True)
    ]
    parts = found.parts.tolist()
    return [
        *token,
        *(" ".join(two) for two in pairwise(token)),
        *(" ".join(three) for three in zip(token, token[1:], token[2:], strict=False)),
        *(f"{token[at][:STEM]}…" for at in parts[: found.stems]),
        *(f"…{token[at][-ENDING:]}" for at in parts[found.stems :]),
    ]
