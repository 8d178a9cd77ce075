"""The routing table: the first rule that holds, and "open" only where one before it still may."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.table import OPEN, Match, Rule, holds, in_words, lookup
from fairlead.core.traits import Traits

TASKS = ("math", "chat", "translation")
LEVELS = ("simple", "complex")


def some(values: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values), max_size=2)


MATCH = st.builds(
    Match,
    tasks=some(TASKS),
    complexities=some(LEVELS),
    languages=some(("en", "zh")),
    keywords=some(("invoice",)),
    tools=st.sampled_from([None, True, False]),
    min_input=st.sampled_from([0, 10]),
    max_input=st.sampled_from([0, 100]),
    min_confidence=st.sampled_from([0.0, 0.7]),
)
KNOWN = st.builds(
    Traits,
    task=st.sampled_from(TASKS),
    task_confidence=st.sampled_from([0.5, 0.7, 0.9]),
    complexity=st.sampled_from(LEVELS),
    language=st.sampled_from(("en", "zh")),
    keywords=some(("invoice",)),
    tools=st.booleans(),
    input_tokens=st.sampled_from([5, 10, 100, 101]),
)


def unread(traits: Traits) -> Traits:
    """The same before its words were read."""
    return msgspec.structs.replace(traits, task="", task_confidence=0.0, complexity="", language="")


@given(st.lists(MATCH, max_size=5), KNOWN)
def test_the_first_rule_that_holds_is_the_one(matches: list[Match], traits: Traits) -> None:  # M3.2
    rules = [Rule(str(number), match) for number, match in enumerate(matches)]
    held = [rule for rule in rules if holds(rule.match, traits)]
    assert lookup(traits, rules) == (held[0] if held else None)


@given(st.lists(MATCH, max_size=5), KNOWN)
def test_what_is_settled_without_the_words_stays_so_with_them(matches: list[Match], traits: Traits) -> None:  # M3.2
    rules = [Rule(str(number), match) for number, match in enumerate(matches)]
    early = lookup(unread(traits), rules)
    if early != OPEN:
        assert lookup(traits, rules) == early


def test_a_rule_that_hangs_on_the_words_leaves_the_matter_open() -> None:  # M3.2
    by_task, by_word = Match(tasks=frozenset({"math"})), Match(keywords=frozenset({"invoice"}))
    worded = Traits(keywords=frozenset({"invoice"}))
    assert lookup(worded, [Rule("a", by_word), Rule("b", by_task)]) == Rule("a", by_word)
    assert lookup(worded, [Rule("b", by_task), Rule("a", by_word)]) == OPEN


@given(MATCH)
def test_every_condition_is_said_in_words(match: Match) -> None:
    told = in_words(match)
    for values in (match.tasks, match.complexities, match.languages, match.keywords):
        assert all(value in told for value in values)
    assert told
