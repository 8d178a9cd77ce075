"""What a policy, or one row of its table, says of how answers are checked and what follows where one is not good enough."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

AfterHold = Literal["wait", "commit", "escalate"]
USUAL: Final = "usual"
"""Stands for the gates that cost next to nothing and suit every answer."""
THRESHOLD: Final = 0.8
THRESHOLDS: Final = {"classification": 0.85}
"""By task, where neither the policy nor the row of its table says anything."""


class Quality(msgspec.Struct, frozen=True, omit_defaults=True):
    gates: tuple[str, ...] = (USUAL,)
    """Of `core.gates.table` or declared, in order; `usual` stands for several."""
    threshold: float | None = None
    """Confidence in the answer from which it is good enough; None leaves it to the task."""
    upgrades: int = 1
    """How often at most somebody stronger is asked instead."""
    hold: float = 10.0
    """Seconds a streamed answer is held back at most until its gates have passed."""
    after_hold: AfterHold = "wait"
    """What then becomes of a stream: its client is pinged until all of it is there and checked; or it gets what there is,
    unchecked; or somebody stronger is asked."""
    draft: bool = False
    """Whether who is asked instead sees the answer that was not good enough."""


BOOSTED: Final = Quality()
"""Of work with `quality_boost` where nothing else is said."""


def threshold_of(quality: Quality, of_task: float, task: str) -> float:
    """`of_task`: of the row of the policy's table, 0 where there is none."""
    if quality.threshold is not None:
        return quality.threshold
    return of_task or THRESHOLDS.get(task, THRESHOLD)
