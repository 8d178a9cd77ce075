"""Gates that a configuration declares, and answers to the same question."""

from __future__ import annotations

import pytest

from fairlead.core.gates.agreement import agreement, confidence
from fairlead.core.gates.declared import Declared, gate_of
from fairlead.core.gates.verdict import Asked, Called, Given, Verdict


def said(declared: Declared, text: str, calls: tuple[Called, ...] = ()) -> Verdict | None:
    gate = gate_of(declared)
    assert gate is not None
    return gate(Asked(), Given(text, calls))


def test_a_pattern_that_has_to_be_there_is_not_missed() -> None:  # M4.3
    sources = Declared("sources", "pattern", pattern=r"(?i)source: https?://", failed=0.2)
    assert said(sources, "As stated. Source: https://example.org") is None
    assert said(sources, "As stated.") == Verdict("sources", 0.2, "what it has to hold is not there")


def test_a_pattern_that_must_not_be_there_is_let_through() -> None:  # M4.3
    house = Declared("house", "pattern", pattern=r"竞品|competitor \w+", present=False)
    assert said(house, "我们的产品很好") is None
    assert said(house, "我们比竞品好") == Verdict("house", 0.05, "it holds what it must not")


def test_an_answer_that_does_not_fit_a_schema_of_ones_own_passes() -> None:  # M4.3
    shape = Declared("shape", "schema", schema=b'{"type": "object", "required": ["id"]}')
    assert said(shape, '{"id": 1}') is None
    for text in ("{}", "no JSON", "[1]"):
        assert said(shape, text) is not None


def test_an_answer_of_the_wrong_length_passes() -> None:  # M4.3
    size = Declared("size", "length", least=3, most=5)
    assert [said(size, text) is None for text in ("ab", "abc", "abcde", "abcdef")] == [False, True, True, False]
    assert said(size, "", (Called("t", "{}"),)) is None


def test_a_gate_that_asks_somebody_is_taken_for_one_that_does_not() -> None:
    assert all(gate_of(Declared("g", kind)) is None for kind in ("judge", "consistency", "http"))


@pytest.mark.parametrize(
    ("a", "b", "agree"),
    [
        ("Paris", "Paris.", True),
        ("The answer is 42.", "6 * 7 = 42, so the answer is 42", True),
        ("The answer is 42.", "The answer is 43.", False),
        ("答案是12。", "一共有十二个，答案是12", True),
        ("Paris", "Lyon", False),
        ("positive", "negative", False),
        ("北京是中国的首都。", "中国的首都是北京。", True),
        ("The cell divides in four phases: prophase, metaphase, anaphase and telophase, and each has its task in the division of the nucleus. " * 2,
         "A cell divides in four phases. They are prophase, metaphase, anaphase and telophase; each of them has a task in the division of the nucleus. " * 2, True),
        ("The cell divides in four phases: prophase, metaphase, anaphase and telophase, and each has its task in the division of the nucleus. " * 2,
         "Markets fell sharply on Tuesday after the bank had raised its rates, and traders expect more of the same before summer comes. " * 2, False),
    ],
)  # fmt: skip
def test_answers_that_agree_and_answers_that_do_not_are_confused(a: str, b: str, agree: bool) -> None:  # M4.3
    sure = confidence(agreement(Given(a), [Given(b)]))
    assert (sure >= 0.8) is agree, sure


def test_calls_that_differ_agree() -> None:  # M4.3
    oslo, bergen = (Given(calls=(Called("weather", f'{{"city": "{city}"}}'),)) for city in ("Oslo", "Bergen"))
    spelt = Given(calls=(Called("weather", '{ "city" : "Oslo" }'),))
    assert agreement(oslo, [spelt]) == 1.0
    assert agreement(oslo, [spelt, bergen]) == 0.5
    assert agreement(oslo, [Given("Oslo is cold")]) == 0.0
