"""The surer the classifier, the smaller the model: the bounds exact, nobody weaker standing in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.call import Call, Signal, Wishes
from fairlead.core.plan import Target
from fairlead.core.policy import Cascade
from tests.core.scenes import call, model, order, plan, policy, reasons, tokens, world

NAMES = ["base", "middle", "premium"]
THREE = world(model("base", 0.1), model("middle", 1), model("premium", 10), model("other", 0.01))
FORCE = policy("cascade", cascade=Cascade(("base", "middle", "premium")))


def sure(confidence: float) -> Call:
    return call(signals=(*tokens(), Signal("task", "chat", confidence, confidence)))


@given(st.floats(0, 1) | st.sampled_from([0.0, 0.7, 0.7000001, 0.9, 0.9000001, 1.0]))
def test_the_bounds_are_exact_and_nobody_weaker_stands_in(confidence: float) -> None:  # M4.4
    made = plan(sure(confidence), THREE, FORCE)
    assert order(made) == NAMES[0 if confidence > 0.9 else 1 if confidence > 0.7 else 2 :]
    assert reasons(made) == dict.fromkeys({"other", *NAMES} - set(order(made)), "cascade")


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_policy_has_its_own_bounds(confidence: float, one: float, other: float) -> None:  # M4.4
    middle, keep = sorted((one, other))
    force = policy("cascade", cascade=Cascade(("base", "middle", "premium"), keep, middle))
    assert (
        order(plan(sure(confidence), THREE, force))
        == NAMES[0 if confidence > keep else 1 if confidence > middle else 2 :]
    )


@pytest.mark.parametrize("confidence", [0.95, 0.8, 0.5])
def test_only_the_premium_model_thinks(confidence: float) -> None:  # M4.4
    targets: list[Target] = [target for step in plan(sure(confidence), THREE, FORCE).steps for target in step.targets]
    assert {target.model.name: target.thinking for target in targets}["premium"] == "high"
    assert {target.thinking for target in targets if target.model.name != "premium"} <= {""}


def test_a_task_that_nobody_knows_is_premium_work_and_one_the_caller_declared_is_certain() -> None:  # M4.4
    assert order(plan(call(), THREE, FORCE)) == ["premium"]
    assert order(plan(call(wishes=Wishes(task="chat")), THREE, FORCE))[0] == "base"


def test_the_next_stronger_one_answers_where_a_model_may_not() -> None:
    without = world(*THREE.models.values(), disabled=frozenset({"base"}))
    assert order(plan(sure(0.95), without, FORCE)) == ["middle", "premium"]
    last = world(*THREE.models.values(), disabled=frozenset({"premium"}))
    assert order(plan(sure(0.5), last, FORCE)) == []
    assert reasons(plan(sure(0.5), last, FORCE))["base"] == "cascade"


def test_a_fallback_that_the_policy_lists_is_lost() -> None:  # M4.2
    force = policy("cascade", cascade=Cascade(("base", "middle", "premium")), fallbacks=("other", "base"))
    assert order(plan(sure(0.5), THREE, force)) == ["premium", "other", "base"]
    last = world(*THREE.models.values(), disabled=frozenset({"premium"}))
    assert order(plan(sure(0.5), last, force)) == ["other", "base"]
