"""Which models serve, in which order: the same for the same arguments, and nothing left out in silence."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.call import Caller, Facts, Wishes
from fairlead.core.choice import read_choice
from fairlead.core.decide import Memo, decide
from fairlead.core.model import CAPABILITIES, Model, Snapshot
from fairlead.core.plan import FAILOVERS, Plan
from fairlead.core.policies import STRATEGIES
from fairlead.core.policy import Policy, Weights
from fairlead.errors import NotFound
from tests.core.scenes import (
    AT,
    POLICIES,
    call,
    channel,
    model,
    needs,
    order,
    plan,
    policy,
    price,
    reasons,
    tokens,
    with_channel,
    world,
)

CHEAP = model("cheap", 0.1, 0.65, latency_ms=300)
MIDDLE = model("middle", 2, 0.8, latency_ms=900)
BEST = model("best", 15, 0.95, latency_ms=2500)
THREE = world(CHEAP, MIDDLE, BEST, aliases={"top": "best", "best": "best"})


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("cost_first", ["cheap", "middle", "best"]),
        ("quality_first", ["best", "middle", "cheap"]),
        ("balanced", ["cheap", "best", "middle"]),
    ],
)
def test_each_strategy_orders_by_what_it_is_named_for(strategy: str, expected: list[str]) -> None:  # M3.1
    made = plan(call(), THREE, policy(strategy))
    assert order(made) == expected
    assert [step.move for step in made.steps] == ["first", "failover"]
    assert (made.strategy, made.policy, made.policy_hash, made.snapshot_hash) == (strategy, "p", "h", "world")


def test_ties_go_to_the_better_then_the_cheaper_then_the_name() -> None:
    assert order(
        plan(call(), world(model("b", 1, 0.7), model("a", 1, 0.7), model("c", 1, 0.8)), policy("cost_first"))
    ) == ["c", "a", "b"]
    assert order(
        plan(call(), world(model("b", 1, 0.8), model("a", 2, 0.8), model("c", 1, 0.8)), policy("quality_first"))
    ) == ["b", "c", "a"]
    assert order(plan(call(), world(model("b"), model("a")), policy("balanced"))) == ["a", "b"]


def test_unpriced_models_come_last_for_cost_and_unrated_ones_for_quality() -> None:
    assert order(plan(call(), world(model("a", None, 0.9), model("b", 50)), policy("cost_first"))) == ["b", "a"]
    assert order(plan(call(), world(model("a", 1, None), model("b", 50, 0.1)), policy("quality_first"))) == ["b", "a"]


def test_a_latency_promise_changes_the_choice() -> None:  # M1.2
    slow = world(CHEAP, msgspec.structs.replace(MIDDLE, latency_ms=901))
    assert order(plan(call(), THREE, policy("quality_first", max_latency_ms=900)))[0] == "middle"
    assert order(plan(call(), slow, policy("quality_first", max_latency_ms=900)))[0] == "cheap"


def test_a_feature_flag_changes_the_choice() -> None:  # M1.2
    flagged = world(CHEAP, msgspec.structs.replace(MIDDLE, flags=frozenset({"zdr"})), BEST)
    assert order(plan(call(), THREE, policy("cost_first")))[0] == "cheap"
    assert order(plan(call(), flagged, policy("cost_first", require_flags=frozenset({"zdr"})))) == ["middle"]
    assert order(plan(call(), flagged, policy("quality_first", exclude_flags=frozenset({"zdr"})))) == ["best", "cheap"]


def test_measured_latency_goes_before_the_promise() -> None:
    even = [model("a", 1, 0.8, latency_ms=500), model("b", 1, 0.8, latency_ms=1000)]
    assert order(plan(call(), world(*even), policy("balanced"))) == ["a", "b"]
    measured = world(*even, version=3, latency_ms={"a@main": 4000})
    made = plan(call(), measured, policy("balanced"))
    assert order(made) == ["b", "a"]
    assert made.conditions == 3
    assert made.steps[1].targets[0].expected.latency_ms == 4000


def test_weights_of_any_sum_are_shares() -> None:
    for factor in (0.1, 1, 50):
        weights = Weights(0.0, 1.0 * factor, 0.0)
        assert order(plan(call(), THREE, policy("balanced", weights=weights)))[0] == "cheap"
        assert order(plan(call(), THREE, policy("balanced", weights=Weights(1.0 * factor, 0, 0))))[0] == "best"
    scores = [
        t.score for s in plan(call(), THREE, policy("balanced", weights=Weights(0, 0, 0))).steps for t in s.targets
    ]
    assert scores == [0, 0, 0]


def test_free_models_leave_the_others_comparable() -> None:
    made = plan(call(), world(model("free", 0, 0.1), CHEAP, BEST), policy("balanced", weights=Weights(0, 1, 0)))
    assert order(made) == ["free", "cheap", "best"]
    assert len({target.score for step in made.steps for target in step.targets}) == 3


def test_the_size_of_a_request_reaches_the_tier_of_the_price() -> None:
    tiered = model("tiered", 1, 0.8, context=0)
    tiered = with_channel(tiered, prices=(price(1, 1, tiers=((200_000, price(100, 100).rates),)),))
    flat = model("flat", 2, 0.8, context=0)
    assert order(plan(call(signals=tokens(200_000)), world(tiered, flat), policy("cost_first")))[0] == "tiered"
    assert order(plan(call(signals=tokens(200_001)), world(tiered, flat), policy("cost_first")))[0] == "flat"


def test_a_price_holds_from_its_day() -> None:
    row = price(1, 1)
    later = msgspec.structs.replace(price(100, 100), since=2_000_000_000)
    changing = with_channel(model("changing"), prices=(row, later))
    assert order(plan(call(), world(changing, model("flat", 5)), policy("cost_first")))[0] == "changing"
    asked = msgspec.structs.replace(call(), facts=msgspec.structs.replace(call().facts, at=2_000_000_000))
    assert order(plan(asked, world(changing, model("flat", 5)), policy("cost_first")))[0] == "flat"


# ---- what the caller wrote


@pytest.mark.parametrize(
    ("asked", "strategy", "expected"),
    [
        ("auto", "balanced", ["cheap", "best", "middle"]),
        ("auto:cheap", "cost_first", ["cheap", "middle", "best"]),
        ("auto:best", "quality_first", ["best", "middle", "cheap"]),
        ("auto:quality_first", "quality_first", ["best", "middle", "cheap"]),
        ("middle", "pinned", ["middle"]),
        ("top", "pinned", ["best"]),
        ("TOP", "pinned", ["best"]),
        ("best@main", "pinned", ["best"]),
    ],
)
def test_the_model_asked_for_decides_how(asked: str, strategy: str, expected: list[str]) -> None:
    made = plan(call(model=asked), THREE, policy("balanced"))
    assert (made.strategy, order(made)) == (strategy, expected)
    assert made.rejected == ()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("bst", "Did you mean 'best'"),
        ("best@maim", "has no channel 'maim'; it has: main"),
        ("auto:cheep", "Did you mean 'auto:cheap'"),
        ("auto:", "names no policy"),
        ("@", "not known"),
        ("gpt@main", "not known"),
        ("AUTO", "Did you mean 'auto'"),
    ],
)
def test_an_unknown_model_is_told_what_is_near(asked: str, words: str) -> None:
    with pytest.raises(NotFound) as caught:
        plan(call(model=asked), THREE, policy())
    assert words in caught.value.message
    assert (caught.value.param, caught.value.code) == ("model", "model_not_found")


def test_a_channel_asked_for_is_the_only_one() -> None:
    two = msgspec.structs.replace(MIDDLE, channels=(channel("middle", "a"), channel("middle", "b")))
    force = policy(fallbacks=("cheap",))
    made = plan(call(model="middle@b"), world(two, CHEAP), force)
    assert [each.name for step in made.steps for t in step.targets for each in t.channels] == ["b"]
    named = plan(call(model="middle"), world(two, CHEAP), force)
    assert [each.id for step in named.steps for t in step.targets for each in t.channels] == [
        "middle@a",
        "middle@b",
        "cheap@main",
    ]
    off = plan(call(model="middle@b"), world(two, CHEAP, disabled=frozenset({"middle@b"})), force)
    assert (off.steps, reasons(off)) == ((), {"middle@b": "disabled"})


def test_pinned_takes_its_model_and_then_its_fallbacks_in_their_order() -> None:
    force = policy("pinned", model="middle", fallbacks=("best", "cheap"))
    assert order(plan(call(), THREE, force)) == ["middle", "best", "cheap"]
    off = msgspec.structs.replace(
        THREE, conditions=msgspec.structs.replace(THREE.conditions, disabled=frozenset({"middle"}))
    )
    made = plan(call(), off, force)
    assert (order(made), reasons(made)) == (["best", "cheap"], {"middle": "disabled"})
    gone = plan(call(), THREE, policy("pinned", model="gone", fallbacks=("cheap",)))
    assert (order(gone), reasons(gone)) == (["cheap"], {"gone": "unknown"})


def test_fallbacks_of_a_policy_follow_its_first_choice() -> None:
    assert order(plan(call(), THREE, policy("cost_first", fallbacks=("best", "cheap", "middle")))) == [
        "cheap",
        "best",
        "middle",
    ]
    assert order(plan(call(model="cheap"), THREE, policy(fallbacks=("middle", "cheap")))) == ["cheap", "middle"]


def test_a_fallback_named_twice_is_tried_once() -> None:
    assert order(plan(call(model="cheap"), THREE, policy(fallbacks=("best", "top", "best", "gone")))) == [
        "cheap",
        "best",
    ]


def test_a_fallback_is_held_to_the_same_demands_as_the_first() -> None:
    force = policy("cost_first", fallbacks=("cheap",), min_quality=0.0)
    assert order(plan(call(), THREE, policy("quality_first", fallbacks=("cheap",)))) == ["best", "cheap"]
    assert order(plan(call(wishes=Wishes(quality_floor=0.9)), THREE, force)) == ["best"]
    assert order(plan(call(caller=Caller("k", models=frozenset({"best"}))), THREE, force)) == ["best"]
    assert order(plan(call(wishes=Wishes(sensitive=True)), THREE, force)) == []


def test_a_stand_in_for_a_named_model_has_to_be_good_enough() -> None:
    force = policy("pinned", fallbacks=("cheap", "best"))
    assert order(plan(call(model="middle"), THREE, force)) == ["middle", "cheap", "best"]
    assert order(plan(call(model="middle", wishes=Wishes(quality_floor=0.9)), THREE, force)) == ["middle", "best"]


def test_a_fallback_that_is_out_is_listed_once() -> None:  # M3.4
    off = world(CHEAP, MIDDLE, BEST, disabled=frozenset({"best"}))
    made = plan(call(), off, policy("cost_first", fallbacks=("best", "middle")))
    assert (order(made), len(made.rejected), reasons(made)) == (["cheap", "middle"], 1, {"best": "disabled"})


def test_a_sensitive_request_stays_on_self_hosted_models_whatever_was_asked() -> None:  # M3.7
    own = with_channel(model("own", 0.1, 0.1), self_hosted=True)
    there = world(CHEAP, BEST, own)
    for asked in ("auto", "auto:best", "auto:cheap", "best", "best@main", "own"):
        for sensitive in (
            call(model=asked, wishes=Wishes(sensitive=True)),
            call(model=asked, caller=Caller("k", sensitive=True)),
        ):
            for force in (
                policy(min_quality=0.0),
                policy("quality_first", fallbacks=("best", "own")),
                policy("pinned", model="best"),
            ):
                used = [
                    each for step in plan(sensitive, there, force).steps for t in step.targets for each in t.channels
                ]
                assert all(each.self_hosted for each in used)
    down = world(CHEAP, BEST, own, disabled=frozenset({"own"}))
    assert plan(call(wishes=Wishes(sensitive=True)), down, policy()).steps == ()


# ---- properties

SETTINGS = st.fixed_dictionaries(
    {
        "dollars": st.sampled_from([None, 0, 0.1, 3, 60]),
        "quality": st.sampled_from([None, 0.0, 0.5, 0.6, 0.9]),
        "context": st.sampled_from([0, 500, 100_000]),
        "max_output": st.sampled_from([0, 100, 10_000]),
        "capabilities": st.sampled_from([0, 1, 7]),
        "latency_ms": st.sampled_from([None, 100, 5000]),
        "flags": st.sampled_from([frozenset(), frozenset({"beta"})]),
        "enabled": st.sampled_from([True, True, False]),
    }
)


@st.composite
def worlds(draw: st.DrawFn, most: int) -> Snapshot:
    models: list[Model] = []
    for at, settings in enumerate(draw(st.lists(SETTINGS, min_size=1, max_size=most))):
        made = model(f"m{at}", **settings)
        extra = {"region": draw(st.sampled_from(["", "eu"])), "self_hosted": draw(st.booleans())}
        first = msgspec.structs.replace(made.channels[0], **extra)
        second = msgspec.structs.replace(
            first, id=f"m{at}@two", name="two", enabled=draw(st.booleans()), context=draw(st.sampled_from([0, 400]))
        )
        models.append(msgspec.structs.replace(made, channels=(first, second)))
    off = draw(st.frozensets(st.sampled_from(["m0", "m1@two", "m2@main"]), max_size=2))
    return world(*models, disabled=off, latency_ms=draw(st.sampled_from([{}, {"m0@main": 50}])))


POLICY = st.builds(
    policy,
    st.sampled_from(sorted(STRATEGIES)),
    min_quality=st.sampled_from([None, 0.0, 0.7]),
    model=st.sampled_from(["m0", "m1", "gone"]),
    models=st.sampled_from([None, frozenset({"m0", "m1"})]),
    regions=st.sampled_from([None, frozenset({"eu"})]),
    max_cost=st.sampled_from([None, 1_000_000]),
    max_latency_ms=st.sampled_from([None, 1000]),
    require_flags=st.sampled_from([frozenset(), frozenset({"beta"})]),
)
CALL = st.builds(
    call,
    model=st.sampled_from(["auto", "auto:cheap", "auto:best", "m0"]),
    wishes=st.builds(Wishes, quality_floor=st.sampled_from([None, 0.6]), sensitive=st.booleans()),
    caller=st.builds(Caller, st.just("k"), models=st.sampled_from([None, frozenset({"m0"})])),
    signals=st.sampled_from(
        [tokens(), tokens(400, 50, 50), tokens() + needs("tools"), tokens() + needs(*CAPABILITIES)]
    ),
)


@given(CALL, worlds(FAILOVERS + 1), POLICY, st.integers(0, 2**63))
def test_every_candidate_is_in_the_plan_or_rejected_with_a_reason(
    asked: Any, there: Snapshot, force: Policy, seed: int
) -> None:  # M3.4
    made = plan(asked, there, force, seed)
    kept = {each.id for step in made.steps for target in step.targets for each in target.channels}
    whole = {one.model for one in made.rejected if not one.channel}
    parts = {f"{one.model}@{one.channel}" for one in made.rejected if one.channel}
    looked_at = (
        {"m0"}
        if asked.model == "m0"
        else {force.model}
        if force.strategy == "pinned" and asked.model == "auto"
        else set(there.models)
    )
    for name in looked_at & set(there.models):
        for each in there.models[name].channels:
            assert (name in whole) + (each.id in parts) + (each.id in kept) == 1
    assert all(one.reason and one.detail for one in made.rejected)


@given(CALL, worlds(7), POLICY, st.integers(0, 2**63))
def test_the_same_arguments_give_the_same_plan_in_any_order_of_models(
    asked: Any, there: Snapshot, force: Policy, seed: int
) -> None:
    made = plan(asked, there, force, seed)
    assert plan(asked, there, force, seed) == made
    shuffled = msgspec.structs.replace(there, models=dict(reversed(there.models.items())))
    again = plan(asked, shuffled, force, seed)
    assert again.steps == made.steps
    assert sorted(again.rejected, key=repr) == sorted(made.rejected, key=repr)
    assert len({(name, steps) for name, steps in _targets(made)}) == len(order(made)) <= FAILOVERS + 1


def _targets(made: Plan) -> list[tuple[str, str]]:
    return [(target.model.name, step.move) for step in made.steps for target in step.targets]


@given(
    st.integers(0, 400_000), st.sampled_from(["auto", "auto:best", "auto:cheap", "cheap", "best@main"]), st.booleans()
)
def test_a_plan_is_the_same_with_a_memo_as_without(size: int, asked: str, sensitive: bool) -> None:
    remembered: Memo = {}
    small, large = call(model=asked, signals=tokens(10)), call(model=asked, signals=tokens(size))
    marked = call(model=asked, wishes=Wishes(sensitive=sensitive, quality_floor=0.5), signals=tokens(size))
    other = call(model=asked, caller=Caller("other", models=frozenset({"cheap"})), signals=tokens(size))
    held = call(model=asked, facts=Facts(AT, home="cheap@main"), signals=tokens(size))
    bounded = call(model=asked, caller=Caller("bounded", max_cost=900), signals=tokens(size))
    for one in (small, small, held, large, large, marked, other, bounded, small, large):
        choice = read_choice(one.model, policy(), POLICIES, THREE)
        assert decide(one, choice, THREE, 1, remembered) == decide(one, choice, THREE, 1)
