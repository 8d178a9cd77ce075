"""Draws that are not shares, intervals that are wrong too often, findings that change nothing."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from fairlead.core import expectation
from fairlead.core.call import Facts
from fairlead.core.choice import Choice
from fairlead.core.decide import asked
from fairlead.core.experiments import (
    LEAST_UNITS,
    Arm,
    Branch,
    Experiment,
    Looks,
    Sums,
    assigned,
    compared,
    concerned,
    difference,
    mean,
)
from fairlead.core.model import Compared
from fairlead.core.plan import Plan
from fairlead.core.policy import Tier
from fairlead.core.table import Match, Rule
from tests.core.scenes import AT, call, model, order, plan, policy, reasons, world

HALVES = Experiment("halves", (Branch("old", 0.5, "a"), Branch("new", 0.5, "b")))
UNIT = list[float]


def sums(units: list[UNIT]) -> Sums:
    whole = [sum(unit) for unit in units]
    return Sums(
        len(units),
        sum(map(len, units)),
        sum(whole),
        sum(one * one for one in whole),
        sum(one * len(unit) for one, unit in zip(whole, units, strict=True)),
        sum(len(unit) ** 2 for unit in units),
    )


# ---- who is in which arm


def test_a_share_is_not_what_it_says() -> None:  # M7.5
    some = Experiment("some", (Branch("old", 0.2, "a"), Branch("new", 0.3, "b")))
    seen = Counter(arm.name if (arm := assigned(some, str(number))) else "" for number in range(20_000))
    assert seen["old"] == pytest.approx(4_000, abs=250)
    assert seen["new"] == pytest.approx(6_000, abs=250)
    assert seen[""] == pytest.approx(10_000, abs=250)


def test_the_same_unit_is_in_the_same_arm_of_every_experiment() -> None:  # M7.5
    other = Experiment("other", HALVES.arms)
    both = Counter((assigned(HALVES, str(n)) == assigned(other, str(n))) for n in range(4_000))
    assert both[True] == pytest.approx(2_000, abs=200), "arms of two experiments go together"
    assert assigned(HALVES, "u") is assigned(HALVES, "u")


def test_an_experiment_goes_on_after_its_end_or_takes_what_it_is_not_for() -> None:  # M7.5
    one = Experiment("one", HALVES.arms, frozenset(("math",)), "p", since=AT, until=AT + 10)
    for task, by, at, fits in (
        ("math", "p", AT, True), ("math", "p", AT + 9, True), ("math", "p", AT + 10, False), ("math", "p", AT - 1, False),
        ("chat", "p", AT, False), ("math", "q", AT, False),
    ):  # fmt: skip
        assert (list(concerned((one,), task, by, at)) == [one]) is fits


# ---- how much is known


@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
def test_looking_often_finds_what_is_not_there(share: float) -> None:  # M7.5
    """100 experiments without any difference, each looked at 16 times: a single-look interval errs in about a fifth."""
    wrong = plain = 0
    for seed in range(100):
        chance = random.Random(seed)
        arms: list[list[UNIT]] = [[], []]
        seen = naive = False
        for _ in range(16):
            for units in arms:
                units += [
                    [float(chance.random() < share) for _ in range(chance.choice((1, 1, 2, 5)))] for _ in range(25)
                ]
            one, other = mean(sums(arms[0])), mean(sums(arms[1]))
            seen |= difference(one, other).tells
            naive |= abs(one.value - other.value) > 1.96 * (one.error**2 + other.error**2) ** 0.5
        wrong += seen
        plain += naive
    assert wrong <= 5
    assert plain > 10


def test_a_real_difference_is_never_found() -> None:  # M7.5
    chance = random.Random(7)
    arms = [[[float(chance.random() < share)] for _ in range(800)] for share in (0.7, 0.85)]
    found = difference(mean(sums(arms[0])), mean(sums(arms[1])))
    assert found.tells
    assert found.low < 0.15 < found.high
    assert not difference(mean(sums(arms[0])), mean(sums(arms[1])), comparisons=10**9).tells


def test_a_hundred_answers_of_one_conversation_are_a_hundred_words() -> None:  # M7.5
    many = [[1.0 if number % 4 else 0.0] * 50 for number in range(24)]
    each = [[one] for unit in many for one in unit]
    assert mean(sums(many)).error > 4 * mean(sums(each)).error


def test_ten_good_answers_of_ten_are_certain() -> None:  # M7.5
    few, none = [[1.0]] * 10, [[0.0]] * 10
    assert mean(sums(few)).error > 0.05
    assert mean(sums(few)).value < 1
    assert not difference(mean(sums([[1.0]] * 3)), mean(sums([[0.0]] * 3))).tells
    assert difference(mean(sums(few * 5)), mean(sums(none * 5))).tells
    assert mean(Sums()).error == 0.5


def test_an_arm_is_compared_before_enough_is_known_of_it() -> None:  # M7.5
    good, bad = sums([[1.0]] * 100), sums([[0.0]] * 100)
    crowded = sums([[0.0] * 10] * (LEAST_UNITS - 1))
    for other, told in ((bad, True), (sums([[0.0]] * 99), False), (crowded, False)):
        looks = {"old": Looks(good, good, good), "new": Looks(other, other, other)}
        first, second = compared(HALVES, looks)
        assert first.against is None
        assert (second.against is not None) is told
    assert [one.requests for one in compared(HALVES, {})] == [0, 0]


def test_what_the_arms_cost_and_take_has_no_interval() -> None:  # M7.5
    cheap = sums([[1_000.0 + number % 7] for number in range(200)])
    dear = sums([[2_000.0 + number % 90] for number in range(200)])
    _, second = compared(HALVES, {"old": Looks(dear, dear), "new": Looks(cheap, cheap)})
    assert second.cost == pytest.approx(1_003, abs=1)
    assert second.cost_against is not None
    assert second.cost_against.high < -1_000
    assert second.latency_against == second.cost_against


# ---- what is done with it


def found(gain: float, against: str = "a") -> Compared:
    return Compared("halves", against, gain, gain - 0.02, gain + 0.02, 400)


A, B = model("a", 1.0, quality=0.80), model("b", 1.0, quality=0.78)


def part(made: Plan, name: str) -> dict[str, float]:
    return next(dict(one.parts) for step in made.steps for one in step.targets if one.model.name == name)


@pytest.mark.parametrize("strategy", ["balanced", "quality_first", "specialist"])
def test_a_finding_flips_no_choice(strategy: str) -> None:  # M3.6
    force = policy(strategy)
    assert order(plan(call(), world(A, B), force)) == ["a", "b"]
    better = plan(call(), world(A, B, compared={"b|": found(0.05)}), force)
    assert order(better) == ["b", "a"]
    worse = world(model("b", 1.0, quality=0.9), A, compared={"b|": found(-0.05)})
    assert order(plan(call(), worse, force)) == ["a", "b"]


def test_the_score_keeps_back_what_an_experiment_found() -> None:  # M3.6
    made = plan(call(), world(A, B, compared={"b|": found(0.05)}), policy())
    assert part(made, "b") == {"quality": pytest.approx(0.85), "cost": 1.0, "latency": 1.0, "experiment": 0.05}
    assert "experiment" not in part(made, "a")


def test_a_finding_counts_beside_the_judgements_it_was_made_of() -> None:  # M3.6
    """The quality is that of who it was compared with, judgements and all, and the difference: no more."""
    snapshot = world(A, B, compared={"b|": found(0.05)}, evidence={"b|": (0.0, 500.0), "a|": (20.0, 20.0)})
    ask, _ = asked(call(), Choice(None, "", policy()), snapshot)
    assert expectation.quality(ask, A) == pytest.approx(0.9)
    assert expectation.quality(ask, B) == pytest.approx(0.95)
    known = expectation.belief(ask, B)
    assert known.good / (known.good + known.bad) == pytest.approx(known.mean) == pytest.approx(0.95)


def test_a_finding_of_one_task_counts_for_others() -> None:  # M3.6
    snapshot = world(A, B, compared={"b|math": found(0.5)})
    ask, _ = asked(call(), Choice(None, "", policy()), snapshot)
    assert expectation.quality(ask, B) == 0.78
    gone = world(B, compared={"b|": found(0.2, against="gone")})
    ask, _ = asked(call(), Choice(None, "", policy()), gone)
    assert expectation.quality(ask, B) == pytest.approx(0.7), "compared with one of whom nothing is known"


# ---- an arm in a plan


def in_arm(name: str, *others: str) -> Facts:
    return Facts(AT, arm=Arm("halves", "new", "unit", name, (name, *others)))


def test_an_arm_answers_where_another_could_not() -> None:  # M3.6
    made = plan(call(facts=in_arm("b", "a")), world(A, B), policy())
    assert (order(made), made.arm is not None) == (["b", "a"], True)
    assert made.reason == "arm new of experiment halves"
    small = model("b", context=10)
    made = plan(call(facts=in_arm("a", "b")), world(A, small, model("c", quality=0.9)), policy())
    assert (order(made), made.arm) == (["c", "a"], None)
    assert reasons(made) == {"b": "context"}


def test_an_arm_widens_a_table_for_others_too() -> None:  # M3.6
    force = policy(rules=(Rule("row", Match(), ("a", "c")),))
    there = world(A, B, model("c"), model("d"))
    made = plan(call(facts=in_arm("b", "a")), there, force)
    assert (order(made), made.strategy) == (["b", "a", "c"], "table")
    left = plan(call(facts=in_arm("b", "missing")), there, force)
    assert (order(left), left.arm) == (["a", "c"], None)


def test_an_arm_breaks_into_tiers() -> None:  # M3.5
    force = policy("tiered", tiers=(Tier("only", ("a",)),))
    made = plan(call(facts=in_arm("b", "a")), world(A, B), force)
    assert (order(made), made.arm) == (["a"], None)


def test_an_arm_ends_a_policys_own_chain() -> None:  # M3.6
    made = plan(call(facts=in_arm("b", "a")), world(A, B, model("c"), model("d")), policy(fallbacks=("c",)))
    assert order(made) == ["b", "a", "c"]
    assert "b" not in reasons(made)
