"""Measured latencies move the conditions only when they moved enough, and not more than once a second."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.classify.tokens import TYPICAL_OUTPUT
from fairlead.gateway.conditions import FORGET_SECONDS, RENEW_SECONDS, Vitals, quantised, typical_ms


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(0, 0), (0.4, 0), (7, 7), (99, 99), (100, 100), (104, 100), (987, 980), (1234, 1200), (99_999, 99_000)],
)
def test_two_digits_count(ms: float, expected: int) -> None:
    assert quantised(ms) == expected


@given(st.floats(0, 10**7))
def test_rounding_keeps_within_a_tenth_and_is_stable(ms: float) -> None:
    assert round(ms) * 0.9 <= quantised(ms) <= round(ms)
    assert quantised(quantised(ms)) == quantised(ms)


def test_a_measurement_shows_after_a_second_and_the_version_says_so() -> None:  # M3.6
    vitals = Vitals()
    assert vitals.at(100) is vitals.conditions
    vitals.observe("m@a", 1000)
    first = vitals.at(100)
    assert (first.version, first.latency_ms) == (1, {"m@a": 1000})
    vitals.observe("m@a", 3000)
    assert vitals.at(100 + RENEW_SECONDS / 2) is first
    second = vitals.at(100 + RENEW_SECONDS)
    assert (second.version, second.latency_ms) == (2, {"m@a": 1200})


def test_noise_makes_no_new_version() -> None:
    vitals = Vitals()
    vitals.observe("m@a", 1000)
    first = vitals.at(100)
    for at in range(1, 20):
        vitals.observe("m@a", 1000 + at % 3)
        assert vitals.at(100 + at) is first


def test_channels_are_measured_apart_and_follow_a_lasting_change() -> None:
    vitals = Vitals()
    vitals.observe("m@b", 50)
    for _ in range(100):
        vitals.observe("m@a", 200)
    for _ in range(100):
        vitals.observe("m@a", 900)
    found = vitals.at(100).latency_ms
    assert found["m@b"] == 50
    assert 880 <= found["m@a"] <= 900


def test_short_answers_do_not_make_a_model_look_fast() -> None:
    assert typical_ms(900, 910, 1, stream=False) is None
    assert typical_ms(100, 1100, 100, stream=True) == 100 + 1000 * TYPICAL_OUTPUT / 100
    assert typical_ms(2000, 2000, 300, stream=False) == 2000


def test_failures_lower_a_channels_health_and_time_forgets_them() -> None:  # M3.6
    vitals = Vitals()
    vitals.tried("m@a", True)
    assert vitals.at(100).health == {}
    for _ in range(10):
        vitals.tried("m@a", False)
    ill = vitals.at(101)
    assert ill.health == {"m@a": 0.35}
    assert vitals.at(101 + FORGET_SECONDS).health["m@a"] == pytest.approx(0.65, abs=0.05)
    later = [vitals.at(101 + FORGET_SECONDS * number) for number in range(2, 12)]
    assert later[-1].health == {}


def test_answers_teach_how_long_they_are_once_there_are_some() -> None:
    vitals = Vitals()
    for number in range(4):
        vitals.wrote("m", "chat", 100)
        assert vitals.at(100 + number).output == {}
    vitals.wrote("m", "chat", 100)
    vitals.wrote("m", "math", 900)
    assert vitals.at(110).output == {"m|chat": 100, "|chat": 100}
    for _ in range(5):
        vitals.wrote("n", "chat", 200)
    vitals.wrote("o", "chat", 5000)
    assert vitals.at(120).output == {"m|chat": 100, "n|chat": 200, "|chat": 150}
