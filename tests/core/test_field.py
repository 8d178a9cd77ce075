"""Models that are weighed for requests of one kind: the next plan comes of the field that was found before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core import field, traits
from fairlead.core.call import Call, Caller, Facts, Signal, Standing, Wishes
from fairlead.core.choice import read_choice
from fairlead.core.decide import Memo, decide
from fairlead.core.experiments import Arm
from fairlead.core.field import Field
from fairlead.core.model import Compared, Conditions, Peak, Snapshot
from fairlead.core.plan import Plan
from fairlead.core.policy import Cascade, Handling, Policy, Tier, Weights
from fairlead.core.quality import Quality
from fairlead.core.table import Match, Rule
from tests.core.scenes import (
    AT,
    POLICIES,
    call,
    model,
    needs,
    policy,
    price,
    tokens,
    with_channel,
    world,
)

KEY, PLAIN = Caller("key"), Wishes()
TASK = (Signal("task", "math", 0.9, 0.8), Signal("complexity", "complex", True, 0.9))
LATER = price(9, 45, since=AT + 100)
SIX = world(
    model("cheap", 0.1, 0.6),
    model("best", 15, 0.95, latency_ms=2500, context=200_000, qualities={"math": 0.9}),
    model("slow", 1.234567, 0.8, latency_ms=None, max_output=0),
    model("unknown", None, None),
    model("short", 2, 0.7, context=30_000, max_output=2_000),
    with_channel(model("tiered", 3, 0.9), prices=(price(3, 15, tiers=((2_000, price(6, 30).rates),), per_request=7),)),
    with_channel(model("blind", 1, 0.99), enabled=False),
)
FEW = world(model("cheap", 0.1, 0.6), model("best", 15, 0.95))
SIZED_ASKS = st.builds(
    tokens, st.integers(0, 300_000), st.integers(0, 5000), st.sampled_from([0, 10, 1_900, 8_000, 100_000])
)
CONDITIONS = st.sampled_from(
    [
        Conditions(),
        Conditions(latency_ms={"best@main": 70, "cheap@main": 9_000}, health={"cheap@main": 0.55}),
        Conditions(output={"best|": 77, "best|math": 5, "cheap|math": 3_000, "|math": 1_500}),
        Conditions(cached={"best@main": 0.5, "tiered@main": 0.9}),
        Conditions(evidence={"best|math": (3.0, 9.0)}),
        Conditions(compared={"cheap|math": Compared("tried", "best", 0.1, 0.05, 0.2, 500)}),
        Conditions(ejected=frozenset(["best@main"]), resting=frozenset(["best@main"])),
        Conditions(ejected=frozenset([f"{name}@main" for name in SIX.models])),
        Conditions(disabled=frozenset(["cheap"])),
    ]
)
OTHERS: list[dict[str, Any]] = [
    {},
    {"facts": Facts(AT, home="cheap@main")},
    {"facts": Facts(AT, standing=Standing("best", "best@main", 500))},
    {"facts": Facts(AT, left=(("", 5),))},
    {"facts": Facts(AT, eased="a soft budget is spent")},
    {"facts": Facts(AT, arm=Arm("tried", "b", "unit", "best", ("best", "cheap")))},
    {"facts": Facts(AT + 1000)},
    {"facts": Facts(AT - 1000)},
    {"wishes": Wishes(max_cost=900_000)},
    {"wishes": Wishes(quality_floor=0.85)},
    {"wishes": Wishes(sensitive=True)},
    {"wishes": Wishes(models=("cheap", "best"))},
    {"wishes": Wishes(low_budget=True)},
    {"wishes": Wishes(stay=True)},
    {"wishes": Wishes(sort="price")},
    {"wishes": Wishes(task="math")},
    {"wishes": Wishes(not_providers=("main",))},
    {"caller": Caller("other", models=frozenset({"cheap"}))},
    {"caller": Caller("third", max_cost=900_000)},
    {"caller": Caller("fourth", sensitive=True)},
    {"operation": "embed"},
    {"signals": (*tokens(), *TASK, *needs("vision"))},
    {"signals": (*tokens(), *TASK, Signal("sensitivity", "card", True))},
    {"signals": (*tokens(), *TASK, Signal("sensitivity", "card", "mark"))},
]
WAYS = [
    policy(weights=Weights(0.2, 0.5, 0.3)),
    policy(weights=Weights(0.0, 0.0, 0.0)),
    policy(min_quality=0.65),
    policy(floors={"complex": 0.97}),
    policy(floors={"complex": 0.75}),
    policy(max_cost=2_000_000),
    policy(fallbacks=("cheap",)),
    policy(critical=True),
    policy(handling=Handling(quality=Quality())),
    policy(handling=Handling(retries=3)),
    policy(tiers=(Tier("all", tuple(SIX.models), Match(), 10**9),)),
    policy(rules=(Rule("sums", Match(tasks=frozenset({"math"})), ("cheap", "best")),)),
    policy(models=frozenset({"cheap", "slow"})),
    policy("cost_first"),
    policy("quality_first"),
    policy("specialist"),
    policy("hybrid"),
    policy("learned"),
    policy("pinned", model="best"),
    policy("cascade", cascade=Cascade(("cheap", "slow", "best"))),
]


def asked(**more: Any) -> Call:
    return call(**{"caller": KEY, "wishes": PLAIN, "signals": (*tokens(), *TASK)} | more)


def made(one: Call, memo: Memo | None, by: Policy | None = None, seed: int = 1, there: Snapshot = SIX) -> Plan:
    return decide(one, read_choice("auto", by or policy(), POLICIES, there), there, seed, memo)


def fields(memo: Memo) -> list[Field]:
    return [one for one in memo.values() if isinstance(one, Field)]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(SIZED_ASKS, st.sampled_from(OTHERS)), min_size=3, max_size=6),
    CONDITIONS,
    st.sampled_from([policy(), *WAYS]),
    st.sampled_from([SIX, FEW]),
)
def test_a_plan_is_another_one_for_having_been_weighed_before(  # M3.1
    requests: list[tuple[tuple[Signal, ...], dict[str, Any]]], conditions: Conditions, by: Policy, there: Snapshot
) -> None:
    memo: Memo = {}
    there = msgspec.structs.replace(there, conditions=conditions)
    for seed, (sizes, more) in enumerate(requests):
        told = (*sizes, *TASK)
        for one in (asked(signals=told), asked(**{"signals": told} | more)):
            assert made(one, memo, by, seed, there) == made(one, None, by, seed, there)


def test_a_kind_that_is_met_again_is_looked_at_as_a_whole_each_time() -> None:
    memo: Memo = {}
    made(asked(), memo, there=FEW)
    assert not fields(memo)
    made(asked(), memo, there=FEW)
    (found,) = fields(memo)
    bigger = asked(signals=(*tokens(55_000, 30, 900), *TASK))
    assert field.plan(found, bigger, traits.read(bigger.signals, PLAIN)) == made(bigger, None, seed=9, there=FEW)


@pytest.mark.parametrize(
    "more",
    [
        *OTHERS[1:6],
        *OTHERS[7:12],
        {"caller": Caller("key", models=frozenset({"cheap"}))},
        {"caller": Caller("key", sensitive=True)},
        *OTHERS[22:23],
    ],
)
def test_a_request_that_may_differ_in_more_than_size_gets_the_plan_of_a_field(more: dict[str, Any]) -> None:
    memo: Memo = {}
    for _ in range(2):
        made(asked(), memo, there=FEW)
    (found,) = fields(memo)
    other = asked(**more)
    assert field.plan(found, other, traits.read(other.signals, other.wishes)) is None


@pytest.mark.parametrize("by", [way for way in WAYS if way.strategy != "balanced" or way.critical or way.rules])
def test_a_policy_that_does_more_than_weigh_has_a_field(by: Policy) -> None:
    memo: Memo = {}
    for _ in range(3):
        made(asked(), memo, by)
    assert not fields(memo)


def test_a_field_outlives_its_prices() -> None:
    night = Peak(((0, 0),), ((0, 600),), price(2, 4))
    for prices in ((price(1, 5), LATER), (price(1, 5, peaks=(night,)),)):
        there = world(with_channel(model("cheap"), prices=prices), model("best", 15, 0.95))
        memo: Memo = {}
        for at in (AT, AT, AT, AT + 200, AT + 40_000, AT + 200, AT):
            one = asked(facts=Facts(at))
            assert made(one, memo, there=there) == made(one, None, there=there)


def test_one_who_cannot_take_a_large_request_is_left_out_of_small_ones() -> None:
    large, small = asked(signals=(*tokens(50_000), *TASK)), asked(signals=(*tokens(500), *TASK))
    memo: Memo = {}
    for one in (large, large, small, small, large):
        assert made(one, memo) == made(one, None)


def test_as_a_last_resort_who_rises_hangs_on_what_was_decided_before() -> None:
    """Whoever was left alone for having failed is remembered as out, and has to be looked at anew for the ladder too."""
    memo: Memo = {}
    by = policy(handling=Handling(quality=Quality()))
    failed = Conditions(ejected=frozenset(["cheap@main", "best@main"]))
    there = msgspec.structs.replace(FEW, conditions=failed)
    remembered, anew = made(asked(), memo, by, there=there), made(asked(), None, by, there=there)
    assert remembered == anew
    assert anew.last_resort
    assert anew.steps[-1].move == "escalate"


def test_one_request_that_wishes_more_keeps_others_of_its_kind_from_a_field() -> None:
    memo: Memo = {}
    for one in (asked(), asked(wishes=Wishes(low_budget=True)), asked(signals=(*tokens(150_000), *TASK)), asked()):
        made(one, memo, there=FEW)
    assert fields(memo)


def test_a_field_remembers_plans_without_end() -> None:
    memo: Memo = {}
    for _ in range(2):
        made(asked(), memo, there=FEW)
    (found,) = fields(memo)
    for size in range(field.SIZES_KEPT + 10):
        one = asked(signals=(*tokens(size), *TASK))
        plan = field.plan(found, one, traits.read(one.signals, PLAIN))
        assert len(found.plans) <= field.SIZES_KEPT
    again = field.plan(found, one, traits.read(one.signals, PLAIN))
    assert again == plan == made(one, None, seed=9, there=FEW)
