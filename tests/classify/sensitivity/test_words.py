"""The words that announce something are found wherever a search for each by itself would find them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.classify.sensitivity import words
from fairlead.classify.sensitivity.page import FEWEST_DIGITS, SEPARATORS, Page
from fairlead.classify.sensitivity.words import LETTERS, LONG_WORD, SHORT, looked_up

PARTS = (
    *(word.decode() for word in LETTERS), "PassWord", "API_KEY", "ecr", "npa", "s", "e", "to", "ken", " ", "-", ".", "_", "é", "中", "\n", "x" * LONG_WORD, "a1" * 7, "12", "<", "/", "K",
)  # fmt: skip
texts = st.lists(st.sampled_from(PARTS), max_size=40).map("".join)
FILLER = ". Nothing of it. " * (SHORT // 16)


@given(texts, st.booleans())
def test_a_word_or_a_long_one_is_missed_or_made_up(said: str, long: bool) -> None:  # M3.7
    """In a short text, and at the end and the beginning of a long one."""
    raw = f"{said}{FILLER if long else ''}{said}".encode()
    right = {word: [found.start() for found in re.finditer(word, raw.lower())] for word in LETTERS}
    places, starts = looked_up(raw)
    assert places == {word: at for word, at in right.items() if at}
    assert starts == [found.start() for found in re.finditer(rb"[A-Za-z0-9_.-]{16,}", raw)]


@pytest.mark.parametrize("word", LETTERS)
def test_the_letters_of_a_word_are_not_its_own(word: bytes) -> None:
    letters, bit = LETTERS[word]
    assert letters in word
    assert 1 << bit < words._OF_LONG
    assert [other for other, (its, _) in LETTERS.items() if its == letters] == [word]


@given(
    st.lists(st.sampled_from(("1", "23", "456789", "123456789", " ", "-", ".", " (", "x", "é", "\n", "+")), max_size=40)
)
def test_a_stretch_with_digits_enough_is_not_looked_at(parts: list[str]) -> None:  # M3.7
    text = "".join(parts)
    seen = {(number.start, number.end) for number in Page(text).numbers}
    for stretch in re.finditer(rb"[0-9 .\-()]+", text.encode()):
        if len(stretch[0].translate(None, SEPARATORS)) < FEWEST_DIGITS:
            assert not any(stretch.start() <= start < stretch.end() for start, _ in seen)
    bare = {found.span() for found in re.finditer(r"(?<![0-9A-Za-z_.+é \-()])[0-9]{9,}(?![0-9A-Za-z_é \-(.])", text)}
    if text.isascii():
        assert bare <= seen
