"""Advice that is given where it should not be, kept back where it should not be, or that saves something else."""

from __future__ import annotations

import msgspec
import pytest

from fairlead.core.model import TOOLS, VISION, Channel, Model
from fairlead.core.policy import Policy
from fairlead.core.table import Match, Rule, Settings
from fairlead.evidence.advice import Advice, Advised, Change, Ground, usd
from fairlead.evidence.recommend import recommend
from fairlead.evidence.worth import average_quality, classes, quality, would_cost
from fairlead.store.spending import Seen, Work
from tests.evidence.ledgers import price

DAY = 86_400_000
PRICES = {"big": (10.0, 50.0), "mid": (3.0, 15.0), "small": (0.1, 0.4)}


def model(name: str, quality: float | None, capabilities: int = TOOLS, context: int = 0, **qualities: float) -> Model:
    row = price(*PRICES.get(name, (5.0, 25.0)), cached_usd=PRICES.get(name, (5.0,))[0] / 10)
    channel = Channel(f"{name}@c", "c", name, "p", name, (row,))
    return Model(
        name, (channel,), quality=quality, qualities=qualities, capabilities=capabilities, context=context
    )  # fmt: skip


MODELS = {one.name: one for one in (model("big", 0.95), model("mid", 0.85), model("small", 0.62, classification=0.7))}


def work(name: str, task: str, requests: int, read: int = 1_000, written: int = 100, cached: int = 0) -> Work:
    row = MODELS[name].channels[0].prices[0] if name in MODELS else price(5, 25)
    done = Work(name, task, requests, requests, 0, read * requests, written * requests, cached * requests)
    return msgspec.structs.replace(done, cost=would_cost(row, done))


def advised(*works: Work, models: dict[str, Model] = MODELS, days: int = 30, **more: object) -> Advised:
    policy = Policy("own", "balanced")
    at = 1_800_000_000
    ground = Ground(
        works, Seen(), {}, models, {"own": policy, "default": policy}, "own", {"own": frozenset()}, frozenset(),
        classes(works, models, at), at, days * DAY,
    )  # fmt: skip
    return recommend(msgspec.structs.replace(ground, **more))


def by_id(found: Advised) -> dict[str, Advice]:
    return {advice.id: advice for advice in found.advice}


def test_nothing_spent_is_advised_on() -> None:
    assert advised() == advised(work("big", "chat", 0)) == Advised((), 0, 0)


def test_premium_models_may_take_more_or_less_than_is_said() -> None:  # M6.4
    balanced = (work("mid", "reasoning", 10_000), work("small", "chat", 1_000))
    below, above = work("big", "math", 1_000), work("big", "math", 2_500)
    assert "premium" not in by_id(advised(*balanced, below))
    found = by_id(advised(*balanced, above))["premium"]
    assert str(found.evidence[0]) == "premium models (big) took 45 % of the spend, more than 30 %"
    assert (found.saving, found.changes) == (0, ())
    assert found.way is not None


def test_a_premium_model_keeps_work_that_a_cheaper_one_does_as_well() -> None:  # M6.4
    models = {**MODELS, "mid": msgspec.structs.replace(MODELS["mid"], qualities={"math": 0.94})}
    done = (work("big", "math", 1_000), work("small", "chat", 100_000))
    found = by_id(advised(*done, models=models))
    assert usd(found["premium"].saving) == usd(found["task:math"].saving) == "$10.50"
    assert found["premium"].changes == found["task:math"].changes
    assert found["task:math"].changes == (Change(("policy", "tasks", "math"), {"model": "mid", "fallbacks": ("big",)}),)


@pytest.mark.parametrize(("cheap", "told"), [(100, 2), (400, 1), (20_000, 0)])
def test_cheap_models_have_too_small_a_share(cheap: int, told: int) -> None:  # M6.4
    """10 % of the requests, 80 % of them but little of the spend, most of both."""
    small = work("small", "chat", cheap, 2_000, 1_000)
    found = by_id(advised(small, work("mid", "reasoning", 100 if cheap == 400 else 900))).get("cheap")
    assert (0 if found is None else len(found.evidence)) == told


