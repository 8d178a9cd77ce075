"""The hashed lexical vector: the same everywhere, of length one, and alike for texts of the same words in any script."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fairlead.cache.vectors import DIMENSIONS, MOST_READ, vector

SHIPS = "The ship sails to Lisbon on Monday."


def test_a_text_has_another_vector_in_another_process() -> None:  # M5.3
    code = f"from fairlead.cache.vectors import vector; print(vector({SHIPS!r}).tobytes().hex())"
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"}
    )  # fmt: skip
    assert told.stdout.strip() == vector(SHIPS).tobytes().hex()


@pytest.mark.parametrize("text", [SHIPS, "船周一开往里斯本。", "Корабль идёт в Лиссабон", "x", "12"])
def test_a_length_is_not_one(text: str) -> None:
    found = vector(text)
    assert found.shape == (DIMENSIONS,)
    assert float(np.linalg.norm(found)) == pytest.approx(1, abs=1e-5)
    assert float(found @ found) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("text", ["", "?!", "   ", "\ud800"])
def test_a_text_without_words_is_like_others(text: str) -> None:
    assert float(vector(text) @ vector(SHIPS)) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("When does the ship sail?", SHIPS, "Our database is Postgres 15."),
        ("billing deployment", "The billing service is deployed on Tuesdays.", "Ada prefers tea."),
        ("数据库是哪个？", "我们的数据库是 Postgres 15。", "船周一开往里斯本。"),
        ("ＤＡＴＡＢＡＳＥ", "Our database is Postgres 15.", SHIPS),
        ("когда корабль", "Корабль идёт в Лиссабон", SHIPS),
    ],
)
def test_the_same_words_are_not_alike(query: str, near: str, far: str) -> None:  # M5.3
    asked = vector(query)
    assert float(asked @ vector(near)) > float(asked @ vector(far)) + 0.15


def test_a_long_text_takes_all_day() -> None:
    end = "The last word is Lisbon."
    long = "lorem ipsum " * 100_000 + end
    assert np.array_equal(vector(long), vector(f"{long[: MOST_READ // 2]}\n{long[-MOST_READ // 2 :]}"))
