"""What a request is expected to cost, to take and to be worth with a model on a channel.

quality  measured for the task, else declared for the task, else overall
output   measured length for model and task, else the request's own estimate, never more than it allows
cost     of those tokens; what lies in the prompt cache of the conversation's own channel costs what cached input costs
latency  measured, else the declared SLA
"""

from __future__ import annotations

from fairlead.core.ask import Ask
from fairlead.core.cost import expected_cost, rates_for, rounded
from fairlead.core.model import Channel, Model, Price
from fairlead.core.plan import Expected


def expected(ask: Ask, model: Model, channel: Channel) -> Expected:
    facts = ask.call.facts
    price = channel.price_at(facts.at)
    output = output_tokens(ask, model) if ask.conditions.output else ask.output_tokens
    if price is None:
        cost = None
    elif facts.standing is None or facts.standing.channel != channel.id:
        cost = expected_cost(price, ask.input_tokens, output)
    else:
        cost = cost_of(ask, price, channel, output)
    measured = ask.conditions.latency_ms.get(channel.id)
    return Expected(
        ask.input_tokens, output, cost, model.latency_ms if measured is None else measured, quality(ask, model)
    )


def quality(ask: Ask, model: Model) -> float | None:
    task = ask.traits.task
    if task:
        measured = ask.conditions.quality.get(f"{model.name}|{task}") if ask.conditions.quality else None
        if measured is None:
            measured = model.qualities.get(task)
        if measured is not None:
            return measured
    return model.quality


def output_tokens(ask: Ask, model: Model) -> int:
    if not ask.conditions.output:
        return ask.output_tokens
    measured = ask.conditions.output.get(f"{model.name}|{ask.traits.task}")
    if measured is None:
        return ask.output_tokens
    return min(measured, ask.output_room) if ask.output_room else measured


def cost_of(ask: Ask, price: Price, channel: Channel, output: int) -> int:
    whole = expected_cost(price, ask.input_tokens, output)
    standing = ask.call.facts.standing
    if standing is None or not standing.cached or standing.channel != channel.id:
        return whole
    rates = rates_for(price, ask.input_tokens)
    if rates.cached_input is None:
        return whole
    cached = min(standing.cached, ask.input_tokens)
    return whole - rounded(cached, rates.input) + rounded(cached, rates.cached_input)


def latency(ask: Ask, model: Model, channel: Channel) -> int | None:
    measured = ask.conditions.latency_ms.get(channel.id)
    return model.latency_ms if measured is None else measured
