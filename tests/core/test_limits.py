"""What a key may do in a minute holds in every minute, wherever one begins to count."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.limits import SLOT, WHOLE, WINDOW, Gate, Meter, Refused
from fairlead.core.policy import Limits


def asked(meter: Meter, now: float, tokens: int) -> Refused | None:
    return Gate((meter,)).enter(now, tokens)


def entered(meter: Meter, now: float, tokens: int) -> Gate:
    gate = Gate((meter,))
    assert gate.enter(now, tokens) is None
    return gate


STEPS = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 60)), max_size=60)


@given(st.integers(1, 8), STEPS)
def test_no_window_anywhere_holds_more_requests_than_the_limit(
    rpm: int, steps: list[tuple[float, int]]
) -> None:  # FAULTS 45
    meter, now, admitted = Meter(Limits(rpm=rpm)), 1000.0, []
    for pause, tries in steps:
        now += pause
        for _ in range(tries):
            if asked(meter, now, 1) is None:
                admitted.append(now)
    for at in admitted:
        assert sum(at <= other < at + WINDOW for other in admitted) <= rpm
    assert meter.in_flight == len(admitted)


@given(st.integers(50, 300), STEPS)
def test_no_window_anywhere_holds_more_tokens_than_the_limit(
    tpm: int, steps: list[tuple[float, int]]
) -> None:  # FAULTS 45
    meter, now, admitted = Meter(Limits(tpm=tpm)), 1000.0, []
    for pause, tokens in steps:
        now += pause
        if asked(meter, now, min(tokens, tpm)) is None:
            admitted.append((now, min(tokens, tpm)))
    for at, _ in admitted:
        assert sum(tokens for other, tokens in admitted if at <= other < at + WINDOW) <= tpm


ANSWERED = st.lists(
    st.tuples(st.floats(0, 10), st.integers(1, 40), st.integers(0, 80), st.floats(0, 1), st.floats(0, 90)), max_size=60
)


@given(st.integers(130, 400), ANSWERED)
def test_answers_that_nobody_has_seen_yet_take_more_than_the_limit(
    tpm: int, asking: list[tuple[float, int, int, float, float]]
) -> None:  # FAULTS 45
    """Each comes a while after the one before it, with so much input, at most so long an answer, a share of that, and is over
    so many seconds later."""
    meter, now, took = Meter(Limits(tpm=tpm)), 1000.0, list[tuple[float, int]]()
    under_way: list[tuple[float, Gate, int, int]] = []
    for pause, tokens, most, share, lasts in asking:
        now += pause
        for one in [one for one in under_way if one[0] <= now]:
            under_way.remove(one)
            one[1].leave(one[2])
        gate = Gate((meter,))
        if gate.enter(now, tokens, most) is None:
            real = tokens + int(share * most)
            took.append((now, real))
            under_way.append((now + lasts, gate, real, most))
        assert meter.held == sum(held for *_, held in under_way)
    for at, _ in took:
        assert sum(real for other, real in took if at <= other < at + WINDOW) <= tpm
    for _, gate, real, _ in under_way:
        gate.leave(real)
    assert meter.held == meter.in_flight == 0


def test_an_answer_of_unknown_length_is_held_at_what_they_took_of_late() -> None:
    meter = Meter(Limits(tpm=10_000))
    for at in range(100):
        gate = Gate((meter,))
        assert gate.enter(at * WINDOW * 2, 10, None) is None
        gate.leave(3010)
        bounded = Gate((meter,))
        assert bounded.enter(at * WINDOW * 2, 10, 20) is None
        bounded.leave(30)
    start = 101 * WINDOW * 2
    assert [Gate((meter,)).enter(start, 10, None) is None for _ in range(5)] == [True, True, True, False, False]
    refused = Gate((meter,)).enter(start, 10, None)
    assert refused is not None
    assert refused.retry_after == 1.0
    assert 8900 < refused.held < 9100


def test_a_whole_minutes_worth_may_come_at_once_and_again_a_minute_later() -> None:
    meter = Meter(Limits(rpm=3))
    for start in (0.0, 60.3, 120.6):
        assert [asked(meter, start, 1) is None for _ in range(5)] == [True, True, True, False, False]
    assert asked(meter, 150, 1) is not None


@pytest.mark.parametrize("start", [1000.0, 1000.1, 1000.2499, 1000.25])
def test_what_came_late_in_its_slot_counts_the_whole_window(start: float) -> None:
    for limits in (Limits(rpm=1), Limits(tpm=1)):
        meter = Meter(limits)
        assert asked(meter, start, 1) is None
        assert asked(meter, start + WINDOW - 0.001, 1) is not None
        assert asked(meter, start + WINDOW + SLOT, 1) is None


@given(st.floats(0, 10**6), st.lists(st.floats(0, 5), min_size=1, max_size=10), st.integers(1, 100))
def test_who_comes_back_when_told_is_admitted(start: float, pauses: list[float], tokens: int) -> None:
    for limits in (Limits(rpm=len(pauses)), Limits(tpm=len(pauses) * tokens)):
        meter, now = Meter(limits), start
        for pause in pauses:
            now += pause
            assert asked(meter, now, tokens) is None
        refused = asked(meter, now, tokens)
        assert refused is not None
        assert 0 < refused.retry_after <= WINDOW + SLOT
        assert asked(meter, now + refused.retry_after + 1e-6, tokens) is None


def test_a_refusal_takes_nothing() -> None:
    meter = Meter(Limits(rpm=2, tpm=100))
    assert asked(meter, 0, 90) is None
    for _ in range(50):
        refused = asked(meter, 1, 20)
        assert refused is not None
        assert (refused.what, refused.limit) == ("tokens a minute", 100)
    assert asked(meter, 1, 10) is None
    assert meter.in_flight == 2
    refused = asked(meter, 1, 0)
    assert refused is not None
    assert (refused.what, refused.limit) == ("requests a minute", 2)


def test_requests_at_once_are_given_back_to_nought() -> None:  # FAULTS 48
    meter, chance = Meter(Limits(concurrency=3)), Random(1)
    under_way: list[Gate] = []
    for at in range(2000):
        gate = Gate((meter,))
        if under_way and chance.random() < 0.5:
            under_way.pop().leave(1)
        elif gate.enter(at, 1) is None:
            under_way.append(gate)
        assert meter.in_flight == len(under_way) <= 3
    for gate in under_way:
        gate.leave(1)
        gate.leave(1)
    assert meter.in_flight == 0


def test_a_request_larger_than_the_limit_goes_alone() -> None:
    meter = Meter(Limits(tpm=100))
    assert asked(meter, 0, 5000) is None
    refused = asked(meter, 1, 1)
    assert refused is not None
    assert asked(meter, refused.retry_after + 1.001, 5000) is None
    assert asked(meter, 70, 1) is not None


@pytest.mark.parametrize("used", [40, 0, 80, 110])
def test_what_was_really_used_counts(used: int) -> None:
    meter = Meter(Limits(tpm=100))
    entered(meter, 0, 80).leave(used)
    left = max(100 - used, 0)
    assert (asked(meter, 1, left + 1) is None) == (used == 0)
    if 0 < left < 100:
        assert asked(meter, 1, left) is None


REQUESTS = st.lists(
    st.tuples(st.floats(0, 20), st.floats(-2, 0), st.integers(0, 200), st.integers(0, 400), st.floats(0, 150)),
    max_size=40,
)


@given(REQUESTS)
def test_a_correction_counts_where_its_estimate_does_and_leaves_the_window_with_it(
    requests: list[tuple[float, float, int, int, float]],
) -> None:
    """Each request comes a while after the one before it, is told of late, takes so long and so many tokens."""
    meter, now, latest = Meter(Limits(tpm=10**9)), 1000.0, 0
    under_way: list[tuple[float, int, Gate]] = []
    booked: list[tuple[int, int]] = []
    """By the place of a request: its slot, and the tokens that it counts for."""
    for place, (pause, late, estimate, _, lasts) in enumerate(requests):
        now += pause
        for done in [one for one in under_way if one[0] <= now]:
            under_way.remove(done)
            done[2].leave(requests[done[1]][3])
            booked[done[1]] = booked[done[1]][0], requests[done[1]][3]
        gate = entered(meter, now + late, estimate)
        latest = max(latest, int((now + late) / SLOT))
        booked.append((latest, estimate))
        under_way.append((now + lasts, place, gate))
        assert meter.tokens == sum(tokens for slot, tokens in booked if slot >= latest - WINDOW / SLOT)


def test_what_an_old_request_did_not_take_makes_no_room_for_new_ones() -> None:
    meter = Meter(Limits(tpm=1000))
    old = entered(meter, 0, 900)
    assert asked(meter, 58, 10) is None
    old.leave(5)
    assert asked(meter, 61, 990) is None
    assert asked(meter, 61, 1) is not None


def test_what_a_request_took_beyond_a_window_ago_holds_nobody_up() -> None:
    meter = Meter(Limits(tpm=1000))
    old = entered(meter, 0, 10)
    assert asked(meter, 100, 10) is None
    old.leave(5000)
    assert asked(meter, 100, 990) is None


def test_no_limit_is_no_limit() -> None:
    meter = Meter(Limits())
    assert all(asked(meter, 0, 10**9) is None for _ in range(1000))
    entered(meter, 0, 10**9).leave(10**9)
    assert asked(meter, 0, 1) is None


def test_a_clock_that_steps_back_neither_frees_nor_locks() -> None:  # FAULTS 39
    meter = Meter(Limits(rpm=2))
    assert asked(meter, 100, 1) is None
    assert asked(meter, 40, 1) is None
    assert asked(meter, 40, 1) is not None
    assert asked(meter, 161, 1) is None


GATES = st.lists(st.tuples(st.floats(0, 20), st.sampled_from(["ab", "b", "abc"]), st.integers(0, 60)), max_size=60)


@given(GATES)
def test_one_limit_refuses_and_another_counts_all_the_same(steps: list[tuple[float, str, int]]) -> None:  # FAULTS 45
    """A key's, a team's and a tenant's limit, met by requests of several keys."""
    meters = {"a": Meter(Limits(rpm=4, tpm=200)), "b": Meter(Limits(rpm=6)), "c": Meter(Limits(concurrency=3))}
    now, under_way = 1000.0, list[tuple[str, Gate]]()
    for pause, names, tokens in steps:
        now += pause
        if under_way and pause > 10:
            under_way.pop(0)[1].leave(tokens)
        before = {name: (one.requests, one.tokens, one.in_flight) for name, one in meters.items()}
        gate = Gate([meters[name] for name in names])
        if gate.enter(now, tokens) is None:
            under_way.append((names, gate))
            assert all(meters[name].in_flight == before[name][2] + 1 for name in names)
        else:
            assert all(meters[name].in_flight == before[name][2] for name in names)
            assert all(meters[name].requests <= before[name][0] for name in names)
            assert all(meters[name].tokens <= before[name][1] for name in names)
        for name, meter in meters.items():
            assert meter.in_flight == sum(name in names for names, _ in under_way)
    for _, gate in under_way:
        gate.leave(0)
        gate.leave(0)
    assert [meter.in_flight for meter in meters.values()] == [0, 0, 0]


