"""A model that was named, with nobody behind it. Of two requests for it that wish the same, only the size differs: the plan
of one is the plan of the other, with other figures.

`kept` remembers such a plan, `again` makes the next one of it, or None where a request has to be looked at as a whole.
"""

from __future__ import annotations

import msgspec

from fairlead.core.call import Call, Caller, Wishes
from fairlead.core.choice import Choice
from fairlead.core.cost import expected_cost
from fairlead.core.model import Channel, Model, Snapshot
from fairlead.core.plan import Expected, Plan, Step, Target

SIZES = 3
"""Signals of a request whose words nobody read: tokens of input, of output, and the most that this may take."""


class Kept(msgspec.Struct, frozen=True):
    caller: Caller
    wishes: Wishes
    plan: Plan
    model: Model
    channels: tuple[Channel, ...]
    fits: int
    """Tokens of input and output that every channel takes."""
    latency: int | None
    quality: float | None


def kind(call: Call, choice: Choice) -> tuple[object, ...]:
    """What requests have in common that may share a plan, as far as it is quickly compared."""
    model, policy, caller = choice.model, choice.policy, call.caller
    assert model is not None
    return model.name, choice.channel, policy.name, policy.hash, caller.tenant, caller.name, call.operation


def again(found: Kept, call: Call, seed: int) -> Plan | None:
    sizes = _sizes(call)
    if sizes is None or found.wishes is not call.wishes or found.caller is not call.caller or not call.facts.plain:
        return None
    tokens, output, room = sizes
    if tokens + room > found.fits:
        return None
    price = found.channels[0].price_at(call.facts.at)
    cost = None if price is None else expected_cost(price, tokens, output)
    expected = Expected(tokens, output, cost, found.latency, found.quality)
    first = found.plan
    return Plan(
        (Step("first", (Target(found.model, found.channels, expected),)),),
        (),
        first.policy,
        first.strategy,
        first.policy_hash,
        first.snapshot_hash,
        first.conditions,
        seed,
        named=True,
        handling=first.handling,
    )


def kept(call: Call, choice: Choice, snapshot: Snapshot, plan: Plan) -> Kept | None:
    """None where the plan hangs on more than what `again` looks at."""
    if len(plan.steps) != 1 or len(plan.steps[0].targets) != 1 or _sizes(call) is None or not call.facts.plain:
        return None
    target, policy, wishes = plan.steps[0].targets[0], choice.policy, call.wishes
    conditions = snapshot.conditions
    learnt = f"{target.model.name}|" in conditions.output or any(one.id in conditions.cached for one in target.channels)
    bounded = policy.max_cost is not None or wishes.max_cost is not None or call.caller.max_cost is not None
    if learnt or bounded or wishes.sort:
        return None
    expected = target.expected
    usual = Plan(
        (Step("first", (Target(target.model, target.channels, expected),)),),
        (),
        policy.name,
        "pinned",
        policy.hash,
        snapshot.hash,
        conditions.version,
        plan.seed,
        named=True,
        handling=policy.handling,
    )
    if plan != usual:
        return None
    takes = [found for found in (target.model.context, *(one.context for one in target.channels)) if found]
    fits = min(takes, default=1 << 62)
    return Kept(call.caller, wishes, plan, target.model, target.channels, fits, expected.latency_ms, expected.quality)


def _sizes(call: Call) -> tuple[int, int, int] | None:
    """Where nothing else is known of it."""
    signals = call.signals
    if len(signals) != SIZES:
        return None
    tokens, output, room = signals
    if not tokens.kind == output.kind == room.kind == "tokens":
        return None
    if tokens.name != "input" or output.name != "output" or room.name != "output_room":
        return None
    return int(tokens.value), int(output.value), int(room.value)
