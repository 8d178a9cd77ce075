"""Social security numbers of the United States: three, two and four digits with dashes, or any way when called so."""

from __future__ import annotations

from fairlead.classify.sensitivity import labels
from fairlead.classify.sensitivity.page import Number, Page

SPREAD = b"\x03\x02\x04"


def find(page: Page) -> float:
    best = 0.0
    for number in page.numbers:
        best = max(best, _in(number))
    return best


def _in(number: Number) -> float:
    shape, groups, gaps = number.shape, number.groups, number.gaps
    at = shape.find(SPREAD)
    while at >= 0:
        called = labels.SSN.search(number.context(at)) is not None
        dashed = gaps[at : at + 2] == [b"-", b"-"] and number.alone(at, at + 2)
        if (dashed or called) and assigned(b"".join(groups[at : at + 3])):
            if called or labels.OTHER.search(number.context(at)) is None:
                return 0.99 if called else 0.85
        at = shape.find(SPREAD, at + 1)
    at = shape.find(9)
    while at >= 0:
        if assigned(groups[at]) and labels.SSN.search(number.context(at)):
            return 0.95
        at = shape.find(9, at + 1)
    return 0.0


def assigned(digits: bytes) -> bool:
    area = digits[:3]
    return not (area in (b"000", b"666") or area >= b"900" or digits[3:5] == b"00" or digits[5:] == b"0000")
