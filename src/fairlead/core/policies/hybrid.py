"""What can wait goes to models of one's own, what cannot to the commercial ones; the others stand behind.

The policy may list either side, in the order to take them; else one's own are the models with a self-hosted channel,
the cheapest first, and the commercial ones are ranked as `balanced` does.
"""

from __future__ import annotations

from fairlead.core.ask import Ask
from fairlead.core.plan import Rejection, Target
from fairlead.core.policies import balanced, cost_first
from fairlead.core.policies.behind import listed_behind

MIN_QUALITY = 0.0


def rank(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    policy = ask.policy
    by_name = {target.model.name: target for target in targets}
    own = [by_name[name] for name in policy.self_hosted if name in by_name]
    if not policy.self_hosted:
        own = sorted((target for target in targets if self_hosted(target)), key=cost_first.key)
    commercial = [by_name[name] for name in policy.commercial if name in by_name]
    if not policy.commercial:
        commercial = balanced.rank(chosen_among(targets, ask), ask, rejected)
    first, second = (own, commercial) if ask.traits.latency_class == "batch" else (commercial, own)
    ordered = [*first, *(target for target in second if target not in first)]
    ordered += listed_behind(ordered, targets, ask)
    for target in targets:
        if target.model.name not in {one.model.name for one in ordered}:
            rejected.append(
                Rejection(target.model.name, "", "outside_policy", f"policy {policy.name} lists it on neither side")
            )
    return ordered


def chosen_among(targets: list[Target], ask: Ask) -> list[Target]:
    """The commercial ones, where the policy does not list them itself."""
    listed = ask.policy.self_hosted
    return [target for target in targets if not (target.model.name in listed if listed else self_hosted(target))]


def self_hosted(target: Target) -> bool:
    return any(channel.self_hosted for channel in target.channels)
