"""One setting of a decision given another value: what a flip names, done.

Each setting is one function here, which gives the case back as it would be with that value. A setting means what holds
in the end: to change `max_cost` is to change it wherever it was set, by the policy, the caller or the key.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from fairlead.core.call import Call, Signal
from fairlead.core.choice import Choice
from fairlead.core.decide import decide
from fairlead.core.model import Model, Snapshot
from fairlead.core.plan import Plan
from fairlead.core.policy import Policy, Weights

Value = float | int | str
WEIGHTS = ("quality", "cost", "latency")


class Case(msgspec.Struct, frozen=True):
    """Everything that `decide` is told."""

    call: Call
    choice: Choice
    snapshot: Snapshot
    seed: int

    def plan(self) -> Plan:
        return decide(self.call, self.choice, self.snapshot, self.seed)


def with_weight(weights: Weights, name: str, share: float) -> Weights:
    """One weight is that share of the whole; the others divide the rest as they did."""
    others = [other for other in WEIGHTS if other != name]
    before = {other: getattr(weights, other) for other in others}
    whole = sum(before.values())
    rest = {other: (1 - share) * (before[other] / whole if whole else 0.5) for other in others}
    return Weights(**{name: share, **rest})


def changed(case: Case, setting: str, subject: str, value: Value) -> Case:
    """`subject` is the model or the tier that the setting is of, where it is of one."""
    return SETTINGS[setting](case, subject, value)


def _policy(case: Case, change: Callable[[Policy], Policy]) -> Case:
    return replace(case, choice=replace(case.choice, policy=change(case.choice.policy)))


def _weight(name: str) -> Callable[[Case, str, Value], Case]:
    def change(case: Case, subject: str, value: Value) -> Case:
        return _policy(case, lambda policy: replace(policy, weights=with_weight(policy.weights, name, float(value))))

    return change


def _stay(case: Case, subject: str, value: Value) -> Case:
    return _policy(case, lambda policy: replace(policy, stay=value))


def _min_quality(case: Case, subject: str, value: Value) -> Case:
    call = replace(case.call, wishes=replace(case.call.wishes, quality_floor=None))
    return _policy(replace(case, call=call), lambda policy: replace(policy, min_quality=value))


def _max_cost(case: Case, subject: str, value: Value) -> Case:
    wishes, caller = replace(case.call.wishes, max_cost=None), replace(case.call.caller, max_cost=None)
    call = replace(case.call, wishes=wishes, caller=caller)
    return _policy(replace(case, call=call), lambda policy: replace(policy, max_cost=value))


def _max_latency(case: Case, subject: str, value: Value) -> Case:
    call = replace(case.call, wishes=replace(case.call.wishes, max_latency_ms=None))
    return _policy(replace(case, call=call), lambda policy: replace(policy, max_latency_ms=value))


def _latency_class(case: Case, subject: str, value: Value) -> Case:
    return replace(case, call=replace(case.call, wishes=replace(case.call.wishes, latency_class=value)))


def _tier_left(case: Case, subject: str, value: Value) -> Case:
    left = {**dict(case.call.facts.tiers), subject: value}
    return replace(case, call=replace(case.call, facts=replace(case.call.facts, tiers=tuple(left.items()))))


def _left(case: Case, subject: str, value: Value) -> Case:
    left = {**dict(case.call.facts.left), subject: value}
    return replace(case, call=replace(case.call, facts=replace(case.call.facts, left=tuple(left.items()))))


def _signal(kind: str, name: str, field: str) -> Callable[[Case, str, Value], Case]:
    def new(signal: Signal, value: Value) -> Signal:
        fits = signal.kind == kind and name in ("", signal.name)
        return replace(signal, **{field: value}) if fits else signal

    def change(case: Case, subject: str, value: Value) -> Case:
        signals = tuple(new(signal, value) for signal in case.call.signals)
        return replace(case, call=replace(case.call, signals=signals))

    return change


def _model(change: Callable[[Model, Case, Value], Model]) -> Callable[[Case, str, Value], Case]:
    def of(case: Case, subject: str, value: Value) -> Case:
        snapshot = case.snapshot
        model = change(snapshot.models[subject], case, value)
        choice = case.choice
        if choice.model is not None and choice.model.name == subject:
            choice = replace(choice, model=model)
        models = {**snapshot.models, subject: model}
        return replace(case, choice=choice, snapshot=replace(snapshot, models=models))

    return of


def _quality(case: Case, subject: str, value: Value) -> Case:
    """Declared so, and judged no otherwise: as much is known of it as before."""
    case, share = _model(_of_quality)(case, subject, value), float(value)
    conditions, key = case.snapshot.conditions, f"{subject}|{case.plan().task}"
    if key not in conditions.evidence:
        return case
    _, judged = conditions.evidence[key]
    evidence = {**conditions.evidence, key: (share * judged, judged)}
    return replace(case, snapshot=replace(case.snapshot, conditions=replace(conditions, evidence=evidence)))


def _of_quality(model: Model, case: Case, value: Value) -> Model:
    task = case.plan().task
    if not task:
        return replace(model, quality=value)
    return replace(model, qualities={**model.qualities, task: float(value)})


def _of_context(model: Model, case: Case, value: Value) -> Model:
    return replace(model, context=value)


def _of_output(model: Model, case: Case, value: Value) -> Model:
    return replace(model, max_output=value)


SETTINGS: dict[str, Callable[[Case, str, Value], Case]] = {
    **{f"weight.{name}": _weight(name) for name in WEIGHTS},
    "stay": _stay,
    "min_quality": _min_quality,
    "max_cost": _max_cost,
    "max_latency_ms": _max_latency,
    "latency_class": _latency_class,
    "tier_left": _tier_left,
    "left": _left,
    "confidence": _signal("task", "", "confidence"),
    "input_tokens": _signal("tokens", "input", "value"),
    "quality": _quality,
    "context": _model(_of_context),
    "max_output": _model(_of_output),
}
