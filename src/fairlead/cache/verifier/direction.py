"""Whether the same words stand in the same order: from A to B is not from B to A.

Where both have the same words, two orders are one: an English phrase of place or means may stand at either end, and a
Chinese question word before or behind what is spoken of.
"""

from __future__ import annotations

from fairlead.cache.verifier.questions import MOVABLE, SAYING
from fairlead.cache.verifier.reading import Reading

FRONTED = frozenset(("in", "on", "at", "with", "using", "during", "by"))
"""Words a phrase begins with that may stand at the beginning as well as at the end."""
LONGEST = 4
"""Words of such a phrase."""


def differs(one: Reading, other: Reading) -> bool:
    if one.words == other.words or sorted(one.words) != sorted(other.words):
        return False
    if _fronted(one.words, other.words) or _fronted(other.words, one.words):
        return False
    return one.language != "zh" or not (_moved(one.words, other.words) or _moved(other.words, one.words))


def _fronted(first: tuple[str, ...], last: tuple[str, ...]) -> bool:
    """Whether `first` begins with a phrase that `last` ends with."""
    return first[0] in FRONTED and any(
        first[size:] + first[:size] == last for size in range(2, min(LONGEST, len(first) - 2) + 1)
    )


def _moved(first: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether `first` begins with a question word that stands further on in `other`."""
    begins = MOVABLE.get(first[0])
    if begins is None or other.count(first[0]) != 1 or not SAYING.isdisjoint("".join(other)):
        return False
    at = other.index(first[0])
    return at <= LONGEST and other[:at] + other[at + 1 :] == first[1:] and (not begins or other[0] in begins)
