"""Flaws of published sample routers, each of which would be easy to have: none of them may come back here."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.classify import tokens
from fairlead.config import presets
from fairlead.config.environment import from_environment
from fairlead.core.call import Shape, Signal, Wishes
from fairlead.core.choice import read_choice
from fairlead.core.decide import decide
from fairlead.core.policy import Weights
from fairlead.core.table import Match, Rule, Settings
from fairlead.errors import NotFound
from fairlead.registry.catalogue import load as catalogue
from fairlead.registry.policies import policies
from fairlead.registry.snapshot import build
from tests.core.scenes import call, model, order, plan, policy, world
from tests.core.scenes import tokens as sized

WEAK, GOOD, BEST = model("weak", 0.1, 0.1), model("good", 1, 0.7), model("best", 10, 0.95)
THREE = world(BEST, GOOD, WEAK)


def test_a_floor_of_zero_is_taken_for_none() -> None:  # M3.1
    assert order(plan(call(), THREE, policy("cost_first", min_quality=0.0)))[0] == "weak"
    assert order(plan(call(), THREE, policy("cost_first")))[0] == "good"


@given(st.permutations(["weak", "good", "best"]))
def test_the_order_of_preferences_is_lost(names: list[str]) -> None:  # M3.1
    rules = (Rule("all", Match(), tuple(names)),)
    assert order(plan(call(), THREE, policy(rules=rules))) == names


@pytest.mark.parametrize("asked", ["gpt-4", "gpt-4.1-m", "4.1", "mini"])
def test_part_of_a_name_is_taken_for_the_model(asked: str) -> None:  # M1.1
    there = world(model("gpt-4.1"), model("gpt-4.1-mini"), aliases={"gpt-4.1": "gpt-4.1"})
    with pytest.raises(NotFound):
        read_choice(asked, policy(), {}, there)


def test_deciding_changes_what_is_shared() -> None:
    force = policy("balanced", weights=Weights(2, 1, 1))
    before = msgspec.json.encode((THREE, force))
    first = plan(call(), THREE, force)
    for number in range(50):
        plan(call(wishes=Wishes(quality_floor=number / 100, max_cost=number * 10**6)), THREE, force)
    assert msgspec.json.encode((THREE, force)) == before
    assert plan(call(), THREE, force) == first


def test_latency_is_a_constant() -> None:  # M3.1
    force = policy("balanced", weights=Weights(0, 0, 1))
    alike = [model("a"), model("b")]
    assert order(plan(call(), world(*alike, latency_ms={"a@main": 900, "b@main": 100}), force))[0] == "b"
    assert order(plan(call(), world(*alike, latency_ms={"a@main": 100, "b@main": 900}), force))[0] == "a"


def test_characters_are_taken_for_tokens() -> None:  # M2.2
    rules = (Rule("short", Match(), ("good", "best"), settings=Settings(max_input=5_000)),)

    def first(text: str) -> str:
        shape = Shape(len(text), len(text.encode()), 1)
        given = sized(tokens.input_tokens(shape))
        return order(plan(call(signals=given), THREE, policy(rules=rules)))[0]

    assert first("word " * 3_000) == "good"  # 15,000 characters, fewer than 5,000 tokens
    assert first("word " * 5_000) == "best"
    assert first("请总结" * 3_000) == "best"  # 9,000 characters, more than 5,000 tokens


def test_an_unknown_task_ends_the_request() -> None:  # M3.3
    rules = (Rule("math", Match(tasks=frozenset({"math"})), ("best",)),)
    for force in (policy(rules=rules), policy(rules=rules, default_task="math")):
        assert plan(call(signals=(*sized(), Signal("task", "knitting", 1.0, 1.0))), THREE, force).steps


def test_the_fallback_is_chosen_although_the_first_will_do() -> None:  # M3.3
    rules = (Rule("math", Match(tasks=frozenset({"math"})), ("best", "good"), settings=Settings(threshold=0.8)),)
    force = policy(rules=rules)
    for sure, first in ((0.8, "best"), (0.79, "good")):
        made = plan(call(signals=(*sized(), Signal("task", "math", sure, sure))), THREE, force)
        assert order(made)[0] == first
    declared = call(signals=(*sized(), Signal("task", "math", 0.1, 0.1)), wishes=Wishes(task="math"))
    assert order(plan(declared, THREE, force))[0] == "best"


def test_two_runs_of_one_seed_differ() -> None:
    choice = read_choice("auto", policy("balanced"), {}, THREE)
    assert decide(call(), choice, THREE, 7) == decide(call(), choice, THREE, 7)


OURS = {
    "nothing configured": from_environment({}),
    **{name: presets.load(name, {}) for name in presets.names() if "/" not in name},
}


@pytest.mark.parametrize("work", ["agent", "desktop"])
@pytest.mark.parametrize("name", OURS)
def test_simple_work_of_agents_goes_to_the_weakest_model(name: str, work: str) -> None:  # M3.1
    config = OURS[name]
    there, known = build(config, catalogue()), policies(config)
    weakest = min(there.models.values(), key=lambda one: 2.0 if one.quality is None else one.quality).name
    for force in (known["default"], *(known[own] for own in config.policies)):
        for level in ("simple", "medium", "complex"):
            asked = (*sized(), Signal("task", work, 0.95, 0.95), Signal("complexity", level, True, 0.9))
            made = decide(call(signals=asked), read_choice("auto", force, known, there), there, 7)
            assert made.steps[0].targets[0].model.name != weakest, (force.name, level)