def test_there_are_cheap_and_premium_ones_among_models_of_one_price() -> None:
    alike = {name: msgspec.structs.replace(MODELS["mid"], name=name) for name in ("mid", "small")}
    assert classes((work("mid", "chat", 10),), alike, 1_800_000_000).premium == frozenset()
    declared = classes((work("mid", "chat", 10),), alike, 1_800_000_000, premium=("small",), cheap=("mid",))
    assert (declared.premium, declared.cheap) == (frozenset(("small",)), frozenset(("mid",)))


def test_a_better_and_cheaper_model_is_not_told_of() -> None:  # M6.4
    models = {**MODELS, "old": model("old", 0.8)}
    done = work("old", "reasoning", 1_000)
    found = by_id(advised(done, models=models))["dominated:old"]
    assert str(found.title) == "mid is better and cheaper than old"
    assert usd(found.saving) == "$3.00"
    assert found.changes == (Change(("models", "old", "enabled"), False),)
    named = by_id(advised(done, models=models, seen=Seen(named={("old", ""): 1})))["dominated:old"]
    assert named.changes == ()
    assert "some callers name old" in str(named.way)


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(model("mid", 0.9), capabilities=0),
        msgspec.structs.replace(model("mid", 0.9), context=1_000),
        msgspec.structs.replace(model("mid", 0.9), qualities={"reasoning": 0.7}),
        msgspec.structs.replace(model("mid", 0.8)),
        msgspec.structs.replace(model("mid", 0.9), enabled=False),
        msgspec.structs.replace(model("mid", None)),
    ],
)
def test_a_model_beats_another_that_it_cannot_stand_in_for(other: Model) -> None:
    old = model("old", 0.8, TOOLS | VISION if not other.capabilities else TOOLS, context=8_000)
    assert "dominated:old" not in by_id(advised(work("old", "reasoning", 1_000), models={"old": old, "mid": other}))


def test_a_table_that_names_the_beaten_model_goes_on_naming_it() -> None:
    rule = Rule("reasoning", Match(tasks=frozenset(("reasoning",))), ("old", "small"))
    policy = Policy("own", "balanced", rules=(rule,))
    found = by_id(
        advised(
            work("old", "reasoning", 1_000),
            models={**MODELS, "old": model("old", 0.8)},
            policies={"own": policy, "default": policy},
            tables={"own": frozenset(("reasoning",))},
        )
    )["dominated:old"]
    at = ("policies", "own", "tasks", "reasoning")
    assert found.changes == (Change((*at, "model"), "mid"), Change((*at, "fallbacks"), ("small", "old")))


def test_a_task_moves_that_its_callers_named_the_model_for() -> None:
    done = work("big", "classification", 1_000)
    place = ("big", "classification")
    assert "task:classification" in by_id(advised(done))
    assert "task:classification" not in by_id(advised(done, seen=Seen(named={place: 5})))
    both = Seen(named={place: 5}, policies={place: {"own": 1}})
    assert "task:classification" in by_id(advised(done, seen=both))


def test_a_task_moves_to_who_is_not_good_enough() -> None:  # M6.4
    assert "task:reasoning" not in by_id(advised(work("big", "reasoning", 1_000)))
    picky = Policy("own", "balanced", floors={"classification": 0.8})
    found = by_id(advised(work("big", "classification", 1_000), policies={"own": picky, "default": picky}))
    assert found["task:classification"].changes[0].value == {"model": "mid", "fallbacks": ("big",)}
    judged = {("small", "reasoning"): (1.0, 500)}
    assert "task:reasoning" in by_id(advised(work("big", "reasoning", 1_000), judged=judged))


@pytest.mark.parametrize(
    ("policy", "to"),
    [
        (Policy("own", "balanced", models=frozenset(("big", "mid"))), "mid"),
        (Policy("own", "balanced", require_flags=frozenset(("eu",))), None),
        (Policy("own", "balanced", exclude_flags=frozenset(("eu",))), "small"),
        (Policy("own", "balanced", critical=True), None),
        (Policy("own", "balanced", min_quality=0.75), "mid"),
    ],
)
def test_a_task_moves_to_who_may_not_do_it(policy: Policy, to: str | None) -> None:
    found = by_id(advised(work("big", "classification", 1_000), policies={"own": policy, "default": policy}))
    moved = found.get("task:classification")
    assert (None if moved is None else str(moved.title).rpartition(" to ")[2]) == to


