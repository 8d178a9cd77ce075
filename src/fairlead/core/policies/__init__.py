"""The strategies, one file each and one line here."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fairlead.core.plan import Target
from fairlead.core.policies import balanced, cost_first, pinned, quality_first
from fairlead.core.policy import Policy


class Strategy(msgspec.Struct, frozen=True):
    rank: Callable[[list[Target], Policy], list[Target]]
    """Orders the targets that passed every constraint, best first."""
    min_quality: float
    """Holds where neither policy nor caller says otherwise."""


STRATEGIES: dict[str, Strategy] = {
    "pinned": Strategy(pinned.rank, pinned.MIN_QUALITY),
    "cost_first": Strategy(cost_first.rank, cost_first.MIN_QUALITY),
    "quality_first": Strategy(quality_first.rank, quality_first.MIN_QUALITY),
    "balanced": Strategy(balanced.rank, balanced.MIN_QUALITY),
}
