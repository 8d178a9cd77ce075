"""The cascade by the answers: who is asked with what, where it begins, and who is left out for being weaker."""

from __future__ import annotations

import msgspec
import pytest

from fairlead.core.call import Call, Signal
from fairlead.core.cascading import cheapest_start
from fairlead.core.choice import read_choice
from fairlead.core.decide import asked
from fairlead.core.execution import Candidate, Dispatch, Failed, begin, line, step
from fairlead.core.model import Conditions, Snapshot
from fairlead.core.plan import Bar, Plan, Target
from fairlead.core.policy import Cascade, Handling, Policy
from fairlead.core.quality import Quality
from tests.core.scenes import POLICIES, call, model, order, plan, policy, reasons, tokens, world

THREE = world(model("base", 0.1), model("middle", 1), model("premium", 10), model("other", 0.01))


def verifying(kept: float = 0.7, between: float = 0.2, **more: object) -> Policy:
    cascade = Cascade(("base", "middle", "premium"), form="verify", kept=kept, between=between)
    return policy("cascade", cascade=cascade, handling=Handling(quality=Quality()), **more)


def targets(made: Plan) -> list[Target]:
    return [
        made.steps[0].targets[0],
        *(one for stage in made.steps if stage.move == "escalate" for one in stage.targets),
    ]


def chat(confidence: float = 0.5) -> Call:
    return call(signals=(*tokens(), Signal("task", "chat", confidence, confidence)))


def test_the_base_model_is_passed_over_for_an_unsure_classifier() -> None:  # M4.4
    for confidence in (0.0, 0.5, 0.95):
        found = targets(plan(chat(confidence), THREE, verifying()))
        assert [one.model.name for one in found] == ["base", "middle", "premium"]
        assert [one.bar for one in found] == [Bar(0.9, 0.7), Bar(0.7), Bar(0.5)]
        assert [one.draft for one in found] == [False, True, False]
        assert [one.thinking for one in found] == ["", "", "high"]


def test_the_stronger_ones_do_not_stand_behind_for_availability_too() -> None:  # M4.2
    made = plan(chat(), THREE, verifying(fallbacks=("other",)))
    assert [[one.model.name for one in stage.targets] for stage in made.steps] == [
        ["base"],
        ["other"],
        ["middle", "premium"],
    ], "the policy's own chain is for availability alone"
    made = plan(chat(), THREE, verifying())
    assert [[one.model.name for one in stage.targets] for stage in made.steps][1:] == [["middle", "premium"]] * 2


def climbed(made: Plan, leap: bool) -> Candidate:
    state, _ = begin(*line(made))
    _, actions = step(state, Failed(1, "unfit", leap=leap))
    (action,) = actions
    assert isinstance(action, Dispatch)
    return action.candidate


def test_equal_figures_undo_the_order_that_was_declared() -> None:  # M4.4
    made = plan(chat(), THREE, verifying())
    assert climbed(made, False).target.model.name == "middle"
    assert climbed(made, True).target.model.name == "premium"


def test_somebody_known_to_be_weaker_is_an_upgrade() -> None:  # M4.2
    there = world(model("base", 0.1, 0.8), model("middle", 1, 0.6), model("premium", 10, 0.9))
    made = plan(chat(), there, verifying())
    assert [one.model.name for one in targets(made)] == ["base", "premium"]
    assert reasons(made)["middle"] == "cascade"


def test_who_may_not_answer_leaves_a_gap() -> None:
    without = world(*THREE.models.values(), disabled=frozenset({"base"}))
    assert [one.model.name for one in targets(plan(chat(), without, verifying()))] == ["middle", "premium"]
    alone = world(*THREE.models.values(), disabled=frozenset({"base", "middle"}))
    assert order(plan(chat(), alone, verifying())) == ["premium"]


# ---- where it begins


def counted(there: Snapshot, **counts: tuple[float, float, float, int]) -> Snapshot:
    return msgspec.structs.replace(there, conditions=Conditions(checked={f"p|{m}|chat": c for m, c in counts.items()}))


def test_it_is_begun_with_a_base_model_whose_answers_are_never_kept() -> None:  # M4.4
    near = world(model("base", 0.3), model("middle", 1), model("premium", 1.5))
    assert order(plan(chat(), near, verifying()))[0] == "base"
    seldom = counted(near, base=(0.0, 0.0, 1000.0, 0))
    made = plan(chat(), seldom, verifying())
    assert order(made)[0] == "middle"
    assert reasons(made)["base"] == "cascade"
    assert order(plan(call(), seldom, verifying()))[0] == "base", "of another task nothing was counted"


def test_what_is_expected_goes_before_what_was_counted() -> None:  # M4.4
    near = world(model("base", 0.3), model("middle", 1), model("premium", 1.5))
    assert order(plan(chat(), near, verifying(0.02, 0.02)))[0] != "base"
    assert order(plan(chat(), counted(near, base=(900.0, 50.0, 1000.0, 0)), verifying(0.02, 0.02)))[0] == "base"


def test_dear_checks_cost_nothing() -> None:  # M4.3
    assert order(plan(chat(), THREE, verifying()))[0] == "base"
    dear = counted(THREE, base=(700.0, 200.0, 1000.0, 50_000_000))
    assert order(plan(chat(), dear, verifying()))[0] != "base"


def test_an_unknown_price_decides_where_it_begins() -> None:
    unpriced = world(model("base", None), model("middle", 1), model("premium", 1.1))
    assert order(plan(chat(), unpriced, verifying(0.0, 0.0)))[0] == "base"


@pytest.mark.parametrize(("kept", "between"), [(0.7, 0.2), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_the_expected_cost_is_another_than_by_hand(kept: float, between: float) -> None:  # M4.4
    force = verifying(kept, between)
    ask, _ = asked(chat(), read_choice("auto", force, POLICIES, THREE), THREE)
    members = targets(plan(chat(), THREE, verifying()))
    base, middle, premium = (one.expected.cost or 0 for one in members)
    assert force.cascade is not None
    _, costs = cheapest_start(members, ask, force.cascade)
    after_middle = middle + (1 - kept) * premium
    assert costs == [
        round(base + between * after_middle + (1 - kept - between) * premium),
        round(after_middle),
        premium,
    ]
