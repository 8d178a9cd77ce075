"""What is due by the calendar: days, weeks from Monday, months and quarters, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from fairlead.core.bench import Every


def period(every: Every, at: int) -> int:
    """Which one it is, counted on."""
    moment = datetime.fromtimestamp(at, UTC)
    if every == "day":
        return moment.toordinal()
    if every == "week":
        return (moment.toordinal() - 1) // 7
    months = moment.year * 12 + moment.month - 1
    return months if every == "month" else months // 3


def began(every: Every, at: int) -> int:
    """When the period began that `at` is in, in epoch seconds."""
    moment = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if every == "day":
        return int(moment.timestamp())
    if every == "week":
        return int(moment.timestamp()) - moment.weekday() * 86_400
    month = moment.month if every == "month" else (moment.month - 1) // 3 * 3 + 1
    return int(moment.replace(month=month, day=1).timestamp())


def due(every: Every | None, last: int | None, now: int) -> bool:
    """`last`: when it was done the last time, in epoch seconds."""
    return every is not None and (last is None or period(every, last) < period(every, now))
