"""Who is down is left alone, who is up again is asked again, and nobody is blamed for what others did."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fairlead.core.health import Breakers, Claim, Health, HealthSettings

A, B = "m@a", "m@b"
JUST = HealthSettings(jitter=0.0)


def breakers(settings: HealthSettings = JUST, seed: int = 1) -> Breakers:
    made = Breakers(settings, Random(seed))
    made.watch([A, B], 0.0)
    return made


def claimed(of: Breakers, now: float, name: str = A) -> Claim:
    claim = of.claim(name, now)
    assert claim is not None
    return claim


def failing(of: Breakers, now: float, times: int = 3, name: str = A) -> None:
    for _ in range(times):
        of.failed(claimed(of, now, name), now, "HTTP 500")


def answering(of: Breakers, now: float, times: int = 1) -> None:
    for _ in range(times):
        of.answered(claimed(of, now), now)


def shown(of: Breakers, now: float) -> Health:
    return of.healths(now)[0]


def test_three_faults_in_a_row_eject_a_channel_and_no_other() -> None:  # M4.5
    of = breakers()
    failing(of, 10.0, 2)
    assert of.ejected(10.0) == frozenset()
    change = of.failed(claimed(of, 10.0), 10.0, "HTTP 503")
    assert change is not None
    assert (change.channel, change.opened, change.seconds, change.why) == (A, True, 30.0, "HTTP 503")
    assert of.ejected(39.9) == {A}
    assert of.claim(A, 39.9) is None
    assert of.claim(B, 39.9) is not None
    assert shown(of, 20.0) == Health(A, "open", 20.0, 3, 1, "HTTP 503")


def test_an_answer_in_between_starts_the_count_anew() -> None:  # M4.5
    of = breakers()
    for _ in range(5):
        failing(of, 1.0, 2)
        answering(of, 1.0)
    assert of.ejected(1.0) == frozenset()


def test_what_the_caller_did_neither_counts_nor_excuses() -> None:  # M4.5
    of = breakers()
    for _ in range(50):
        of.abandoned(claimed(of, 1.0))
    assert shown(of, 1.0).failures == 0
    failing(of, 1.0, 2)
    of.abandoned(claimed(of, 1.0))
    failing(of, 1.0, 1)
    assert of.ejected(1.0) == {A}


def test_recovery_really_happens_after_two_answers() -> None:  # M4.5
    of = breakers()
    failing(of, 0.0)
    answering(of, 30.0)
    assert shown(of, 30.0).state == "half-open"
    change = of.answered(claimed(of, 31.0), 31.0)
    assert change is not None
    assert not change.opened
    assert shown(of, 31.0).state == "closed"
    assert shown(of, 31.0).failures == 0
    assert [of.claim(A, 31.0) is not None for _ in range(5)] == [True] * 5


def test_half_open_lets_one_trial_through_at_a_time() -> None:  # M4.5, FAULTS 11
    of = breakers()
    failing(of, 0.0)
    trial = claimed(of, 30.0)
    assert [of.claim(A, 30.0 + second) for second in range(100)] == [None] * 100
    assert of.ejected(40.0) == {A}
    of.answered(trial, 130.0)
    assert claimed(of, 130.0) is not None


def test_a_trial_the_caller_gave_up_frees_its_place_and_decides_nothing() -> None:  # M4.5
    of = breakers()
    failing(of, 0.0)
    for second in range(20):
        of.abandoned(claimed(of, 30.0 + second))
    assert shown(of, 50.0).state == "half-open"
    answering(of, 51.0, 2)
    assert shown(of, 51.0).state == "closed"


def test_a_second_report_on_a_claim_changes_nothing() -> None:
    of = breakers()
    claim = claimed(of, 0.0)
    for _ in range(5):
        of.failed(claim, 0.0, "HTTP 500")
    assert shown(of, 0.0).failures == 1
    failing(of, 0.0, 2)
    trial = claimed(of, 30.0)
    of.abandoned(trial)
    other = claimed(of, 30.0)
    of.answered(trial, 30.0)
    of.abandoned(trial)
    assert of.claim(A, 30.0) is None, "the other trial is still under way"
    of.abandoned(other)


@pytest.mark.parametrize(("asked", "obeyed"), [(7.0, 7.0), (0.25, 0.25), (10**9, 3600.0)])
def test_retry_after_is_obeyed_at_once_and_up_to_an_hour(asked: float, obeyed: float) -> None:  # M4.5, FAULTS 9
    of = breakers()
    change = of.failed(claimed(of, 100.0), 100.0, "HTTP 429", asked)
    assert change is not None
    assert change.seconds == pytest.approx(obeyed)
    early = 100.0 + obeyed - 0.01
    assert (of.claim(A, early), of.claim(A, early, anyway=True)) == (None, None)
    assert of.ejected(early) == of.resting(early) == {A}
    assert of.back_in([A], early) == pytest.approx(0.01)
    assert of.back_in([A, B], early) == 0.0
    assert of.claim(A, 100.0 + obeyed) is not None


def test_of_two_times_a_provider_gives_the_later_holds() -> None:  # FAULTS 9
    of = breakers()
    late = [claimed(of, 0.0) for _ in range(3)]
    for claim, seconds in zip(late, (60.0, 90.0, 5.0), strict=True):
        of.failed(claim, 1.0, "HTTP 429", seconds)
    assert of.claim(A, 90.9) is None
    assert of.claim(A, 90.9, anyway=True) is None
    assert of.claim(A, 91.0) is not None
    assert shown(of, 91.0).ejections == 1


def test_a_provider_that_says_when_is_not_ejected_for_longer() -> None:  # FAULTS 9
    of = breakers()
    of.failed(claimed(of, 0.0), 0.0, "HTTP 429", 2.0)
    again = of.failed(claimed(of, 2.0), 2.0, "HTTP 429", 2.0)
    assert again is not None
    assert (again.opened, again.seconds) == (True, 2.0)
    answering(of, 4.0, 2)
    failing(of, 5.0)
    assert shown(of, 5.0).seconds == 30.0


def test_a_trial_that_fails_after_a_rest_ejects() -> None:
    of = breakers()
    of.failed(claimed(of, 0.0), 0.0, "HTTP 429", 2.0)
    failing(of, 2.0, 1)
    assert shown(of, 2.0) == Health(A, "open", 30.0, 2, 2, "HTTP 500")
    assert of.resting(2.0) == frozenset()


def test_a_late_word_on_when_to_return_is_obeyed_too() -> None:  # FAULTS 9
    of = breakers()
    early = claimed(of, 0.0)
    failing(of, 0.0)
    answering(of, 30.0, 2)
    change = of.failed(early, 40.0, "HTTP 429", 9.0)
    assert change is not None
    assert (change.seconds, change.why) == (9.0, "HTTP 429")
    assert of.claim(A, 48.9) is None
    assert of.claim(A, 49.0) is not None


def test_a_provider_that_says_when_and_fails_all_the_same_is_ejected() -> None:
    of = breakers()
    for second in (0.0, 2.0, 4.0):
        of.failed(claimed(of, second), second, "HTTP 503", 1.0)
    assert shown(of, 4.0).seconds == 30.0
    assert of.resting(5.0) == frozenset()


def test_what_began_before_the_ejection_neither_ends_nor_lengthens_it() -> None:  # M4.5
    of = breakers()
    early = [claimed(of, 0.0) for _ in range(40)]
    failing(of, 1.0)
    for claim in early[:10]:
        of.answered(claim, 2.0)
    for claim in early[10:20]:
        of.failed(claim, 2.0, "HTTP 500")
    assert shown(of, 2.0).seconds == 29.0
    trial = claimed(of, 31.0)
    for claim in early[20:25]:
        of.answered(claim, 32.0)
    for claim in early[25:30]:
        of.failed(claim, 32.0, "HTTP 500")
    assert shown(of, 32.0).state == "half-open"
    assert of.claim(A, 32.0) is None
    of.answered(trial, 33.0)
    answering(of, 33.0)
    for claim in early[30:]:
        of.failed(claim, 34.0, "HTTP 500")
    assert shown(of, 34.0).state == "closed"
    assert shown(of, 34.0).failures == 0


def test_a_trial_overtaken_by_others_answers_decides_nothing() -> None:
    of = breakers()
    failing(of, 0.0)
    trial = claimed(of, 30.0)
    for _ in range(2):
        claim = of.claim(A, 31.0, anyway=True)
        assert claim is not None
        of.answered(claim, 31.0)
    failing(of, 32.0)
    of.failed(trial, 40.0, "HTTP 500")
    assert shown(of, 40.0) == Health(A, "open", 52.0, 3, 2, "HTTP 500")


def ejections(of: Breakers, times: int, start: float = 0.0) -> list[float]:
    """The channel fails whenever it is asked."""
    found, now = [], start
    failing(of, now)
    for _ in range(times):
        found.append(of.back_in([A], now))
        now += found[-1]
        failing(of, now, 1)
    return found


def test_ejections_double_up_to_a_bound() -> None:  # FAULTS 11
    assert ejections(breakers(), 7) == pytest.approx([30, 60, 120, 240, 480, 600, 600])


@given(st.integers(0, 2**32))
def test_jitter_moves_an_ejection_by_a_tenth_at_most(seed: int) -> None:
    found = ejections(breakers(HealthSettings(), seed), 7)
    for seconds, middle in zip(found, (30, 60, 120, 240, 480, 600, 600), strict=True):
        assert 0.9 * middle <= seconds <= 1.1 * middle
    assert found == ejections(breakers(HealthSettings(), seed), 7)
    assert found != ejections(breakers(HealthSettings(), seed + 1), 7)


@pytest.mark.parametrize(("well", "expected"), [(5.0, 60.0), (299.0, 60.0), (300.0, 30.0), (4000.0, 30.0)])
def test_growth_is_forgotten_only_after_being_well_for_long(well: float, expected: float) -> None:
    of = breakers()
    failing(of, 0.0)
    answering(of, 30.0, 2)
    failing(of, 30.0 + well)
    assert of.back_in([A], 30.0 + well) == expected


def test_a_long_ejection_is_forgotten_after_as_long() -> None:
    of = breakers()
    now = sum(ejections(of, 5))
    now += of.back_in([A], now)
    answering(of, now, 2)
    failing(of, now + 599.0)
    assert of.back_in([A], now + 599.0) == 600.0


def test_flapping_lengthens_the_ejection_and_gets_one_trial_a_window() -> None:  # FAULTS 11
    of = breakers(HealthSettings(), seed=5)
    opened: list[float] = []
    failed_trials = 0
    under_way: list[tuple[float, Claim, bool]] = []
    for tick in range(40 * 1800):
        now = tick / 40
        while under_way and under_way[0][0] <= now:
            _, claim, trial = under_way.pop(0)
            if now % 10 < 5:
                of.answered(claim, now)
                continue
            failed_trials += trial
            change = of.failed(claim, now, "HTTP 500")
            if change is not None:
                opened.append(change.seconds)
                assert failed_trials <= 1
                failed_trials = 0
        half_open = shown(of, now).state == "half-open"
        asked = of.claim(A, now)
        if asked is not None:
            under_way.append((now + 0.2, asked, half_open))
            assert sum(trial for _, _, trial in under_way) <= 1
    longest = [max(opened[: place + 1]) for place in range(len(opened))]
    assert all(seconds >= 0.9 / 1.1 * before for seconds, before in zip(opened, longest, strict=True))
    assert opened[-1] >= 540
    assert len(opened) <= 12


def test_a_channel_nobody_asks_is_probed_once_a_minute() -> None:  # M4.5
    of = breakers()
    probed: dict[str, list[float]] = {A: [], B: []}
    assert of.due(60.0) == [], "what has just begun is probed"
    for now in range(661):
        for name in of.due(float(now)):
            claim = of.claim(name, float(now), probe=True)
            assert claim is not None
            of.answered(claim, float(now))
            probed[name].append(now)
    for times in probed.values():
        assert len(times) == 10
        assert {later - before for before, later in pairwise(times)} == {60}
    assert probed[A] != probed[B], "all would be probed in the same second"


def test_a_channel_with_traffic_needs_no_probe() -> None:
    of = breakers()
    for now in range(300):
        answering(of, float(now))
        assert A not in of.due(float(now))


def test_probing_can_be_switched_off() -> None:
    of = breakers(HealthSettings(probe_every=0.0))
    failing(of, 0.0)
    assert of.due(10**6) == []


def test_probes_bring_back_a_channel_without_traffic() -> None:  # M4.5
    of = breakers()
    failing(of, 0.0)
    asked = []
    for now in (29.0, 30.0, 31.0):
        if A in of.due(now):
            claim = of.claim(A, now, probe=True)
            assert claim is not None
            assert A not in of.due(now), "a second probe would go beside the first"
            of.answered(claim, now)
            asked.append(now)
    assert asked == [30.0, 31.0]
    assert shown(of, 31.0).state == "closed"


def test_an_answered_probe_does_not_hide_that_requests_fail() -> None:
    of = breakers()
    for now in (0.0, 70.0, 140.0):
        failing(of, now, 1)
        if now < 140:
            claim = of.claim(A, now + 65, probe=True)
            assert claim is not None
            of.answered(claim, now + 65)
    assert of.ejected(140.0) == {A}


def test_the_last_resort_is_asked_and_its_answers_count() -> None:  # FAULTS 12
    of = breakers()
    failing(of, 0.0)
    for _ in range(5):
        claim = of.claim(A, 1.0, anyway=True)
        assert claim is not None
        of.failed(claim, 1.0, "HTTP 500")
    assert shown(of, 1.0).seconds == 29.0, "what was asked in need does not lengthen it"
    for answered, state in ((True, "open"), (False, "open"), (True, "open"), (True, "closed")):
        claim = of.claim(A, 2.0, anyway=True)
        assert claim is not None
        if answered:
            of.answered(claim, 2.0)
        else:
            of.failed(claim, 2.0, "HTTP 500")
        assert shown(of, 2.0).state == state


def test_an_ejection_cut_short_is_over() -> None:
    of = breakers()
    failing(of, 0.0)
    for _ in range(2):
        claim = of.claim(A, 2.0, anyway=True)
        assert claim is not None
        of.answered(claim, 2.0)
    change = of.failed(claimed(of, 3.0), 3.0, "HTTP 429", 1.0)
    assert change is not None
    assert change.seconds == 1.0


def test_no_answer_of_the_last_resort_overrules_the_provider() -> None:  # FAULTS 9
    of = breakers()
    failing(of, 0.0)
    three = [of.claim(A, 1.0, anyway=True) for _ in range(3)]
    assert three[0] is not None
    of.failed(three[0], 1.0, "HTTP 429", 100.0)
    for claim in three[1:]:
        assert claim is not None
        of.answered(claim, 2.0)
    assert of.claim(A, 100.9, anyway=True) is None
    answering(of, 101.0)
    assert shown(of, 101.0).state == "closed"


def test_a_reload_keeps_what_is_known_and_drops_who_is_gone() -> None:
    of = breakers()
    failing(of, 0.0)
    late = claimed(of, 1.0, B)
    of.watch([A, "m@new"], 1.0)
    of.failed(late, 2.0, "HTTP 429", 50.0)
    assert of.ejected(2.0) == {A}
    assert [one.channel for one in of.healths(2.0)] == [A, "m@new"]


class Traffic(RuleBasedStateMachine):
    """Whatever happens in whichever order."""

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.of = Breakers(HealthSettings(), Random(seed))
        self.of.watch([A, B], 0.0)
        self.now = 0.0
        self.out: list[tuple[Claim, bool]] = []
        self.told = {A: 0.0, B: 0.0}
        self.faults = {A: 0, B: 0}

    @rule(seconds=st.one_of(st.floats(0, 2), st.floats(0, 700)))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(name=st.sampled_from([A, B]), anyway=st.booleans(), probe=st.booleans(), times=st.integers(1, 5))
    def ask(self, name: str, anyway: bool, probe: bool, times: int) -> None:
        for _ in range(times):
            barred = name in self.of.ejected(self.now)
            was_open = next(one for one in self.of.healths(self.now) if one.channel == name).state != "closed"
            claim = self.of.claim(name, self.now, anyway=anyway, probe=probe)
            assert anyway or (claim is None) == barred
            if claim is not None:
                assert self.now >= self.told[name]
                self.out.append((claim, was_open and not barred))

    @rule(which=st.randoms(use_true_random=False), how=st.sampled_from(["failed", "answered", "abandoned", "told"]))
    def report(self, which: Random, how: str) -> None:
        if not self.out:
            return
        claim, _ = self.out.pop(which.randrange(len(self.out)))
        name = claim.circuit.channel
        if how == "answered":
            self.of.answered(claim, self.now)
        elif how == "abandoned":
            self.of.abandoned(claim)
        else:
            asked = 40.0 if how == "told" else 0.0
            self.of.failed(claim, self.now, "HTTP 500", asked)
            self.faults[name] += 1
            self.told[name] = max(self.told[name], self.now + asked if asked else 0.0)

    @invariant()
    def no_trial_runs_beside_another(self) -> None:
        for name in (A, B):
            trials = [claim for claim, trial in self.out if trial and claim.circuit.channel == name]
            assert len(trials) <= 1

    @invariant()
    def nobody_is_ejected_without_faults_enough(self) -> None:
        for one in self.of.healths(self.now):
            if self.faults[one.channel] < 3 and not self.told[one.channel]:
                assert one.ejections == 0
            assert one.state != "closed" or one.failures < 3

    @invariant()
    def whoever_wants_rest_has_it(self) -> None:
        assert {name for name in (A, B) if self.now < self.told[name]} == self.of.resting(self.now)

    def teardown(self) -> None:
        if not hasattr(self, "of"):
            return
        for claim, _ in self.out:
            self.of.abandoned(claim)
        later = self.now + 5000
        for name in (A, B):
            for _ in range(3):
                asked = self.of.claim(name, later)
                assert asked is not None, "the trial's place was lost"
                self.of.answered(asked, later)
        assert self.of.ejected(later) == frozenset()


Traffic.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTraffic = Traffic.TestCase


def test_when_all_have_failed_the_same_one_is_asked_over_and_over() -> None:  # FAULTS 12
    of = breakers()
    failing(of, 10.0, 3, A)
    failing(of, 10.0, 3, B)
    first = of.claim(A, 11.0, anyway=True)
    assert first is not None
    assert of.turn(B) < of.turn(A)
    second = of.claim(B, 12.0, anyway=True)
    assert second is not None
    assert of.turn(A) < of.turn(B)
    of.answered(second, 12.0)
    assert of.turn(B) < of.turn(A), "who answered is left for one that did not"
    of.failed(first, 12.0, "HTTP 500")
