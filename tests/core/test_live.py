"""What is measured as it goes on decides too: health, latency, judgements and the cost a caller's plan bears
can each turn a balanced choice, and the explanation names what did."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.call import Call, Caller, Wishes
from fairlead.core.changes import Case
from fairlead.core.choice import read_choice
from fairlead.core.model import Model, Snapshot
from fairlead.core.plan import Target
from fairlead.core.policy import Weights
from fairlead.gateway.explanation import described, explained, paragraphs
from tests.core.scenes import DOLLAR, POLICIES, call, model, order, policy, world

FORCE = policy()
MODELS = (model("ahead", 2.0, 0.9), model("other", 2.0, 0.85))
"""Alike but for a little quality."""
ASKED = call(wishes=Wishes(task="math"))


def case(snapshot: Snapshot, asked: Call = ASKED) -> Case:
    return Case(asked, read_choice(asked.model, FORCE, POLICIES, snapshot), snapshot, 1)


def targets(one: Case) -> dict[str, Target]:
    return {target.model.name: target for step in one.plan().steps for target in step.targets}


@pytest.mark.parametrize(
    ("conditions", "model_", "part", "words"),
    [
        ({"health": {"ahead@main": 0.5}}, "ahead", ("health", 0.5), "health 0.50"),
        ({"latency_ms": {"ahead@main": 8007}}, "ahead", ("latency", 1001 / 8008), "about 8,007 ms"),
        ({"latency_ms": {"other@main": 99}}, "ahead", ("latency", 100 / 1001), "latency 0.10"),
        ({"evidence": {"other|math": (30.0, 30.0)}}, "other", ("quality", 0.94), "quality 0.94"),
        ({"evidence": {"ahead|math": (1.0, 5.0)}}, "ahead", ("quality", 0.76), "quality 0.76"),
    ],
)
def test_what_was_measured_changes_nothing_or_is_not_told(
    conditions: dict[str, Any], model_: str, part: tuple[str, float], words: str
) -> None:  # M3.6
    assert order(case(world(*MODELS)).plan()) == ["ahead", "other"]
    measured = case(world(*MODELS, **conditions))
    assert order(measured.plan()) == ["other", "ahead"]
    name, value = part
    assert dict(targets(measured)[model_].parts)[name] == pytest.approx(value)
    told = explained(measured)
    assert any(f" {model_} via" in line and words in line for line in paragraphs(told))
    steps: Any = described(told)["steps"]
    assert {step["model"]: step["parts"] for step in steps}[model_][name] == pytest.approx(value, abs=1e-4)


def test_what_was_judged_in_one_task_speaks_for_another() -> None:  # M3.6
    measured = world(*MODELS, evidence={"other|math": (30.0, 30.0)})
    assert order(case(measured, call(wishes=Wishes(task="chat"))).plan())[0] == "ahead"
    assert order(case(measured, call()).plan())[0] == "ahead"


def test_what_a_callers_plan_bears_changes_nothing_or_is_not_told() -> None:  # M3.6
    """1,000 tokens in and 400 out cost 0.006 USD with the dear one, 0.003 with the other."""
    snapshot = world(model("ahead", 2.0, 0.95), model("other", 1.0, 0.5))
    bound = msgspec.structs.replace(ASKED, caller=Caller("key", max_cost=DOLLAR * 4 // 1000, plan="free"))
    assert order(case(snapshot).plan())[0] == "ahead"
    assert order(case(snapshot, bound).plan()) == ["other"]
    told = explained(case(snapshot, bound))
    (out,) = [one for one in told.plan.rejected if one.model == "ahead"]
    assert out.reason == "cost"
    assert any(line.startswith("Not ahead") and "about $0.006, at most $0.004" in line for line in paragraphs(told))
    assert ("ahead", "max_cost") in [(flip.model, flip.setting) for flip in told.flips]


SHARES = st.floats(0.01, 1)


@st.composite
def measured_worlds(draw: st.DrawFn) -> Snapshot:
    names = [f"m{number}" for number in range(draw(st.integers(2, 4)))]
    models: list[Model] = [model(name, draw(st.sampled_from([0.1, 1.0, 10.0])), draw(SHARES)) for name in names]
    some = st.sampled_from(names)
    return world(
        *models,
        health={f"{name}@main": value for name, value in draw(st.dictionaries(some, SHARES)).items()},
        latency_ms={f"{name}@main": ms for name, ms in draw(st.dictionaries(some, st.integers(1, 60_000))).items()},
        evidence={f"{name}|math": (value, 1.0) for name, value in draw(st.dictionaries(some, SHARES)).items()},
    )


@given(measured_worlds())
def test_a_score_has_a_part_that_is_not_told(snapshot: Snapshot) -> None:  # M3.6
    weights = Weights()
    for target in targets(case(snapshot)).values():
        parts = dict(target.parts)
        health = parts.pop("health", 1.0)
        assert health == snapshot.conditions.health.get(target.channels[0].id, 1.0)
        assert target.score == pytest.approx(
            health * sum(getattr(weights, name) * part for name, part in parts.items())
        )
