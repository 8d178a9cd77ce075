"""The nearest spelling of a name that leads nowhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, options: Iterable[str], offer: bool = False) -> str:
    """The end of a message about an unknown name: the nearest spelling, or what there is."""
    known = tuple(dict.fromkeys(options))
    hint = similar(name, known, 0.6)
    if hint:
        return hint
    if not known or (not offer and len(known) > 12):
        return ""
    return f"; known: {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}"


def similar(name: str, options: Iterable[str], cutoff: float) -> str:
    lower = {option.lower(): option for option in options}
    close = difflib.get_close_matches(name.lower()[:100], lower, n=1, cutoff=cutoff)
    return f", did you mean {lower[close[0]]!r}?" if close else ""
