"""The words of an excerpt as rows of the weights: hashed tokens, pairs, triples, stems, endings, in one pass of numpy.

A token is a run of letters and digits, or one sign, Chinese, Japanese, Korean or Thai character; letters count as
small, digits as one digit. Token hashes are polynomial and read off one running sum, so nothing loops over tokens.
Wrapping 64-bit integers only: the rows are the same in every process and on every machine.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.classify.excerpt import HEAD, LONGEST
from fairlead.classify.letters import KIND, KINDS, MIX, STEP

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

_BASE = 0x9E3779B97F4A7C55
_INVERSE = pow(_BASE, -1, 1 << 64)
_SPAN = LONGEST * 2 + 2
"""Code units of the longest excerpt, if all of it were pairs."""
_PAIR = np.uint64(0xC2B2AE3D27D4EB4F)
_TRIPLE = np.uint64(0x165667B19E3779F9)
_STEM = np.uint64(0x27D4EB2F165667C5)
_ENDING = np.uint64(0x9FB21C651E98DF25)
_SPREAD = np.uint64(0xFF51AFD7ED558CCD)
_ASKED = ord(HEAD)
_SHIFT = np.uint64(64 - ROW_BITS)


def _powers(base: int) -> NDArray[np.uint64]:
    found, power = [], 1
    for _ in range(_SPAN):
        found.append(power)
        power = power * base % (1 << 64)
    return np.array(found, np.uint64)


_UP = _powers(_BASE)
_DOWN = _powers(_INVERSE)


class Words(msgspec.Struct, frozen=True):
    """The rows of an excerpt, and where in it each token begins and ends (for saying which words spoke)."""

    rows: NDArray[np.int64]
    """Tokens, then pairs, then triples, then the stems and endings of the longer words."""
    values: NDArray[np.float32]
    """How much each counts; the squares come to one."""
    kinds: list[int]
    """How many characters of each kind."""
    units: NDArray[np.uint16]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    stems: NDArray[np.int64]
    """Which tokens have a stem."""
    endings: NDArray[np.int64]
    """Which tokens have an ending."""


def words(text: str) -> Words:
    """`text` begins and ends with a mark of the excerpt: the ends of tokens are found between neighbours."""
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    step = STEP.take(units)
    in_word = step == 1
    begins = step == 2
    finishes = begins.copy()
    before, after = in_word[:-1], in_word[1:]
    begins[1:] |= after > before
    finishes[:-1] |= before > after
    starts = begins.nonzero()[0]
    ends = finishes.nonzero()[0] + 1
    size = len(units)
    sums = np.empty(size + 1, np.uint64)
    sums[0] = 0
    np.cumsum(MIX.take(units) * _UP[:size], out=sums[1:])
    from_start = sums.take(starts)
    down = _DOWN.take(starts)
    token = (sums.take(ends) - from_start) * down
    sizes = ends - starts
    stems = (sizes > STEM).nonzero()[0]
    stem = (sums.take(starts.take(stems) + STEM) - from_start.take(stems)) * down.take(stems) + _STEM
    endings = (sizes > ENDING + 1).nonzero()[0]
    last = ends.take(endings)
    ending = (sums.take(last) - sums.take(last - ENDING)) * _DOWN.take(last - ENDING) + _ENDING
    pair = token[:-1] * _PAIR + token[1:]
    triple = pair[:-1] * _TRIPLE + token[2:]
    hashes = np.concatenate((token, pair, triple, stem, ending))
    hashes *= _SPREAD
    hashes >>= _SHIFT
    kinds = np.bincount(KIND.take(units), minlength=KINDS).tolist()
    asked = int((units.take(starts) == _ASKED).argmax())
    values = valued(len(starts), asked, np.concatenate((stems, endings)))
    return Words(hashes.view(np.int64), values, kinds, units, starts, ends, stems, endings)


def valued(tokens: int, asked: int, parts: NDArray[np.int64]) -> NDArray[np.float32]:
    """What each row counts: `asked` is where the last turn begins, `parts` the tokens of the last rows."""
    values = np.empty(3 * tokens - 3 + len(parts), np.float32)
    start = 0
    for size, share in ((tokens, 1.0), (tokens - 1, PAIR), (tokens - 2, TRIPLE)):
        end = start + size
        values[start:end] = REST * share
        values[start + asked : min(end, start + asked + EDGE)] = share
        values[max(start + asked, end - EDGE) : end] = share
        start = end
    values[start:] = values.take(parts)
    values *= np.float32(1) / np.sqrt(values @ values)
    return values


def spelled(found: Words) -> list[str]:
    """What stands behind each row, in the same order."""
    whole = found.units
    token = [
        whole[start:end].tobytes().decode("utf-16-le", "surrogatepass")
        for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True)
    ]
    return [
        *token,
        *(" ".join(two) for two in pairwise(token)),
        *(" ".join(three) for three in zip(token, token[1:], token[2:], strict=False)),
        *(f"{token[at][:STEM]}…" for at in found.stems.tolist()),
        *(f"…{token[at][-ENDING:]}" for at in found.endings.tolist()),
    ]
