"""The coding preset: which kind of turn it is, and what answers it."""

from __future__ import annotations

import pytest

from fairlead.core.call import Shape
from fairlead.core.coding import Coding, fits, model_for

ALL = Coding(("claude-*", "auto:coding"), "main", "small", "long", "web", "eyes", "thinker", 1000)
PLAIN = Shape(10, 10, 1)


@pytest.mark.parametrize(
    ("asked", "shape", "tokens", "searches", "kind", "model"),
    [
        ("claude-sonnet-4-6", PLAIN, 10, False, "default", "main"),
        ("claude-haiku-4-5-20251001", PLAIN, 10, False, "background", "small"),
        ("claude-sonnet-4-6", PLAIN, 1001, False, "long_context", "long"),
        ("claude-sonnet-4-6", PLAIN, 1000, False, "default", "main"),
        ("claude-sonnet-4-6", PLAIN, 10, True, "web_search", "web"),
        ("claude-sonnet-4-6", Shape(10, 10, 1, images=1), 10, False, "image", "eyes"),
        ("claude-sonnet-4-6", Shape(10, 10, 1, reasoning="high"), 10, False, "thinking", "thinker"),
        ("claude-sonnet-4-6", Shape(10, 10, 1, reasoning="low"), 10, False, "default", "main"),
        # Several fit: the first of the list decides.
        ("claude-haiku-4-5", Shape(10, 10, 1, images=1, reasoning="high"), 2000, True, "background", "small"),
        ("claude-opus-4-7", Shape(10, 10, 1, images=1, reasoning="high"), 2000, True, "long_context", "long"),
    ],
)
def test_each_kind_of_turn_goes_to_its_own_model(
    asked: str, shape: Shape, tokens: int, searches: bool, kind: str, model: str
) -> None:
    assert model_for(ALL, asked, shape, tokens, searches) == (kind, model)


def test_a_kind_without_a_model_of_its_own_is_passed_over() -> None:
    some = Coding(("*",), "main", image="eyes")
    assert model_for(some, "claude-haiku-4-5", Shape(1, 1, 1, images=1, reasoning="max"), 10**6, True) == (
        "image",
        "eyes",
    )
    assert model_for(some, "claude-haiku-4-5", PLAIN, 10**6, True) == ("default", "main")


def test_only_names_that_fit_are_routed() -> None:
    assert ALL.routes("claude-sonnet-4-6")
    assert ALL.routes("auto:coding")
    assert not ALL.routes("gpt-5.4")
    assert not ALL.routes("my-claude-sonnet")


@pytest.mark.parametrize(
    ("name", "pattern", "fitting"),
    [
        ("a", "a", True),
        ("ab", "a", False),
        ("ab", "a*", True),
        ("gpt-5-codex-max", "*-codex*", True),
        ("codex", "*-codex*", False),
        ("aba", "ab*ba", False),
        ("abba", "ab*ba", True),
        ("anything", "*", True),
        ("a-b-c", "a*b*c", True),
        ("a-c-b", "a*b*c", False),
    ],
)
def test_a_star_stands_for_any_characters(name: str, pattern: str, fitting: bool) -> None:
    assert fits(name, pattern) is fitting
