"""Phrases are found as a search for each by itself would find them, however many there are and however alike."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairlead.classify import phrases
from fairlead.classify.phrases import FEW, Phrases

UNSPACED = "[\u0e00-\u0eff\u3040-\u30ff\u4e00-\u9fff]"
ALPHABET = "aab10 中文凰éжส_-.\n"
words = st.text(ALPHABET, max_size=8)


def stands(phrase: str, text: str, *, numbered: bool) -> bool:
    """One pattern over the whole text, for one phrase."""
    folded = " ".join(phrase.casefold().split())

    def kind(char: str) -> str:
        if not char.isalnum() or re.match(UNSPACED, char):
            return ""
        return "letter" if numbered or not char.isdecimal() else "digit"

    text = text.casefold()
    pattern = re.compile(r"\s+".join(map(re.escape, folded.split(" "))))
    for at in range(len(text)):
        whole = pattern.match(text, at)
        if whole is not None:
            before, after = kind(text[at - 1 : at]), kind(text[whole.end() : whole.end() + 1])
            if not (before and before == kind(folded[0])) and not (after and after == kind(folded[-1])):
                return True
    return False


@settings(max_examples=300)
@given(st.lists(words, max_size=6), st.lists(words, max_size=8), st.booleans())
@example(["a", "a 0", "0"], ["a"], False)
def test_a_phrase_is_missed_or_made_up(listed: list[str], said: list[str], numbered: bool) -> None:  # M3.7
    """The text is made of the phrases' own words, so that most of them nearly stand in it."""
    for text in (" ".join(said), "".join([*said, *listed[::-1]]), ", ".join([*listed, *said])):
        right = {phrase for phrase in listed if phrase.split() and stands(phrase, text, numbered=numbered)}
        assert set(Phrases(listed, numbered=numbered).find(text)) == right


@given(st.lists(st.sampled_from("abcdefghijklmnopqrst"), min_size=2, max_size=60), st.data())
def test_where_many_words_stand_a_phrase_is_missed(said: list[str], data: st.DataObject) -> None:  # M3.7
    at = data.draw(st.integers(0, len(said) - 2))
    asked = [" ".join(said[at : at + 2]), *"abcdefghijklmnopqrst"]
    assert len(asked) > FEW
    assert set(Phrases(asked, numbered=True).find("  ".join(said))) == {asked[0], *said}


def test_a_letter_that_folds_to_ascii_hides_a_word() -> None:
    """Case is left aside for all characters, though the words of most texts are looked up without that."""
    for char in map(chr, range(128, sys.maxunicode + 1)):
        folded = char.casefold()
        if any(one.isascii() for one in folded):
            assert Phrases([f"x{folded}x"], numbered=True).find(f"an X{char}X, 中") != [], hex(ord(char))


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        (["凤凰", "凰计"], "凤凰计"),
        (["密", "机密"], "机密密"),
        (["Straße"], "die Straße"),
        (["two words"], "two\n\t words"),
        ([" padded "], "is padded."),
        (["project a", "project a b", "a b"], "project a b"),
        (["a", "b"], "b a"),
        (["a c d", "a c"], "c d a c, a c d"),
    ],
)
def test_phrases_that_overlap_or_are_spelt_otherwise_hide_one_another(listed: list[str], text: str) -> None:
    assert sorted(Phrases(listed, numbered=True).find(text)) == sorted(listed)


def test_as_many_are_looked_up_as_there_are_phrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Phrases that share a word are not gone through where it stands, and none is searched for in the whole text."""
    alike = [f"project {number}" for number in range(10_000, 15_000)]
    alike += [f"项目{chr(0x4E00 + number)}计划" for number in range(500)]
    phrases_ = Phrases(alike, numbered=True)
    looked: list[int] = []
    around, beside = Phrases._around, Phrases._beside

    def counted(told: object) -> object:
        for one in told:  # type: ignore[attr-defined]
            looked.append(one[0])
            yield one

    monkeypatch.setattr(phrases.Phrases, "_around", lambda self, *said: counted(around(self, *said)))
    monkeypatch.setattr(phrases.Phrases, "_beside", lambda self, *said: counted(beside(self, *said)))
    text = "a project of projects, 项目的项目计划 " * 500
    assert phrases_.find(text) == []
    assert looked == []
    assert phrases_.find(f"{text} project 12345 {text}") == ["project 12345"]
    assert len(looked) == 1
