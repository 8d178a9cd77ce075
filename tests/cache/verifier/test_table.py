"""Every check tells apart what it is there for, and says so; the pairs are those the threshold was found with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.cache.verifier.reading import read
from fairlead.cache.verifier.table import CHECKS, NAMES, difference
from fairlead.evidence.train.near_misses import written
from tests.shape.tree import ROOT

PAIRS = written(ROOT / "training" / "cache")
TOLD = {
    "language": ("How do I boil an egg?", "怎么煮鸡蛋"),
    "code": ("What does `x = 1` do?", "What does `x == 1` do?"),
    "quotation": ('Who wrote "Emma"?', 'Who wrote "Sanditon"?'),
    "number": ("How many days are in 5 weeks?", "How many days are in 6 weeks?"),
    "date": ("Is the museum open on Monday?", "Is the museum open on Sunday?"),
    "unit": ("Is 5 km far to walk?", "Is 5 miles far to walk?"),
    "name": ("When was Marie Curie born?", "When was Pierre Curie born?"),
    "negation": ("Is it safe to eat raw eggs?", "Is it not safe to eat raw eggs?"),
    "question": ("Where was penicillin discovered?", "How was penicillin discovered?"),
    "opposite": ("How do I encrypt a file?", "How do I decrypt a file?"),
    "article": ("Who is a president?", "Who is the president?"),
    "direction": ("Flights from Paris to Rome", "Flights from Rome to Paris"),
    "words": ("How do I clean the window?", "How do I clean the carpet?"),
    "swapped": ("How do I clean the window?", "How do I clean the carpet?"),
}


def test_a_check_has_no_case_of_its_own() -> None:
    assert set(TOLD) == set(NAMES)


@pytest.mark.parametrize("check", TOLD)
def test_a_check_does_not_tell_apart_what_it_is_for(check: str) -> None:  # M5.1, FAULTS 54
    first, second = (read(text) for text in TOLD[check])
    strictness = "loose" if check == "swapped" else "strict"
    assert difference(first, second, strictness) == difference(second, first, strictness) == check


def test_a_near_miss_is_taken_for_the_same() -> None:  # M5.1, FAULTS 54
    wrong = []
    for pair in PAIRS:
        first, second = read(pair.first), read(pair.second)
        if not pair.same and not (difference(first, second) and difference(second, first)):
            wrong.append(pair)
    assert wrong == []
    assert sum(not pair.same for pair in PAIRS) > 400


TEXTS = st.text("aAb 01.,?!'\"`:的不我吗请怎么the not to from-+\n", max_size=40)


@given(TEXTS, TEXTS)
def test_one_text_is_told_from_another_in_one_direction_only(first: str, second: str) -> None:
    one, other = read(first), read(second)
    assert difference(one, one) == difference(one, one, "loose") == ""
    for strictness in CHECKS:
        assert bool(difference(one, other, strictness)) == bool(difference(other, one, strictness))
    if not difference(one, other):
        assert sorted(one.words) == sorted(other.words)
