"""Who is asked where an answer is not good enough: models that the evidence says are stronger for this very task.

stronger   those whose expected quality for the task is above that of who answers first (`core.expectation`): what was
           declared or measured for the task, else overall, moved by the judgements of their answers to it
worth it   of two the cheaper one, unless the dearer is better still
how many   as many as the policy allows: the best there is last, before it the cheapest that are better

Where nobody is known to be stronger, those whom a rule or the policy lists behind the first are asked, as far as nothing
is known against them.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.expectation import UNKNOWN_QUALITY
from fairlead.core.plan import Target
from fairlead.core.policies.cost_first import UNPRICED

Rungs = tuple[Target, ...]
FELL_BACK = "the answer of {model} did not pass its checks, and nobody is known to be stronger"


def rungs(targets: list[Target], pool: Iterable[Target], ask: Ask, upgrades: int) -> Rungs:
    """`targets` are those that answer, in order; `pool` is whoever may be asked instead."""
    first = targets[0]
    if upgrades < 1:
        return ()
    known = worth(target for target in pool if _stronger(target, first))
    found = (*known[: upgrades - 1], *known[-1:]) if len(known) > upgrades else tuple(known)
    return tuple(_effort(target, first) for target in found) or _listed(targets, ask)[:upgrades]


def _stronger(target: Target, first: Target) -> bool:
    quality, before = target.expected.quality, first.expected.quality
    if target.model.name == first.model.name or quality is None:
        return False
    return quality > (UNKNOWN_QUALITY if before is None else before)


def worth(targets: Iterable[Target]) -> list[Target]:
    """From the weakest to the strongest, without those that somebody as strong is cheaper than."""
    found: list[Target] = []
    least = UNPRICED + 1
    for target in sorted(targets, key=lambda one: (-(one.expected.quality or 0.0), _cost(one), one.model.name)):
        if _cost(target) < least:
            found.append(target)
            least = _cost(target)
    return found[::-1]


def _cost(target: Target) -> int:
    return UNPRICED if target.expected.cost is None else target.expected.cost


def _effort(target: Target, first: Target) -> Target:
    """Asked to think as hard as the first is."""
    if not first.thinking or target.thinking:
        return target
    return msgspec.structs.replace(target, thinking=first.thinking)


def _listed(targets: list[Target], ask: Ask) -> Rungs:
    """Whom rule or policy lists behind the first, where nobody knows how good they are."""
    names = {*ask.policy.fallbacks, *(() if ask.rule is None else ask.rule.models)}
    words = FELL_BACK.format(model=targets[0].model.name)
    return tuple(
        msgspec.structs.replace(target, downgraded=words)
        for target in targets[1:]
        if target.model.name in names and target.expected.quality is None
    )
