"""A model that was named: the next plan for it comes of the one before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.call import Call, Caller, Facts, Signal, Standing, Wishes
from fairlead.core.choice import read_choice
from fairlead.core.decide import Memo, decide
from fairlead.core.experiments import Arm
from fairlead.core.model import Conditions, Peak
from fairlead.core.named import SIZES_KEPT, Kept, again
from tests.core.scenes import AT, POLICIES, call, model, policy, price, tokens, with_channel, world

THREE = world(model("cheap"), model("best", 15, 0.95, latency_ms=2500, context=200_000))
KEY, PLAIN = Caller("key"), Wishes()


def asked(name: str = "best", **more: Any) -> Call:
    return call(**{"model": name, "caller": KEY, "wishes": PLAIN} | more)


def chosen(one: Call, memo: Memo | None, conditions: Conditions = THREE.conditions, seed: int = 1) -> Any:
    there = msgspec.structs.replace(THREE, conditions=conditions)
    return decide(one, read_choice(one.model, policy(), POLICIES, there), there, seed, memo)


SIZED = st.builds(
    tokens, st.integers(0, 2_000_000), st.integers(0, 5000), st.sampled_from([0, 10, 8_000, 100_000, 1_000_000])
)
CONDITIONS = st.sampled_from(
    [
        Conditions(),
        Conditions(latency_ms={"best@main": 70}),
        Conditions(output={"best|": 77, "best|math": 5}),
        Conditions(cached={"best@main": 0.5}),
        Conditions(evidence={"best|": (3.0, 9.0)}),
        Conditions(ejected=frozenset(["best@main"]), resting=frozenset(["best@main"])),
    ]
)
OTHERS = st.sampled_from(
    [
        {},
        {"facts": Facts(AT, home="cheap@main")},
        {"facts": Facts(AT, standing=Standing("best", "best@main", 500))},
        {"facts": Facts(AT, left=(("", 5),))},
        {"wishes": Wishes(max_cost=900)},
        {"wishes": Wishes(sensitive=True)},
        {"wishes": Wishes(models=("cheap",))},
        {"caller": Caller("other", models=frozenset({"cheap"}))},
        {"caller": Caller("third", sensitive=True)},
        {"operation": "embed"},
        {"signals": (*tokens(), Signal("needs", "vision", True))},
    ]
)


@given(st.lists(st.tuples(SIZED, OTHERS), min_size=2, max_size=5), CONDITIONS, st.sampled_from(["best", "cheap@main"]))
def test_a_plan_is_another_one_for_having_been_made_before(
    requests: list[tuple[tuple[Signal, ...], dict[str, Any]]], conditions: Conditions, name: str
) -> None:
    memo: Memo = {}
    for seed, (sizes, more) in enumerate(requests):
        for one in (asked(name, signals=sizes), asked(name, **{"signals": sizes} | more)):
            assert chosen(one, memo, conditions, seed) == chosen(one, None, conditions, seed)


def test_the_first_plan_is_not_made_use_of() -> None:
    memo: Memo = {}
    chosen(asked(), memo)
    (kept,) = [one for one in memo.values() if isinstance(one, Kept)]
    assert again(kept, asked(signals=tokens(55))) == chosen(asked(signals=tokens(55)), None, seed=9)


@pytest.mark.parametrize("more", [{"signals": tokens(3_000_000)}, {"wishes": Wishes()}, {"caller": Caller("key")}])
def test_a_request_that_may_differ_in_more_than_size_gets_the_plan_of_another(more: dict[str, Any]) -> None:
    memo: Memo = {}
    chosen(asked(), memo)
    (kept,) = [one for one in memo.values() if isinstance(one, Kept)]
    assert again(kept, asked(**more)) is None


def test_a_plan_outlives_its_price() -> None:
    night = Peak(((0, 0),), ((0, 600),), price(2, 4))
    for prices in ((price(1, 5), price(9, 45, since=AT + 100)), (price(1, 5, peaks=(night,)),)):
        there = world(with_channel(model("cheap"), prices=prices))
        memo: Memo = {}
        for at in (AT, AT, AT + 200, AT + 200, AT + 40_000, AT + 200, AT):
            one = asked("cheap", facts=Facts(at))
            choice = read_choice("cheap", policy(), POLICIES, there)
            assert decide(one, choice, there, 1, memo) == decide(one, choice, there, 1)


def test_plans_are_remembered_without_end() -> None:
    memo: Memo = {}
    for size in range(SIZES_KEPT + 10):
        chosen(asked(signals=tokens(size)), memo)
    (kept,) = [one for one in memo.values() if isinstance(one, Kept)]
    assert 0 < len(kept.plans) <= SIZES_KEPT


@pytest.mark.parametrize("field", [name for name in Facts.__struct_fields__ if name != "at"])
def test_a_fact_beside_the_time_is_overlooked(field: str) -> None:
    found = {
        "standing": Standing("best", "best@main"),
        "tiers": (("high", 1),),
        "home": "best@main",
        "left": (("", 1),),
        "eased": "a soft budget is spent",
        "meant": "best",
        "arm": Arm("tried", "b", "unit", "best", ("best", "cheap")),
    }
    assert Facts(AT).plain
    assert not Facts(AT, **{field: found[field]}).plain  # type: ignore[arg-type]
