"""A model that was named, with nobody behind it. Of two requests for it that wish the same, only the size differs: the plan
of one is the plan of the other, with other figures.

`kept` remembers such a plan, `again` makes the next one of it, or None where a request has to be looked at as a whole.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from fairlead.core.call import Call, Caller, Facts, Signal, Wishes
from fairlead.core.choice import Choice
from fairlead.core.cost import COUNTED, ByToken, by_token, expected_cost
from fairlead.core.model import Channel, Model, Snapshot
from fairlead.core.plan import Expected, Plan, Step, Target

SIZES = ("tokens", "input", "tokens", "output", "tokens", "output_room")
"""Kinds and names of what is found of a request whose words nobody read: how large it is, how large its answer, and the
most that this may be."""
KINDS = len(SIZES) // 2
KIND, INPUT = SIZES[:2]
UNKNOWN = 1 << 62
NEVER = Facts(0)
SIZES_KEPT = 16
"""As in a field."""


class Kept(msgspec.Struct):
    caller: Caller
    wishes: Wishes
    plan: Plan
    model: Model
    channels: tuple[Channel, ...]
    by_token: ByToken | None
    """What the first costs, where that is known by the token."""
    lowest: int
    """Tokens of input up to which it costs so much."""
    since: int
    """Epoch seconds from which that is known to be its price."""
    facts: Facts
    """The last that were looked at of which nothing stands in the way: as all requests of a second share theirs, that is
    asked once for these."""
    fits: int
    """Tokens of input and output that every channel takes."""
    latency: int | None
    quality: float | None
    plans: dict[tuple[object, Signal, Signal], Plan] = {}
    """Made of it before, by tokens of input and what was found of the answer's, at the price that was known from then on."""


def again(found: Kept, call: Call) -> Plan | None:
    if found.wishes is not call.wishes or found.caller is not call.caller:
        return None
    facts, signals = call.facts, call.signals
    if facts is not found.facts:
        if not facts.plain:
            return None
        if found.since > facts.at:
            return _made(found, call, lasting=False)
        found.facts = facts
    if len(signals) != KINDS:
        return None
    tokens, output, room = signals
    if tokens.kind != KIND or tokens.name != INPUT:
        return None
    size = tokens.value, output, room
    made = found.plans.get(size)
    if made is None:
        made = _made(found, call, lasting=True)
        if made is not None:
            if len(found.plans) >= SIZES_KEPT:
                found.plans.clear()
            found.plans[size] = made
    return made


def _made(found: Kept, call: Call, lasting: bool) -> Plan | None:
    """`lasting`: at the price that is known."""
    sizes = _sizes(call)
    if sizes is None:
        return None
    tokens, output, room = sizes
    if tokens + room > found.fits:
        return None
    rates, cost = found.by_token, None
    if rates is not None and tokens <= found.lowest and lasting:
        cost = tokens * rates[0] + output * rates[1] + rates[2]
    elif (price := found.channels[0].price_at(call.facts.at)) is not None:
        cost = expected_cost(price, tokens, output)
    target = Target(found.model, found.channels, Expected(tokens, output, cost, found.latency, found.quality))
    return replace(found.plan, steps=(Step("first", (target,)),))


def kept(call: Call, choice: Choice, snapshot: Snapshot, plan: Plan) -> Kept | None:
    """None where the plan hangs on more than what `again` looks at."""
    if len(plan.steps) != 1 or len(plan.steps[0].targets) != 1 or _sizes(call) is None or not call.facts.plain:
        return None
    target, policy, wishes = plan.steps[0].targets[0], choice.policy, call.wishes
    conditions = snapshot.conditions
    lengths = conditions.output
    learnt = (
        "|" in lengths
        or f"{target.model.name}|" in lengths
        or any(one.id in conditions.cached for one in target.channels)
    )
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
        named=True,
        handling=policy.handling,
    )
    if plan != usual:
        return None
    first = target.channels[0]
    since = call.facts.at if first.settled(call.facts.at) else UNKNOWN
    price = first.price_at(call.facts.at)
    lowest = price.tiers[0][0] if price is not None and price.tiers else COUNTED
    takes = (COUNTED, target.model.context, *(one.context for one in target.channels))
    return Kept(
        call.caller, wishes, plan, target.model, target.channels, None if price is None else by_token(price), lowest, since,
        NEVER, min(filter(None, takes)), expected.latency_ms, expected.quality,
    )  # fmt: skip


def _sizes(call: Call) -> tuple[int, int, int] | None:
    """Where nothing else is known of it."""
    signals = call.signals
    if len(signals) != KINDS:
        return None
    tokens, output, room = signals
    if (tokens.kind, tokens.name, output.kind, output.name, room.kind, room.name) != SIZES:
        return None
    return int(tokens.value), int(output.value), int(room.value)
