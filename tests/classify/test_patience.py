"""A model that gives no answer is left alone for longer and longer, and tried by one request at a time."""

from __future__ import annotations

from fairlead.classify.patience import AFTER, FIRST, LONGEST, SPREAD, Patience

MIDDLE = 512


def tired(now: float = 0.0) -> Patience:
    patience = Patience()
    for _ in range(AFTER):
        patience.failed(now, MIDDLE)
    return patience


def test_a_single_failure_puts_it_to_rest() -> None:
    patience = Patience()
    for _ in range(AFTER - 1):
        assert patience.failed(0.0, MIDDLE) == 0
        assert patience.allows(0.0)
    assert not patience.answered()
    assert patience.failed(0.0, MIDDLE) == 0


def test_a_dead_model_is_asked_all_the_same() -> None:  # M2.4
    patience = tired()
    assert not patience.allows(FIRST * (1 - SPREAD))
    assert patience.allows(FIRST * (1 + SPREAD))


def test_rests_do_not_grow_or_grow_without_end() -> None:
    patience = tired()
    rests = []
    for _ in range(40):
        patience.begin()
        rests.append(round(patience.failed(patience.until, MIDDLE)))
    assert rests[:5] == [20, 40, 80, 160, 300]
    assert rests[-1] == LONGEST


def test_all_gateways_come_back_at_once() -> None:
    rests = []
    for seed in range(0, 5000, 37):
        patience = tired()
        patience.begin()
        rests.append(patience.failed(patience.until, seed))
    assert min(rests) < 2 * FIRST * 0.85
    assert max(rests) > 2 * FIRST * 1.15
    assert all(2 * FIRST * (1 - SPREAD) <= rest <= 2 * FIRST * (1 + SPREAD) for rest in rests)


def test_several_try_a_resting_model_at_once() -> None:
    patience = tired()
    later = patience.until
    assert patience.allows(later)
    patience.begin()
    assert not patience.allows(later)
    patience.abandoned()
    assert patience.allows(later)


def test_what_was_asked_before_the_rest_makes_it_longer() -> None:
    patience = tired()
    until = patience.until
    assert patience.failed(until - 1, MIDDLE) == 0
    assert patience.until == until


def test_an_answer_does_not_end_the_rest() -> None:
    patience = tired()
    patience.begin()
    assert patience.answered()
    assert patience.allows(0.0)
    assert not patience.answered()
