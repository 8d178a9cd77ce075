"""What a text is found to hold, for the tests of the kinds."""

from __future__ import annotations

import pytest

from fairlead.classify.sensitivity import Detector

ALL = Detector()


def found(text: str) -> dict[str, float]:
    return {signal.name: signal.confidence for signal in ALL.find([text])}


def each(*texts: str) -> pytest.MarkDecorator:
    """One case of the test for each text."""
    return pytest.mark.parametrize("text", texts)


def luhn(digits: str) -> str:
    """The digits with their check digit."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"
