"""One scale of reasoning: an effort or a budget keeps its level through every dialect and back. # M1.5 TRAPS 18"""

from __future__ import annotations

import json

import pytest

from fairlead.dialects import neutral, thinking
from fairlead.dialects.dialect import Target
from fairlead.dialects.neutral import Reasoning, Request, Text, Turn
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses

LEVELS = ("minimal", "low", "medium", "high")
TARGETS = {
    "chat": ("openai_chat", Target("any", "")),
    "router": ("openai_chat", Target("any", "openrouter")),
    "responses": ("openai_responses", Target("gpt-6", "openai")),
    "claude-budget": ("anthropic_messages", Target("claude-4", "anthropic", 128_000)),
    "claude-effort": (
        "anthropic_messages",
        Target("claude-5", "anthropic", 128_000, frozenset({"adaptive_thinking", "xhigh_effort"})),
    ),
    "gemini-level": ("gemini", Target("gemini-3-flash", "gemini")),
    "gemini-budget": ("gemini", Target("gemini-2.5-pro", "gemini")),
}


def through(reasoning: Reasoning, name: str) -> tuple[Reasoning, Losses]:
    """What the one who is asked in this dialect reads of it, and what was lost on the way."""
    dialect, target = TARGETS[name]
    losses = Losses(dialect)
    asked = Request(model="m", turns=(Turn("user", (Text("hi"),)),), reasoning=reasoning, max_output=120_000)
    body = DIALECTS[dialect].write_request(asked, target, losses)
    read = DIALECTS[dialect].read_request(body, target.model, False).neutral().reasoning
    return read or Reasoning(), losses


def level(reasoning: Reasoning) -> str:
    return reasoning.effort if reasoning.budget is None else thinking.effort_of(reasoning.budget)


def test_the_scale_rises_and_each_budget_is_its_own_effort() -> None:
    budgets = list(thinking.BUDGETS.values())
    assert budgets == sorted(set(budgets))
    assert [thinking.effort_of(thinking.budget_of(effort)) for effort in thinking.EFFORTS] == list(thinking.EFFORTS)


@pytest.mark.parametrize("budget", [1, 1_000, 1_025, 5_000, 16_000, 31_999, 100_000])
def test_a_budget_asks_for_a_level_that_some_models_lack(budget: int) -> None:
    assert thinking.effort_of(budget) in LEVELS


@pytest.mark.parametrize("there", TARGETS)
@pytest.mark.parametrize("back", TARGETS)
@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_a_level_drifts_on_its_way_there_and_back(effort: str, there: str, back: str) -> None:
    once, _ = through(Reasoning(effort), there)
    twice, _ = through(once, back)
    again, _ = through(twice, there)
    assert [level(once), level(twice), level(again)] == [effort] * 3


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("effort", thinking.EFFORTS)
def test_a_level_changes_without_being_named(effort: str, name: str) -> None:
    read, losses = through(Reasoning(effort), name)
    if read.effort == effort and read.budget is None:
        assert not losses.found
    elif level(read) != effort:
        assert losses.found, f"{effort} became {level(read)}"


@pytest.mark.parametrize("budget", [1_024, 4_096, 8_192, 16_000, 24_576, 31_999])
@pytest.mark.parametrize("name", ["chat", "responses", "claude-effort", "gemini-level"])
def test_a_budget_becomes_another_level_in_another_dialect(budget: int, name: str) -> None:
    read, losses = through(Reasoning(budget=budget), name)
    wanted = thinking.effort_of(budget)
    possible = "low" if wanted == "minimal" and name == "claude-effort" else wanted
    assert level(read) == possible
    assert losses.found == {"reasoning_effort": "approximated"}


@pytest.mark.parametrize("name", ["router", "claude-budget", "gemini-budget"])
def test_a_budget_is_rounded_where_budgets_are_known(name: str) -> None:
    read, losses = through(Reasoning(budget=12_345), name)
    assert read.budget == 12_345
    assert not losses.found


@pytest.mark.parametrize("name", TARGETS)
def test_thinking_is_not_switched_off(name: str) -> None:
    read, losses = through(neutral.Reasoning("none"), name)
    assert level(read) == "none" or losses.found, json.dumps(read.effort)
