"""Widths and line breaks of texts in columns, as a terminal counts them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.cli.columns import fill, fold, longest_word, share, width, wrap

texts = st.text("ab -中ｗé\u0301\u1112\u1161🙂", max_size=40)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("plain", 5),
        ("中文", 4),
        ("ｗide", 5),
        ("cafe\u0301", 4),
        ("\u1112\u1161\u11ab", 2),
        ("🙂", 2),
        ("ﾊ", 1),
        ("", 0),
    ],
)
def test_a_text_is_wider_than_it_is_counted(text: str, cells: int) -> None:
    assert width(text) == cells


def test_figures_stand_to_the_left() -> None:
    assert (fill("中", 4), fill("$1", 4, right=True)) == ("中  ", "  $1")


@given(texts, st.integers(2, 12))
def test_a_line_is_wider_than_its_column_or_a_word_is_lost(text: str, cells: int) -> None:
    lines = wrap(text, cells)
    assert all(width(line) <= cells for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(texts, st.integers(1, 12))
def test_a_mark_leaves_its_character(text: str, cells: int) -> None:
    pieces = list(fold(text, cells))
    assert "".join(pieces) == text
    assert all(width(piece[:1]) for piece in pieces[1:])


@pytest.mark.parametrize(
    ("text", "cells", "lines"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("一二三四五", 5, ["一二", "三四", "五"]),
        ("see extraordinary", 6, ["see", "extrao", "rdinar", "y"]),
        ("  two words", 7, ["  two", "words"]),
        ("1    cheap  far too long", 14, ["1    cheap", "far too long"]),
        ("fits  as it is", 20, ["fits  as it is"]),
    ],
)
def test_a_text_is_broken_where_it_need_not_be(text: str, cells: int, lines: list[str]) -> None:
    assert wrap(text, cells) == lines


def test_a_word_is_longer_than_it_was_told() -> None:
    assert longest_word(["two words", "中文 x"]) == 5


widths = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=6)


@given(widths, st.integers(0, 200))
def test_the_columns_leave_room_or_take_too_much(pairs: list[tuple[int, int]], cells: int) -> None:
    wanted, least = [max(pair) for pair in pairs], [min(pair) for pair in pairs]
    got = share(wanted, least, cells)
    assert all(low <= one <= high for low, one, high in zip(least, got, wanted, strict=True))
    assert sum(got) == max(min(sum(wanted), cells), sum(least))


def test_a_short_column_gives_way_before_a_long_one() -> None:
    assert share([30, 10, 20], [5, 5, 5], 40) == [15, 10, 15]
