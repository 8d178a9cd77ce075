"""Which of the words there are comes nearest to one that was written, whatever the case."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIKE = 0.6
"""How much of it must be alike, unless told otherwise."""
SURE = 0.75
"""How much of it where not even the first letter is: those are seldom mistyped, and half the letters many words share."""
MOST = 200


def closest(word: str, options: Iterable[str], cutoff: float = LIKE) -> str | None:
    lower: dict[str, str] = {}
    for option in options:
        lower.setdefault(option.lower(), option)
    written = word[:MOST].lower()
    found = difflib.get_close_matches(written, (one for one in lower if one[:1] == written[:1]), n=1, cutoff=cutoff)
    found += difflib.get_close_matches(written, lower, n=1, cutoff=max(cutoff, SURE))
    return lower[_nearest(written, found)] if found else None


def _nearest(written: str, found: list[str]) -> str:
    return difflib.get_close_matches(written, found, n=1, cutoff=0)[0]
