"""Words written as a text, as a set."""

from __future__ import annotations


def listed(text: str) -> frozenset[str]:
    return frozenset(text.split())
