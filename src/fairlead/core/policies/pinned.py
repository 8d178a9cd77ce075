"""The model that was named, then the policy's fallbacks, in their order."""

from __future__ import annotations

from fairlead.core.plan import Target
from fairlead.core.policy import Policy

MIN_QUALITY = 0.0


def rank(targets: list[Target], policy: Policy) -> list[Target]:
    return targets