def test_a_row_loses_who_stood_in_it() -> None:
    rule = Rule("classification", Match(tasks=frozenset(("classification",))), ("mid", "big"))
    policy = Policy("default", "balanced", rules=(rule,))
    named = {"own": policy, "default": policy}
    common = frozenset(("classification",))
    done = work("mid", "classification", 1_000)
    found = by_id(advised(done, policies=named, common=common))["task:classification"]
    at = ("policy", "tasks", "classification")
    assert found.changes == (Change((*at, "model"), "small"), Change((*at, "fallbacks"), ("mid", "big")))


def test_a_row_falls_back_on_a_model_that_is_gone() -> None:
    found = by_id(advised(work("gone", "classification", 1_000), work("big", "classification", 10)))
    (change,) = found["task:classification"].changes
    assert change.value == {"model": "small", "fallbacks": ("big",)}


def test_a_change_is_offered_that_changes_nothing() -> None:
    """The table sends it there already, or the policy is nowhere in the file."""
    rule = Rule("classification", Match(tasks=frozenset(("classification",))), ("small", "big"))
    policy = Policy("own", "balanced", rules=(rule,))
    done = work("big", "classification", 1_000)
    found = by_id(advised(done, policies={"own": policy, "default": policy}))["task:classification"]
    assert found.changes == ()
    assert "before it did, or sent on for a reason" in str(found.way)
    assert "threshold" not in str(found.way)
    unsure = Policy("own", "balanced", rules=(msgspec.structs.replace(rule, settings=Settings(threshold=0.6)),))
    found = by_id(advised(done, policies={"own": unsure, "default": unsure}))["task:classification"]
    assert "before it did, or below its threshold of 0.6" in str(found.way)
    bare = Seen(policies={("big", "classification"): {"quality_first": 3}})
    found = by_id(advised(done, seen=bare))["task:classification"]
    assert found.changes == ()
    assert "quality_first is not declared" in str(found.way)
    shared = by_id(advised(done, work("mid", "chat", 10), seen=bare))["premium"]
    assert (shared.saving > 0, shared.changes, shared.way) == (True, (), found.way), "neither a change nor a way"


def test_a_month_is_what_the_window_is() -> None:
    week, month = (
        advised(work("big", "classification", 700), work("mid", "chat", 7), days=days).together for days in (7, 30)
    )
    assert week == month * 30 // 7 or abs(week - month * 30 / 7) < 10


def test_savings_of_the_same_requests_are_counted_twice() -> None:
    done = (work("big", "classification", 1_000), work("big", "chat", 10))
    models = {**MODELS, "small": msgspec.structs.replace(MODELS["small"], quality=0.97, qualities={})}
    found = advised(*done, models=models)
    assert {"dominated:big", "task:classification", "premium"} <= by_id(found).keys()
    assert found.together == by_id(found)["dominated:big"].saving < found.spent


@pytest.mark.parametrize(
    ("repeated", "cached", "prompt", "told"),
    [(0.6, 0, 4_000, True), (0.1, 0, 4_000, False), (0.6, 3_000, 4_000, False), (0.6, 0, 500, False)],
)
def test_a_cache_that_is_hardly_used_goes_unnoticed(repeated: float, cached: int, prompt: int, told: bool) -> None:
    seen = Seen(repeated={"big": (int(repeated * 1_000_000), 1_000_000)})
    found = by_id(advised(work("big", "math", 1_000, prompt, cached=cached), seen=seen)).get("cache:big")
    assert (found is not None) == told
    if found is not None:  # 60 % of 4 M tokens at $9 less a million
        assert usd(found.saving) == "$21.60"
        assert found.changes == ()


def test_judgements_do_not_move_a_quality_as_they_move_a_choice() -> None:
    big = MODELS["big"]
    assert quality(big, "chat", {}) == 0.95
    assert quality(big, "chat", {("big", "chat"): (0.0, 20)}) == pytest.approx(0.475)
    assert quality(model("new", None), "chat", {}) is None
    assert quality(model("new", None), "chat", {("new", "chat"): (1.0, 2)}) == pytest.approx(0.75)
    mixed = (work("big", "chat", 1), work("small", "chat", 3), Work("gone", "chat", 5, 5, 1, 1, 1, 0))
    assert average_quality(mixed, MODELS, {}) == pytest.approx((0.95 + 3 * 0.62) / 4)
    assert average_quality((), MODELS, {}) is None
