"""Which of the words there are comes nearest to one that was written, whatever the case."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIKE = 0.6
"""How much of it must be alike, unless told otherwise."""
MOST = 200


def closest(word: str, options: Iterable[str], cutoff: float = LIKE) -> str | None:
    lower: dict[str, str] = {}
    for option in options:
        lower.setdefault(option.lower(), option)
    found = difflib.get_close_matches(word[:MOST].lower(), lower, n=1, cutoff=cutoff)
    return lower[found[0]] if found else None
