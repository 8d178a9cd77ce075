"""What is due by the calendar is done twice, or never."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fairlead.core.bench import Every
from fairlead.evidence.periods import began, due, period


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("every", "last", "now", "is_due"),
    [
        ("day", "2026-11-21T23:59:59", "2026-11-22T00:00:00", True),
        ("day", "2026-11-21T00:00:00", "2026-11-21T23:59:59", False),
        ("week", "2026-11-22T23:59:59", "2026-11-23T00:00:00", True),  # a Monday
        ("week", "2026-11-23T00:00:00", "2026-11-29T23:59:59", False),
        ("month", "2026-11-30T23:59:59", "2026-12-01T00:00:00", True),
        ("quarter", "2026-12-31T23:59:59", "2027-01-01T00:00:00", True),
        ("quarter", "2026-10-01T00:00:00", "2026-12-31T23:59:59", False),
        ("week", "2027-01-02T00:00:00", "2026-12-01T00:00:00", False),  # a clock that was set back
    ],
)
def test_what_is_due_is_not_done_or_done_twice(every: Every, last: str, now: str, is_due: bool) -> None:  # M3.12
    assert due(every, at(last), at(now)) is is_due
    assert due(every, None, at(now))
    assert not due(None, at(last), at(now))
    assert (
        period(every, began(every, at(now))) == period(every, at(now)) == period(every, began(every, at(now)) - 1) + 1
    )
