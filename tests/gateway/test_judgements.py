"""Judgements weigh less with age, count once an answer, and seldom make new conditions."""

from __future__ import annotations

import itertools

import pytest

from fairlead.core.record import Feedback
from fairlead.gateway.conditions import Vitals
from fairlead.gateway.judgements import KEPT, Judgements, two_digits
from fairlead.store.feedback import JudgedDay
from fairlead.store.window import DAY_MS

TODAY = 20_000


def said(request: str, score: float, ago: int = 0, model: str = "m", task: str = "math") -> Feedback:
    at = (TODAY - ago) * DAY_MS + 5
    return Feedback(request, at, at + 1, "k", "t", model, task, score)


def test_a_word_that_takes_the_place_of_another_counts_beside_it() -> None:  # M7.3
    judgements = Judgements()
    first, second = said("r", 1.0), said("r", 0.0)
    judgements.judged(first, None)
    assert judgements.evidence(TODAY) == {"m|math": (1.0, 1.0)}
    judgements.judged(second, first)
    assert judgements.evidence(TODAY) == {"m|math": (0.0, 1.0)}
    judgements.judged(said("other", 0.25, task=""), None)
    assert judgements.evidence(TODAY) == {"m|": (0.2, 1.0), "m|math": (0.0, 1.0)}


@pytest.mark.parametrize(("ago", "weight"), [(0, 100.0), (30, 50.0), (60, 25.0), (KEPT - 1, 13.0), (KEPT, None)])
def test_an_old_judgement_weighs_like_a_new_one(ago: int, weight: float | None) -> None:  # M7.3
    judgements = Judgements()
    judgements.load([JudgedDay("m", "math", TODAY - ago, 100, 100.0)])
    assert judgements.evidence(TODAY) == ({} if weight is None else {"m|math": (weight, weight)})


def test_what_a_start_reads_differs_from_what_was_said() -> None:  # M7.3
    lived, read = Judgements(), Judgements()
    for number in range(40):
        lived.judged(said(f"r{number}", number % 3 / 2, ago=number % 4), None)
    read.load(
        JudgedDay("m", "math", TODAY - day, 10, sum(n % 3 / 2 for n in range(40) if n % 4 == day)) for day in range(4)
    )
    assert lived.evidence(TODAY) == read.evidence(TODAY)


def test_weights_are_told_with_more_than_two_digits() -> None:
    assert [two_digits(one) for one in (0.04, 0.06, 3.14159, 9.96, 12.7, 99.6, 4_321.0)] == [
        0.0, 0.1, 3.1, 10.0, 13.0, 100.0, 4_300.0,
    ]  # fmt: skip
    assert two_digits(-1e-17) == 0.0


def test_a_judgement_is_no_part_of_the_conditions_or_makes_new_ones_for_ever() -> None:  # M7.3
    day = TODAY
    vitals = Vitals(lambda: day)
    seconds = itertools.count(100)
    before = vitals.at(next(seconds))
    vitals.judged(said("r", 1.0), None)
    after = vitals.at(next(seconds))
    assert (after.version, after.evidence) == (before.version + 1, {"m|math": (1.0, 1.0)})
    for _ in range(5):
        vitals.observe("m@a", 100)
        latest = vitals.at(next(seconds))
    assert latest.version <= after.version + 1
    assert latest.evidence is after.evidence
    day += 30
    vitals.observe("m@a", 100)
    assert vitals.at(next(seconds)).evidence == {"m|math": (0.5, 0.5)}


def test_a_thousand_judgements_more_make_a_thousand_versions() -> None:
    vitals = Vitals(lambda: TODAY)
    vitals.take_up([JudgedDay("m", "math", TODAY, 10_000, 9_000.0)])
    versions = set()
    for number in range(1_000):
        vitals.judged(said(f"r{number}", float(number % 10 > 0)), None)
        versions.add(vitals.at(100 + number).version)
    assert len(versions) < 30


def test_a_run_of_the_bench_counts_beside_the_one_it_took_the_place_of() -> None:  # M7.1
    judgements = Judgements()
    judgements.judged(said("r", 1.0), None)
    judgements.measure([JudgedDay("m", "math", TODAY - 30, 40, 40.0), JudgedDay("n", "math", TODAY, 4, 1.0)])
    assert judgements.evidence(TODAY) == {"m|math": (21.0, 21.0), "n|math": (1.0, 4.0)}
    judgements.measure([JudgedDay("m", "math", TODAY, 40, 0.0)])
    assert judgements.evidence(TODAY) == {"m|math": (1.0, 41.0)}
    judgements.measure([JudgedDay("m", "math", TODAY - KEPT, 40, 0.0)])
    assert judgements.evidence(TODAY) == {"m|math": (1.0, 1.0)}
