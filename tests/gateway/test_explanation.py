"""What a decision says of itself: everything that bore on it, in two languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from fairlead.classify.excerpt import TRAITS
from fairlead.core import constraints, egress
from fairlead.core.call import Call, Facts, Signal, Standing, Wishes
from fairlead.core.changes import SETTINGS, Case
from fairlead.core.choice import Choice
from fairlead.core.policy import Policy, Tier
from fairlead.core.table import Match, Rule, Settings
from fairlead.dialects.openai_chat.native import read_request
from fairlead.gateway import chinese, explanation, requirement
from fairlead.gateway.chinese import DETAILS, PHRASES, phrase, told
from fairlead.gateway.explanation import NAMES, described, explained, paragraphs
from tests.core.scenes import AT, DOLLAR, call, model, policy, tokens, world

HAN = re.compile("[\u4e00-\u9fff]")
WORLD = world(
    model("cheap", 1, 0.6),
    model("good", 3, 0.9),
    model("short", 1, 0.9, context=100),
    model("unable", 1, 0.9, capabilities=0),
    health={"good@main": 0.9},
)
FOUND = (
    *tokens(1000, 400, 100),
    Signal("needs", "tools", True),
    Signal("structure", "tools", 1),
    Signal("task", "translation", 0.7, 0.72),
    Signal("complexity", "simple", 0.7, 0.66),
    Signal("domain", "chat", 0.7, 0.6),
    Signal("language", "en", 1.0, 0.99),
)
RULE = Rule("words", Match(tasks=frozenset(("translation", "chat")), tools=True), ("good", "cheap"), "", Settings(0.9))


def case(asked: Call, force: Policy) -> Case:
    return Case(asked, Choice(None, "", force), WORLD, 1)


def told_of(asked: Call, force: Policy, language: explanation.Language = "en") -> str:
    return "\n".join(paragraphs(explained(case(asked, force)), language))


def test_something_that_bore_on_the_choice_is_not_told() -> None:  # M3.6
    facts = Facts(AT, Standing("good", "good@main", 500), (("high", DOLLAR),))
    said = told_of(call(signals=FOUND, facts=facts, warnings=("task 'x' is odd",)), policy())
    for part in (
        "task translation (confidence 0.72)",
        "complexity simple (confidence 0.66)",
        "domain chat",
        "language en",
        "needs tools yes",
        "tokens input 1,000",
        "Note: task 'x' is odd",
        "good answered this conversation last, via good@main; 500 tokens",
        "high $1",
        "the conversation ",
        "1. ",
        "(failover)",
        "health 0.90",
        "Not short: about 1,000 tokens of input and room for 100 of output exceed its context of 100 [context]",
        "Not unable: it cannot do tools [capability]",
        "good wins if cost weight <= 0.21",
        "good wins if stay >= 0.12",
        "short wins if context of short >= 1,100 (1,000 tokens more than now)",
        "version h; snapshot world",
    ):
        assert part in said, part


def test_the_words_that_spoke_for_a_task_are_not_told() -> None:  # M2.2, M3.6
    view = read_request(
        b'{"model": "auto", "messages": [{"role": "user", "content": "Translate this to French: bye"}]}'
    )
    one = explained(case(call(view=view, signals=FOUND), policy()))
    assert one.spoke
    assert any("translate" in reason.feature.lower() for reason in one.spoke)
    assert "For this task spoke: " in "\n".join(paragraphs(one))
    assert described(one)["spoke"]
    declared = call(view=view, signals=FOUND, wishes=Wishes(task="chat"))
    assert explained(case(declared, policy())).spoke == ()
    assert "task chat (declared)" in told_of(declared, policy())


def test_a_rule_does_not_say_why_it_held_and_for_whom_its_fallback_stands_in() -> None:  # M3.2, M3.6
    said = told_of(call(signals=FOUND), policy(rules=(RULE,)))
    assert "Rule words of policy p holds: task chat or translation, with tools." in said
    assert "confidence 0.72 in task translation is below 0.9" in said
    assert "It stands in for a better one" in said
    assert "good wins if confidence in the task >= 0.9 (now 0.72)." in said


def test_a_tier_is_not_told() -> None:
    tiers = (
        Tier("high", ("good",), Match(complexities=frozenset(("simple",))), DOLLAR),
        Tier("low", ("cheap",)),
    )
    facts = Facts(AT, tiers=(("high", 10),))
    said = told_of(call(signals=FOUND, facts=facts), policy("tiered", tiers=tiers))
    assert "It is of tier low." in said
    assert "the budget of tier high is spent for today" in said
    assert "Not good: tier high has $0.00000001 left of its $1 today [tier_budget]" in said
    assert "good wins if what is left of tier high's budget >= $" in said


@pytest.mark.parametrize(
    "force",
    [policy(), policy(rules=(RULE,)), policy("cost_first", max_cost=2_500_000), policy("quality_first", min_quality=0.95)],
    ids=lambda force: f"{force.strategy} {len(force.rules)}",
)  # fmt: skip
def test_an_english_sentence_stands_among_chinese_ones(force: Policy) -> None:  # M3.6
    facts = Facts(AT, Standing("good", "good@main", 500), (("high", DOLLAR),))
    for line in told_of(call(signals=FOUND, facts=facts), force, "zh").splitlines():
        assert HAN.search(line), line
        left = re.sub(r"[（(]?\[\w+\]", "", line)
        assert not re.search(r"\b(the|its|is|would|may|than|and)\b", left), line


def details() -> set[str]:
    """What the core's checks of candidates answer, with X for what they fill in."""
    found = set()
    for module in (constraints, egress):
        parts_of = ast.parse(Path(module.__file__).read_text()).body
        told_by = [one for one in parts_of if isinstance(one, ast.FunctionDef) and "sink" not in one.name]
        for node in (node for function in told_by for node in ast.walk(function)):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.JoinedStr | ast.Constant):
                parts = node.value.values if isinstance(node.value, ast.JoinedStr) else [node.value]
                found.add("".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in parts))
    return {words.replace("inputX", "input") for words in found if " " in words}


