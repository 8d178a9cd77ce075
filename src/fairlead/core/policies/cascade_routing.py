"""Routing and cascading in one: of every model alone and every pair of a weaker and a stronger one, the cheapest that is
expected to be as good as is wanted; by default as good as the best single model, so that only the cost is another.

A pair is a weaker model whose answers are checked, and a stronger one for those that do not pass. What it is expected to be
worth hangs on three things: how good both are for the task (`core.expectation`), how many bad answers the checks catch and
how many good ones they stop (`Routing`), and that what the one gets wrong is hard for the other too (`HARDER`). What it is
expected to cost is learned as answers are checked, as in any cascade. Which pair it is may differ from task to task.

Who has no known quality or price is not reckoned with, and stands behind.
"""

from __future__ import annotations

from math import exp, log

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.cascading import shares
from fairlead.core.ladder import worth
from fairlead.core.plan import Bar, Rejection, Target
from fairlead.core.policies import quality_first
from fairlead.core.policies.cascade import LAST
from fairlead.core.policy import Routing
from fairlead.core.quality import Quality, threshold_of

MIN_QUALITY = 0.0
HARDER = 0.5
"""By how much the log-odds that one is right fall where a weaker one was wrong. In recorded outcomes of five benchmarks the
medians over pairs of models lay between 0.3 and 0.8."""
CLOSE = 1e-9
USUAL = Routing()


class Way(msgspec.Struct, frozen=True):
    """One model, or one and another behind it."""

    first: Target
    then: Target | None
    quality: float
    cost: float
    """Nano-units of USD."""


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    known = worth(
        target for target in targets if target.expected.quality is not None and target.expected.cost is not None
    )
    others = sorted(targets, key=quality_first.key)
    if not known:
        return others
    best = cheapest(ways(known, ask), ask.policy.routing or USUAL)
    begun = _begun(best, ask)
    taken = {target.model.name for target in begun}
    return [*begun, *(target for target in others if target.model.name not in taken)]


def ways(known: list[Target], ask: Ask) -> list[Way]:
    """`known` from the weakest to the strongest, each dearer than the one before."""
    routing = ask.policy.routing or USUAL
    found = [Way(one, None, _quality(one), _cost(one)) for one in known]
    for at, one in enumerate(known):
        found += [_pair(one, other, ask, routing) for other in known[at + 1 :]]
    return found


def cheapest(ways: list[Way], routing: Routing) -> Way:
    """Of those that are good enough; the best where none is. Of two that cost the same the better, then the simpler."""
    alone = max(way.quality for way in ways if way.then is None)
    wanted = alone if routing.quality is None else routing.quality
    enough = [way for way in ways if way.quality >= wanted - CLOSE] or [max(ways, key=lambda way: way.quality)]
    return min(enough, key=lambda way: (way.cost, -way.quality, way.then is not None))


def _pair(one: Target, other: Target, ask: Ask, routing: Routing) -> Way:
    good, better = _quality(one), _quality(other)
    hard = behind(better, good)
    easy = (better - (1 - good) * hard) / good if good else better
    passes = good * routing.kept + (1 - good) * (1 - routing.caught)
    found = shares(ask, one, passes, 0.0)
    quality = good * (routing.kept + (1 - routing.kept) * easy) + (1 - good) * routing.caught * hard
    return Way(one, other, quality, _cost(one) + found.cost + (1 - found.kept) * _cost(other))


def behind(quality: float, before: float) -> float:
    """How often one is right where another, who is right `before` of the time, is wrong; never more than on the whole, nor
    so seldom that what it gets right elsewhere would not fit there."""
    if quality <= 0 or quality >= 1 or before <= 0:
        return quality
    least = max(0.0, (quality - before) / (1 - before)) if before < 1 else quality
    return max(least, 1 / (1 + exp(HARDER - log(quality / (1 - quality)))))


def _begun(way: Way, ask: Ask) -> list[Target]:
    if way.then is None:
        return [way.first]
    rule = ask.policy.handling.quality or Quality()
    bar = Bar(threshold_of(rule, 0.0, ask.traits.task))
    parts = (("expected quality", round(way.quality, 4)), ("expected cost per 1,000", way.cost / 1e6))
    first = msgspec.structs.replace(way.first, bar=bar, score=way.quality, parts=parts)
    return [first, msgspec.structs.replace(way.then, bar=Bar(LAST))]


def _quality(target: Target) -> float:
    return target.expected.quality or 0.0


def _cost(target: Target) -> float:
    return float(target.expected.cost or 0)
