"""Vectors side by side: nothing near is missed, nothing that was taken away is found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.cache.nearest import BLOCK, ERROR, Nearest, Vector, unit

SIZE = 24


def some(count: int, seed: int = 1) -> list[Vector]:
    found = [unit(row) for row in np.random.default_rng(seed).standard_normal((count, SIZE))]
    return [row for row in found if row is not None]


def filled(vectors: list[Vector]) -> Nearest:
    nearest = Nearest(SIZE)
    for number, vector in enumerate(vectors):
        nearest.set(number, vector)
    return nearest


def test_the_nearest_of_many_blocks_is_not_found_or_not_told_how_near() -> None:  # M5.1
    vectors = some(2 * BLOCK + 100)
    nearest, rows = filled(vectors), np.stack(vectors)
    for vector in some(20, 2):
        cosines = rows @ vector
        found = nearest.search(vector, 5, -1)
        assert found[0][1] == pytest.approx(float(cosines.max()), abs=ERROR)
        assert all(similarity == pytest.approx(float(cosines[number]), abs=ERROR) for number, similarity in found)
        assert [similarity for _, similarity in found] == sorted((one for _, one in found), reverse=True)
        assert found[-1][1] >= float(np.sort(cosines)[-5]) - 2 * ERROR


def test_of_a_hundred_thousand_some_are_not_compared() -> None:  # M5.1
    rows = np.random.default_rng(3).standard_normal((100_000, 8), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    nearest = Nearest(8)
    for number, vector in enumerate(rows):
        nearest.set(number, vector)
    for number in (0, 49_999, 50_000, 99_999):
        assert number in [found for found, _ in nearest.search(rows[number], 50, 0.99)]


def test_what_is_too_far_is_found() -> None:
    vectors = some(50)
    found = filled(vectors).search(vectors[7], 50, 0.99)
    assert [number for number, _ in found] == [7]
    assert filled([]).search(vectors[0], 5, -1) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=120))
def test_a_number_is_found_by_anothers_vector_once_some_were_taken_away(steps: list[tuple[bool, int]]) -> None:
    vectors = some(31)
    nearest = Nearest(SIZE)
    there: set[int] = set()
    for put, number in steps:
        if put and number not in there:
            nearest.set(number, vectors[number])
            there.add(number)
        elif not put and number in there:
            nearest.remove(number)
            there.remove(number)
    assert len(nearest) == len(there)
    for number in range(31):
        found = nearest.search(vectors[number], 1, 0.99)
        assert found == ([(number, pytest.approx(1, abs=ERROR))] if number in there else [])
        assert (number in nearest) == (number in there)


def test_a_row_that_moved_while_it_was_compared_lends_its_nearness_to_another() -> None:  # M5.1
    vectors = some(40)
    nearest = filled(vectors)
    found = nearest.search(vectors[39], 40, -1)
    nearest.remove(3)  # the last row stands there now
    nearest.remove(39)
    told = nearest.again(vectors[39], [(number, 1.0) for number, _ in found], -1)
    assert dict(told) == pytest.approx({number: one for number, one in found if number not in (3, 39)}, abs=1e-5)
    assert nearest.again(vectors[39], found, 0.99) == []


def test_a_vector_without_direction_is_taken_for_one() -> None:
    assert unit([0.0, 0.0]) is None
    assert unit([float("nan"), 1.0]) is None
    assert unit([1e300, 1e300]) is None
    assert unit([3, 4]) == pytest.approx([0.6, 0.8])
    nearest = filled(some(3))
    assert nearest.search(np.full(SIZE, np.inf, np.float32), 3, -1) == []
