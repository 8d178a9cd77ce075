"""Who is asked where an answer is not good enough: stronger by the evidence for the task, worth the money, as many as allowed."""

from __future__ import annotations

import msgspec
import pytest

from fairlead.core.call import Signal, Wishes
from fairlead.core.model import Conditions, Model, Snapshot
from fairlead.core.plan import Plan
from fairlead.core.policy import Handling, Policy, Tier
from fairlead.core.quality import Quality
from fairlead.core.table import Match, Rule, Settings
from tests.core.scenes import call, model, plan, policy, tokens, world

CHAT = (*tokens(), Signal("task", "chat", 0.9, 0.9))


def checking(upgrades: int = 1, strategy: str = "cost_first", **more: object) -> Policy:
    handling = Handling(quality=Quality(upgrades=upgrades))
    return policy(strategy, handling=handling, **{"min_quality": 0.0, **more})


def ladder(made: Plan) -> list[str]:
    return [target.model.name for step in made.steps if step.move == "escalate" for target in step.targets]


def models(*qualities: tuple[str, float, float | None]) -> Snapshot:
    return world(*(model(name, dollars, quality) for name, dollars, quality in qualities))


LINE = models(("small", 0.1, 0.5), ("fair", 1, 0.7), ("dear", 5, 0.7), ("good", 3, 0.8), ("best", 20, 0.95))


@pytest.mark.parametrize(
    ("upgrades", "names"),
    [(0, []), (1, ["best"]), (2, ["fair", "best"]), (3, ["fair", "good", "best"]), (5, ["fair", "good", "best"])],
)
def test_who_is_asked_instead_is_dearer_than_somebody_as_good(upgrades: int, names: list[str]) -> None:  # M4.2
    assert ladder(plan(call(), LINE, checking(upgrades))) == names


def test_somebody_just_as_good_is_an_upgrade() -> None:  # M4.2
    made = models(("small", 0.1, 0.7), ("dear", 5, 0.7))
    assert ladder(plan(call(), made, checking())) == []


def test_nothing_is_planned_where_nothing_is_checked() -> None:
    assert ladder(plan(call(), LINE, policy("cost_first", min_quality=0.0))) == []
    assert ladder(plan(call(operation="embed"), LINE, checking(2))) == []


def test_who_is_stronger_overall_is_asked_though_weaker_for_the_task() -> None:  # M4.2
    painter = model("painter", 2, 0.99, qualities={"chat": 0.3})
    talker = model("talker", 2, 0.6, qualities={"chat": 0.9})
    there = world(model("small", 0.1, 0.5), painter, talker)
    assert ladder(plan(call(signals=CHAT), there, checking())) == ["talker"]
    assert ladder(plan(call(signals=(*tokens(), Signal("task", "astrology", 0.9, 0.9))), there, checking())) == [
        "painter"
    ]
    assert ladder(plan(call(), there, checking())) == ["painter"]


def test_what_was_said_of_answers_makes_nobody_stronger() -> None:  # M4.2 M7.3
    there = models(("small", 0.1, 0.5), ("good", 3, 0.8))
    fallen = msgspec.structs.replace(there, conditions=Conditions(evidence={"good|chat": (5.0, 200.0)}))
    assert ladder(plan(call(signals=CHAT), there, checking())) == ["good"]
    assert ladder(plan(call(signals=CHAT), fallen, checking())) == []


def test_the_strongest_has_somebody_above_it() -> None:
    assert ladder(plan(call(), LINE, checking(2, "quality_first"))) == []


def test_somebody_of_whom_nothing_is_known_is_an_upgrade() -> None:  # M4.2
    there = models(("small", 0.1, 0.5), ("unknown", 3, None))
    assert ladder(plan(call(), there, checking())) == []
    listing = checking(fallbacks=("unknown",))
    made = plan(call(), there, listing)
    assert ladder(made) == ["unknown"]
    assert made.steps[-1].targets[0].downgraded, "a fallback that stands in says so"


def test_a_rule_keeps_its_models_to_itself() -> None:  # M3.3 M4.2
    rule = Rule("chatting", Match(tasks=frozenset({"chat"})), ("small", "fair"), settings=Settings(quality_boost=True))
    made = plan(call(signals=CHAT), LINE, policy("balanced", rules=(rule,)))
    assert made.steps[0].targets[0].model.name == "small"
    assert ladder(made) == ["best"]
    assert made.steps[-1].targets[0].thinking == "high", "as hard as the first"


def test_a_named_model_gives_way_to_one_that_nobody_listed() -> None:  # M4.2 M3.8
    assert ladder(plan(call(model="small"), LINE, checking())) == []
    assert ladder(plan(call(model="small"), LINE, checking(fallbacks=("good",)))) == ["good"]
    assert ladder(plan(call(wishes=Wishes(stay=True)), LINE, checking(fallbacks=("good",)))) == []
    assert ladder(plan(call(), LINE, checking(models=frozenset({"small", "fair"})))) == ["fair"]
    pinned = checking(strategy="pinned", model="small", fallbacks=("good", "fair"))
    assert ladder(plan(call(), LINE, pinned)) == ["good"]
    critical = checking(strategy="pinned", model="small", critical=True)
    assert ladder(plan(call(), LINE, critical)) == []


def test_an_upgrade_is_paid_for_by_nobody() -> None:  # M3.5
    tiers = (Tier("high", ("best",), Match(complexities=frozenset({"complex"}))), Tier("low", ("small",)))
    made = plan(call(), LINE, checking(strategy="tiered", tiers=tiers))
    assert [(one.model.name, one.tier) for one in made.steps[-1].targets] == [("best", "high")]


def test_who_may_not_answer_is_asked_instead() -> None:  # M3.4
    narrow: list[Model] = [model("small", 0.1, 0.5), model("best", 20, 0.95, context=500), model("good", 3, 0.8)]
    assert ladder(plan(call(), world(*narrow), checking())) == ["good"]
    assert ladder(plan(call(wishes=Wishes(max_cost=4_000_000)), LINE, checking())) == ["fair"]


def test_who_is_held_ready_is_said_to_be_outranked() -> None:
    made = plan(call(), LINE, checking(2))
    assert "best" in ladder(made)
    assert all(one.model != "best" for one in made.rejected)
