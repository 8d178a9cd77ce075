"""What providers say of their limits in the headers of an answer: when to come back, and how much is left.

They agree on little. Times are seconds, milliseconds, durations ("6m0s"), dates or seconds since 1970; quotas count
requests and tokens, input and output, by the minute and by the day. What cannot be read is as though it were not
there, and nothing is believed beyond a bound: a header must not switch a provider off for a year.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

LONGEST_WAIT = 3600.0
LONGEST_RESET = 86_400.0
"""Some quotas are by the day."""
USUAL_RESET = 60.0
"""Most are by the minute."""
LONGEST_TEXT = 64

_NUMBER = re.compile(r"\d+(?:\.\d*)?")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|µs|ns|d|h|m|s))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")
_SECONDS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_EPOCH = 1e9
"""A number from here on is a time since 1970, in seconds or from a thousand times this in milliseconds."""

_COUNTED = (
    "requests", "tokens", "requests-minute", "tokens-minute", "requests-day", "tokens-day", "req-minute",
)  # fmt: skip
_ANTHROPIC = ("requests", "tokens", "input-tokens", "output-tokens")

FAMILIES: tuple[tuple[bytes, bytes, bytes], ...] = tuple(
    (remaining.encode(), limit.encode(), reset.encode())
    for remaining, limit, reset in (
        *((f"x-ratelimit-remaining-{of}", f"x-ratelimit-limit-{of}", f"x-ratelimit-reset-{of}") for of in _COUNTED),
        *(
            (
                f"anthropic-ratelimit-{of}-remaining",
                f"anthropic-ratelimit-{of}-limit",
                f"anthropic-ratelimit-{of}-reset",
            )
            for of in _ANTHROPIC
        ),
        ("x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset"),
        ("ratelimit-remaining", "ratelimit-limit", "ratelimit-reset"),
    )
)
"""The headers that tell what is left, of how much, and until when."""


class Quota(msgspec.Struct, frozen=True):
    share: float
    """What is left, between 0 and 1, of the quota of which the least is left."""
    resets: float
    """Seconds until it is full again."""


def retry_after(headers: Mapping[bytes, bytes], now_wall: float) -> float | None:
    """Seconds to leave the provider alone; None where it does not say. `now_wall` is seconds since 1970."""
    for name in (b"retry-after-ms", b"x-ms-retry-after-ms"):
        ms = _number(_text(headers, name))
        if ms is not None:
            return min(ms / 1000, LONGEST_WAIT)
    text = _text(headers, b"retry-after")
    seconds = _number(text)
    if seconds is None:
        until = _date(text)
        if until is None:
            return None
        # Where its own clock is told, a date is as long off as that says, whatever ours does.
        told = _date(_text(headers, b"date"))
        seconds = max(0.0, until - (now_wall if told is None else told))
    return min(seconds, LONGEST_WAIT)


def quota(headers: Mapping[bytes, bytes], now_wall: float) -> Quota | None:
    """The quota that is nearest to its end; None where nothing is told of any."""
    tightest: Quota | None = None
    for remaining, limit, reset in FAMILIES:
        if remaining in headers:
            left, of = _number(_text(headers, remaining)), _number(_text(headers, limit))
            if left is None or (left and not of):
                continue
            share = min(1.0, left / of) if of else 0.0
            found = Quota(share, _resets(_text(headers, reset), now_wall))
            if tightest is None or (found.share, -found.resets) < (tightest.share, -tightest.resets):
                tightest = found
    return tightest


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    return headers.get(name, b"")[:LONGEST_TEXT].decode("utf-8", "replace").strip()


def _number(text: str) -> float | None:
    return float(text) if text.isascii() and _NUMBER.fullmatch(text) else None


def _resets(text: str, now_wall: float) -> float:
    seconds = _number(text)
    if seconds is None and _DURATION.fullmatch(text):
        seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(text))
    elif seconds is None:
        seconds = _instant(text)
    if seconds is None:
        return USUAL_RESET
    if seconds >= _EPOCH * 1000:
        seconds /= 1000
    if seconds >= _EPOCH:
        seconds -= now_wall
    return min(max(0.0, seconds), LONGEST_RESET)


def _date(text: str) -> float | None:
    """A date as HTTP writes it, in seconds since 1970."""
    try:
        return _since_1970(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _instant(text: str) -> float | None:
    """A date of RFC 3339, in seconds since 1970."""
    try:
        return _since_1970(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _since_1970(at: datetime) -> float:
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
