"""Retries help where something answers, and stop where nothing does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.throttle import BASE, CAP, Throttle, ThrottleSettings, backoff


def calls_for(requests: int, throttles: list[Throttle]) -> int:
    """How often providers are called that all fail, by requests that try each of them in turn."""
    calls = 0
    for _ in range(requests):
        for attempt, throttle in enumerate(throttles):
            if attempt and not throttle.allows():
                continue
            calls += 1
            throttle.failed()
    return calls


@given(st.integers(0, 3000), st.integers(1, 4))
def test_providers_that_all_fail_are_hardly_called_more_often_than_requested(
    requests: int, providers: int
) -> None:  # FAULTS 10, M4.7
    calls = calls_for(requests, [Throttle() for _ in range(providers)])
    assert calls <= requests + 5 * (providers - 1)
    only = Throttle()
    assert calls_for(requests, [only] * 4) <= requests + 5


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4)), max_size=400), st.floats(0, 1))
def test_failed_retries_are_paid_for_by_answers(requests: list[tuple[bool, int]], ratio: float) -> None:  # FAULTS 10
    throttle = Throttle(ThrottleSettings(ratio=ratio))
    answers = failed_retries = 0
    for answered, attempts in requests:
        for attempt in range(attempts):
            if attempt and not throttle.allows():
                break
            if answered:
                throttle.answered()
                answers += 1
                break
            throttle.failed()
            failed_retries += attempt > 0
            assert 0 <= throttle.tokens <= 10
    assert failed_retries <= 5 + ratio * answers + 1e-6


def test_retries_stop_after_five_failures_and_return_as_answers_do() -> None:  # M4.7
    throttle = Throttle()
    allowed = []
    for _ in range(7):
        throttle.failed()
        allowed.append(throttle.allows())
    assert allowed == [True] * 4 + [False] * 3
    for _ in range(19):
        throttle.answered()
        assert not throttle.allows()
    for _ in range(2):
        throttle.answered()
    assert throttle.allows()


def test_a_provider_that_answers_nine_in_ten_keeps_its_retries() -> None:
    throttle = Throttle()
    for request in range(1000):
        if request % 11:
            throttle.answered()
        else:
            throttle.failed()
        assert throttle.allows()


@given(st.integers(1, 10**6), st.integers(0, 2**64), st.floats(0, 3600))
def test_a_wait_is_never_within_what_the_provider_asked_for_and_never_long(
    attempt: int, seed: int, asked: float
) -> None:  # FAULTS 9
    wait = backoff(attempt, seed, asked)
    assert asked <= wait <= asked + min(CAP, BASE * 2 ** min(attempt - 1, 10))
    assert wait == backoff(attempt, seed, asked)


@pytest.mark.parametrize(("attempt", "bound"), [(1, 0.1), (2, 0.2), (3, 0.4), (5, 1.6), (6, 2.0), (9, 2.0)])
def test_those_who_failed_together_return_spread_over_the_whole_bound(attempt: int, bound: float) -> None:
    waits = [backoff(attempt, seed) for seed in range(2000)]
    tenths = [sum(bound * part / 10 <= wait < bound * (part + 1) / 10 for wait in waits) for part in range(10)]
    assert sum(tenths) == 2000
    assert all(140 <= tenth <= 260 for tenth in tenths)


def test_one_request_does_not_wait_alike_each_time() -> None:
    assert len({backoff(attempt, 3) for attempt in range(6, 30)}) == 24
