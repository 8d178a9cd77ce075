"""A weighted score of quality, cost and latency, 0.5 / 0.3 / 0.2 unless the policy says otherwise, times health.

Quality counts as it is, from 0 to 1. Cost and latency count as the ratio of the least among the candidates to
this one's: the cheapest scores 1, one ten times dearer 0.1. A ratio, unlike a min-max scale, does not change the
order of two models because a third, absurdly dear one joined.

An unknown price counts as the worst, for what cannot be known cannot be called cheap. An unknown latency counts as the
average of the known ones, and an unknown quality as half: both are found out by asking. A channel that answers only
a share of what it is asked is worth that share. Where an experiment told a model from another, the part `experiment` is
the difference that its quality has in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from fairlead.core import expectation
from fairlead.core.ask import Ask
from fairlead.core.expectation import UNKNOWN_QUALITY
from fairlead.core.plan import Rejection, Target

MIN_QUALITY = 0.0
Parts = tuple[tuple[str, float], ...]
FREE = 100_000
"""A hundredth of a cent: added to both sides of the cost ratio, so that free models do not make all others equal."""


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    return sorted(scored(targets, ask), key=key)


def scored(
    targets: list[Target],
    ask: Ask,
    qualities: Mapping[str, float] | None = None,
    among: list[Target] | None = None,
) -> list[Target]:
    """The same targets with their scores and what these are made of, in their order; by `qualities` of models, where
    they are not to be weighed by what is expected; weighed `among` others, where these are not all the candidates."""
    among = targets if among is None else among
    weights = ask.policy.weights
    health, compared = ask.conditions.health, ask.conditions.compared
    whole = weights.quality + weights.cost + weights.latency or 1.0
    of_quality, of_cost, of_latency = weights.quality / whole, weights.cost / whole, weights.latency / whole
    costs = [paid for target in among if (paid := target.expected.cost) is not None]
    latencies = [took for target in among if (took := target.expected.latency_ms) is not None]
    least_cost = min(costs, default=0) + FREE
    least_latency = min(latencies, default=0) + 1
    usual_latency = 1.0
    if latencies and len(latencies) < len(among):
        usual_latency = sum(least_latency / (took + 1) for took in latencies) / len(latencies)
    found: list[Target] = []
    for target in targets:
        expected = target.expected
        if qualities is not None:
            quality = qualities[target.model.name]
        else:
            quality = UNKNOWN_QUALITY if expected.quality is None else expected.quality
        cost = 0.0 if expected.cost is None else least_cost / (expected.cost + FREE)
        latency = usual_latency if expected.latency_ms is None else least_latency / (expected.latency_ms + 1)
        score = of_quality * quality + of_cost * cost + of_latency * latency
        parts: Parts = (("quality", quality), ("cost", cost), ("latency", latency))
        if health:
            answered = health.get(target.channels[0].id, 1.0)
            if answered < 1.0:
                score *= answered
                parts = (*parts, ("health", answered))
        if compared and (found_out := expectation.compared(ask, target.model)) is not None:
            parts = (*parts, ("experiment", found_out[0].gain))
        found.append(
            Target(
                target.model, target.channels, expected, score, parts, target.tier, target.thinking, target.downgraded
            )
        )  # fmt: skip
    return found


def key(target: Target) -> tuple[float, str]:
    return -target.score, target.model.name


class Fixed(NamedTuple):
    """What of a candidate's score stays as it is where nothing but the costs change: the shares times their weights."""

    quality: float
    latency: float
    health: float


class Scale(msgspec.Struct, frozen=True):
    """Candidates that were scored once, to be scored again with other costs."""

    cost: float
    """Its weight."""
    fixed: tuple[Fixed, ...]
    parts: tuple[tuple[tuple[str, float], Parts], ...]
    """As they were told: before the cost, and behind it."""


def scale(targets: list[Target], ask: Ask) -> Scale:
    """Of all candidates, as `scored` gave them back, by name: of two with the same score the first goes first."""
    weights = ask.policy.weights
    whole = weights.quality + weights.cost + weights.latency or 1.0
    of_quality, of_latency = weights.quality / whole, weights.latency / whole
    fixed = []
    for target in targets:
        told = dict(target.parts)
        quality, latency = of_quality * told["quality"], of_latency * told["latency"]
        fixed.append(Fixed(quality, latency, told.get("health", 1.0)))
    return Scale(weights.cost / whole, tuple(fixed), tuple((target.parts[0], target.parts[2:]) for target in targets))


def reordered(known: Scale, costs: Sequence[int | None]) -> tuple[list[int], list[float], int]:
    """The places of the candidates with these costs, the best first; the score of each; and what a cost is compared with."""
    paid: Sequence[Any] = [cost for cost in costs if cost is not None] if None in costs else costs
    least, weight = (min(paid) if paid else 0) + FREE, known.cost
    scores = [
        (quality + weight * (0.0 if cost is None else least / (cost + FREE)) + latency) * health
        for (quality, latency, health), cost in zip(known.fixed, costs)  # noqa: B905 - there is a cost for each
    ]
    return sorted(range(len(scores)), key=scores.__getitem__, reverse=True), scores, least


def parts_at(known: Scale, place: int, cost: int | None, least: int) -> Parts:
    quality, others = known.parts[place]
    return (quality, ("cost", 0.0 if cost is None else least / (cost + FREE)), *others)