def test_the_limit_that_is_nearest_is_not_the_one_that_is_told() -> None:
    wide, narrow = Meter(Limits(rpm=100, tpm=1000)), Meter(Limits(rpm=10))
    gate = Gate((wide, narrow))
    assert gate.enter(0.0, 300) is None
    assert gate.nearest() == (narrow, wide)
    assert (narrow.requests, wide.tokens) == (1, 300)
    assert (narrow.whole_in(), wide.whole_in()) == (WHOLE, WHOLE)
    gate.leave(100)
    assert wide.at_rest(WINDOW + SLOT)
    assert gate.nearest()[1] is wide
    assert (wide.tokens, wide.whole_in()) == (0, 0)


@given(st.floats(0, 10**6), st.lists(st.floats(0, 40), min_size=1, max_size=10), st.floats(0, 70))
def test_all_of_a_limit_is_told_to_be_there_before_it_is(start: float, pauses: list[float], wait: float) -> None:
    """It is told in slots, so up to one later."""
    meter, now = Meter(Limits(rpm=len(pauses))), start
    for pause in pauses:
        now += pause
        assert asked(meter, now, 1) is None
    last, now = int(now / SLOT) * SLOT, now + wait
    meter.at_rest(now)
    if meter.whole_in():
        assert (meter.latest + meter.whole_in()) * SLOT == last + WINDOW + SLOT
    else:
        assert not meter.requests
        assert now >= last + WINDOW + SLOT


def test_of_two_limits_that_refuse_the_one_that_is_over_sooner_is_told() -> None:
    busy, slow = Meter(Limits(concurrency=1), "Key 'k'"), Meter(Limits(rpm=1), "Team 't'")
    assert Gate((busy, slow)).enter(0.0, 1) is None
    refused = Gate((busy, slow)).enter(10.0, 1)
    assert refused is not None
    assert (refused.whose, refused.what, refused.retry_after) == ("Team 't'", "requests a minute", 50 + SLOT)
