"""How often the answers of cascades were kept: counted, told in steps, forgotten in time."""

from __future__ import annotations

import pytest

from fairlead.gateway.checks import HALF_LIFE, Checks


def test_counts_are_told_as_they_were_made() -> None:  # M4.4
    checks = Checks()
    for kept, near in ((True, False), (False, True), (False, False), (True, False)):
        checks.add("p|m|chat", kept, near, 100)
    assert checks.told(1.0) == {"p|m|chat": (2.0, 1.0, 4.0, 100)}


def test_each_answer_is_a_new_version_of_all_that_is_known() -> None:
    checks = Checks()
    for _ in range(1000):
        checks.add("p|m|chat", True, False, 0)
    before = checks.told(1.0)
    checks.add("p|m|chat", True, False, 0)
    assert checks.told(1.0) == before


def test_what_was_long_ago_counts_for_ever() -> None:  # M4.4
    checks = Checks()
    for _ in range(100):
        checks.add("p|m|chat", False, False, 0)
    assert checks.told(1.0)["p|m|chat"][2] == 100
    assert checks.told(1.0 + HALF_LIFE)["p|m|chat"][2] == pytest.approx(50)
    assert checks.told(1.0 + 20 * HALF_LIFE) == {}
