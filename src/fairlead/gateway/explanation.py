"""A plan in words a person reads: what was understood, who answers and why, who does not and why."""

from __future__ import annotations

from fairlead.core.call import Call
from fairlead.core.cost import plain
from fairlead.core.plan import Plan, Target


def paragraphs(call: Call, plan: Plan) -> list[str]:
    told = [_asked(call, plan)]
    signals = ", ".join(f"{signal.kind} {signal.name} {signal.value}" for signal in call.signals)
    if signals:
        told.append(f"Found out: {signals}.")
    targets = [(step.move, target) for step in plan.steps for target in step.targets]
    if not targets:
        told.append("Nobody may answer.")
    for number, (move, target) in enumerate(targets, 1):
        told.append(f"{number}. {_target(target)}" + (" (first choice)" if move == "first" else " (failover)"))
    for rejection in plan.rejected:
        where = f"{rejection.model}@{rejection.channel}" if rejection.channel else rejection.model
        told.append(f"Not {where}: {rejection.detail} [{rejection.reason}].")
    return told


def _asked(call: Call, plan: Plan) -> str:
    chosen = (
        "which names the model" if plan.strategy == "pinned" else f"so policy {plan.policy} ({plan.strategy}) chooses"
    )
    return f"The request asks for {call.model!r}, {chosen}."


def _target(target: Target) -> str:
    expected = target.expected
    cost = "at an unknown price" if expected.cost is None else f"for about ${plain(expected.cost)}"
    quality = "" if expected.quality is None else f", quality {expected.quality:g}"
    latency = "" if expected.latency_ms is None else f", about {expected.latency_ms} ms"
    channels = ", ".join(channel.name for channel in target.channels)
    parts = ", ".join(f"{name} {value:.2f}" for name, value in target.parts)
    score = f"; score {target.score:.3f} ({parts})" if parts else ""
    return f"{target.model.name} via {channels} {cost}{quality}{latency}{score}"
