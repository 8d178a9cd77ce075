"""The cheapest model that is good enough; the better one where two cost the same. Unpriced ones come last."""

from __future__ import annotations

from fairlead.core.ask import Ask
from fairlead.core.plan import Rejection, Target

MIN_QUALITY = 0.6
UNPRICED = 1 << 62


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    return sorted(targets, key=key)


def key(target: Target) -> tuple[int, float, str]:
    expected = target.expected
    cost = UNPRICED if expected.cost is None else expected.cost
    return cost, -(expected.quality or 0.0), target.model.name
