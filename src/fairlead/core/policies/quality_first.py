"""The best model for the task, overall where nothing is known of the task; the cheaper one where two are equally good."""

from __future__ import annotations

from fairlead.core.ask import Ask
from fairlead.core.plan import Rejection, Target
from fairlead.core.policies.cost_first import UNPRICED

MIN_QUALITY = 0.0


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    return sorted(targets, key=key)


def key(target: Target) -> tuple[float, int, str]:
    expected = target.expected
    cost = UNPRICED if expected.cost is None else expected.cost
    return -(expected.quality or 0.0), cost, target.model.name
