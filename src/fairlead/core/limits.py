"""Rate limits per key: requests and tokens a minute by GCRA, and requests at once. Pure: time comes in.

GCRA keeps one number per limit, the theoretical arrival time: a request is admitted while that time is less
than one window ahead of now. It admits a full minute's worth at once, then exactly the rate, with no window edge.
"""

from __future__ import annotations

from fairlead.core.policy import Limits

WINDOW = 60.0


class Refused:
    """Why a request was not admitted, and when to come back."""

    __slots__ = ("limit", "retry_after", "what")

    def __init__(self, what: str, limit: int, retry_after: float) -> None:
        self.what = what
        self.limit = limit
        self.retry_after = retry_after


class Meter:
    """The running state of one key's limits."""

    __slots__ = ("in_flight", "limits", "requests_at", "tokens_at")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.requests_at = 0.0
        self.tokens_at = 0.0
        self.in_flight = 0

    def admit(self, now: float, tokens: int) -> Refused | None:
        """Take one request of so many tokens, or say why not; a refusal changes nothing."""
        limits = self.limits
        if limits.concurrency is not None and self.in_flight >= limits.concurrency:
            return Refused("requests at once", limits.concurrency, 1.0)
        requests_at = self.requests_at
        if limits.rpm is not None:
            requests_at = (requests_at if requests_at > now else now) + WINDOW / limits.rpm
            if requests_at - now > WINDOW + 1e-9:
                return Refused("requests a minute", limits.rpm, requests_at - now - WINDOW)
        if limits.tpm is not None:
            start = self.tokens_at if self.tokens_at > now else now
            # A single request larger than the whole limit is let through when nothing is owed, else it never could be.
            if start > now and start + WINDOW * tokens / limits.tpm - now > WINDOW + 1e-9:
                wait = min(start + WINDOW * tokens / limits.tpm - now - WINDOW, start - now)
                return Refused("tokens a minute", limits.tpm, wait)
            self.tokens_at = start + WINDOW * tokens / limits.tpm
        self.requests_at = requests_at
        self.in_flight += 1
        return None

    def correct(self, tokens: int) -> None:
        """Add what a request used beyond its estimate (or give back, when negative)."""
        if self.limits.tpm is not None:
            self.tokens_at += WINDOW * tokens / self.limits.tpm

    def release(self) -> None:
        self.in_flight -= 1
