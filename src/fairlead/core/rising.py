"""Whom a run turns to behind an answer that was not good enough: places in its line of stronger candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlead.core.execution import Candidate, State


def stronger(state: State, leap: bool = False, elsewhere: str = "") -> int:
    """The place of the next of the stronger ones, at another provider than `elsewhere`; -1 for nobody."""
    names = [one.channel.model for one in state.stronger]
    for at in range(state.risen, len(names)):
        one = state.stronger[at]
        if (leap and names[at] != names[-1]) or (elsewhere and one.channel.provider == elsewhere):
            continue
        if not any(_no_better(one, other, names[at:]) for other in state.answered):
            return at
    return -1


def _no_better(one: Candidate, other: Candidate, from_here: list[str]) -> bool:
    """Whether one is no stronger than the other, which stands in the same line or further up, or by what is known."""
    quality, before = one.target.expected.quality, other.target.expected.quality
    if other.channel.model in from_here:
        return True
    if quality is None or before is None:
        return False
    # Those of a cascade stand in its own order, as long as nothing is known against it.
    return quality < before or (quality == before and one.target.bar is None)


def next_elsewhere(state: State, elsewhere: str) -> int:
    """The place of the next in line at another provider; -1 for nobody."""
    places = range(state.taken, len(state.candidates))
    return next((at for at in places if state.candidates[at].channel.provider != elsewhere), -1)
