"""What will be spent until a day, from what was spent each day: a straight line through the days, times what each weekday
usually has of it, with an interval.

- The line is flat for less than a week of days, and weekdays are told apart from two weeks on.
- The interval holds four of five times if days scatter around the line as before, and widens with the distance.
- The first day counts as cut off and is left out where there are others; so is today, of which only the rest is expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import msgspec

HISTORY = 56
"""Days that are looked at."""
LEAST = 3
WEEK = 7
WEEKDAYS_FROM = 14
FAR = 366
"""Days after which nobody says when a budget runs out."""
QUANTILES = (3.08, 1.89, 1.64, 1.53, 1.48, 1.44, 1.41, 1.40, 1.38, 1.37, 1.36, 1.36, 1.35, 1.35, 1.34)
"""Student's t at 0.9 for 1 to 15 degrees of freedom."""
NORMAL = 1.29
NEVER = 0.05
"""Share of a usual day below which a weekday says nothing about the line."""


class Forecast(msgspec.Struct, frozen=True):
    """Nano-units of USD, from now on; what was spent is not part of it."""

    expected: int
    low: int
    high: int
    days: int
    """How many days it was made of."""


class Line(msgspec.Struct, frozen=True):
    """What a day is expected to have: `level + slope x (day - middle)`, times its weekday's factor."""

    level: float
    slope: float
    middle: float
    factors: tuple[float, ...]
    scatter: float
    spread: float
    """Sum of the squared distances from the middle."""
    days: int

    def at(self, day: int) -> float:
        return max(0.0, self.level + self.slope * (day - self.middle)) * self.factors[day % WEEK]


def line(days: Mapping[int, int], today: int) -> Line | None:
    """Through the days before `today`, each by its number (of the calendar); None where there are too few."""
    known = [day for day in days if day < today]
    first = max(min(known, default=today), today - HISTORY)
    if today - first > LEAST and first == min(known):
        first += 1
    numbers = range(first, today)
    if len(numbers) < LEAST:
        return None
    series = [float(days.get(day, 0)) for day in numbers]
    flat = (1.0,) * WEEK
    rough = _through(numbers, series, flat)
    if len(series) < WEEKDAYS_FROM:
        return rough
    return _through(numbers, series, _factors(numbers, series, rough))


def forecast(days: Mapping[int, int], today: int, gone: float, until: int) -> Forecast | None:
    """What is still to come from now until the day `until` begins; `gone` is the share of today that is over."""
    through = line(days, today)
    if through is None:
        return None
    shares = [(today, 1.0 - gone), *((day, 1.0) for day in range(today + 1, until))] if until > today else []
    expected = sum(through.at(day) * share for day, share in shares)
    length = sum(share for _, share in shares)
    distance = sum((day - through.middle) * share for day, share in shares)
    wide = (
        length + length**2 / through.days + (distance**2 / through.spread if through.slope and through.spread else 0.0)
    )
    off = _quantile(through) * through.scatter * sqrt(wide)
    return Forecast(round(expected), max(0, round(expected - off)), round(expected + off), through.days)


def runs_out(days: Mapping[int, int], today: int, gone: float, left: int, until: int = 0) -> int | None:
    """The day on which so much more is expected to be spent; None where that is not before `until`, or not in a year."""
    through = line(days, today)
    if left <= 0:
        return today
    if through is None:
        return None
    coming = 0.0
    for day in range(today, min(until or today + FAR, today + FAR)):
        coming += through.at(day) * (1.0 - gone if day == today else 1.0)
        if coming >= left:
            return day
    return None


def _through(numbers: Sequence[int], series: Sequence[float], factors: tuple[float, ...]) -> Line:
    usual = [
        (day, value / factors[day % WEEK])
        for day, value in zip(numbers, series, strict=True)
        if factors[day % WEEK] > NEVER
    ]
    count = len(usual)
    middle, level = sum(day for day, _ in usual) / count, sum(value for _, value in usual) / count
    spread = sum((day - middle) ** 2 for day, _ in usual)
    slope = 0.0
    if len(series) >= WEEK and spread:
        slope = sum((day - middle) * (value - level) for day, value in usual) / spread
    found = Line(level, slope, middle, factors, 0.0, spread, len(series))
    rest = sum((value - found.at(day)) ** 2 for day, value in zip(numbers, series, strict=True))
    return msgspec.structs.replace(found, scatter=sqrt(rest / _freedom(found)))


def _factors(numbers: Sequence[int], series: Sequence[float], rough: Line) -> tuple[float, ...]:
    """What each weekday has of the line, on the average one."""
    had, usual = [0.0] * WEEK, [0.0] * WEEK
    for day, value in zip(numbers, series, strict=True):
        had[day % WEEK] += value
        usual[day % WEEK] += rough.at(day)
    shares = [a / b if b else 1.0 for a, b in zip(had, usual, strict=True)]
    mean = sum(shares) / WEEK
    return tuple(share / mean for share in shares) if mean else rough.factors


def _freedom(found: Line) -> int:
    return max(1, found.days - (2 if found.slope else 1) - (WEEK - 1 if len(set(found.factors)) > 1 else 0))


def _quantile(found: Line) -> float:
    freedom = _freedom(found)
    return QUANTILES[freedom - 1] if freedom <= len(QUANTILES) else NORMAL
