"""Base, middle and premium model: the small one first, and a stronger one where that is not enough.

Two forms, with the same exact bounds (a confidence of 0.9 is not above 0.9):

    screen   by how sure the classifier is of the task: above `keep` the base model answers, above `middle` the middle one,
             else the premium one, thinking. The stronger ones stand behind
    verify   by how sure the checks are of the answer: the base model answers; above `keep` its answer is kept, above `middle`
             the middle model answers with it as a draft, else the premium one, thinking. What the middle model answers is
             kept above `middle`

A cascade is begun where it is expected to cost least (`core.cascading`): where the base model's answers are seldom good
enough, the request goes straight to a stronger one. A weaker one only stands in where the policy lists it as a fallback.
"""

from __future__ import annotations

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.cascading import cheapest_start
from fairlead.core.cost import plain
from fairlead.core.plan import Bar, Rejection, Target
from fairlead.core.policies.behind import listed_behind
from fairlead.core.policy import Cascade

MIN_QUALITY = 0.0
EMPTY = Cascade(("", "", ""))
"""Of a policy that names none: nobody is in it."""
LAST = 0.5
"""Above this the last model's answer is kept; else the best of all answers is given."""


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    cascade = ask.policy.cascade or EMPTY
    ordered, why = (_verified if cascade.form == "verify" else _screened)(cascade, targets, ask)
    ordered += listed_behind(ordered, targets, ask)
    chosen = {target.model.name for target in ordered}
    for target in targets:
        if target.model.name not in chosen:
            words = (
                why if target.model.name in cascade.models else f"it is not in the cascade of policy {ask.policy.name}"
            )
            rejected.append(Rejection(target.model.name, "", "cascade", words))
    return ordered


def _screened(cascade: Cascade, targets: list[Target], ask: Ask) -> tuple[list[Target], str]:
    sure = ask.traits.task_confidence
    at = 0 if sure > cascade.keep else 1 if sure > cascade.middle else 2
    return (
        _members(cascade, targets, cascade.models[at:]),
        f"the classifier is {sure:.2f} sure, which asks for a stronger one",
    )


def _members(cascade: Cascade, targets: list[Target], names: tuple[str, ...]) -> list[Target]:
    """Those that may answer, in order; the premium one thinks."""
    by_name = {target.model.name: target for target in targets}
    found = [by_name[name] for name in dict.fromkeys(names) if name in by_name]
    premium = cascade.models[-1]
    return [msgspec.structs.replace(one, thinking="high") if one.model.name == premium else one for one in found]


def _verified(cascade: Cascade, targets: list[Target], ask: Ask) -> tuple[list[Target], str]:
    climbing: list[Target] = []
    for member in _members(cascade, targets, cascade.models):
        if not climbing or not _weaker(member, climbing[-1]):
            climbing.append(_with_bar(member, cascade))
    start, costs = cheapest_start(climbing, ask, cascade)
    if not start:
        return climbing, "it is known to be weaker than who is asked before it"
    begun, first = climbing[start].model.name, climbing[0].model.name
    why = f"to begin with {first} is expected to cost ${plain(costs[0])}, with {begun} ${plain(costs[start])}"
    return climbing[start:], why


def _weaker(target: Target, before: Target) -> bool:
    quality, known = target.expected.quality, before.expected.quality
    return quality is not None and known is not None and quality < known


def _with_bar(target: Target, cascade: Cascade) -> Target:
    middle, premium = cascade.models[1:]
    name = target.model.name
    if name == premium:
        return msgspec.structs.replace(target, bar=Bar(LAST))
    if name == middle:
        return msgspec.structs.replace(target, bar=Bar(cascade.middle), draft=True)
    return msgspec.structs.replace(target, bar=Bar(cascade.keep, cascade.middle))