def test_a_reason_has_no_chinese() -> None:
    assert len(details()) > 25
    assert [words for words in details() if not HAN.search(told(words, "zh"))] == []


@pytest.mark.parametrize("table", [PHRASES, DETAILS])
def test_a_translation_lacks_a_figure(table: dict[str, str]) -> None:
    for english, words in table.items():
        names = {name for _, name, _, _ in Formatter().parse(english) if name}
        assert names == {name for _, name, _, _ in Formatter().parse(words) if name}, english


def test_a_phrase_is_told_that_nobody_translated() -> None:
    said = {
        node.value
        for module in (explanation, requirement)
        for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    computed = {"task", "complexity", "domain", "language", "latency class", "quality", "cost", "latency", "health"}
    computed |= {"expected quality", "judgements", "experiment", "expected cost per 1,000"}
    assert PHRASES.keys() <= said | computed, "a translation of what nobody says"
    for words in {one for one in said if one.endswith(".") and "{" in one and "\n" not in one}:
        assert words in PHRASES, words
    assert set(NAMES) == set(SETTINGS)
    assert set(NAMES.values()) <= PHRASES.keys() | {"latency class"}


def test_a_trait_that_spoke_has_no_chinese() -> None:
    assert [trait for trait, _ in TRAITS if not HAN.search(told(f"{trait}: 1", "zh"))] == []


def test_what_a_user_gives_as_a_reason_is_changed() -> None:
    assert told("rule night: cheaper at night", "zh") == "规则 night：cheaper at night"
    assert phrase("nothing of the kind", "zh") == "nothing of the kind"
    assert told("nothing of the kind", "en") == "nothing of the kind"
    assert chinese.told("it is not listed: the caller wants no fallbacks", "zh") == "它没有被列出：调用方不要后备"
