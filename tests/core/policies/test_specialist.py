"""A specialist is chosen on evidence: strength in the task on record goes before being good overall."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.call import Call, Signal
from tests.core.scenes import call, model, order, plan, policy, tokens, world

FORCE = policy("specialist")
CODER = model("coder", 5, 0.7, qualities={"code_generation": 0.75})
STAR = model("star", 20, 0.99)
PLAIN = model("plain", 1, 0.8)


def about(task: str) -> Call:
    return call(signals=(*tokens(), Signal("task", task, 0.9, 0.9)))


def test_a_name_for_being_good_overall_goes_before_strength_in_the_task() -> None:  # M3.1
    there = world(STAR, PLAIN, CODER)
    assert order(plan(about("code_generation"), there, FORCE)) == ["coder", "star", "plain"]
    assert order(plan(about("chat"), there, FORCE)) == ["star", "plain", "coder"]
    assert order(plan(call(), there, FORCE))[0] == "star"


def test_what_was_judged_is_no_evidence_or_one_judgement_is_enough() -> None:  # M7.3
    there = world(STAR, PLAIN, CODER, evidence={"plain|code_generation": (18.0, 20.0)})
    assert order(plan(about("code_generation"), there, FORCE)) == ["plain", "coder", "star"]
    once = world(STAR, PLAIN, CODER, evidence={"plain|code_generation": (1.0, 1.0)})
    assert order(plan(about("code_generation"), once, FORCE)) == ["coder", "star", "plain"]
    worse = world(STAR, PLAIN, CODER, evidence={"coder|code_generation": (0.0, 20.0), "plain|chat": (90.0, 90.0)})
    assert order(plan(about("code_generation"), worse, FORCE)) == ["coder", "star", "plain"]
    assert order(plan(call(), world(STAR, PLAIN, evidence={"plain|": (9.0, 90.0)}), FORCE)) == ["star", "plain"]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 50)), min_size=2, max_size=4))
def test_of_specialists_the_strongest_then_the_cheapest(figures: list[tuple[float, float]]) -> None:  # M3.1
    models = [
        model(f"m{index}", round(cost, 2), 0.5, qualities={"math": round(quality, 2)})
        for index, (quality, cost) in enumerate(figures)
    ]
    made = plan(about("math"), world(*models), FORCE)
    found = [target.expected for step in made.steps for target in step.targets]
    keys = [(-(one.quality or 0), one.cost or 0) for one in found]
    assert len(keys) == len(models)
    assert keys == sorted(keys)
