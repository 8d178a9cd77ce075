"""A weighted score of quality, cost and latency, 0.5 / 0.3 / 0.2 unless the policy says otherwise.

Quality counts as it is, from 0 to 1. Cost and latency count as the ratio of the least among the candidates to
this one's: the cheapest scores 1, one ten times dearer 0.1. A ratio, unlike a min-max scale, does not change the
order of two models because a third, absurdly dear one joined. What is unknown counts as half.
"""

from __future__ import annotations

import msgspec

from fairlead.core.plan import Target
from fairlead.core.policy import Policy

MIN_QUALITY = 0.0
UNKNOWN = 0.5
FREE = 10_000
"""Ten micro-dollars: added to both sides of the cost ratio, so that free models do not make all others equal."""


def rank(targets: list[Target], policy: Policy) -> list[Target]:
    weights = policy.weights
    whole = weights.quality + weights.cost + weights.latency or 1.0
    of_quality, of_cost, of_latency = weights.quality / whole, weights.cost / whole, weights.latency / whole
    costs = [t.expected.cost for t in targets if t.expected.cost is not None]
    latencies = [t.expected.latency_ms for t in targets if t.expected.latency_ms is not None]
    least_cost = min(costs, default=0) + FREE
    least_latency = min(latencies, default=0) + 1
    scored = []
    for target in targets:
        expected = target.expected
        quality = UNKNOWN if expected.quality is None else expected.quality
        cost = UNKNOWN if expected.cost is None else least_cost / (expected.cost + FREE)
        latency = UNKNOWN if expected.latency_ms is None else least_latency / (expected.latency_ms + 1)
        scored.append(
            msgspec.structs.replace(
                target,
                score=of_quality * quality + of_cost * cost + of_latency * latency,
                parts=(("quality", quality), ("cost", cost), ("latency", latency)),
            )
        )
    scored.sort(key=_key)
    return scored


def _key(target: Target) -> tuple[float, str]:
    return -target.score, target.model.name
