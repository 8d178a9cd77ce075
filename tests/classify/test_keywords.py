"""Keywords are found as words, whatever their case and neighbours, in the parts of a request that tell."""

from __future__ import annotations

import pytest

from fairlead.classify.keywords import ALTOGETHER, MOST, Keywords, find


def found(words: list[str], *texts: str, role: str = "user") -> list[str]:
    return [signal.name for signal in find(Keywords(words), [(role, text) for text in texts])]


@pytest.mark.parametrize(
    ("word", "text", "there"),
    [
        ("import", "how do I IMPORT a module", True),
        ("import", "the importance of it", False),
        ("import", "import2 it", True),
        ("section 1", "see section 12", False),
        ("section 1", "see section 1, then", True),
        ("c++", "write C++.", True),
        (".net", "in .NET 8", True),
        ("na", "naïve", False),
        ("naïve", "a NAÏVE view", True),
        ("STRASSE", "die Straße", True),
        ("сеть", "нейронная Сеть", True),
        ("сеть", "сетьевой", False),
        ("机密", "这是机密文件", True),
        ("Python", "用Python写个脚本", True),
        ("?", "what?", True),
        ("a", "a" * 5000 + " a", True),
        ("a", "a" * 5000, False),
        ("1", "1" * 5000, False),
        ("", "anything", False),
        ("  ", "any  thing", False),
    ],
)
def test_a_word_is_found_as_a_word(word: str, text: str, there: bool) -> None:  # M2.1
    assert found([word], text) == ([word] if there else [])


def test_each_spelling_that_is_asked_for_is_told() -> None:
    assert found(["Zebra", "zebra", "horse"], "a ZEBRA") == ["Zebra", "zebra"]


def test_no_phrase_reaches_over_two_parts_and_answers_are_not_read() -> None:
    assert found(["two words"], "two", "words") == []
    assert found(["two words"], "two words", role="assistant") == []


def test_the_first_part_and_the_latest_are_read() -> None:
    filler = ["x " * (MOST // 2)] * (2 * ALTOGETHER // MOST)
    assert found(["first", "between", "last"], "first", "between", *filler, "last") == ["first", "last"]
    assert found(["late"], "x " * MOST + "late") == []
