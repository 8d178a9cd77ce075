"""Small worlds and requests for the tests of the core: models by a line each, calls by what differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from fairlead.core.call import Call, Caller, Facts, Shape, Signal, Wishes
from fairlead.core.choice import read_choice
from fairlead.core.decide import decide
from fairlead.core.model import JSON_SCHEMA, TOOLS, Channel, Conditions, Model, Price, Rates, Snapshot
from fairlead.core.plan import Plan
from fairlead.core.policies import STRATEGIES
from fairlead.core.policy import Policy

DOLLAR = 1_000_000_000
AT = 1_800_000_000


class NoView:
    user = ""
    answers = 1

    @property
    def max_output(self) -> int | None:
        return None

    def shape(self) -> Shape:
        return Shape(0, 0, 1)

    def texts(self) -> Iterator[tuple[str, str]]:
        return iter(())


def price(dollars_in: float, dollars_out: float, **more: Any) -> Price:
    return Price(
        f"row-{dollars_in}-{dollars_out}", Rates(round(dollars_in * DOLLAR), round(dollars_out * DOLLAR)), **more
    )


def channel(model: str, name: str = "main", **more: Any) -> Channel:
    return Channel(
        **{"id": f"{model}@{name}", "name": name, "model": model, "provider": name, "upstream": model} | more
    )


def model(name: str, dollars: float | None = 1.0, quality: float | None = 0.8, **more: Any) -> Model:
    """One channel, its output five times as dear as its input."""
    priced = () if dollars is None else (price(dollars, dollars * 5),)
    settings: dict[str, Any] = {
        "channels": (channel(name, prices=priced),),
        "quality": quality,
        "context": 100_000,
        "max_output": 10_000,
        "capabilities": TOOLS | JSON_SCHEMA,
        "latency_ms": 1000,
    }
    return Model(name, **settings | more)


def world(*models: Model, aliases: dict[str, str] | None = None, **conditions: Any) -> Snapshot:
    return Snapshot("world", {one.name: one for one in models}, aliases or {}, Conditions(**conditions))


def tokens(given: int = 1000, answer: int = 400, room: int = 0) -> tuple[Signal, ...]:
    return Signal("tokens", "input", given), Signal("tokens", "output", answer), Signal("tokens", "output_room", room)


def needs(*names: str) -> tuple[Signal, ...]:
    return tuple(Signal("needs", name, True) for name in names)


def call(**more: Any) -> Call:
    settings: dict[str, Any] = {
        "id": "req",
        "operation": "generate",
        "dialect": "openai_chat",
        "model": "auto",
        "stream": False,
        "body": b"{}",
        "view": NoView(),
        "caller": Caller("key"),
        "wishes": Wishes(),
        "facts": Facts(AT),
        "signals": tokens(),
    }
    return Call(**settings | more)


def policy(strategy: str = "balanced", **more: Any) -> Policy:
    return Policy(**{"name": "p", "strategy": strategy, "hash": "h"} | more)


POLICIES = {name: Policy(name, name, hash=name) for name in STRATEGIES}


def plan(asked: Call, snapshot: Snapshot, force: Policy, seed: int = 1) -> Plan:
    return decide(asked, read_choice(asked.model, force, POLICIES, snapshot), snapshot, seed)


def order(made: Plan) -> list[str]:
    return [target.model.name for step in made.steps for target in step.targets]


def reasons(made: Plan) -> dict[str, str]:
    return {one.model if not one.channel else f"{one.model}@{one.channel}": one.reason for one in made.rejected}


def with_channel(one: Model, **more: Any) -> Model:
    """The model, its only channel changed."""
    return msgspec.structs.replace(one, channels=(msgspec.structs.replace(one.channels[0], **more),))
