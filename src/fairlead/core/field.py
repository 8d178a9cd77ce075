"""A field: the models that are weighed for requests of one kind. Of two such requests only the size differs, and with it
what each model costs: all else of the plan, from who may not answer to what each is worth, is as it was for the other.

`decide` finds a field where it meets a kind for the second time; `plan` makes the next plan of it, or None where a request
has to be looked at as a whole. Only where `balanced` weighs, with nothing behind it that would change its order.
"""

from __future__ import annotations

from itertools import repeat

import msgspec
from msgspec.structs import replace

from fairlead.core.ask import Ask
from fairlead.core.call import Call, Caller, Facts, Wishes
from fairlead.core.choice import Choice
from fairlead.core.constraints import SIZED
from fairlead.core.cost import COUNTED, ByToken, by_token, expected_cost
from fairlead.core.expectation import less_cached, measured_output
from fairlead.core.model import Channel, Model, Price
from fairlead.core.plan import FAILOVERS, Expected, Plan, Rejection, Step, Target, outranked
from fairlead.core.policies import balanced
from fairlead.core.policy import Policy
from fairlead.core.traits import Traits

UNBOUNDED = 1 << 62
BEYOND = UNBOUNDED + 1
READY = 1 + FAILOVERS
SIZES_KEPT = 16
"""Of each kind, of which there may be thousands: enough for those who ask the same again and again."""


class Runner(msgspec.Struct, frozen=True, gc=False):
    """One of the field, with all that size does not touch."""

    model: Model
    channels: tuple[Channel, ...]
    price: Price | None
    cached: float
    """Share of the input that is likely to be read from the channel's prompt cache."""
    latency: int | None
    quality: float | None


class Field(msgspec.Struct):
    caller: Caller
    wishes: Wishes
    bare: Plan
    """What all its plans have in common."""
    runners: tuple[Runner, ...]
    """By name: of two that are worth the same the first goes first. So are the three that follow."""
    outputs: tuple[int, ...]
    """Tokens that answers to the task have, the model's own or those of all; 0 where they were not measured."""
    by_token: tuple[ByToken | None, ...]
    outranked: tuple[Rejection, ...]
    longest: int
    """The most of the outputs; beyond any room where one was not measured."""
    lowest: int
    """Tokens of input up to which all are charged by their lowest tier."""
    scale: balanced.Scale
    rejected: tuple[Rejection, ...]
    """Who may not answer, whatever the size."""
    fits: int
    """Tokens of input and output that every runner takes."""
    gives: int
    """Tokens of output that every runner gives."""
    since: int
    """Epoch seconds from which the prices are known to hold."""
    facts: Facts
    """The last of a request that nothing stood in the way of: as all requests of a second share theirs, that is asked once for
    these."""
    plans: dict[tuple[int, int, int], Plan] = {}
    """Made of it before, by the tokens of input, output and room."""


def weighs(call: Call, policy: Policy, plan: Plan) -> bool:
    """Whether the plan hangs on nothing but what a field tells, and everybody is in it."""
    wishes = call.wishes
    otherwise = policy.rules or policy.tiers or policy.fallbacks or policy.critical or policy.handling.quality
    led = wishes.models or wishes.stay or wishes.low_budget or wishes.sort or wishes.provider_order
    if plan.strategy != "balanced" or otherwise or led or not call.facts.plain or call.sensitive:
        return False
    if not plan.steps or plan.last_resort or any(one.reason in SIZED for one in plan.rejected):
        return False
    return policy.max_cost is None and wishes.max_cost is None and call.caller.max_cost is None


