"""Which policy holds for a request, and what stands for it: an agent, an intent, a route. All of it narrows; nothing
widens what the key's own policy allows."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from fairlead.core import traits
from fairlead.core.agents import Agent, Group, pick
from fairlead.core.call import Caller, Signal, Wishes
from fairlead.core.choice import AUTO, Choice, nearest, read_choice
from fairlead.core.policies import STRATEGIES
from fairlead.core.policy import Policy, listed, narrowed
from fairlead.core.table import OPEN, Rule, lookup
from fairlead.errors import BadRequest, Forbidden, NotFound
from fairlead.gateway.world import World

AGENT = "agent:"
PINNED = "pinned"


class Open(msgspec.Struct, frozen=True):
    """What a key could use, so that an error offers nothing else: its own bounds may leave nobody of a policy."""

    world: World
    caller: Caller

    def policies(self) -> dict[str, Policy]:
        return {name: policy for name, policy in self.world.policies.items() if self._offers(policy)}

    def agents(self) -> list[str]:
        return [name for name, agent in self.world.agents.items() if self._has(agent)]

    def models(self) -> list[str]:
        snapshot = self.world.snapshot
        spelt = {**{name: name for name in snapshot.models}, **snapshot.aliases}
        return [name for name, model in spelt.items() if self._asks(model)]

    def _bounds(self) -> Policy | None:
        return None if self.caller.policy is None else self.world.policies[self.caller.policy]

    def _asks(self, model: str) -> bool:
        return self.caller.models is None or model in self.caller.models

    def _offers(self, policy: Policy) -> bool:
        bounds = self._bounds()
        if bounds is not None and bounds.critical:
            return policy is bounds
        if self.caller.policies is not None and policy.name not in self.caller.policies:
            return False
        if bounds is not None:
            policy = narrowed(policy, bounds)
        if policy.models is not None and not any(map(self._asks, policy.models)):
            return False
        closed = policy.strategy == PINNED or STRATEGIES[policy.strategy].needs
        named = listed(policy) if closed else frozenset()
        return not named or any(
            self._asks(name) and (policy.models is None or name in policy.models or name in policy.fallbacks)
            for name in named
        )

    def _has(self, agent: Agent | Group) -> bool:
        if isinstance(agent, Group):
            return any(map(self._has, agent.agents))
        if agent.model:
            model = self.world.snapshot.resolve(agent.model)
            bounds = self._bounds()
            own = None if bounds is None else bounds.models
            return model is not None and self._asks(model.name) and (own is None or model.name in own)
        return not agent.policy or self._offers(self.world.policies[agent.policy])


def asked_for(world: World, caller: Caller, asked: str, named: str) -> tuple[Choice, Policy | None]:
    """What `model` means under the policy that is named, and the key's own policy, within which it means that."""
    policy = policy_in_force(world, caller, named)
    bounds = None if caller.policy is None else world.policies[caller.policy]
    choice = read_choice(asked, policy, world.policies, world.snapshot, bounds, Open(world, caller))
    if caller.policies is not None:
        demand_allowed(caller.policies, choice.policy, f"model {asked!r}")
    return choice, bounds


def policy_in_force(world: World, caller: Caller, named: str) -> Policy:
    """The one the request names, within the bounds of the key's own; else the key's, else the default."""
    if not named:
        return world.policies[caller.policy or world.default_policy]
    policy = world.policies.get(named)
    if policy is None:
        names = sorted(Open(world, caller).policies())
        known, hint = ", ".join(names), nearest(named, names)
        raise BadRequest(f"policy {named!r} is not known here.{hint} There are: {known}.", param="fairlead.policy")
    found = policy if caller.policy is None else narrowed(policy, world.policies[caller.policy])
    if caller.policies is not None:
        demand_allowed(caller.policies, found, f"policy {named!r}")
    return found


def demand_allowed(allowed: frozenset[str], policy: Policy, asked: str) -> None:
    """Raises Forbidden where the key may not use the policy that `asked` comes to."""
    if policy.name not in allowed:
        goes = "" if asked == f"policy {policy.name!r}" else f" goes by policy {policy.name!r}, which"
        raise Forbidden(
            f"{asked}{goes} is not for this key; it may use: {', '.join(sorted(allowed))}.", code="policy_not_allowed"
        )


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


def agent_asked(world: World, caller: Caller, asked: str) -> tuple[str, Agent | Group | None]:
    """(what is asked of the policy, the agent or group that was named)."""
    if not asked.startswith(AGENT):
        return asked, None
    name = asked.removeprefix(AGENT)
    found = world.agents.get(name)
    if found is None:
        names = Open(world, caller).agents()
        known, hint = ", ".join(names) or "none", nearest(name, names)
        raise NotFound(
            f"there is no agent {name[:100]!r}.{hint} There are: {known}.", param="model", code="agent_not_found"
        )
    return AUTO, found


class Way(msgspec.Struct, frozen=True):
    """How a request gets from what it asks for to who takes it: by what it is about, so the way is gone again where more
    is known of that."""

    asked: Choice
    bounds: Policy | None
    agent: Agent | Group | None = None
    """None: by the routes."""
    turn: int = 0
    allowed: frozenset[str] | None = None
    """The policies that the key may use."""

    def taken(self, world: World, signals: tuple[Signal, ...], wish: Wishes) -> Choice:
        if self.agent is None:
            choice, name = routed(world, signals, wish, self.asked, self.bounds), "the route that this request takes"
        else:
            choice = by_agent(world, self.agent, signals, wish, self.asked, self.bounds, self.turn)
            name = f"agent {self.agent.name!r}"
        if self.allowed is not None:
            demand_allowed(self.allowed, choice.policy, name)
        return choice


def by_complexity(agent: Agent | Group) -> bool:
    return isinstance(agent, Group) and agent.by == "complexity"


def by_agent(
    world: World,
    found: Agent | Group,
    signals: tuple[Signal, ...],
    wish: Wishes,
    choice: Choice,
    bounds: Policy | None,
    turn: int,
) -> Choice:
    if isinstance(found, Group):
        found = pick(found, traits.read(signals, wish).complexity, turn)
    if found.model:
        return read_choice(found.model, choice.policy, world.policies, world.snapshot, bounds)
    return _under(world.policies, found.policy, bounds) if found.policy else choice


def routed(world: World, signals: tuple[Signal, ...], wish: Wishes, choice: Choice, bounds: Policy | None) -> Choice:
    """The first route that matches: its policy, or its models as a table of one row."""
    found = lookup(traits.read(signals, wish), world.routes)
    if found is None or found == OPEN:
        return choice
    assert isinstance(found, Rule)
    if found.policy:
        return _under(world.policies, found.policy, bounds)
    policy = choice.policy
    bound = msgspec.structs.replace(policy, rules=(found, *policy.rules), hash=f"{policy.hash}+{found.name}")
    return Choice(None, "", bound)


def _under(policies: Mapping[str, Policy], name: str, bounds: Policy | None) -> Choice:
    policy = policies[name]
    return Choice(None, "", policy if bounds is None else narrowed(policy, bounds))
