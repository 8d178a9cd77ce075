"""Which policy holds for a request, and what stands for it: an agent, an intent, a route. All of it narrows; nothing
widens what the key's own policy allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from fairlead.core import traits
from fairlead.core.agents import Agent, Group, pick
from fairlead.core.call import Caller, Signal, Wishes
from fairlead.core.choice import AUTO, Choice, nearest, read_choice
from fairlead.core.policy import Policy, narrowed
from fairlead.core.table import OPEN, Rule, lookup
from fairlead.errors import BadRequest, NotFound
from fairlead.gateway.world import World

AGENT = "agent:"
PINNED = "pinned"


def policy_in_force(world: World, caller: Caller, named: str) -> Policy:
    """The one the request names, within the bounds of the key's own; else the key's, else the default."""
    if not named:
        return world.policies[caller.policy or world.default_policy]
    policy = world.policies.get(named)
    if policy is None:
        known = ", ".join(sorted(world.policies))
        hint = nearest(named, list(world.policies))
        raise BadRequest(f"policy {named!r} is not known here.{hint} There are: {known}.", param="fairlead.policy")
    return policy if caller.policy is None else narrowed(policy, world.policies[caller.policy])


def known_task(world: World, policy: Policy, wish: Wishes, warnings: tuple[str, ...]) -> tuple[Wishes, tuple[str, ...]]:
    """An unknown task is the default one, and the answer says so."""
    task = world.tasks.get(wish.task.lower())
    if task == wish.task:
        return wish, warnings
    if task is None:
        task = policy.default_task
        taken = f"taken for {task}" if task else "left to be found out"
        warnings = (*warnings, f"task {wish.task!r} is not known here and {taken}")
    return msgspec.structs.replace(wish, task=task), warnings


def agent_asked(world: World, asked: str) -> tuple[str, Agent | Group | None]:
    """(what is asked of the policy, the agent or group that was named)."""
    if not asked.startswith(AGENT):
        return asked, None
    name = asked.removeprefix(AGENT)
    found = world.agents.get(name)
    if found is None:
        known = ", ".join(world.agents) or "none"
        hint = nearest(name, list(world.agents))
        raise NotFound(
            f"there is no agent {name[:100]!r}.{hint} There are: {known}.", param="model", code="agent_not_found"
        )
    return AUTO, found


def by_agent(
    world: World,
    found: Agent | Group,
    signals: tuple[Signal, ...],
    wish: Wishes,
    choice: Choice,
    bounds: Policy | None,
    turn: Callable[[str], int],
) -> Choice:
    if isinstance(found, Group):
        found = pick(found, traits.read(signals, wish).complexity, turn(found.name))
    if found.model:
        return read_choice(found.model, choice.policy, world.policies, world.snapshot, bounds)
    return _under(world.policies, found.policy, choice, bounds) if found.policy else choice


def routed(world: World, signals: tuple[Signal, ...], wish: Wishes, choice: Choice, bounds: Policy | None) -> Choice:
    """The first route that matches: its policy, or its models as a table of one row."""
    found = lookup(traits.read(signals, wish), world.routes)
    if found is None or found == OPEN:
        return choice
    assert isinstance(found, Rule)
    if found.policy:
        return _under(world.policies, found.policy, choice, bounds)
    policy = choice.policy
    bound = msgspec.structs.replace(policy, rules=(found, *policy.rules), hash=f"{policy.hash}+{found.name}")
    return Choice(None, "", bound)


def _under(policies: Mapping[str, Policy], name: str, choice: Choice, bounds: Policy | None) -> Choice:
    policy = policies[name]
    return Choice(None, "", policy if bounds is None else narrowed(policy, bounds))
