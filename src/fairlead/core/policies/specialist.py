"""To each task its strongest model: only what is known of the task counts, then what is known overall.

A model whose strength in the task is on record, declared or by as many judgements as a declaration is worth, goes
before one that is merely good overall: a specialist is chosen on evidence. Who answers a task by decree stands in the
policy's table, which goes before any strategy.
"""

from __future__ import annotations

from fairlead.core.ask import Ask
from fairlead.core.expectation import WORTH, evidence
from fairlead.core.plan import Rejection, Target
from fairlead.core.policies.quality_first import key

MIN_QUALITY = 0.0


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    task = ask.traits.task

    def of_task(target: Target) -> bool:
        return task in target.model.qualities or (task != "" and evidence(ask, target.model)[1] >= WORTH)

    return sorted(targets, key=lambda target: (not of_task(target), *key(target)))
