"""How a message about a name that leads nowhere ends: with the nearest that leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.core.spelling import LIKE, closest


def nearest(name: str, options: Iterable[str], offer: bool = False) -> str:
    """The end of a message about an unknown name: the nearest spelling, or what there is."""
    known = tuple(dict.fromkeys(options))
    hint = similar(name, known)
    if hint:
        return hint
    if not known or (not offer and len(known) > 12):
        return ""
    return f"; known: {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}"


def similar(name: str, options: Iterable[str], cutoff: float = LIKE) -> str:
    found = closest(name, options, cutoff)
    return f", did you mean {found!r}?" if found else ""
