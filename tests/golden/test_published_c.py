"""The published table P-C, row by row: what each preset decides is what was printed."""

from __future__ import annotations

import copy
import itertools
import re

import msgspec
import pytest

from fairlead.classify.tasks import TASKS
from fairlead.core.call import Signal
from fairlead.core.model import CAPABILITIES, Channel, Model, Price
from tests.core.scenes import reasons
from tests.golden.published import Preset, found, targets, task, tokens, with_models

PRESETS = {name: Preset(name) for name in ("c1_cost_first", "c2_preferences", "c3_balanced", "c4_failover")}
C1, C2, C3, C4 = PRESETS.values()
LEVELS = ("simple", "medium", "complex")
FLASH, SONNET = "deepseek-v4-flash", "claude-sonnet-4.6"
CANDIDATES = ("gpt-5.4", SONNET, "gemini-3-flash", "qwen3.5-plus", FLASH)


@pytest.mark.parametrize("name", PRESETS)
def test_a_price_that_is_printed_per_million_and_looks_like_per_thousand_is_flagged(name: str) -> None:  # M3.12 P-C
    assert [
        re.search(r"qwen3.5-plus.price.(\w+): .* looks wrong", line) is None for line in PRESETS[name].config.warnings
    ] == [False, False]


# --- C1


def test_c1_the_cheapest_first() -> None:  # M3.12 C1
    assert C1.order() == ["qwen3.5-plus", FLASH, "gemini-3-flash", "gpt-5.4"]
    assert C1.policies["default"].min_quality == 0.6


@pytest.mark.parametrize(("given", "answer", "cheaper"), [(1000, 400, FLASH), (10_000, 400, "gemini-3-flash")])
def test_c1_by_what_the_request_costs_not_by_the_list_price(given: int, answer: int, cheaper: str) -> None:  # M3.12 C1
    order = C1.order(*tokens(given, answer), disabled=("qwen3.5-plus",))
    assert order[0] == cheaper


@pytest.mark.parametrize(
    ("quality", "serves"), [(0.61, True), (0.6, True), (0.5999, False), (0.0, False), (None, False)]
)
@pytest.mark.parametrize("name", CANDIDATES)
def test_c1_a_quality_of_six_of_ten_is_enough(name: str, quality: float | None, serves: bool) -> None:  # M3.12 C1
    model = msgspec.structs.replace(C1.snapshot.models[name], quality=quality, qualities={})
    plan = with_models(C1, model).plan()
    there = {target.model.name for target in targets(plan)} | {
        name for name, reason in reasons(plan).items() if reason == "outranked"
    }
    assert (name in there) == serves
    assert (reasons(plan).get(name) == "quality") == (not serves)


@pytest.mark.parametrize(
    ("given", "room", "out"),
    [
        (128_000, 0, set()),
        (127_000, 1_000, set()),
        (127_000, 1_001, {"gpt-5.4"}),
        (128_001, 0, {"gpt-5.4"}),
        (200_000, 0, {"gpt-5.4"}),
        (200_001, 0, {"gpt-5.4", SONNET}),
    ],
)
def test_c1_the_context_fits(given: int, room: int, out: set[str]) -> None:  # M3.12 C1
    plan = C1.plan(*tokens(given, 400, room))
    assert {name for name, reason in reasons(plan).items() if reason == "context"} == out


@pytest.mark.parametrize("name", CANDIDATES)
def test_c1_the_modality_fits(name: str) -> None:  # M3.12 C1
    model = C1.snapshot.models[name]
    plan = C1.plan(*found(modality="image"), Signal("needs", "vision", True))
    assert (reasons(plan).get(name) == "capability") == (not model.capabilities & CAPABILITIES["vision"])
    blind = msgspec.structs.replace(model, capabilities=0)
    assert reasons(with_models(C1, blind).plan(Signal("needs", "vision", True)))[name] == "capability"
    assert reasons(with_models(C1, blind).plan()).get(name) != "capability"


# --- C2

TABLE_C2 = {
    "long_context": [SONNET, "gemini-3-flash"],
    "coding": ["gpt-5.4", SONNET],
    "creative": ["gpt-5.4", SONNET],
    "analysis": [SONNET, "gpt-5.4"],
    "fast_response": ["qwen3.5-plus", "gemini-3-flash"],
    "multimodal": ["gemini-3-flash", "doubao-seed-2.0-pro"],
    "long_document": [SONNET, "gemini-3-flash"],
    "code_generation": ["gpt-5.4", SONNET],
    "code_debug": ["gpt-5.4", SONNET],
    "creative_writing": ["gpt-5.4", SONNET],
    "data_analysis": [SONNET, "gpt-5.4"],
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("name", "order"), TABLE_C2.items())
def test_c2_the_preferences_in_their_order(name: str, order: list[str], level: str) -> None:  # M3.12 C2
    first, second = order
    asked = (task(name), *found(complexity=level))
    assert C2.order(*asked) == order
    assert C2.order(*asked, disabled=(first,)) == [second]
    assert C2.order(task=name) == order


