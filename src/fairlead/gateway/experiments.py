"""Which arm of which experiment a request is in: drawn by its conversation, its user, its key or its id.

Only where a model is to be chosen and nobody has narrowed that down: a caller who lists models, or wants no fallbacks or a low
budget, and a critical policy are left as they are. Nothing here is done where no experiment is declared.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, cast

import msgspec

from fairlead.core import traits
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.experiments import Arm, Branch, Experiment, Unit, assigned, concerned
from fairlead.core.policy import narrowed
from fairlead.dialects.dialect import View
from fairlead.gateway import sessions

if TYPE_CHECKING:
    from fairlead.gateway.admit import Moving
    from fairlead.gateway.world import World


def drawn(world: World, call: Call, choice: Choice, moving: Moving) -> tuple[Call, Choice]:
    """The call with the arm it is in, and who chooses for that."""
    wishes, policy = call.wishes, choice.policy
    if call.operation != "generate" or call.depth or policy.critical or policy.strategy == "pinned":
        return call, choice
    if wishes.models or wishes.stay or wishes.low_budget:
        return call, choice
    task = traits.read(call.signals, wishes).task
    for experiment in concerned(world.experiments, task, policy.name, call.facts.at):
        unit = unit_of(call, experiment.by)
        branch = assigned(experiment, unit) if unit else None
        if branch is not None and (not branch.policy or _may(call, branch)):
            return _in_arm(world, call, choice, moving, experiment, branch, unit)
    return call, choice


def unit_of(call: Call, by: Unit) -> str:
    """A digest; empty where there is no such thing."""
    named = ""
    if by == "session":
        named = call.wishes.session
        if not named or named.startswith(sessions.BEGUN):
            named = sessions.beginning(cast(View, call.view))
    elif by == "user":
        named = call.user
    elif by == "key":
        named = call.caller.name
    else:
        named = call.id
    return digest(call.caller.tenant, named) if named else ""


def digest(tenant: str, named: str) -> str:
    return blake2b(f"{tenant}\0{named}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _may(call: Call, branch: Branch) -> bool:
    allowed = call.caller.policies
    return allowed is None or branch.policy in allowed


def _in_arm(
    world: World, call: Call, choice: Choice, moving: Moving, experiment: Experiment, branch: Branch, unit: str
) -> tuple[Call, Choice]:
    arm = Arm(experiment.name, branch.name, unit, branch.model, experiment.models)
    facts = msgspec.structs.replace(call.facts, arm=arm)
    if branch.policy:
        bounds = None if call.caller.policy is None else world.policies[call.caller.policy]
        policy = world.policies[branch.policy]
        choice = Choice(None, "", policy if bounds is None else narrowed(policy, bounds))
        tiers = moving.left(call.caller.tenant, choice.policy) if choice.policy.tiers else ()
        facts = msgspec.structs.replace(facts, tiers=tiers)
    return msgspec.structs.replace(call, facts=facts), choice
