"""A conversation stays with its model unless another one gains more than the move costs.

What moving costs is in the figures already: the model that answered last has the conversation in its prompt cache and
is expected to cost less by that (`core.expectation`). Beyond it the other must be better by the policy's `stay`, a
share of the weighted score; a gain smaller than that is noise, and following it would change the voice in mid-sentence.
"""

from __future__ import annotations

from fairlead.core.ask import Ask
from fairlead.core.plan import Target
from fairlead.core.policies import STRATEGIES, balanced


def kept(targets: list[Target], ask: Ask) -> tuple[list[Target], str]:
    """The ranking with the conversation's own model first where that is worth it, and why."""
    standing = ask.call.facts.standing
    if standing is None or not targets or targets[0].model.name == standing.model:
        return targets, ""
    own = next((target for target in targets if target.model.name == standing.model), None)
    if own is None:
        return targets, f"the conversation leaves {standing.model}, which may not answer this"
    if own.tier != targets[0].tier:
        return targets, f"the conversation leaves {standing.model} for another tier"
    gain = _gain(targets, own, ask)
    if gain > ask.policy.stay:
        return targets, f"the conversation leaves {own.model.name}: {targets[0].model.name} gains {gain:.3f}"
    others = [target for target in targets if target is not own]
    return [
        own,
        *others,
    ], f"the conversation stays: {targets[0].model.name} would gain {gain:.3f}, moving takes {ask.policy.stay:g}"


def _gain(targets: list[Target], own: Target, ask: Ask) -> float:
    """What the first is worth beyond the conversation's own, weighed among all candidates."""
    drawn = STRATEGIES[ask.policy.strategy].drawn  # which is no gain that lasts
    if not drawn and all(target.parts for target in targets):  # they were ranked by just that
        return targets[0].score - own.score
    first, stayed = balanced.scored([targets[0], own], ask, among=targets)
    return first.score - stayed.score
