"""Terms of the operator's own: found in any case and spacing, as whole words, thousands at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.classify.sensitivity import Detector


def found(text: str, *terms: str) -> set[str]:
    return {signal.name.removeprefix("term:") for signal in Detector((), terms).find([text])}


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("Project Phoenix", "the PROJECT\n  phoenix plan"),
        ("Phoenix", "phoenix"),
        ("Phoenix", "project_phoenix_v2"),
        ("Phoenix", "问Phoenix的事"),
        ("HIV", "he is HIV-positive"),
        ("C++", "some c++ code"),
        ("AT&T", "an at&t invoice"),
        ("4711", "room 4711."),
        ("凤凰计划", "这是凤凰计划的内容"),
        ("张三", "张三说"),
        ("密", "秘密"),
        ("Müller", "Herr MÜLLER kam"),
        ("Straße", "in der STRASSE"),
        ("Иванов", "и ИВАНОВ тоже"),
        ("patient record", "Ｐａｔｉｅｎｔ　ｒｅｃｏｒｄ"),
        ("Phoenix", "pho\u200benix"),
        ("患者 记录", "患者 记录"),
        ("ข้อมูลลับ", "นี่คือข้อมูลลับมาก"),
        ("!!!", "what!!!"),
    ],
)
def test_a_term_is_missed(term: str, text: str) -> None:  # M3.7
    assert found(text, term, "something else", "别的") == {term}


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("Phoenix", "phoenixes"),
        ("Phoenix", "aphoenix"),
        ("art", "start party"),
        ("Project Phoenix", "project of phoenix"),
        ("gr", "grün"),
        ("Müller", "Müllers"),
        ("Иван", "Иванов"),
        ("凤凰计划", "凤凰的计划"),
        ("4711", "47110"),
    ],
)
def test_a_part_of_a_word_is_taken_for_a_term(term: str, text: str) -> None:
    assert found(text, term) == set()


ALPHABET = "abz 0中文凰éж_-."


@given(st.lists(st.text(ALPHABET, min_size=1, max_size=6).filter(lambda term: term.strip(" ")), max_size=6), st.data())
def test_a_term_that_stands_alone_is_missed(terms: list[str], data: st.DataObject) -> None:
    if terms:
        term = data.draw(st.sampled_from(terms))
        assert " ".join(term.split()) in found(f"before, {term.upper()}; after", *terms)


def test_thousands_of_terms_hide_one() -> None:
    terms = [f"codename{number} secret" for number in range(5000)] + [
        f"项目{chr(0x4E00 + number)}号" for number in range(5000)
    ]
    assert found("about CODENAME4321  secret and 项目丁号", *terms) == {"codename4321 secret", "项目丁号"}


@pytest.mark.parametrize("term", ["", "  ", "x" * 201])
def test_a_term_without_words_or_without_end_is_taken(term: str) -> None:
    with pytest.raises(ValueError, match="1 to 200 characters"):
        Detector((), [term])