def found(plan: Plan, ask: Ask, targets: list[Target], rejected: tuple[Rejection, ...]) -> Field | None:
    """`targets` are all that may answer, as they were scored, `rejected` those that may not. None where a price is about to
    change."""
    call = ask.call
    at = call.facts.at
    if not all(target.channels[0].settled(at) for target in targets):
        return None
    targets = sorted(targets, key=lambda target: target.model.name)
    models = [target.model for target in targets]
    runners = [_runner(target, ask) for target in targets]
    outputs = [measured_output(ask, model) or 0 for model in models]
    takes = [model.context for model in models] + [one.context for target in targets for one in target.channels]
    tiers = [one.price.tiers[0][0] for one in runners if one.price is not None and one.price.tiers]
    bare = Plan(
        (), (), plan.policy, plan.strategy, plan.policy_hash, plan.snapshot_hash, plan.conditions, plan.task,
        handling=plan.handling,
    )  # fmt: skip
    return Field(
        call.caller,
        call.wishes,
        bare,
        tuple(runners),
        tuple(outputs),
        tuple(map(_by_token, runners, outputs)),
        tuple(outranked(model.name) for model in models),
        max(output or BEYOND for output in outputs),
        min(tiers, default=UNBOUNDED),
        balanced.scale(targets, ask),
        rejected,
        min(filter(None, (COUNTED, *takes))),
        min(filter(None, (model.max_output for model in models)), default=UNBOUNDED),
        at,
        call.facts,
    )


def _runner(target: Target, ask: Ask) -> Runner:
    model, channel, conditions = target.model, target.channels[0], ask.conditions
    return Runner(
        model,
        target.channels,
        channel.price_at(ask.call.facts.at),
        conditions.cached.get(channel.id, 0.0),
        target.expected.latency_ms,
        target.expected.quality,
    )


def _by_token(one: Runner, output: int) -> ByToken | None:
    """None where more counts than that."""
    return None if one.price is None or one.cached or output > COUNTED else by_token(one.price)


def kind(call: Call, choice: Choice, found: Traits) -> tuple[object, ...]:
    """What requests have in common that may share a field, as far as it is quickly compared."""
    return choice.policy.hash, call.caller.name, call.operation, found.task, found.complexity, found.capabilities


def plan(field: Field, call: Call, found: Traits) -> Plan | None:
    if not _alike(field, call, found):
        return None
    size = found.input_tokens, found.output_tokens, found.output_room
    made = field.plans.get(size)
    if made is not None:
        return made
    tokens, usual, room = size
    if tokens + max(room, usual) > field.fits or room > field.gives:
        return None
    runners, scale, outputs, most = field.runners, field.scale, field.outputs, room or UNBOUNDED
    if most < field.longest:
        outputs = tuple([usual if not output else output if output < most else most for output in outputs])
    prices = field.by_token if tokens <= field.lowest else repeat(None)
    costs = [
        _cost(one, tokens, output) if price is None else tokens * price[0] + output * price[1] + price[2]
        for one, output, price in zip(runners, outputs, prices)  # noqa: B905 - no end
    ]
    order, scores, least = balanced.reordered(scale, costs)
    ready = []
    for at in order[:READY]:
        one, cost = runners[at], costs[at]
        expected = Expected(tokens, outputs[at], cost, one.latency, one.quality)
        ready.append(Target(one.model, one.channels, expected, scores[at], balanced.parts_at(scale, at, cost, least)))
    steps: tuple[Step, ...] = (Step("first", (ready[0],)),)
    if len(ready) > 1:
        steps = (*steps, Step("failover", tuple(ready[1:])))
    rejected = (*field.rejected, *map(field.outranked.__getitem__, order[READY:]))
    made = replace(field.bare, steps=steps, rejected=rejected)
    if len(field.plans) >= SIZES_KEPT:
        field.plans.clear()
    field.plans[size] = made
    return made


def _cost(one: Runner, tokens: int, output: int) -> int | None:
    price = one.price
    if price is None:
        return None
    cost = expected_cost(price, tokens, output)
    return less_cached(cost, price, tokens, int(tokens * one.cached)) if one.cached else cost


def _alike(field: Field, call: Call, found: Traits) -> bool:
    if field.wishes is not call.wishes and field.wishes != call.wishes:
        return False
    if field.caller is not call.caller and field.caller != call.caller:
        return False
    facts = call.facts
    if facts is not field.facts:
        if not facts.plain or field.since > facts.at:
            return False
        field.facts = facts
    return not found.sensitive
