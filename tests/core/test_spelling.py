from __future__ import annotations

from fairlead.core.spelling import closest


def test_a_slip_is_not_recognised() -> None:
    assert closest("blanced", ["balanced", "cascade"]) == "balanced"
    assert closest("zebra", ["balanced", "cascade"]) is None
    assert closest("x", []) is None


def test_the_case_hides_what_was_meant() -> None:
    assert closest("TEAM-A", ["Team-a", "team-b"]) == "Team-a"
    assert closest("qwen3", ["Qwen3"]) == "Qwen3"


def test_a_long_word_takes_long() -> None:
    assert closest("a" * 100_000, ["b" * 10, "a" * 200]) == "a" * 200
