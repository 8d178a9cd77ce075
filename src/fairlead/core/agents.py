"""Named agents, each a model or a policy, and groups that share work among them: by turns, or by how complex it is."""

from __future__ import annotations

from typing import Literal

import msgspec


class Agent(msgspec.Struct, frozen=True):
    name: str
    model: str = ""
    policy: str = ""
    complexities: frozenset[str] = frozenset()
    """What it is given in a group by complexity; empty means anything."""


class Group(msgspec.Struct, frozen=True):
    name: str
    agents: tuple[Agent, ...]
    by: Literal["round_robin", "complexity"] = "round_robin"


def pick(group: Group, complexity: str, turn: int) -> Agent:
    """`turn` counts what the group was given so far. Several agents that fit take turns as well."""
    fit = group.agents
    if group.by == "complexity":
        fit = tuple(agent for agent in group.agents if complexity in agent.complexities)
        fit = fit or tuple(agent for agent in group.agents if not agent.complexities) or group.agents[-1:]
    return fit[turn % len(fit)]
