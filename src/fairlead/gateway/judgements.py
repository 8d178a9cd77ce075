"""What was said of answers, as evidence to choose by: each judgement weighs half as much for every 30 days that the
answer is old, and nothing after 90.

Kept by day, model and task. A word that is taken back is taken off the day it was put on, so the sums are those that a
gateway that begins reads from the ledger. Weights move with the day, not with the second, and are told with two digits:
each change is a new version of the conditions, which is stored.
"""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.core.record import Feedback
from fairlead.store.feedback import JudgedDay
from fairlead.store.window import DAY_MS

HALF_LIFE = 30
"""Days."""
KEPT = 90
TENTH = 10.0
"""Weights below it are told in tenths."""

Evidence = dict[str, tuple[float, float]]


class Judgements:
    def __init__(self) -> None:
        self._days: dict[int, Evidence] = {}
        """Sum of the scores, and how many there are, by day and `model|task`."""
        self._measured: dict[int, Evidence] = {}
        """The same of the bench."""

    def load(self, days: Iterable[JudgedDay]) -> None:
        for one in days:
            self._add(one.day, f"{one.model}|{one.task}", one.good, one.judgements)

    def measure(self, days: Iterable[JudgedDay]) -> None:
        """What the bench found; in the place of what it had found before."""
        self._measured = {}
        for one in days:
            _add(self._measured, one.day, f"{one.model}|{one.task}", one.good, one.judgements)

    def judged(self, word: Feedback, before: Feedback | None) -> None:
        """`before` is what was said of the same answer earlier."""
        if before is not None:
            self._add(before.at_ms // DAY_MS, f"{before.model}|{before.task}", -before.score, -1)
        self._add(word.at_ms // DAY_MS, f"{word.model}|{word.task}", word.score, 1)

    def evidence(self, today: int) -> Evidence:
        """As `Conditions` has it."""
        for day in [day for day in self._days if day <= today - KEPT]:
            del self._days[day]
        sums: dict[str, list[float]] = {}
        measured = ((day, found) for day, found in self._measured.items() if day > today - KEPT)
        for day, found in sorted((*self._days.items(), *measured), key=lambda one: one[0]):
            weight = 0.5 ** (max(0, today - day) / HALF_LIFE)
            for name, (good, count) in found.items():
                whole = sums.setdefault(name, [0.0, 0.0])
                whole[0] += weight * good
                whole[1] += weight * (count - good)
        told = {name: (two_digits(good), two_digits(bad)) for name, (good, bad) in sorted(sums.items())}
        return {name: (good, round(good + bad, 1)) for name, (good, bad) in told.items() if good or bad}

    def _add(self, day: int, name: str, good: float, count: int) -> None:
        _add(self._days, day, name, good, count)


def _add(days: dict[int, Evidence], day: int, name: str, good: float, count: int) -> None:
    there = days.setdefault(day, {})
    before = there.get(name, (0.0, 0.0))
    there[name] = (before[0] + good, before[1] + count)


def two_digits(weight: float) -> float:
    if weight < TENTH:
        return max(0.0, round(weight, 1))
    step = 1
    while weight / step >= 100:
        step *= 10
    return float(round(weight / step) * step)
