"""decide(call, choice, snapshot, seed) -> Plan: which models may serve a request, in which order, and why not the others.

Pure: the same arguments give the same plan on any machine, on any day. Everything it knows of the world comes
in with the snapshot, everything it knows of the request with the call and its signals.
"""

from __future__ import annotations

import msgspec

from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.constraints import Ask, expected_latency, fitting, standing
from fairlead.core.cost import expected_cost
from fairlead.core.model import CAPABILITIES, Channel, Model, Snapshot
from fairlead.core.plan import Expected, Plan, Rejection, Step, Target
from fairlead.core.policies import STRATEGIES
from fairlead.core.policy import Policy, least

PINNED = STRATEGIES["pinned"]
FAILOVERS = 3
"""Further models a plan holds ready behind the first."""
OUTRANKED = f"it would do, but {1 + FAILOVERS} others rank before it"


class Shortlist(msgspec.Struct, frozen=True):
    """The models that may serve requests of one kind, and why the others may not: all that size does not touch."""

    standing: tuple[tuple[Model, tuple[Channel, ...], bool], ...]
    """Model, channels, and whether it was named by the caller."""
    rejected: tuple[Rejection, ...]


Memo = dict[tuple[str, ...], Shortlist]
"""Shortlists of one snapshot by the kind of request. Whoever keeps one drops it with its snapshot."""


def decide(call: Call, choice: Choice, snapshot: Snapshot, seed: int, memo: Memo | None = None) -> Plan:
    """With a memo the same plan comes sooner; it never comes out differently."""
    policy = choice.policy
    named = choice.model is not None or policy.strategy == "pinned"
    ask = requirements(call, policy, snapshot, named)
    shortlist = _remembered(ask, choice, snapshot, named, memo)
    rejected = list(shortlist.rejected)
    targets: list[Target] = []
    for model, channels, spared in shortlist.standing:
        fit = fitting(ask, model, channels, spared, rejected)
        if fit:
            targets.append(_target(ask, model, fit))
        elif not rejected[-1].channel:
            # Out as a whole: what was said of single channels before says nothing more.
            rejected = [one for one in rejected if one.model != model.name or not one.channel]
    strategy = "pinned" if named else policy.strategy
    if targets and not named:
        targets = STRATEGIES[strategy].rank(targets, policy)
        if policy.fallbacks:
            targets = _with_fallbacks(targets, policy, snapshot, rejected)
    for target in targets[1 + FAILOVERS :]:
        rejected.append(Rejection(target.model.name, "", "outranked", OUTRANKED))
    return Plan(
        steps=_steps(targets),
        rejected=tuple(rejected),
        policy=policy.name,
        strategy=strategy,
        policy_hash=policy.hash,
        snapshot_hash=snapshot.hash,
        conditions=snapshot.conditions.version,
        seed=seed,
    )


def _remembered(ask: Ask, choice: Choice, snapshot: Snapshot, named: bool, memo: Memo | None) -> Shortlist:
    call, policy = ask.call, ask.policy
    wishes = call.wishes
    if memo is None or call.sensitive or wishes.quality_floor is not None or wishes.max_latency_ms is not None:
        return _shortlist(ask, choice, snapshot, named)
    name = "" if choice.model is None else choice.model.name
    kind = (call.caller.name, policy.name, policy.hash, name, choice.channel, str(ask.capabilities))
    found = memo.get(kind)
    if found is None:
        found = memo[kind] = _shortlist(ask, choice, snapshot, named)
    return found


def _shortlist(ask: Ask, choice: Choice, snapshot: Snapshot, named: bool) -> Shortlist:
    rejected: list[Rejection] = []
    kept = []
    for place, model in enumerate(_pool(choice, snapshot, rejected)):
        # Only the model that was named is spared the questions of taste; what stands in for it is chosen.
        spared = named and place == 0
        channels = standing(ask, model, spared, choice.channel if spared else "", rejected)
        if channels:
            kept.append((model, channels, spared))
    return Shortlist(tuple(kept), tuple(rejected))


def requirements(call: Call, policy: Policy, snapshot: Snapshot, named: bool) -> Ask:
    """Adds up what the request needs (its signals), what the caller wants and what the policy demands."""
    capabilities = input_tokens = output_tokens = output_room = 0
    for signal in call.signals:
        kind = signal.kind
        if kind == "tokens":
            value = int(signal.value)
            if signal.name == "input":
                input_tokens = value
            elif signal.name == "output":
                output_tokens = value
            elif signal.name == "output_room":
                output_room = value
        elif kind == "needs" and signal.value:
            capabilities |= CAPABILITIES[signal.name]
    wishes = call.wishes
    floor = policy.min_quality
    if floor is None:
        floor = PINNED.min_quality if named else STRATEGIES[policy.strategy].min_quality
    if wishes.quality_floor is not None:
        floor = max(floor, wishes.quality_floor)
    return Ask(
        call,
        policy,
        snapshot.conditions,
        capabilities,
        input_tokens,
        output_tokens,
        output_room,
        floor,
        least(policy.max_cost, wishes.max_cost),
        least(policy.max_latency_ms, wishes.max_latency_ms),
    )


def _pool(choice: Choice, snapshot: Snapshot, rejected: list[Rejection]) -> list[Model]:
    """The models to look at: the named one and the policy's fallbacks, or all there are."""
    policy = choice.policy
    if choice.model is not None:
        # A channel named by the caller is a wish for exactly that one.
        return [choice.model] if choice.channel else [choice.model, *_others(policy, snapshot, choice.model)]
    if policy.strategy == "pinned":
        first = snapshot.resolve(policy.model)
        if first is None:
            rejected.append(
                Rejection(policy.model, "", "unknown", f"policy {policy.name} pins a model that is not configured")
            )
            return _others(policy, snapshot, None)
        return [first, *_others(policy, snapshot, first)]
    return list(snapshot.models.values())


def _others(policy: Policy, snapshot: Snapshot, first: Model | None) -> list[Model]:
    found: list[Model] = []
    for name in policy.fallbacks:
        model = snapshot.resolve(name)
        if model is not None and model is not first and model not in found:
            found.append(model)
    return found


def _target(ask: Ask, model: Model, channels: tuple[Channel, ...]) -> Target:
    """Channels stay in the order they are declared; what is expected is what the first of them would take."""
    first = channels[0]
    price = first.price_at(ask.call.facts.at)
    cost = None if price is None else expected_cost(price, ask.input_tokens, ask.output_tokens)
    return Target(
        model,
        channels,
        Expected(ask.input_tokens, ask.output_tokens, cost, expected_latency(ask, model, first), model.quality),
    )


def _with_fallbacks(
    targets: list[Target], policy: Policy, snapshot: Snapshot, rejected: list[Rejection]
) -> list[Target]:
    """The policy's own chain takes the place of the ranking behind the first: availability, in the order given."""
    by_name = {target.model.name: target for target in targets}
    others = (by_name.get(model.name) for model in _others(policy, snapshot, targets[0].model))
    chain = [targets[0], *(target for target in others if target is not None)]
    for target in targets:
        if target not in chain:
            rejected.append(
                Rejection(target.model.name, "", "outranked", f"policy {policy.name} lists other fallbacks")
            )
    return chain


def _steps(targets: list[Target]) -> tuple[Step, ...]:
    if not targets:
        return ()
    first = Step("first", (targets[0],))
    if len(targets) == 1:
        return (first,)
    return first, Step("failover", tuple(targets[1 : 1 + FAILOVERS]))
