"""The published tables P-D and P-E, row by row: what each preset decides is what was printed."""

from __future__ import annotations

import itertools

import pytest

from fairlead.core.agents import Agent, Group, pick
from fairlead.core.call import Facts
from fairlead.gateway.choosing import known_task
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load as catalogue
from tests.golden.published import AT, Preset, found, targets, task, tokens

DOLLAR = 1_000_000_000
D1 = Preset("d1_profile")
D3 = Preset("d3_agents")
D4 = Preset("d4_three_tier")
E = Preset("e_tasks")
E1 = Preset("e1_tiers")
E3 = Preset("e3_cascade")

LEVELS = ("simple", "medium", "complex")
DOMAINS = ("code", "vision", "chat", "agentic")


def printed(complexity: str, domain: str) -> str:
    """D1 as it is printed, in its order."""
    if domain == "code" and complexity == "complex":
        return "claude-opus-4.7"
    if domain == "vision":
        return "gemini-3.1-pro"
    if complexity == "simple":
        return "deepseek-v4-flash"
    return "gpt-5.5" if domain == "agentic" else "gemini-3.1-pro"


@pytest.mark.parametrize(("complexity", "domain"), list(itertools.product(LEVELS, DOMAINS)))
@pytest.mark.parametrize("budget_ms", [None, 60_000])
def test_d1_the_whole_truth_table(complexity: str, domain: str, budget_ms: int | None) -> None:  # M3.12 D1
    order = D1.order(*found(complexity=complexity, domain=domain), max_latency_ms=budget_ms)
    assert order[0] == printed(complexity, domain)


def test_d6_the_next_provider_is_asked_at_once() -> None:  # M3.12 D6
    for complexity, domain in itertools.product(LEVELS, DOMAINS):
        plan = D1.plan(*found(complexity=complexity, domain=domain))
        first, second, *_ = targets(plan)
        assert plan.steps[1].move == "failover"
        assert first.channels[0].provider != second.channels[0].provider


def test_d8_a_model_switched_off_gives_way_and_comes_back() -> None:  # M3.12 D8
    asked = found(complexity="medium", domain="agentic")
    assert D1.order(*asked, disabled=("gpt-5.5",))[0] == "claude-opus-4.7"
    assert D1.order(*asked)[0] == "gpt-5.5"


AGENTS = {
    "coding": "claude-opus-4.7",
    "vision": "gemini-3.1-pro",
    "fast-classifier": "deepseek-v4-flash",
    "terminal": "gpt-5.5",
}


def test_d3_each_agent_is_its_model_and_the_groups_share_work() -> None:  # M3.11 D3
    world = build(D3.config, catalogue(), b"")
    agents = {name: one.model for name, one in world.agents.items() if isinstance(one, Agent)}
    assert agents == AGENTS
    crew, ladder = world.agents["crew"], world.agents["ladder"]
    assert isinstance(crew, Group)
    assert isinstance(ladder, Group)
    assert [pick(crew, "medium", turn).name for turn in range(5)] == [*AGENTS, "coding"]
    assert [pick(ladder, level, 3).name for level in LEVELS] == ["fast-classifier", "vision", "coding"]


def test_d4_the_three_tier_starter() -> None:  # M3.12 D4
    names = [D4.order(*found(complexity=level))[0] for level in LEVELS]
    assert names == ["deepseek-v4-flash", "gemini-3.1-pro", "claude-opus-4.7"]
    assert D4.order(*found(complexity="complex"))[1] == "gpt-5.5"


# task, confidence, input tokens -> who answers, who stands behind
TABLE_E = [
    ("classification", 0.86, 1000, ["gemini-2.0-flash", "claude-3.5-sonnet"]),
    ("classification", 0.85, 1000, ["gemini-2.0-flash", "claude-3.5-sonnet"]),
    ("classification", 0.8499, 1000, ["claude-3.5-sonnet", "gemini-2.0-flash"]),
    ("summarization", 0.95, 5000, ["claude-3.5-sonnet", "gpt-4.1"]),
    ("summarization", 0.95, 5001, ["gpt-4.1", "claude-3.5-sonnet"]),
    ("summarization", 0.80, 1000, ["claude-3.5-sonnet", "gpt-4.1"]),
    ("summarization", 0.7999, 1000, ["gpt-4.1", "claude-3.5-sonnet"]),
    ("code_generation", 0.95, 1000, ["claude-3.7-sonnet", "gpt-4.5"]),
    ("reasoning", 0.95, 1000, ["gpt-4.5", "claude-3.7-sonnet"]),
    ("fast_response", 0.95, 1000, ["gemini-2.0-flash"]),
]