@pytest.mark.parametrize("modality", ["image", "audio"])
@pytest.mark.parametrize("name", TASKS)
def test_c2_a_picture_makes_it_multimodal(name: str, modality: str) -> None:  # M3.12 C2
    assert C2.order(task(name), *found(modality=modality)) == TABLE_C2["multimodal"]


@pytest.mark.parametrize("name", [name for name in TASKS if name not in TABLE_C2])
def test_c2_what_stands_in_no_row_goes_to_the_best(name: str) -> None:  # M3.12 C2
    plan = C2.plan(task(name))
    assert plan.strategy == "quality_first"
    qualities = [target.expected.quality or 0 for target in targets(plan)]
    assert qualities == sorted(qualities, reverse=True)


# --- C3


def test_c3_the_weights_are_the_printed_ones_and_renormalised() -> None:  # M3.12 C3
    weights = C3.policies["default"].weights
    assert (weights.quality, weights.cost, weights.latency) == (0.5, 0.3, 0.2)
    other = copy.copy(C3)
    tenfold = msgspec.structs.replace(weights, quality=5, cost=3, latency=2)
    other.policies = {**C3.policies, "default": msgspec.structs.replace(C3.policies["default"], weights=tenfold)}
    for name in TASKS:
        mine, theirs = targets(C3.plan(task(name))), targets(other.plan(task(name)))
        assert [one.model.name for one in mine] == [one.model.name for one in theirs]
        assert [one.score for one in mine] == pytest.approx([one.score for one in theirs])


@pytest.mark.parametrize("name", TASKS)
def test_c3_the_score_is_half_quality_three_tenths_cost_two_tenths_latency(name: str) -> None:  # M3.12 C3
    made = targets(C3.plan(task(name)))
    for target in made:
        parts = dict(target.parts)
        assert target.score == pytest.approx(0.5 * parts["quality"] + 0.3 * parts["cost"] + 0.2 * parts["latency"])
    assert [one.score for one in made] == sorted((one.score for one in made), reverse=True)


@pytest.mark.parametrize(("slow", "fast"), list(itertools.permutations(("gpt-5.4", SONNET, "gemini-3-flash"), 2)))
def test_c3_latency_comes_from_history(slow: str, fast: str) -> None:  # M3.12 C3
    prices = C3.snapshot.models[slow].channels[0].prices
    alike = [
        msgspec.structs.replace(model, quality=1.0, qualities={}, channels=(one_channel(model, prices),))
        for model in (C3.snapshot.models[slow], C3.snapshot.models[fast])
    ]
    ids = [model.channels[0].id for model in alike]
    order = with_models(C3, *alike).order(
        latency_ms=dict(zip(ids, (8000, 400), strict=True)), disabled=("qwen3.5-plus",)
    )
    assert order.index(fast) < order.index(slow)
    order = with_models(C3, *alike).order(
        latency_ms=dict(zip(ids, (400, 8000), strict=True)), disabled=("qwen3.5-plus",)
    )
    assert order.index(slow) < order.index(fast)


def one_channel(model: Model, prices: tuple[Price, ...]) -> Channel:
    return msgspec.structs.replace(model.channels[0], prices=prices)


# --- C4

CHAIN = ["gpt-5.4", SONNET, "gemini-3-flash", "qwen3.5-plus"]


@pytest.mark.parametrize(
    "down",
    [set(down) for size in range(5) for down in itertools.combinations(CHAIN, size)],
    ids=lambda down: "+".join(sorted(down)) or "none",
)
def test_c4_the_chain_in_its_order_whoever_is_down(down: set[str]) -> None:  # M3.12 C4
    up = [name for name in CHAIN if name not in down]
    assert C4.order(disabled=tuple(sorted(down))) == up
    assert (
        C4.order(disabled=tuple(f"{name}@{C4.snapshot.models[name].channels[0].name}" for name in sorted(down))) == up
    )


@pytest.mark.parametrize("name", TASKS)
def test_c4_whatever_is_asked(name: str) -> None:  # M3.12 C4
    assert C4.order(task(name), *found(complexity="complex")) == CHAIN
