"""One model or a pair of them: whichever is cheapest at the quality that is wanted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.call import Call, Signal
from fairlead.core.model import Snapshot
from fairlead.core.plan import Plan
from fairlead.core.policies.cascade_routing import behind
from fairlead.core.policy import Handling, Policy, Routing
from fairlead.core.quality import Quality
from tests.core.scenes import call, model, plan, policy, tokens, world


def routing(**more: object) -> Policy:
    return policy("cascade_routing", routing=Routing(**more), handling=Handling(quality=Quality()))  # type: ignore[arg-type]


def chosen(made: Plan) -> list[str]:
    """Who answers, and who is behind it for its quality."""
    return [
        made.steps[0].targets[0].model.name,
        *(one.model.name for stage in made.steps if stage.move == "escalate" for one in stage.targets),
    ]


def chat() -> Call:
    return call(signals=(*tokens(), Signal("task", "chat", 0.9, 0.9)))


PAIR = world(model("small", 0.1, 0.85), model("large", 10, 0.9))


def test_a_pair_as_good_and_cheaper_is_passed_over() -> None:  # M4.4
    made = plan(chat(), PAIR, routing(caught=0.9))
    assert chosen(made) == ["small", "large"]
    first = made.steps[0].targets[0]
    assert dict(first.parts)["expected quality"] >= 0.9
    assert first.bar is not None


def test_checks_that_catch_nothing_make_a_cascade() -> None:  # M4.4
    assert chosen(plan(chat(), PAIR, routing(caught=0.0, kept=1.0)))[0] == "large"


def test_the_quality_that_is_wanted_makes_no_difference() -> None:  # M4.4
    assert chosen(plan(chat(), PAIR, routing(caught=0.5, quality=0.5)))[0] == "small"
    assert chosen(plan(chat(), PAIR, routing(caught=0.1, quality=0.99)))[0] == "large"


def test_a_pair_dearer_than_the_strong_one_alone_is_asked() -> None:  # M4.4
    near = world(model("small", 9, 0.85), model("large", 10, 0.9))
    assert chosen(plan(chat(), near, routing(caught=0.9)))[0] == "large"


def test_what_was_counted_does_not_change_the_cost() -> None:  # M4.4
    def counted(kept: float) -> Snapshot:
        return world(model("small", 1, 0.85), model("large", 10, 0.9), checked={"p|small|chat": (kept, 0.0, 1000.0, 0)})

    assert chosen(plan(chat(), counted(900.0), routing(caught=0.9))) == ["small", "large"]
    assert chosen(plan(chat(), counted(0.0), routing(caught=0.9)))[0] == "large"


def test_who_is_best_for_one_task_is_asked_for_all() -> None:  # M4.4
    poet = model("poet", 1, 0.5, qualities={"chat": 0.95})
    there = world(poet, model("large", 10, 0.9))
    assert chosen(plan(chat(), there, routing()))[0] == "poet"
    assert chosen(plan(call(), there, routing(caught=0.0, kept=1.0)))[0] == "large"


def test_who_has_no_figures_comes_first() -> None:
    there = world(model("dark", 0.01, None), model("unpriced", None, 0.99), *PAIR.models.values())
    made = plan(chat(), there, routing())
    assert chosen(made)[0] in ("small", "large")
    names = [one.model.name for stage in made.steps for one in stage.targets]
    assert {"dark", "unpriced"} <= set(names)
    assert chosen(plan(chat(), world(model("dark", None, None)), routing())) == ["dark"]


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_what_is_hard_for_one_is_no_harder_for_another(quality: float, before: float) -> None:
    weaker, stronger = sorted((quality, before))
    hard = behind(stronger, weaker)
    easy = (stronger - (1 - weaker) * hard) / weaker
    assert 0 <= hard <= stronger + 1e-9
    assert -1e-9 <= easy <= 1 + 1e-9


def test_what_a_weaker_one_gets_wrong_is_as_easy_as_anything_for_a_stronger_one() -> None:  # M4.4
    assert behind(0.9, 0.6) == pytest.approx(0.8452, abs=1e-4)
    assert behind(0.8, 0.6) == pytest.approx(0.7081, abs=1e-4)
    assert behind(0.9, 0.2) == pytest.approx(0.875), "else what it gets right would not fit into the rest"


@pytest.mark.parametrize("caught", [0.0, 0.3, 0.6, 1.0])
def test_nobody_is_asked_below_what_the_best_alone_is_worth(caught: float) -> None:  # M4.4
    there = world(*(model(f"m{at}", 2.0**at, 0.5 + at / 20) for at in range(9)))
    made = plan(chat(), there, routing(caught=caught))
    first = made.steps[0].targets[0]
    if first.bar is None:
        assert first.model.name == "m8"
    else:
        assert dict(first.parts)["expected quality"] >= 0.9 - 1e-4
        assert dict(first.parts)["expected cost per 1,000"] <= 2.0**8 * 3 * 1.001
