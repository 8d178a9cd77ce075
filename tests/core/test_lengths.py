"""How long the long answers of a model are: told late rather than wrong, and forgotten in time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.lengths import EDGES, TELLING, Lengths


@given(st.lists(st.integers(0, EDGES[-1]), min_size=TELLING, max_size=1000))
def test_one_of_a_hundred_answers_is_longer_than_is_told(tokens: list[int]) -> None:
    lengths = Lengths()
    for one in tokens:
        lengths.add(one)
    longest = lengths.longest
    assert longest is not None
    assert sum(one > longest for one in tokens) <= len(tokens) / 100
    shorter = max((edge for edge in EDGES if edge < longest), default=-1)
    assert sum(one > shorter for one in tokens) >= len(tokens) / 100


@pytest.mark.parametrize("answers", [0, TELLING - 1])
def test_few_answers_tell_what_is_usual(answers: int) -> None:
    lengths = Lengths()
    for _ in range(answers):
        lengths.add(100)
    assert lengths.longest is None


def test_what_was_usual_is_never_forgotten() -> None:
    lengths = Lengths()
    for _ in range(3000):
        lengths.add(60_000)
    for _ in range(30_000):
        lengths.add(100)
    assert lengths.longest == EDGES[0]
