"""Base, middle and premium model by how sure the classifier is of the task: the surer, the smaller.

Above `keep` (0.9) the base model answers, above `middle` (0.7) the middle one, else the premium one, thinking. The
bounds are exact: a confidence of 0.9 is not above it. The stronger ones stand behind; a weaker one only stands in where
the policy lists it as a fallback.
"""

from __future__ import annotations

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.plan import Rejection, Target
from fairlead.core.policies.behind import listed_behind
from fairlead.core.policy import Cascade

MIN_QUALITY = 0.0
EMPTY = Cascade(("", "", ""))
"""Of a policy that names none: nobody is in it."""


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    cascade = ask.policy.cascade or EMPTY
    sure = ask.traits.task_confidence
    at = 0 if sure > cascade.keep else 1 if sure > cascade.middle else 2
    by_name = {target.model.name: target for target in targets}
    premium = cascade.models[2]
    ordered = []
    for name in dict.fromkeys(cascade.models[at:]):
        if name in by_name:
            target = by_name[name]
            ordered.append(msgspec.structs.replace(target, thinking="high") if name == premium else target)
    ordered += listed_behind(ordered, targets, ask)
    chosen = {target.model.name for target in ordered}
    for target in targets:
        if target.model.name not in chosen:
            words = (
                f"the classifier is {sure:.2f} sure, which asks for a stronger one"
                if target.model.name in cascade.models
                else f"it is not in the cascade of policy {ask.policy.name}"
            )
            rejected.append(Rejection(target.model.name, "", "cascade", words))
    return ordered
