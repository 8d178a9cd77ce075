"""What a cascade is expected to cost, so that it is begun where that is least.

How often an answer is kept is counted as answers are checked, by policy, model and task (`Conditions.checked`). What the
policy expects counts like so many checks, so that the first answers do not turn everything over.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.plan import Target
from fairlead.core.policy import Cascade

WORTH = 20.0
"""Checks that what the policy expects is worth."""
NOTHING = (0.0, 0.0, 0.0, 0)


class Shares(msgspec.Struct, frozen=True):
    """Of a model's answers: how many are kept, and how many are good enough for the next in line."""

    kept: float
    next: float
    cost: float = 0.0
    """Of a check, in nano-units of USD."""

    @property
    def rest(self) -> float:
        return max(0.0, 1.0 - self.kept - self.next)


def shares(ask: Ask, target: Target, kept: float, between: float) -> Shares:
    """`kept` and `between` are what the policy expects."""
    counted = ask.conditions.checked.get(f"{ask.policy.name}|{target.model.name}|{ask.traits.task}", NOTHING)
    good, near, every, cost = counted
    worth = WORTH + every
    return Shares((kept * WORTH + good) / worth, (between * WORTH + near) / worth, float(cost))


def cheapest_start(members: Sequence[Target], ask: Ask, cascade: Cascade) -> tuple[int, list[int]]:
    """The place of the member to begin with, and what beginning with each is expected to cost, in nano-units of USD.
    Where a price is unknown it is begun with the first."""
    prices = [member.expected.cost for member in members]
    if len(members) < 2 or any(price is None for price in prices):
        return 0, []
    costs = [0.0] * len(members)
    last = len(members) - 1
    for at in range(last, -1, -1):
        member = members[at]
        leaps = member.bar is not None and member.bar.leap > 0 and last - at > 1
        found = shares(ask, member, cascade.kept, cascade.between if leaps else 0.0)
        costs[at] = (prices[at] or 0) + found.cost
        if leaps:
            costs[at] += found.next * costs[at + 1] + found.rest * costs[last]
        elif at < last:
            costs[at] += (1 - found.kept) * costs[at + 1]
    start = min(range(len(members)), key=lambda at: (round(costs[at]), at))
    return start, [round(cost) for cost in costs]
