"""Days, weeks and months begin at midnight where the tenant is, whatever its clocks do."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead.core.budgets import PERIODS, Per
from fairlead.gateway.periods import calendar

ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Africa/Cairo", "America/Havana", "Pacific/Apia")  # fmt: skip
YEARS = st.floats(1_104_624_000.0, 2_051_222_400.0)
"""From 2005 to 2034."""


@given(st.sampled_from(ZONES), st.sampled_from(PERIODS), YEARS)
@example("UTC", "day", 2_051_222_399.9999998)
def test_a_moment_lies_in_no_period_or_in_two(zone: str, per: Per, now: float) -> None:  # FAULTS 44
    find = calendar(per, ZoneInfo(zone))
    span = find(now)
    assert span.since <= now < span.until
    if per == "total":
        return
    for edge in (span.since, now, span.until - 0.001):
        assert find(edge) == span
    assert find(span.until).date == span.next
    assert find(span.until).since == span.until
    assert find(span.since - 0.001).until == span.since


@pytest.mark.parametrize(
    ("zone", "per", "day", "hours"),
    [
        ("Europe/Berlin", "day", (2026, 3, 29), 23),
        ("Europe/Berlin", "day", (2026, 10, 25), 25),
        ("Europe/Berlin", "week", (2026, 3, 25), 7 * 24 - 1),
        ("Europe/Berlin", "month", (2026, 10, 3), 31 * 24 + 1),
        ("America/Havana", "day", (2026, 3, 8), 23),
        ("Asia/Shanghai", "month", (2024, 2, 11), 29 * 24),
        ("UTC", "week", (2026, 1, 1), 7 * 24),
    ],
)
def test_a_day_that_is_longer_or_shorter_counts_twice_or_not_at_all(
    zone: str, per: Per, day: tuple[int, int, int], hours: int
) -> None:
    noon = datetime.datetime(*day, 12, tzinfo=ZoneInfo(zone)).timestamp()
    span = calendar(per, ZoneInfo(zone))(noon)
    assert (span.until - span.since) / 3600 == hours
    begins = datetime.datetime.fromtimestamp(span.since, ZoneInfo(zone))
    assert begins.toordinal() == span.date
    assert begins.weekday() == 0 or per != "week"
    assert begins.day == 1 or per != "month"
