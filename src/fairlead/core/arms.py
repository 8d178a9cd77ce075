"""What the arm of an experiment does to a choice: its model answers first, where each arm's model could.

Whoever comes behind it, and who may not answer at all, is as without the experiment. Where the policy's table says who
answers, the arms' models stand beside those of the row: that is what the experiment is to find out. Where a strategy lists who
answers (`tiered`, `hybrid`), only who is listed may come first; a cascade has an order of its own and is left alone.
"""

from __future__ import annotations

import msgspec

from fairlead.core.experiments import Arm
from fairlead.core.plan import Rejection, Target
from fairlead.core.table import Rule


def listed(rule: Rule, arm: Arm | None) -> tuple[str, ...]:
    """The models to look at where the rule holds."""
    return rule.models if arm is None else tuple(dict.fromkeys((*rule.models, *arm.models)))


def of_rule(targets: list[Target], rule: Rule) -> list[Target]:
    return [target for target in targets if target.model.name in rule.models]


def taken(arm: Arm, targets: list[Target], able: list[Target], free: bool) -> Arm | None:
    """The arm, where the request is part of the experiment. `able` are all that may answer; where the strategy is not
    `free`, only those count that it lists."""
    if not targets or (arm.model and targets[0].bar is not None):
        return None
    names = {target.model.name for target in (able if free else targets)}
    return arm if names.issuperset(arm.models) else None


def first(arm: Arm, targets: list[Target], able: list[Target], rejected: list[Rejection]) -> list[Target]:
    own = next(target for target in (*targets, *able) if target.model.name == arm.model)
    rejected[:] = [one for one in rejected if one.channel or one.model != arm.model]
    return [_free(own), *(target for target in targets if target is not own)]


def _free(target: Target) -> Target:
    """It stands in for nobody, whatever a rule put before it; on whose bill it is stays as it was."""
    return msgspec.structs.replace(target, downgraded="") if target.downgraded and not target.tier else target


def in_words(arm: Arm) -> str:
    return f"arm {arm.name} of experiment {arm.experiment}"
