"""Where the calendar's days, weeks and months begin in a time zone, whatever its clocks do twice a year."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from math import floor

from fairlead.core.budgets import Per, Span

ALWAYS = Span(0, 0, float("-inf"), float("inf"))


def calendar(per: Per, zone: datetime.tzinfo) -> Callable[[float], Span]:
    """Which span of a kind a moment (epoch seconds) lies in."""

    def span(now: float) -> Span:
        if per == "total":
            return ALWAYS
        second = floor(now)  # the last millionth of a day would be rounded into the next
        first = begun(datetime.datetime.fromtimestamp(second, zone).date(), per)
        after = following(first, per)
        return Span(first.toordinal(), after.toordinal(), midnight(first, zone), midnight(after, zone))

    return span


def begun(day: datetime.date, per: Per) -> datetime.date:
    if per == "week":
        return day - datetime.timedelta(days=day.weekday())
    return day.replace(day=1) if per == "month" else day


def following(first: datetime.date, per: Per) -> datetime.date:
    if per == "month":
        return (first + datetime.timedelta(days=31)).replace(day=1)
    return first + datetime.timedelta(days=7 if per == "week" else 1)


def midnight(day: datetime.date, zone: datetime.tzinfo) -> float:
    """When a day begins; where its midnight falls into an hour that is left out, with the hour after."""
    return datetime.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
