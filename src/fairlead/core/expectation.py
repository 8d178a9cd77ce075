"""What a request is expected to cost, to take and to be worth with a model on a channel.

quality  declared for the task, else overall, and moved by the judgements of the model's answers to that task
output   measured length for model and task, else the request's own estimate, never more than it allows
cost     of those tokens; of the input the part that is likely to be read from the channel's prompt cache costs what cached
         input costs: for the conversation's own channel what it holds of it, else what beginnings have in common
latency  measured, else the declared SLA
"""

from __future__ import annotations

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.cost import expected_cost, in_usd, rates_for, rounded
from fairlead.core.model import Channel, Model, Price
from fairlead.core.plan import Expected

WORTH = 20.0
"""Judgements that a declared quality is worth."""
UNKNOWN_QUALITY, UNKNOWN_WORTH = 0.5, 2.0
"""What stands for a quality that nobody declared, and the judgements that it is worth."""
NOTHING = (0.0, 0.0)


def expected(ask: Ask, model: Model, channel: Channel) -> Expected:
    facts = ask.call.facts
    price = channel.price_at(facts.at)
    output = output_tokens(ask, model) if ask.conditions.output else ask.output_tokens
    if price is None:
        cost = None
    elif not ask.conditions.cached and (facts.standing is None or facts.standing.channel != channel.id):
        cost = expected_cost(price, ask.input_tokens, output)
    else:
        cost = cost_of(ask, price, channel, output)
    measured = ask.conditions.latency_ms.get(channel.id)
    return Expected(
        ask.input_tokens, output, cost, model.latency_ms if measured is None else measured, quality(ask, model)
    )


class Belief(msgspec.Struct, frozen=True):
    """What is known of a model's quality, as good and bad judgements: those that what was declared is worth, and those
    that were made."""

    good: float
    bad: float
    judged: float
    """Weight of the judgements that were made."""
    mean: float


def belief(ask: Ask, model: Model) -> Belief:
    known, (good, judged) = declared(ask, model), evidence(ask, model)
    prior, worth = (UNKNOWN_QUALITY, UNKNOWN_WORTH) if known is None else (known, WORTH)
    # Spelled so that judgements which are just as good as what was declared leave it what it is, to the last bit.
    mean = prior + (good - prior * judged) / (worth + judged)
    return Belief(prior * worth + good, (1 - prior) * worth + judged - good, judged, mean)


def quality(ask: Ask, model: Model) -> float | None:
    if ask.conditions.evidence and evidence(ask, model)[1]:
        return belief(ask, model).mean
    return declared(ask, model)


def declared(ask: Ask, model: Model) -> float | None:
    return model.qualities.get(ask.traits.task, model.quality)


def evidence(ask: Ask, model: Model) -> tuple[float, float]:
    """(weight of the good judgements, weight of all) of its answers to this task."""
    return ask.conditions.evidence.get(f"{model.name}|{ask.traits.task}", NOTHING)


def output_tokens(ask: Ask, model: Model) -> int:
    if not ask.conditions.output:
        return ask.output_tokens
    measured = ask.conditions.output.get(f"{model.name}|{ask.traits.task}")
    if measured is None:
        return ask.output_tokens
    return min(measured, ask.output_room) if ask.output_room else measured


def cost_of(ask: Ask, price: Price, channel: Channel, output: int) -> int:
    whole = expected_cost(price, ask.input_tokens, output)
    cached = cached_tokens(ask, channel)
    rates = rates_for(price, ask.input_tokens)
    if not cached or rates.cached_input is None:
        return whole
    return whole - in_usd(rounded(cached, rates.input) - rounded(cached, rates.cached_input), price)


def cached_tokens(ask: Ask, channel: Channel) -> int:
    """How much of the input is likely to be read from the channel's prompt cache."""
    standing, conditions = ask.call.facts.standing, ask.conditions
    if standing is not None and standing.cached and standing.channel == channel.id:
        return int(min(standing.cached, ask.input_tokens) * conditions.kept.get(channel.id, 1.0))
    return int(ask.input_tokens * conditions.cached.get(channel.id, 0.0))


def latency(ask: Ask, model: Model, channel: Channel) -> int | None:
    measured = ask.conditions.latency_ms.get(channel.id)
    return model.latency_ms if measured is None else measured
