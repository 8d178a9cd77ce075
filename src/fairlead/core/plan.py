"""Plan: what `decide` wants done, in order, and why everything else was left out."""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import msgspec

from fairlead.core.experiments import Arm
from fairlead.core.model import Channel, Model
from fairlead.core.policy import USUAL, Handling
from fairlead.core.quality import BOOSTED, Quality
from fairlead.core.table import NO_SETTINGS, Settings

Move = Literal["first", "failover", "escalate", "downgrade"]
_encode = msgspec.msgpack.Encoder().encode


class Expected(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a target is expected to take and give. Cost in nano-units of USD, None where unpriced."""

    input_tokens: int
    output_tokens: int
    cost: int | None
    latency_ms: int | None
    quality: float | None


class Bar(msgspec.Struct, frozen=True):
    """How sure one has to be of an answer for it to be kept. The bounds are exact: an answer has to be above them."""

    keep: float
    leap: float = 0.0
    """Above this whoever is next stronger is asked; else the strongest at once."""


class Target(msgspec.Struct, frozen=True, gc=False):
    """A model and the channels that may serve it, best first."""

    model: Model
    channels: tuple[Channel, ...]
    expected: Expected
    score: float = 0.0
    parts: tuple[tuple[str, float], ...] = ()
    """What the score is made of, for the explanation."""
    tier: str = ""
    thinking: str = ""
    """The effort this target is asked for, where the caller says nothing."""
    downgraded: str = ""
    """Why it stands in for a better one; empty where it does not."""
    bar: Bar | None = None
    """Of a cascade; None leaves it to the threshold of the checks."""
    draft: bool = False
    """Whether it is shown the answer that was not good enough."""


class Step(msgspec.Struct, frozen=True, gc=False):
    move: Move
    targets: tuple[Target, ...]


class Rejection(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One candidate that was left out. `channel` is empty when the model as a whole was."""

    model: str
    channel: str
    reason: str
    """A code of `core.constraints`."""
    detail: str
    """The same in words a person reads."""


FAILOVERS = 3
"""Further models a plan holds ready behind the first."""
OUTRANKED = f"it would do, but {1 + FAILOVERS} others rank before it"


def outranked(name: str) -> Rejection:
    """Who would do, and is held ready for nothing."""
    return Rejection(name, "", "outranked", OUTRANKED)


class Plan(msgspec.Struct, frozen=True, gc=False):
    steps: tuple[Step, ...]
    rejected: tuple[Rejection, ...]
    policy: str
    strategy: str
    policy_hash: str
    snapshot_hash: str
    conditions: int
    """Version of the moving part of the snapshot."""
    task: str = ""
    """What the request was taken for."""
    rule: str = ""
    """The rule of the table that held."""
    reason: str = ""
    """Why the first target comes first, in words."""
    settings: Settings = NO_SETTINGS
    named: bool = False
    """Whether the caller named the model, so that none was chosen."""
    purse: str = ""
    """The policy whose tiers pay."""
    handling: Handling = USUAL
    last_resort: bool = False
    """Whether all that is left are channels that have failed of late."""
    arm: Arm | None = None
    """Of the experiment that the request is part of."""

    @property
    def quality(self) -> Quality | None:
        """How answers are checked; None for not at all."""
        return quality_of(self.handling, self.settings)


def quality_of(handling: Handling, settings: Settings) -> Quality | None:
    """What the row of the table says goes before what its policy says."""
    if settings.quality is not None or handling.quality is not None:
        return settings.quality or handling.quality
    return BOOSTED if settings.quality_boost else None


def digest(plan: Plan) -> str:
    """Two plans with the same digest do the same and say the same of who was left out."""
    told: list[tuple[object, ...]] = []
    for step in plan.steps:
        move = step.move
        for one in step.targets:
            channels = one.channels
            ids = [channels[0].id] if len(channels) == 1 else [channel.id for channel in channels]
            of_one: tuple[object, ...] = (
                move, one.model.name, ids, one.expected, one.score, one.parts, one.tier, one.thinking, one.downgraded
            )  # fmt: skip
            told.append(of_one if one.bar is None and not one.draft else (*of_one, one.bar, one.draft))
    return blake2b(_encode((plan.strategy, plan.rule, plan.reason, told, plan.rejected)), digest_size=8).hexdigest()