@pytest.mark.parametrize(("name", "sure", "given", "order"), TABLE_E)
def test_e_each_task_its_threshold_and_its_length(name: str, sure: float, given: int, order: list[str]) -> None:  # M3.3
    plan = E.plan(task(name, sure), *tokens(given))
    assert [target.model.name for target in targets(plan)] == order
    stands_in = order[0] != next(row[3][0] for row in TABLE_E if row[0] == name)
    assert bool(targets(plan)[0].downgraded) == stands_in
    assert (plan.steps[0].move == "downgrade") == stands_in
    assert plan.rule == name


def test_e_the_settings_go_with_the_task() -> None:  # M3.3
    assert targets(E.plan(task("code_generation")))[0].thinking == "high"
    assert E.plan(task("code_generation")).settings.quality_boost
    assert targets(E.plan(task("reasoning")))[0].thinking == "medium"
    assert E.plan(task("fast_response")).settings.max_latency_ms == 1000
    assert targets(E.plan(task("classification")))[0].thinking == ""


def test_e_an_unknown_task_is_a_summary_with_a_warning() -> None:  # M3.3
    from fairlead.core.call import Wishes

    world = build(E.config, catalogue(), b"")
    wish, warnings = known_task(world, world.policies["mixed"], Wishes(task="knitting"), ())
    assert (wish.task, len(warnings)) == ("summarization", 1)
    assert E.order(task=wish.task)[0] == "claude-3.5-sonnet"


HARD = (*found(complexity="complex"),)


def test_e1_high_is_for_complex_work_of_which_quality_is_required() -> None:  # M3.5
    for level in LEVELS:
        for floor in (None, 0.6, 0.8):
            tier = targets(E1.plan(*found(complexity=level), quality_floor=floor))[0].tier
            high = level == "complex" and floor == 0.8
            usual = "low" if level == "simple" else "medium"
            above = usual == "low" and floor == 0.8  # a small model is not good enough, so the next tier up
            assert tier == ("high" if high else "medium" if above else usual), (level, floor)


@pytest.mark.parametrize(("high", "medium", "tier"), [(500, 1000, "high"), (0, 1000, "medium")])
def test_e1_a_spent_tier_sends_one_down(high: int, medium: int, tier: str) -> None:  # M3.5
    facts = Facts(AT, None, (("high", high * DOLLAR), ("medium", medium * DOLLAR), ("low", 10_000 * DOLLAR)))
    first = targets(E1.plan(*HARD, facts=facts, quality_floor=0.8))[0]
    assert first.tier == tier
    assert bool(first.downgraded) == (tier != "high")


def test_e1_the_lowest_spent_is_a_refusal_that_names_the_budget() -> None:  # M3.5
    facts = Facts(AT, None, (("high", 0), ("medium", 0), ("low", 0)))
    plan = E1.plan(*found(complexity="simple"), facts=facts)
    assert plan.steps == ()
    assert {one.reason for one in plan.rejected if "$10000" in one.detail} == {"tier_budget"}


def test_e1_budgets_and_costs_are_the_printed_ones() -> None:  # M3.5
    tiers = E1.policies["tiers"].tiers
    assert [(tier.name, tier.budget, tier.cost_per_1k) for tier in tiers] == [
        ("high", 500 * DOLLAR, 8 * DOLLAR),
        ("medium", 1000 * DOLLAR, 1_500_000_000),
        ("low", 10_000 * DOLLAR, 150_000_000),
    ]


@pytest.mark.parametrize(
    ("sure", "model", "thinking"),
    [
        (1.0, "gemini-2.0-flash", ""),
        (0.9001, "gemini-2.0-flash", ""),
        (0.9, "claude-3.5-sonnet", ""),
        (0.7001, "claude-3.5-sonnet", ""),
        (0.7, "gpt-4.5", "high"),
        (0.0, "gpt-4.5", "high"),
    ],
)
def test_e3_the_bounds_of_the_cascade_are_exact(sure: float, model: str, thinking: str) -> None:  # M4.4
    first = targets(E3.plan(task("chat", sure)))[0]
    assert (first.model.name, first.thinking) == (model, thinking)
