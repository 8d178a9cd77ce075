"""Sketches against the vectors they stand for."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from fairlead.cache import sketches
from fairlead.cache.nearest import Vector, unit
from fairlead.cache.sketches import BITS, ROW, Sketches, farthest, row, sketch

SIZE = 96


def vector(random: np.random.Generator, size: int = SIZE) -> Vector:
    found = unit(random.standard_normal(size))
    assert found is not None
    return found


def beside(random: np.random.Generator, one: Vector, cosine: float) -> Vector:
    """Another vector at that angle."""
    aside = vector(random, len(one))
    aside = aside - float(aside @ one) * one
    found = unit(cosine * one + np.sqrt(1 - cosine**2) * aside / np.linalg.norm(aside))
    assert found is not None
    return found


def name(number: int) -> bytes:
    return number.to_bytes(ROW["name"].itemsize, "big")


def test_planes_are_others_in_another_version_of_anything() -> None:  # M5.1
    told = sketch(np.arange(1, 385, dtype=np.float32) - 190)
    assert hashlib.sha256(told.tobytes()).hexdigest()[:16] == "374cc3be67b673e7"
    assert (told.dtype, told.shape) == (np.dtype("<u8"), (BITS // 64,))
    assert ROW.itemsize == 96


@pytest.mark.parametrize("cosine", [0.99, 0.95, 0.9, 0.7, 0.3, -0.5])
def test_an_angle_is_not_seen_in_the_bits(cosine: float) -> None:
    random = np.random.default_rng(1)
    shares = []
    for _ in range(100):
        one = vector(random)
        differ = np.bitwise_count(sketch(one) ^ sketch(beside(random, one, cosine))).sum()
        assert differ <= farthest(cosine)
        shares.append(differ / BITS)
    assert np.mean(shares) == pytest.approx(np.arccos(cosine) / np.pi, abs=0.01)


def test_what_is_near_is_missed_or_what_is_far_found() -> None:  # M5.1
    random = np.random.default_rng(2)
    vectors = [vector(random) for _ in range(40_000)]
    log = Sketches()
    for begin in range(0, len(vectors), 7_001):
        part = vectors[begin : begin + 7_001]
        log.take(b"".join(row(name(begin + at), 1000.0, sketch(one)) for at, one in enumerate(part)))
    assert len(log) == len(vectors)
    for number in range(0, 40_000, 1_000):
        found = log.search(sketch(beside(random, vectors[number], 0.92)), 0.9, 16, 1000)
        assert found[0] == (name(number), number)
        assert len(found) < 3


def test_more_than_asked_for_or_not_the_nearest_of_them() -> None:
    random = np.random.default_rng(3)
    one = vector(random)
    log = Sketches()
    angles = np.linspace(0.9, 0.999, 100)
    log.take(b"".join(row(name(at), 5.0, sketch(beside(random, one, cosine))) for at, cosine in enumerate(angles)))
    found = [place for _, place in log.search(sketch(one), 0.8, 10, 0)]
    assert len(found) == 10
    assert min(found) > 75


def test_what_is_too_old_or_gone_or_erased_is_found() -> None:
    one = vector(np.random.default_rng(4))
    log = Sketches()
    log.take(b"".join(row(name(at), at, sketch(one)) for at in (10, 20, 30)) + bytes(ROW.itemsize))
    assert [place for _, place in log.search(sketch(one), 0.9, 9, 20)] == [1, 2]
    log.forget(1)
    assert [place for _, place in log.search(sketch(one), 0.9, 9, 0)] == [0, 2]
    zero = sketch(np.zeros(SIZE, np.float32))
    assert not zero.any()
    assert log.search(zero, 0.99, 9, 0) == []


def test_the_bits_that_may_differ_are_none_or_all() -> None:
    assert farthest(1.0) == 0
    assert farthest(-1.0) == BITS
    assert 52 < farthest(0.95) < 85
    assert farthest(1.0 + 1e-6) == 0


def test_a_search_is_cut_short_at_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketches, "BLOCK", 7)
    random = np.random.default_rng(5)
    vectors = [vector(random) for _ in range(50)]
    log = Sketches()
    log.take(b"".join(row(name(at), 1.0, sketch(one)) for at, one in enumerate(vectors)))
    for at, one in enumerate(vectors):
        assert log.search(sketch(one), 0.99, 3, 0) == [(name(at), at)]
