"""The model that was named, then the policy's fallbacks, in their order."""

from __future__ import annotations

from fairlead.core.ask import Ask
from fairlead.core.plan import Rejection, Target

MIN_QUALITY = 0.0


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    return targets
