"""The best model; the cheaper one where two are equally good."""

from __future__ import annotations

from fairlead.core.plan import Target
from fairlead.core.policies.cost_first import UNPRICED
from fairlead.core.policy import Policy

MIN_QUALITY = 0.0


def rank(targets: list[Target], policy: Policy) -> list[Target]:
    return sorted(targets, key=_key)


def _key(target: Target) -> tuple[float, int, str]:
    expected = target.expected
    cost = UNPRICED if expected.cost is None else expected.cost
    return -(expected.quality or 0.0), cost, target.model.name
