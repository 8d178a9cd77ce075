"""Configuration to policies: rules before tasks, a task and its other names one, what is left out left alone."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.config.load import loads
from fairlead.core.cost import NANO
from fairlead.core.policy import Cascade, Policy
from fairlead.core.table import Match, Settings, lookup
from fairlead.core.traits import Traits
from fairlead.registry.policies import policies, routes
from tests.config.catalogue_fake import CATALOGUE

BASE = """\
providers: {p: {}}
models:
  a: {channels: [{provider: p}], aliases: [first], price: {input: 0, output: 0}}
  b: {channels: [{provider: p}], price: {input: 0, output: 0}}
tasks: {legal: {like: summarization}, contracts: {like: legal}, bug: {like: code_debug}}
"""


def read(text: str) -> dict[str, Policy]:
    return policies(loads(BASE + text, "f.yaml", {}, CATALOGUE))


def model_for(policy: Policy, **traits: Any) -> str:
    found = lookup(Traits(**traits), policy.rules)
    return "" if found is None or isinstance(found, str) else found.models[0]


def test_tasks_come_behind_all_rules_and_those_of_the_default_behind_its_own() -> None:  # M3.2 M3.3
    found = read(
        "policies: {p: {rules: [{name: long, model: b, match: {min_input_tokens: 9}, reason: r}], tasks: {math: {model: a}},"
        " threshold: 0.5, default_task: chat}}\n"
        "policy: {default: p, tasks: {math: {model: b}, chat: {model: b}}, threshold: 0.7, default_task: math}\n"
    )
    assert [(rule.name, rule.models) for rule in found["default"].rules] == [
        ("long", ("b",)), ("math", ("a",)), ("math", ("b",)), ("chat", ("b",)),
    ]  # fmt: skip
    assert found["p"] is found["default"]
    assert (found["p"].threshold, found["p"].default_task) == (0.7, "chat")
    assert found["balanced"].rules == ()
    assert found["p"].hash != read("policies: {p: {tasks: {math: {model: a}}}}\npolicy: {default: p}\n")["p"].hash


def test_what_is_like_a_task_falls_to_its_row_unless_it_has_its_own() -> None:  # M2.1
    bare = read("policies: {p: {tasks: {summarization: {model: a}}}}\n")["p"]
    assert (model_for(bare, task="legal"), model_for(bare, task="contracts")) == ("a", "a")
    own = read("policies: {p: {tasks: {summarization: {model: a}, legal: {model: b}}}}\n")["p"]
    assert [model_for(own, task=name) for name in ("legal", "contracts", "summarization")] == ["b", "b", "a"]
    last = read("policies: {p: {tasks: {contracts: {model: b}, summarization: {model: a}}}}\n")["p"]
    assert [model_for(last, task=name) for name in ("legal", "contracts")] == ["a", "b"]
    by_rule = read("policies: {p: {rules: [{model: b, match: {task: code_debug}, reason: r}]}}\n")["p"]
    assert (model_for(by_rule, task="bug"), model_for(by_rule, task="code_debug")) == ("b", "b")
    assert model_for(by_rule, task="legal") == ""


def test_a_floor_of_a_task_is_one_for_what_is_like_it() -> None:  # M2.1
    found = read("policies: {p: {floors: {medium: 0.7, code_debug: 0.8, summarization: 0.6, legal: 0.9}}}\n")["p"]
    assert found.floors == {
        "medium": 0.7,
        "code_debug": 0.8,
        "summarization": 0.6,
        "legal": 0.9,
        "bug": 0.8,
        "contracts": 0.9,
    }


def test_every_setting_of_a_row_arrives() -> None:  # M3.3
    row = "threshold: 0.85, max_input_tokens: 5000, max_latency: 1.5, quality_boost: true, reason: because"
    found = read(f"policies: {{p: {{tasks: {{math: {{model: FIRST, fallbacks: [b, b], thinking: on, {row}}}}}}}}}\n")
    rule = found["p"].rules[0]
    assert rule.models == ("a", "b")
    assert rule.settings == Settings(0.85, 5000, 1500, "medium", True)
    assert rule.reason == "because"


@pytest.mark.parametrize(
    ("written", "effort"),
    [("off", ""), ("false", ""), ("on", "medium"), ("true", "medium"), ("low", "low"), ("high", "high")],
)
def test_thinking_in_every_spelling(written: str, effort: str) -> None:  # M3.3
    found = read(f"policies: {{p: {{tasks: {{math: {{model: a, thinking: {written}}}}}}}}}\n")
    assert found["p"].rules[0].settings.thinking == effort


def test_tiers_and_cascade_arrive_to_the_nano_dollar() -> None:  # M3.5 M4.4
    found = read(
        "policies:\n"
        "  t: {strategy: tiered, tiers: [{name: x, models: [first], budget: 0.1, cost_per_1k: 0.15,"
        " match: {complexity: complex, min_quality_floor: 0.8}}, {name: y, models: [b]}]}\n"
        "  c: {strategy: cascade, cascade: {base: a, middle: b, premium: first}}\n"
    )
    high, low = found["t"].tiers
    assert (high.models, high.budget, high.cost_per_1k) == (("a",), NANO // 10, NANO * 15 // 100)
    assert high.match == Match(complexities=frozenset({"complex"}), min_floor=0.8)
    assert (low.budget, low.cost_per_1k, low.match) == (None, None, Match())
    assert found["c"].cascade == Cascade(("a", "b", "a"), 0.9, 0.7, "verify", 0.7, 0.2)


def test_a_route_names_its_policy_or_its_models() -> None:  # M3.8
    config = loads(
        f"{BASE}routes: [{{policy: balanced, match: {{domain: critical}}, reason: r}}, {{name: b, model: b, reason: r}}]\n",
        "f.yaml", {}, CATALOGUE,
    )  # fmt: skip
    found = routes(config)
    assert [(rule.name, rule.policy, rule.models) for rule in found] == [
        ("routes[0]", "balanced", ()),
        ("b", "", ("b",)),
    ]
