"""Hard work wants better models, as long as there are any; what the caller requires is never given up."""

from __future__ import annotations

from fairlead.core.call import Signal, Wishes
from tests.core.scenes import call, model, order, plan, policy, tokens, world

WEAK, GOOD, BEST = model("weak", 0.1, 0.6), model("good", 1, 0.8), model("best", 10, 0.95)
FORCE = policy("cost_first", min_quality=0.0, floors={"medium": 0.7, "complex": 0.9})


def first(complexity: str, *models: object, **wishes: float) -> list[str]:
    signals = (*tokens(), *((Signal("complexity", complexity, True, 0.9),) if complexity else ()))
    there = world(*(models or (WEAK, GOOD, BEST)))  # type: ignore[arg-type]
    return order(plan(call(signals=signals, wishes=Wishes(**wishes)), there, FORCE))  # type: ignore[arg-type]


def test_hard_work_goes_to_a_weak_model() -> None:  # M2.1 M3.1
    assert [first(level)[0] for level in ("", "simple", "medium", "complex")] == ["weak", "weak", "good", "best"]


def test_where_nobody_is_good_enough_for_it_nobody_answers() -> None:
    assert first("complex", WEAK, GOOD)[0] == "weak"


def test_the_callers_own_floor_gives_way_with_it() -> None:  # M2.5
    assert first("complex", WEAK, GOOD, quality_floor=0.7) == ["good"]
    assert first("complex", WEAK, GOOD, quality_floor=0.85) == []


def test_a_floor_of_the_task_is_overlooked_or_overlooks_the_other() -> None:  # M2.1 M3.1
    force = policy("cost_first", min_quality=0.0, floors={"medium": 0.7, "complex": 0.9, "agent": 0.7, "chat": 0.1})

    def name(level: str, found: str, **wishes: str) -> str:
        signals = (*tokens(), Signal("complexity", level, True, 0.9), Signal("task", found, 0.9, 0.9))
        return order(plan(call(signals=signals, wishes=Wishes(**wishes)), world(WEAK, GOOD, BEST), force))[0]  # type: ignore[arg-type]

    assert [name(level, "agent") for level in ("simple", "medium", "complex")] == ["good", "good", "best"]
    assert [name(level, "chat") for level in ("simple", "medium", "complex")] == ["weak", "good", "best"]
    assert name("simple", "chat", task="agent") == "good"
    assert name("simple", "chat", complexity="complex") == "best"
