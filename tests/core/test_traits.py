"""Signals to traits: each kind in its own place, the caller's word before what was found, whatever the order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.call import Signal, Wishes
from fairlead.core.model import TOOLS, VISION
from fairlead.core.traits import Traits, read

FOUND = (
    Signal("task", "math", 0.8, 0.75),
    Signal("complexity", "complex", True, 0.6),
    Signal("domain", "critical", True, 0.9),
    Signal("language", "zh", True, 0.9),
    Signal("latency_class", "batch", True, 0.9),
    Signal("modality", "text", True),
    Signal("modality", "image", True),
    Signal("keyword", "invoice", True),
    Signal("needs", "tools", True),
    Signal("needs", "vision", False),
    Signal("structure", "tools", True),
    Signal("structure", "turns", 3),
    Signal("structure", "chars", 900),
    Signal("tokens", "input", 200),
    Signal("tokens", "output", 80),
    Signal("tokens", "output_room", 500),
    Signal("sensitivity", "email", True),
    Signal("weather", "fair", True),
)
TRAITS = Traits(
    "math", 0.75, False, "complex", 0.6, "critical", "zh", "batch", frozenset({"image"}), frozenset({"invoice"}),
    TOOLS, True, 3, 900, 200, 80, 500, sensitive=True,
)  # fmt: skip


@given(st.permutations(FOUND))
def test_the_order_of_signals_changes_what_they_come_to(signals: list[Signal]) -> None:  # M2.1 M2.2
    assert read(tuple(signals), Wishes()) == TRAITS


def test_what_is_only_marked_binds() -> None:  # M2.6
    assert not read((Signal("sensitivity", "email", "mark"),), Wishes()).sensitive


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"task": "chat"}, {"task": "chat", "task_confidence": 1.0, "declared": True}),
        ({"complexity": "simple"}, {"complexity": "simple", "complexity_confidence": 1.0}),
        ({"domain": "code"}, {"domain": "code"}),
        ({"latency_class": "interactive"}, {"latency_class": "interactive"}),
        ({"quality_floor": 0.9}, {"quality_floor": 0.9}),
    ],
)
def test_what_was_found_goes_before_what_the_caller_said(wish: Any, expected: dict[str, Any]) -> None:  # M2.5
    with_wish, without = read(FOUND, Wishes(**wish)), read(FOUND, Wishes())
    assert {name: getattr(with_wish, name) for name in expected} == expected
    others = set(Traits.__struct_fields__) - set(expected)
    assert all(getattr(with_wish, name) == getattr(without, name) for name in others)


def test_what_nobody_found_out_is_taken_for_known() -> None:  # M3.2
    nothing = read((), Wishes())
    assert nothing == Traits()
    assert nothing.capabilities & VISION == 0
