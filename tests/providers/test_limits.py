"""What providers say of their limits is understood in all the ways they say it, and never believed without bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.providers.limits import FAMILIES, LONGEST_RESET, LONGEST_WAIT, Quota, quota, retry_after

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({b"retry-after": b"7"}, 7.0),
        ({b"retry-after": b" 1.5 "}, 1.5),
        ({b"retry-after": b"0"}, 0.0),
        ({b"retry-after": b"Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({b"retry-after": b"Saturday, 21-Nov-26 12:00:30 GMT"}, 30.0),
        ({b"retry-after": b"Sat, 21 Nov 2026 11:59:00 GMT"}, 0.0),
        ({b"retry-after": b"Sat, 21 Nov 2037 12:00:30 GMT"}, LONGEST_WAIT),
        ({b"retry-after-ms": b"250"}, 0.25),
        ({b"x-ms-retry-after-ms": b"1500"}, 1.5),
        ({b"retry-after-ms": b"250", b"retry-after": b"1"}, 0.25),
        ({b"retry-after-ms": b"soon", b"retry-after": b"3"}, 3.0),
        ({b"retry-after": b"999999999999"}, LONGEST_WAIT),
        ({b"retry-after": b"9" * 5000}, LONGEST_WAIT),
        ({b"retry-after-ms": b"9" * 5000}, LONGEST_WAIT),
    ],
)
def test_a_wait_is_read_however_it_is_put(headers: dict[bytes, bytes], seconds: float) -> None:  # M4.5, FAULTS 9
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        b"", b"-5", b"+5", b"1e9", b"NaN", b"inf", b"0x10", b"1_000", b"5 s", b"soon", b"\xff\xfe", "５".encode(),
        "٣".encode(), b"Sat, 99 Nov 2026 12:00:30 GMT", b"Sat, 21 Nov 99999 12:00:30 GMT", b",", b"0 0 0 0 0 0",
    ],
)  # fmt: skip
def test_what_is_no_wait_is_ignored(value: bytes) -> None:  # FAULTS 9
    assert retry_after({b"retry-after": value}, NOW) is None


def test_no_header_is_no_wait() -> None:
    assert retry_after({b"content-type": b"application/json"}, NOW) is None


def test_a_date_is_taken_by_the_providers_own_clock() -> None:  # FAULTS 39
    wrong = NOW - 3600
    headers = {b"retry-after": b"Sat, 21 Nov 2026 12:00:30 GMT", b"date": b"Sat, 21 Nov 2026 12:00:10 GMT"}
    assert retry_after(headers, wrong) == 20.0
    assert retry_after({**headers, b"date": b"today"}, NOW) == 30.0


@given(st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode)))
def test_no_value_of_any_header_breaks_the_reading(value: bytes) -> None:
    for name in (b"retry-after", b"retry-after-ms", b"date"):
        wait = retry_after({b"retry-after": b"Sat, 21 Nov 2026 12:00:30 GMT", name: value}, NOW)
        assert wait is None or 0 <= wait <= LONGEST_WAIT
    for remaining, limit, reset in FAMILIES[:1]:
        for headers in (
            {remaining: value, limit: b"10", reset: b"1s"},
            {remaining: b"5", limit: value, reset: b"1s"},
            {remaining: b"5", limit: b"10", reset: value},
        ):
            found = quota(headers, NOW)
            assert found is None or (0 <= found.share <= 1 and 0 <= found.resets <= LONGEST_RESET)


@given(st.integers(0, 3600))
def test_every_second_of_a_date_counts(seconds: int) -> None:
    date = format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)
    assert retry_after({b"retry-after": date.encode()}, NOW) == seconds


def openai(left: bytes, reset: bytes) -> dict[bytes, bytes]:
    return {
        b"x-ratelimit-limit-requests": b"60",
        b"x-ratelimit-remaining-requests": b"57",
        b"x-ratelimit-reset-requests": b"1s",
        b"x-ratelimit-limit-tokens": b"150000",
        b"x-ratelimit-remaining-tokens": left,
        b"x-ratelimit-reset-tokens": reset,
    }


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (openai(b"15000", b"6m0s"), Quota(0.1, 360.0)),
        (openai(b"150000", b"6m0s"), Quota(0.95, 1.0)),
        (openai(b"0", b"12ms"), Quota(0.0, 0.012)),
        (openai(b"75000", b"1h2m3.5s"), Quota(0.5, 3723.5)),
        (openai(b"75000", "1ms500µs".encode()), Quota(0.5, 0.0015)),
        (openai(b"75000", b"1d"), Quota(0.5, 86_400.0)),
        (openai(b"75000", b"99999h"), Quota(0.5, LONGEST_RESET)),
        (openai(b"75000", b"whenever"), Quota(0.5, 60.0)),
        (openai(b"999999999", b"1s"), Quota(0.95, 1.0)),
        (openai(b"plenty", b"1s"), Quota(0.95, 1.0)),
        (
            {
                b"anthropic-ratelimit-requests-limit": b"50",
                b"anthropic-ratelimit-requests-remaining": b"49",
                b"anthropic-ratelimit-requests-reset": b"2026-11-21T12:00:01Z",
                b"anthropic-ratelimit-input-tokens-limit": b"80000",
                b"anthropic-ratelimit-input-tokens-remaining": b"20000",
                b"anthropic-ratelimit-input-tokens-reset": b"2026-11-21T12:00:45.5Z",
                b"anthropic-ratelimit-output-tokens-limit": b"16000",
                b"anthropic-ratelimit-output-tokens-remaining": b"16000",
                b"anthropic-ratelimit-output-tokens-reset": b"2026-11-21T12:00:00Z",
            },
            Quota(0.25, 45.5),
        ),
        (
            {
                b"x-ratelimit-limit-requests-day": b"1000",
                b"x-ratelimit-remaining-requests-day": b"900",
                b"x-ratelimit-reset-requests-day": b"33011.38",
                b"x-ratelimit-limit-tokens-minute": b"60000",
                b"x-ratelimit-remaining-tokens-minute": b"30000",
                b"x-ratelimit-reset-tokens-minute": b"11.5",
            },
            Quota(0.5, 11.5),
        ),
        ({b"x-ratelimit-limit-req-minute": b"60", b"x-ratelimit-remaining-req-minute": b"15"}, Quota(0.25, 60.0)),
        (
            {
                b"x-ratelimit-limit": b"20",
                b"x-ratelimit-remaining": b"5",
                b"x-ratelimit-reset": str(int(NOW * 1000) + 9000).encode(),
            },
            Quota(0.25, 9.0),
        ),
        (
            {b"ratelimit-limit": b"20", b"ratelimit-remaining": b"5", b"ratelimit-reset": str(int(NOW) + 9).encode()},
            Quota(0.25, 9.0),
        ),
        ({b"x-ratelimit-remaining": b"9", b"x-ratelimit-limit": b"5"}, Quota(1.0, 60.0)),
        ({b"x-ratelimit-remaining": b"0"}, Quota(0.0, 60.0)),
        ({b"x-ratelimit-remaining": b"5"}, None),
        ({b"x-ratelimit-remaining": b"5", b"x-ratelimit-limit": b"0"}, None),
        ({b"content-type": b"application/json"}, None),
    ],
)
def test_the_tightest_of_the_quotas_is_read_in_each_providers_way(
    headers: dict[bytes, bytes], expected: Quota | None
) -> None:  # M4.6
    found = quota(headers, NOW)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.share == pytest.approx(expected.share)
        assert found.resets == pytest.approx(expected.resets, abs=1e-3)


def test_of_two_quotas_alike_the_one_that_stays_longer_is_told() -> None:
    headers = openai(b"142500", b"50s")
    assert quota(headers, NOW) == Quota(0.95, 50.0)
