"""Signals: what is found out about a request before a model is chosen. One small file a kind, one line here."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.classify import structure, tokens
from fairlead.core.call import Shape, Signal

FINDERS: tuple[Callable[[Shape], list[Signal]], ...] = (
    structure.find,
    tokens.find,
)


def signals(shape: Shape) -> tuple[Signal, ...]:
    """Everything the structure of a request tells; its words are not read."""
    found: list[Signal] = []
    for find in FINDERS:
        found += find(shape)
    return tuple(found)
