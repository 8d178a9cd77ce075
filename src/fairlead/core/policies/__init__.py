"""The strategies, one file each and one line here."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.plan import Rejection, Target
from fairlead.core.policies import (
    balanced,
    cascade,
    cascade_routing,
    cost_first,
    hybrid,
    learned,
    pinned,
    quality_first,
    specialist,
    tiered,
)


class Strategy(msgspec.Struct, frozen=True):
    rank: Callable[[list[Target], Ask, list[Rejection]], list[Target]]
    """Orders the targets that passed every constraint, best first; says of those it leaves out why."""
    min_quality: float
    """Holds where neither policy nor caller says otherwise."""
    needs: str = ""
    """The setting of a policy it cannot do without."""
    lists: bool = False
    """Whether only those answer that the policy lists for it, so that no cheaper one may step in."""
    checks: bool = False
    """Whether it is nothing without checks of the answers, so that the usual ones hold where the policy names none."""
    drawn: bool = False
    """Whether its scores are of one request: the next like one has others."""


STRATEGIES: dict[str, Strategy] = {
    "pinned": Strategy(pinned.rank, pinned.MIN_QUALITY),
    "cost_first": Strategy(cost_first.rank, cost_first.MIN_QUALITY),
    "quality_first": Strategy(quality_first.rank, quality_first.MIN_QUALITY),
    "balanced": Strategy(balanced.rank, balanced.MIN_QUALITY),
    "learned": Strategy(learned.rank, learned.MIN_QUALITY, drawn=True),
    "specialist": Strategy(specialist.rank, specialist.MIN_QUALITY),
    "hybrid": Strategy(hybrid.rank, hybrid.MIN_QUALITY, lists=True),
    "tiered": Strategy(tiered.rank, tiered.MIN_QUALITY, needs="tiers", lists=True),
    "cascade": Strategy(cascade.rank, cascade.MIN_QUALITY, needs="cascade", lists=True),
    "cascade_routing": Strategy(cascade_routing.rank, cascade_routing.MIN_QUALITY, checks=True),
}
