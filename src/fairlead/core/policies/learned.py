"""As `balanced`, with a quality drawn at random from what is known of each model (Thompson sampling).

A draw is as wide as the knowledge is thin: of two models of which little is known each wins its share of the requests,
and the more judgements speak, the seldomer the worse one is tried. What is declared counts like so many judgements
(`core.expectation`). Limits and floors hold for what is expected, whatever is drawn.

`parts` tell both: `quality` is what was drawn and weighed, `expected quality` what it was drawn around.
"""

from __future__ import annotations

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.chance import beta
from fairlead.core.expectation import Belief, belief
from fairlead.core.plan import Rejection, Target
from fairlead.core.policies import balanced

MIN_QUALITY = 0.0


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    return sorted(scored(targets, ask), key=balanced.key)


def scored(targets: list[Target], ask: Ask) -> list[Target]:
    """The same targets with the scores of this request's draws, in their order."""
    beliefs = {target.model.name: belief(ask, target.model) for target in targets}
    drawn = {name: beta(ask.seed, name, one.good, one.bad) for name, one in beliefs.items()}
    return [_told(target, beliefs[target.model.name]) for target in balanced.scored(targets, ask, drawn)]


def _told(target: Target, known: Belief) -> Target:
    parts: balanced.Parts = (("expected quality", known.mean),)
    if known.judged:
        parts = (*parts, ("judgements", known.judged))
    return msgspec.structs.replace(target, parts=(*target.parts, *parts))
