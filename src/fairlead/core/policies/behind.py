"""What a policy lists as fallbacks stands behind those that its strategy picked, also where it would not have picked them."""

from __future__ import annotations

from fairlead.core.ask import Ask
from fairlead.core.plan import Target


def listed_behind(ordered: list[Target], targets: list[Target], ask: Ask) -> list[Target]:
    """The policy's fallbacks that may answer and are not there yet, in their order."""
    there = {target.model.name for target in ordered}
    by_name = {target.model.name: target for target in targets if target.model.name not in there}
    names = dict.fromkeys(ask.policy.fallbacks)
    return [by_name[name] for name in names if name in by_name]
