"""What a published preset decides, for the tests that compare it with the table it comes from."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import msgspec

import fairlead
from fairlead.config.load import loads
from fairlead.config.schema import Config
from fairlead.core.call import Call, Caller, Facts, Signal, Wishes
from fairlead.core.choice import read_choice
from fairlead.core.decide import decide
from fairlead.core.model import Conditions, Model, Snapshot
from fairlead.core.plan import Plan, Target
from fairlead.registry.catalogue import load as catalogue
from fairlead.registry.policies import policies
from fairlead.registry.snapshot import build
from tests.core.scenes import NoView

FOLDER = Path(fairlead.__file__).parent / "config" / "presets" / "published"
AT = 2_000_000_000


class Preset:
    """A preset whose keys are all there, and what it decides."""

    def __init__(self, name: str) -> None:
        text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
        names = (part.partition(":-")[0] for part in text.split("${")[1:])
        variables = {name: "http://127.0.0.1:9/v1" if name.endswith("_URL") else "x" for name in names}
        self.config: Config = loads(text, f"{name}.yaml", variables)
        self.snapshot: Snapshot = build(self.config, catalogue())
        self.policies = policies(self.config)

    def plan(
        self,
        *signals: Signal,
        disabled: tuple[str, ...] = (),
        facts: Facts | None = None,
        policy: str = "default",
        latency_ms: dict[str, int] | None = None,
        **wishes: Any,
    ) -> Plan:
        call = Call(
            "req", "generate", "openai_chat", "auto", False, b"{}", NoView(), Caller("key"), Wishes(**wishes),
            facts or Facts(AT), (*tokens(), *signals),
        )  # fmt: skip
        conditions = Conditions(disabled=frozenset(disabled), latency_ms=latency_ms or {})
        there = Snapshot(self.snapshot.hash, self.snapshot.models, self.snapshot.aliases, conditions)
        force = self.policies[policy]
        return decide(call, read_choice("auto", force, self.policies, there), there, 7)

    def order(self, *signals: Signal, **more: Any) -> list[str]:
        return [target.model.name for target in targets(self.plan(*signals, **more))]


def with_models(preset: Preset, *changed: Model) -> Preset:
    """The preset with some of its models otherwise."""
    other = copy.copy(preset)
    models = {**preset.snapshot.models, **{one.name: one for one in changed}}
    other.snapshot = msgspec.structs.replace(preset.snapshot, models=models)
    return other


def targets(plan: Plan) -> list[Target]:
    return [target for step in plan.steps for target in step.targets]


def tokens(given: int = 1000, answer: int = 400, room: int = 0) -> tuple[Signal, ...]:
    return Signal("tokens", "input", given), Signal("tokens", "output", answer), Signal("tokens", "output_room", room)


def task(name: str, confidence: float = 0.95) -> Signal:
    return Signal("task", name, confidence, confidence)


def found(**kinds: str) -> tuple[Signal, ...]:
    return tuple(Signal(kind, name, True, 0.95) for kind, name in kinds.items())
