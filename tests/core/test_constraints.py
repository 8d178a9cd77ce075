"""Every rule rejects what it is for, with its code and in words, and nothing else."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core.call import Call, Caller, Facts, Operation, Wishes
from fairlead.core.choice import Choice
from fairlead.core.constraints import CHANNEL_RULES, RULES
from fairlead.core.decide import asked as asked_of
from fairlead.core.egress import CHECKS, binding, refusal
from fairlead.core.model import EMBEDDINGS, TOOLS, Model
from fairlead.core.policy import Policy
from tests.core.scenes import AT, call, model, needs, order, plan, policy, price, reasons, tokens, with_channel, world

PLAIN = model("a")
OPERATIONS = get_args(Operation)
OTHER = model("b")


def off_channel(one: Model) -> Model:
    return with_channel(one, enabled=False)


# (reason, on the channel, the rejected model, what was asked, the policy, conditions)
CASES: list[tuple[str, bool, Model, Call, Policy, dict[str, Any]]] = [
    ("disabled", False, model("a", enabled=False), call(), policy(), {}),
    ("disabled", False, PLAIN, call(), policy(), {"disabled": frozenset({"a"})}),
    ("disabled", True, off_channel(PLAIN), call(), policy(), {}),
    ("disabled", True, PLAIN, call(), policy(), {"disabled": frozenset({"a@main"})}),
    ("outside_policy", False, PLAIN, call(), policy(models=frozenset({"b"})), {}),
    ("operation", False, model("a", capabilities=EMBEDDINGS), call(), policy(), {}),
    (
        "capability",
        False,
        model("a", capabilities=TOOLS),
        call(signals=tokens() + needs("tools", "json_schema")),
        policy(),
        {},
    ),
    ("context", False, model("a", context=999), call(), policy(), {}),
    ("context", False, model("a", context=1099), call(signals=tokens(1000, 100, 100)), policy(), {}),
    ("context", True, with_channel(PLAIN, context=1099), call(signals=tokens(1000, 100, 100)), policy(), {}),
    ("max_output", False, model("a", max_output=99), call(signals=tokens(1000, 100, 100)), policy(), {}),
    ("quality", False, model("a", quality=0.59), call(), policy(min_quality=0.6), {}),
    ("quality", False, model("a", quality=None), call(), policy(min_quality=0.6), {}),
    ("quality", False, model("a", quality=0.7), call(wishes=Wishes(quality_floor=0.75)), policy(min_quality=0.6), {}),
    ("flags", False, model("a", flags=frozenset({"beta"})), call(), policy(exclude_flags=frozenset({"beta"})), {}),
    (
        "flags",
        True,
        with_channel(PLAIN, flags=frozenset({"beta"})),
        call(),
        policy(exclude_flags=frozenset({"beta"})),
        {},
    ),
    ("policy_region", True, with_channel(PLAIN, region="us"), call(), policy(regions=frozenset({"eu", ""})), {}),
    ("latency", True, model("a", latency_ms=1001), call(), policy(max_latency_ms=1000), {}),
    ("latency", True, model("a", latency_ms=None), call(), policy(max_latency_ms=1000), {}),
    ("latency", True, PLAIN, call(wishes=Wishes(max_latency_ms=1200)), policy(), {"latency_ms": {"a@main": 1300}}),
    ("cost", True, model("a", 1.01), call(), policy(max_cost=3_000_000), {}),
    ("cost", True, model("a", None), call(), policy(max_cost=10**12), {}),
    ("cost", True, model("a", 5), call(wishes=Wishes(max_cost=10_000_000)), policy(max_cost=10**12), {}),
    ("sensitive", True, PLAIN, call(wishes=Wishes(sensitive=True)), policy(), {}),
    ("sensitive", True, PLAIN, call(caller=Caller("k", sensitive=True)), policy(), {}),
    (
        "region",
        True,
        with_channel(PLAIN, region="us"),
        call(caller=Caller("k", regions=frozenset({"", "eu"}))),
        policy(),
        {},
    ),
    (
        "provider_not_allowed",
        True,
        with_channel(PLAIN, provider="x"),
        call(caller=Caller("k", providers=frozenset({"main"}))),
        policy(),
        {},
    ),
    (
        "unwanted_provider",
        True,
        with_channel(PLAIN, provider="x"),
        call(wishes=Wishes(providers=("main",))),
        policy(),
        {},
    ),
    (
        "unwanted_provider",
        True,
        with_channel(PLAIN, provider="x"),
        call(wishes=Wishes(not_providers=("x",))),
        policy(),
        {},
    ),
    ("outside_policy", False, PLAIN, call(), policy(model="b", critical=True), {}),
    ("unwanted_price", True, model("a", 2.0), call(wishes=Wishes(max_rates=(10**9, 10**10))), policy(), {}),
    ("unwanted_price", True, model("a", None), call(wishes=Wishes(max_rates=(10**9, 10**10))), policy(), {}),
    ("ejected", True, PLAIN, call(), policy(), {"ejected": frozenset({"a@main"})}),
    ("ejected", True, PLAIN, call(), policy(), {"ejected": frozenset({"a@main"}), "resting": frozenset({"a@main"})}),
    ("collection", True, PLAIN, call(wishes=Wishes(no_collection=True)), policy(), {}),
    ("channel_not_allowed", True, PLAIN, call(caller=Caller("k", channels=frozenset({"b@main"}))), policy(), {}),
    ("kept_elsewhere", True, PLAIN, call(facts=Facts(AT, home="b@main")), policy(), {}),
    ("budget", True, model("a", 9), call(facts=Facts(AT, left=(("", 50_000_000),))), policy(), {}),
    ("budget", True, PLAIN, call(facts=Facts(AT, left=(("", 10**9), ("a", 10)))), policy(), {}),
    ("unpriced", True, model("a", None), call(facts=Facts(AT, left=(("", 10**15),))), policy(), {}),
    ("model_not_allowed", True, PLAIN, call(caller=Caller("k", models=frozenset({"b"}))), policy(), {}),
]


def beside(reason: str) -> Model:
    """A second model that fulfils what the first does not."""
    good = model("b", flags=frozenset({"stable", "zero-retention"}))
    return with_channel(good, self_hosted=True, region="") if reason == "sensitive" else good


@pytest.mark.parametrize("case", CASES, ids=[f"{at}-{case[0]}" for at, case in enumerate(CASES)])
def test_each_rule_rejects_what_it_is_for_and_spares_the_rest(
    case: tuple[str, bool, Model, Call, Policy, dict[str, Any]],
) -> None:  # M3.4
    reason, on_channel, one, asked, force, conditions = case
    made = plan(asked, world(one, beside(reason), **conditions), force)
    assert reasons(made) == {"a@main" if on_channel else "a": reason}
    assert order(made) == ["b"]
    assert made.rejected[0].detail


def test_every_rule_there_is_has_a_case() -> None:
    every = {rule.reason for rule in (*RULES, *CHANNEL_RULES)} | {code for code, _ in CHECKS}
    assert {case[0] for case in CASES} == every


JUST_ENOUGH: list[tuple[Model, Call, Policy]] = [
    (model("a", context=1000), call(), policy()),
    (model("a", context=1100, max_output=100), call(signals=tokens(1000, 100, 100)), policy()),
    (model("a", context=0, max_output=0), call(signals=tokens(10**9, 100, 10**6)), policy()),
    (with_channel(PLAIN, context=1100), call(signals=tokens(1000, 100, 100)), policy()),
    (model("a", quality=0.6), call(), policy("cost_first")),
    (model("a", latency_ms=1000), call(), policy(max_latency_ms=1000)),
    (model("a", 1), call(), policy(max_cost=3_000_000)),
    (with_channel(model("a"), prices=(price(0, 0),)), call(), policy(max_cost=0)),
    (model("a", None), call(), policy()),
    (with_channel(PLAIN, self_hosted=True), call(wishes=Wishes(sensitive=True)), policy()),
    (model("a", capabilities=TOOLS), call(signals=tokens() + needs("tools")), policy()),
    (model("a", flags=frozenset({"x", "y"})), call(), policy(require_flags=frozenset({"x"}))),
    (with_channel(model("a", flags=frozenset({"x"})), flags=frozenset({"y"})), call(), policy(require_flags=frozenset({"x", "y"}))),
    (model("a", latency_ms=9000), call(), policy()),
]  # fmt: skip


@pytest.mark.parametrize("case", JUST_ENOUGH, ids=range(len(JUST_ENOUGH)))
def test_what_is_just_enough_is_kept(case: tuple[Model, Call, Policy]) -> None:
    one, asked, force = case
    made = plan(asked, world(one), force)
    assert reasons(made) == {}
    assert order(made) == ["a"]


def test_a_required_flag_that_is_missing_on_model_and_channel_rejects() -> None:  # M1.2
    made = plan(call(), world(PLAIN), policy(require_flags=frozenset({"zdr"})))
    assert reasons(made) == {"a@main": "flags"}
    assert "requires zdr" in made.rejected[0].detail


def test_quality_nought_is_honoured_as_nought() -> None:  # M3.1
    poor = world(model("poor", 0.01, quality=0.1), model("unknown", 0.02, quality=None), model("good", 5, quality=0.9))
    assert order(plan(call(), poor, policy("cost_first")))[0] == "good"
    assert order(plan(call(), poor, policy("cost_first", min_quality=0.0)))[0] == "poor"
    assert reasons(plan(call(), poor, policy("cost_first", min_quality=0.0))) == {}


def test_a_caller_narrows_the_quality_and_never_widens_it() -> None:
    two = world(model("poor", 0.01, quality=0.5), model("good", 5, quality=0.9))
    assert order(plan(call(wishes=Wishes(quality_floor=0.0)), two, policy("cost_first"))) == ["good"]
    assert order(plan(call(wishes=Wishes(max_cost=10**9)), two, policy(max_cost=0, min_quality=0.0))) == []


def test_a_rejected_model_says_which_of_its_channels_and_why_each() -> None:
    first, second = PLAIN.channels[0], msgspec.structs.replace(PLAIN.channels[0], id="a@two", name="two", region="eu")
    one = msgspec.structs.replace(PLAIN, channels=(first, second))
    made = plan(call(), world(one), policy(regions=frozenset({"eu"})))
    assert reasons(made) == {"a@main": "policy_region"}
    assert [each.name for each in made.steps[0].targets[0].channels] == ["two"]
    off = plan(call(), world(one, disabled=frozenset({"a@two"})), policy(regions=frozenset({"eu"})))
    assert reasons(off) == {"a@main": "policy_region", "a@two": "disabled"}
    assert off.steps == ()


def test_a_model_the_caller_named_is_spared_taste_but_not_access_or_size() -> None:
    poor = model("a", 100, quality=0.01, latency_ms=10**6, max_output=5, flags=frozenset({"beta"}))
    force = policy(min_quality=0.9, max_latency_ms=1, exclude_flags=frozenset({"beta"}))
    assert order(plan(call(model="a"), world(poor), force)) == ["a"]
    elsewhere = policy(models=frozenset({"b"}))
    assert reasons(plan(call(model="a"), world(poor), elsewhere)) == {"a": "outside_policy"}
    assert reasons(plan(call(model="a", signals=tokens(10**6)), world(poor), force)) == {"a": "context"}
    assert reasons(plan(call(model="a"), world(poor, disabled=frozenset({"a"})), force)) == {"a": "disabled"}
    private = call(model="a", wishes=Wishes(sensitive=True))
    assert reasons(plan(private, world(poor), force)) == {"a@main": "sensitive"}
    dear = call(model="a", wishes=Wishes(max_cost=1))
    assert reasons(plan(dear, world(poor), force)) == {"a@main": "cost"}
    assert order(plan(call(), world(poor, OTHER), force)) == []


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_rule_that_is_not_asked_would_have_put_somebody_out(data: st.DataObject) -> None:
    """What binds nobody is left out of the question for speed; it must really bind nobody."""
    some = st.none() | st.just(frozenset(("a", "eu", "main", "a@main")))
    flags = st.sampled_from((frozenset[str](), frozenset(("beta",))))
    caller = Caller(
        "key",
        models=data.draw(some),
        providers=data.draw(some),
        regions=data.draw(some),
        channels=data.draw(some),
        sensitive=data.draw(st.booleans()),
        max_cost=data.draw(st.none() | st.just(10)),
    )
    wishes = Wishes(
        quality_floor=data.draw(st.none() | st.just(0.9)),
        max_latency_ms=data.draw(st.none() | st.just(10)),
        providers=data.draw(st.sampled_from((None, (), ("other",)))),
        not_providers=data.draw(st.sampled_from(((), ("main",)))),
        max_rates=data.draw(st.none() | st.just((1, 1))),
        no_collection=data.draw(st.booleans()),
        sensitive=data.draw(st.booleans()),
    )
    force = policy(
        "cost_first",
        models=data.draw(st.none() | st.just(frozenset(("b",)))),
        critical=data.draw(st.booleans()),
        model=data.draw(st.sampled_from(("", "b"))),
        regions=data.draw(st.none() | st.just(frozenset(("eu",)))),
        min_quality=data.draw(st.none() | st.just(0.0)),
        exclude_flags=data.draw(flags),
        require_flags=data.draw(flags),
    )
    signals = (
        *tokens(1000, 400, data.draw(st.sampled_from((0, 20_000)))),
        *data.draw(st.sampled_from(((), needs("vision")))),
    )
    limits = st.sampled_from((0, 500, 1000, 21_000, 30_000))
    one = model(
        "a",
        context=data.draw(limits),
        max_output=data.draw(limits),
        quality=data.draw(st.none() | st.just(0.1)),
        flags=data.draw(flags),
        latency_ms=None,
        enabled=data.draw(st.booleans()),
        capabilities=data.draw(st.sampled_from((0, TOOLS, EMBEDDINGS))),
    )
    one = with_channel(one, enabled=data.draw(st.booleans()), context=data.draw(limits))
    asked = call(caller=caller, wishes=wishes, signals=signals, operation=data.draw(st.sampled_from(OPERATIONS)))
    off = frozenset(data.draw(st.sampled_from(((), ("a",), ("a@main",)))))
    snapshot = world(one, model("b"), disabled=off)
    ask, _ = asked_of(asked, Choice(None, "", force), snapshot)
    least = snapshot.extremes
    for rule in RULES:
        assert rule.binds(ask, least) or rule.check(ask, one) is None, rule.reason
    for channel_rule in CHANNEL_RULES:
        assert channel_rule.binds(ask, least) or channel_rule.check(ask, one, one.channels[0]) is None, (
            channel_rule.reason
        )
    assert refusal(asked, one.channels[0], binding(asked)) == refusal(asked, one.channels[0])
