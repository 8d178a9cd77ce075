"""What the `model` string of a request means.

auto             the policy in force decides
auto:cheap       the cheapest that is good enough
auto:best        the best
auto:<policy>    the named policy decides
intent:<name>    the policy decides, knowing what is intended
agent:<name>     the agent's model or policy; of a group, the agent whose turn or work it is
<model>          that model or alias, on whichever of its channels is eligible
<model>@<channel>  that model on that channel only
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from fairlead.core.model import Model, Snapshot
from fairlead.core.policy import Policy, narrowed
from fairlead.core.spelling import closest
from fairlead.errors import NotFound

AUTO = "auto"
SUFFIXES = {"cheap": "cost_first", "best": "quality_first"}


class Choice(msgspec.Struct, frozen=True):
    """`model` is None when the policy is to choose."""

    model: Model | None
    channel: str
    policy: Policy


class Shown(Protocol):
    """What an error may name to this caller."""

    def policies(self) -> Mapping[str, Policy]: ...

    def models(self) -> Iterable[str]:
        """Their names and aliases."""
        ...


def read_choice(
    asked: str,
    policy: Policy,
    policies: Mapping[str, Policy],
    snapshot: Snapshot,
    bounds: Policy | None = None,
    shown: Shown | None = None,
) -> Choice:
    """`policy` is the one in force for the caller; a suffix replaces it, within the `bounds` of the key's own."""
    if asked == AUTO:
        return Choice(None, "", policy)
    if asked.startswith("auto:"):
        suffix = asked[5:]
        named = policies.get(SUFFIXES.get(suffix, suffix))
        if named is None or not chooses(named):
            there = suffixes(policies if shown is None else shown.policies())
            near, known = closest(suffix, there), ", ".join(f"{AUTO}:{name}" for name in there)
            hint = f" Did you mean '{AUTO}:{near}'?" if near else ""
            raise NotFound(
                f"model {asked!r} names no policy that chooses.{hint} There are: {known}.",
                param="model",
                code="model_not_found",
            )
        return Choice(None, "", narrowed(named, bounds) if bounds is not None else named)
    model = snapshot.resolve(asked)
    if model is not None:
        return Choice(model, "", policy)
    name, at, channel = asked.rpartition("@")
    if at:
        model = snapshot.resolve(name)
        if model is not None:
            for one in model.channels:
                if one.name == channel:
                    return Choice(model, channel, policy)
            names = ", ".join(one.name for one in model.channels)
            raise NotFound(
                f"model {model.name!r} has no channel {channel!r}; it has: {names}.",
                param="model",
                code="model_not_found",
            )
    usable = (*snapshot.models, *snapshot.aliases) if shown is None else shown.models()
    raise NotFound(
        f"model {asked!r} is not known here.{nearest(asked, [AUTO, *usable])} "
        "GET /v1/models lists what this key may use; 'auto' lets the policy choose.",
        param="model",
        code="model_not_found",
    )


def chooses(policy: Policy) -> bool:
    """A pinned policy without a model of its own only serves callers who name one."""
    return policy.strategy != "pinned" or bool(policy.model)


def suffixes(policies: Mapping[str, Policy]) -> list[str]:
    """What may stand behind `auto:`."""
    short = [suffix for suffix, name in SUFFIXES.items() if name in policies]
    return [*short, *(name for name, policy in policies.items() if name != "default" and chooses(policy))]


def nearest(word: str, known: list[str]) -> str:
    found = closest(word, known)
    return f" Did you mean {found!r}?" if found else ""
