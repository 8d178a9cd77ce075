from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    ("word", "option"),
    [("nope", "openai"), ("logging", "coding"), ("nix", "e1_tiers"), ("nix", "hybrid")],
)
def test_what_merely_shares_letters_is_taken_for_a_slip(word: str, option: str) -> None:
    assert closest(word, [option]) is None


@pytest.mark.parametrize(
    ("word", "option"),
    [("rde", "red"), ("oepnai", "openai"), ("codeing", "coding"), ("reserch", "research"), ("gpt5", "gpt-5.5")],
)
def test_a_slip_of_the_hand_is_not_recognised(word: str, option: str) -> None:
    assert closest(word, ["another", option]) == option


def test_another_first_letter_hides_what_is_nearest() -> None:
    assert closest("rpomote", ["rotate", "promote"]) == "promote"
