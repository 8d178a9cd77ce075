"""Equal channels share the work as declared, and nobody gains by failing fast or loses by another's end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.balance import BALANCE, MOST_BLAME, Load, Loads, order
from fairlead.core.health import Breakers, Claim, HealthSettings

THREE = ("a", "b", "c")
BY_LOAD = ("weighted", "least_connections", "peak_ewma")
Answer = Callable[[str, float, Random], tuple[float, bool]]
"""Seconds an attempt takes at a channel at some time, and whether it is answered."""

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["began", "ended", "quota"]),
        st.sampled_from(THREE),
        st.floats(0, 20),
        st.one_of(st.none(), st.floats(0, 60_000)),
        st.sampled_from([True, False, None]),
    ),
    max_size=60,
)
Events = Sequence[tuple[str, str, float, float | None, bool | None]]


def lived(events: Events) -> tuple[Loads, float]:
    """Loads after all of this, and the time it is then."""
    loads, now, under_way = Loads(), 0.0, Counter[str]()
    for what, channel, pause, ms, ok in events:
        now += pause
        if what == "began":
            loads.began(channel)
            under_way[channel] += 1
        elif what == "quota":
            loads.quota(channel, (ms or 0) / 60_000, now + pause)
        elif under_way[channel]:
            loads.ended(channel, now, ms, ok)
            under_way[channel] -= 1
    for channel in THREE:
        assert loads.of(channel).in_flight == under_way[channel]
    return loads, now


class Run(msgspec.Struct):
    """An attempt under way."""

    channel: str
    began: float
    ok: bool
    others: tuple[str, ...]
    claim: Claim | None


def played(
    way: str,
    answer: Answer,
    *,
    rate: float,
    seconds: float = 60.0,
    gone: dict[str, float] | None = None,
    settings: HealthSettings | None = None,
) -> list[tuple[float, str]]:
    """When which channel was asked, by requests that come at random and go on to the next where one fails."""
    loads, chance, number = Loads(), Random(7), count()
    breakers = Breakers(settings or HealthSettings(failures=10**9), Random(1))
    asked: list[tuple[float, str]] = []
    ending: list[tuple[float, int, Run]] = []

    def ask(names: tuple[str, ...], now: float) -> None:
        loads.began(names[0])
        asked.append((now, names[0]))
        taken, ok = answer(names[0], now, chance)
        run = Run(names[0], now, ok, names[1:], breakers.claim(names[0], now))
        heappush(ending, (now + taken, next(number), run))

    def end(run: Run, now: float) -> None:
        loads.ended(run.channel, now, (now - run.began) * 1000 if run.ok else None, run.ok)
        if run.claim is not None and run.ok:
            breakers.answered(run.claim, now)
        elif run.claim is not None:
            breakers.failed(run.claim, now, "HTTP 500")
        if not run.ok and run.others:
            ask(run.others, now)

    arrives = 0.0
    while arrives < seconds:
        if ending and ending[0][0] <= arrives:
            at, _, run = heappop(ending)
            end(run, at)
            continue
        out = breakers.ejected(arrives)
        there = [one for one in THREE if arrives < (gone or {}).get(one, seconds) and one not in out]
        ask(order(way, there, loads, arrives, chance.getrandbits(64)).channels, arrives)
        arrives += chance.expovariate(rate)
    return asked


def shares(asked: list[tuple[float, str]], since: float = 0.0, until: float = 10**9) -> dict[str, float]:
    counted = Counter(channel for at, channel in asked if since <= at < until)
    return {channel: count / counted.total() for channel, count in counted.items()}


def alike(channel: str, now: float, chance: Random) -> tuple[float, bool]:
    return chance.uniform(0.2, 1.8), True


@given(EVENTS, st.sampled_from(sorted(BALANCE)), st.integers(0, 2**64), st.permutations(THREE))
def test_every_way_orders_all_of_them_and_the_same_way_again(
    events: Events, way: str, seed: int, channels: list[str]
) -> None:  # M4.6
    loads, now = lived(events)
    made = order(way, channels, loads, now, seed)
    assert sorted(made.channels) == sorted(THREE)
    assert order(way, channels, loads, now, seed) == made
    again, then = lived(events)
    assert order(way, channels, again, then, seed) == made
    if way != "declared":
        assert [channel for channel, _ in made.inputs] == list(made.channels)
        assert all(0 <= number < 10**12 for _, number in made.inputs)


@pytest.mark.parametrize("way", sorted(BALANCE))
def test_one_is_one_and_none_is_none(way: str) -> None:
    loads = Loads()
    assert order(way, ["a"], loads, 0.0, 1).channels == ("a",)
    assert order(way, [], loads, 0.0, 1).channels == ()


def test_declared_stays_as_declared_whatever_the_load() -> None:
    loads = Loads()
    for _ in range(50):
        assert order("declared", ["b", "c", "a"], loads, 0.0, 3).channels == ("b", "c", "a")
        loads.began("b")


@given(st.lists(st.sampled_from(THREE), max_size=20), st.integers(1, 60), st.integers(0, 100))
def test_round_robin_is_exact_whatever_was_before(before: list[str], requests: int, seed: int) -> None:  # M4.6
    loads = Loads()
    for channel in before:
        loads.began(channel)
    counted = Counter(dict.fromkeys(THREE, 0))
    for request in range(requests):
        first = order("round_robin", THREE, loads, 0.0, seed + request).channels[0]
        loads.began(first)
        counted[first] += 1
    assert max(counted.values()) - min(counted.values()) <= 1


@given(st.integers(2, 6), st.data())
def test_round_robin_passes_the_share_of_one_that_leaves_to_all_alike(size: int, data: st.DataObject) -> None:
    channels = [f"c{number}" for number in range(size)]
    loads = Loads()
    for _ in range(data.draw(st.integers(0, 20))):
        loads.began(order("round_robin", channels, loads, 0.0, 1).channels[0])
    channels.remove(data.draw(st.sampled_from(channels)))
    counted = Counter(dict.fromkeys(channels, 0))
    for _ in range(60):
        first = order("round_robin", channels, loads, 0.0, 1).channels[0]
        loads.began(first)
        counted[first] += 1
    assert max(counted.values()) - min(counted.values()) <= 1


def test_what_a_dead_one_cannot_serve_is_shared_by_all_others() -> None:  # M4.6
    loads, served = Loads(), Counter[str]()
    for _ in range(900):
        for channel in order("round_robin", ["dead", *THREE], loads, 0.0, 1).channels:
            loads.began(channel)
            if channel != "dead":
                served[channel] += 1
                break
    assert served.total() == 900
    assert max(served.values()) - min(served.values()) <= 1


@pytest.mark.parametrize("way", BY_LOAD)
def test_alike_channels_get_alike_shares_before_and_after_one_leaves(way: str) -> None:  # M4.6
    asked = played(way, alike, rate=40.0, seconds=120.0, gone={"b": 60.0})
    before, after = shares(asked, until=60.0), shares(asked, since=65.0)
    assert all(0.28 <= share <= 0.39 for share in before.values())
    assert set(after) == {"a", "c"}
    assert all(0.44 <= share <= 0.56 for share in after.values())


@pytest.mark.parametrize("way", BY_LOAD)
@pytest.mark.parametrize(("rate", "usual"), [(2.0, 0.3), (20.0, 0.3), (20.0, 3.0), (60.0, 8.0)])
def test_a_node_that_fails_fast_is_not_favoured(way: str, rate: float, usual: float) -> None:  # M4.6, FAULTS 13
    def answer(channel: str, now: float, chance: Random) -> tuple[float, bool]:
        return (0.005, False) if channel == "b" else (usual * chance.uniform(0.5, 1.5), True)

    assert shares(played(way, answer, rate=rate), since=10.0).get("b", 0.0) <= 0.05


@pytest.mark.parametrize("way", sorted(BALANCE))
def test_a_node_that_fails_fast_is_not_favoured_in_any_way_once_ejected(way: str) -> None:  # FAULTS 13
    def answer(channel: str, now: float, chance: Random) -> tuple[float, bool]:
        return (0.005, False) if channel == "a" else (0.5, True)

    assert shares(played(way, answer, rate=20.0, settings=HealthSettings()), since=10.0).get("a", 0.0) <= 0.01


@pytest.mark.parametrize("way", BY_LOAD)
def test_a_node_that_recovered_gets_its_share_again(way: str) -> None:
    def answer(channel: str, now: float, chance: Random) -> tuple[float, bool]:
        return (0.005, False) if channel == "b" and now < 60 else alike(channel, now, chance)

    asked = played(way, answer, rate=20.0, seconds=240.0)
    assert shares(asked, since=150.0)["b"] >= 0.25


@pytest.mark.parametrize("way", ["weighted", "peak_ewma"])
def test_a_node_three_times_as_slow_gets_a_smaller_share_until_it_is_quick_again(way: str) -> None:
    def answer(channel: str, now: float, chance: Random) -> tuple[float, bool]:
        return (3.0 if channel == "b" and now < 60 else 1.0) * chance.uniform(0.9, 1.1), True

    asked = played(way, answer, rate=20.0, seconds=240.0)
    assert shares(asked, since=10.0, until=60.0)["b"] <= 0.2
    assert shares(asked, since=150.0)["b"] >= 0.28


def test_least_connections_takes_who_has_least_under_way() -> None:  # M4.6
    loads = Loads()
    for channel, times in (("a", 3), ("b", 1), ("c", 2)):
        for _ in range(times):
            loads.began(channel)
    for seed in range(50):
        assert order("least_connections", THREE, loads, 0.0, seed).channels == ("b", "c", "a")
    loads.ended("a", 0.0, None, None)
    loads.ended("a", 0.0, None, None)
    assert {order("least_connections", THREE, loads, 0.0, seed).channels[0] for seed in range(50)} == {"a", "b"}


def drawn(loads: Loads, now: float) -> dict[str, float]:
    counted = Counter(order("weighted", THREE, loads, now, seed).channels[0] for seed in range(4000))
    return {channel: counted[channel] / 4000 for channel in THREE}


def test_weights_are_the_quota_left_until_it_is_full_again() -> None:  # M4.6
    loads = Loads()
    loads.quota("a", 0.6, 100.0)
    loads.quota("b", 0.2, 100.0)
    loads.quota("c", 0.0, 50.0)
    low = drawn(loads, 10.0)
    assert low["a"] == pytest.approx(0.75, abs=0.03)
    assert low["b"] == pytest.approx(0.25, abs=0.03)
    assert low["c"] <= 0.01
    assert drawn(loads, 60.0)["c"] == pytest.approx(1 / 1.8, abs=0.03)
    assert all(share == pytest.approx(1 / 3, abs=0.03) for share in drawn(loads, 100.0).values())


def test_weights_are_the_inverse_of_response_times_and_an_unknown_one_counts_as_the_best() -> None:
    loads = Loads()
    for channel, ms in (("a", 300.0), ("b", 900.0)):
        loads.began(channel)
        loads.ended(channel, 0.0, ms, True)
    found = drawn(loads, 0.0)
    assert found["b"] == pytest.approx(1 / 7, abs=0.03)
    assert found["a"] == pytest.approx(3 / 7, abs=0.03)
    assert order("weighted", THREE, loads, 0.0, 1).inputs != ()


def test_requests_under_way_make_a_quick_one_as_costly_as_a_slow_one() -> None:  # M4.6
    loads = Loads()
    for channel, ms in (("quick", 100.0), ("slow", 440.0)):
        loads.began(channel)
        loads.ended(channel, 0.0, ms, True)
    chosen = []
    for seed in range(10):
        made = order("peak_ewma", ["slow", "quick"], loads, 0.0, seed)
        assert dict(made.inputs)[made.channels[0]] == min(dict(made.inputs).values())
        chosen.append(made.channels[0])
        loads.began(chosen[-1])
    assert chosen == [*["quick"] * 4, "slow", *["quick"] * 4, "slow"]


def measured(*samples: tuple[float, float]) -> Load:
    loads = Loads()
    for now, ms in samples:
        loads.began("a")
        loads.ended("a", now, ms, True)
    loads.began("a")
    return loads.of("a")


def test_a_worse_response_time_counts_at_once_and_a_better_one_by_and_by() -> None:  # M4.6
    assert measured((0.0, 200.0), (0.1, 5000.0)).ms == 5000.0
    assert measured((0.0, 5000.0), (0.1, 200.0)).ms > 4900.0
    assert measured(*[(0.0, 5000.0), *((second / 2, 200.0) for second in range(1, 81))]).ms < 300.0
    assert measured((0.0, 5000.0)).ms_at(1000.0, 200.0) == 5000.0, "it is not idle"


def test_a_slow_one_nobody_asks_is_tried_again_by_one_request_at_a_time() -> None:
    loads = Loads()
    for channel, ms in (("a", 200.0), ("b", 20_000.0)):
        loads.began(channel)
        loads.ended(channel, 0.0, ms, True)

    def chosen(now: float) -> set[str]:
        return {order("peak_ewma", ["a", "b"], loads, now, seed).channels[0] for seed in range(60)}

    assert chosen(1.0) == {"a"}
    assert chosen(60.0) == {"a", "b"}
    loads.began("b")
    assert chosen(60.0) == {"a"}


def test_failures_make_a_channel_costlier_up_to_a_bound_and_are_forgotten() -> None:
    loads = Loads()
    for _ in range(20):
        loads.began("a")
        loads.ended("a", 5.0, None, False)
    load = loads.of("a")
    assert load.blame_at(5.0) == MOST_BLAME
    assert load.blame_at(28.1) == pytest.approx(MOST_BLAME / 10, rel=0.02)
    assert load.blame_at(200.0) == 1.0
    loads.began("a")
    loads.ended("a", 5.0, 100.0, True)
    assert load.blame_at(5.0) == MOST_BLAME / 10


def test_what_ends_by_the_callers_doing_says_nothing() -> None:
    loads = Loads()
    for ms in (None, 5.0):
        loads.began("a")
        loads.ended("a", 1.0, ms, None)
    load = loads.of("a")
    assert (load.in_flight, load.ms, load.blame) == (0, 0.0, 1.0)


def test_channels_that_are_gone_are_forgotten_once_nothing_of_theirs_is_under_way() -> None:
    loads = Loads()
    for channel in THREE:
        loads.began(channel)
        if channel != "c":
            loads.ended(channel, 0.0, 100.0, True)
    loads.keep(frozenset("a"))
    assert [loads.of(channel).turn for channel in THREE] == [1, 0, 3]
    loads.ended("c", 0.0, 100.0, True)
    loads.keep(frozenset("a"))
    assert loads.of("c").turn == 0
