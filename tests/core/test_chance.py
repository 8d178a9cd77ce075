"""Draws by a seed: spread as they should be, the same wherever they are made."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from statistics import fmean, pvariance

import pytest

from fairlead.core.chance import beta, chance_of, gamma, normal

DRAWS = 4_000
FIRST = 0.745349
"""As it was first drawn."""


@pytest.mark.parametrize(("good", "bad"), [(1, 1), (14, 6), (0.4, 19.6), (0.5, 0.5), (300, 100), (0.02, 1)])
def test_shares_are_not_spread_as_the_judgements_are(good: float, bad: float) -> None:  # M3.1
    whole = good + bad
    mean, variance = good / whole, good * bad / (whole**2 * (whole + 1))
    drawn = [beta(seed, "m", good, bad) for seed in range(DRAWS)]
    assert all(0 <= share <= 1 for share in drawn)
    assert fmean(drawn) == pytest.approx(mean, abs=4 * sqrt(variance / DRAWS))
    assert pvariance(drawn) == pytest.approx(variance, rel=0.2)


def test_what_is_certain_is_drawn_at_random() -> None:
    assert {beta(seed, "m", 20, 0) for seed in range(50)} == {1.0}
    assert {beta(seed, "m", 0, 20) for seed in range(50)} == {0.0}
    assert beta(1, "m", 1e-9, 1e-9) == 0.5


def test_a_better_reputation_draws_worse() -> None:  # M3.6
    worse = 0
    for seed in range(200):
        drawn = [beta(seed, "m", 20 * step / 40, 20 * (1 - step / 40)) for step in range(41)]
        worse += sum(later < before for before, later in pairwise(drawn))
    assert worse < 0.02 * 200 * 40


def test_a_seed_draws_otherwise_elsewhere_or_for_another_name_alike() -> None:  # M3.6
    assert beta(7, "a", 14, 6) == FIRST
    assert beta(7, "b", 14, 6) != FIRST
    assert beta(8, "a", 14, 6) != FIRST
    assert next(chance_of(1, "ab")) != next(chance_of(1, "a", "b"))


def test_the_parts_of_a_draw_are_not_what_they_are_called() -> None:
    chance = chance_of(3, "m")
    normals = [normal(chance) for _ in range(DRAWS)]
    assert fmean(normals) == pytest.approx(0, abs=0.07)
    assert pvariance(normals) == pytest.approx(1, abs=0.1)
    assert fmean(gamma(chance, 2.5) for _ in range(DRAWS)) == pytest.approx(2.5, abs=0.11)
