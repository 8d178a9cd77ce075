"""What a request is expected to cost, to take and to be worth with a model on a channel.

quality  declared for the task, else overall, and moved by the judgements of the model's answers to that task; where an
         experiment told it from another model's for certain, that one's and the difference
output   measured length for model and task, else what other models took for that task, else the request's own estimate, never
         more than it allows
cost     of those tokens; of the input the part that is likely to be read from the channel's prompt cache costs what cached
         input costs: for the conversation's own channel what it holds of it, else what beginnings have in common
latency  measured, else the declared SLA
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.cost import expected_cost, in_usd, rates_for, rounded
from fairlead.core.model import Channel, Compared, Model, Price
from fairlead.core.plan import Expected

WORTH = 20.0
"""Judgements that a declared quality is worth."""
UNKNOWN_QUALITY, UNKNOWN_WORTH = 0.5, 2.0
"""What stands for a quality that nobody declared, and the judgements that it is worth."""
NOTHING = (0.0, 0.0)


def expected(ask: Ask, model: Model, channel: Channel) -> Expected:
    return expecting(ask)(model, channel)


def expecting(ask: Ask) -> Callable[[Model, Channel], Expected]:
    """What is to be asked of each of many candidates, with all that they have in common looked up once."""
    facts, conditions = ask.call.facts, ask.conditions
    at, tokens, task = facts.at, ask.input_tokens, ask.traits.task
    usual, lengths, cached = ask.output_tokens, conditions.output, conditions.cached
    latencies, found_out = conditions.latency_ms, conditions.evidence or conditions.compared
    home = "" if facts.standing is None else facts.standing.channel

    def of(model: Model, channel: Channel) -> Expected:
        price = channel.price_at(at)
        output = output_tokens(ask, model) if lengths else usual
        if price is None:
            cost = None
        elif not cached and channel.id != home:
            cost = expected_cost(price, tokens, output)
        else:
            cost = cost_of(ask, price, channel, output)
        known = quality(ask, model) if found_out else model.qualities.get(task, model.quality)
        return Expected(tokens, output, cost, latencies.get(channel.id, model.latency_ms), known)

    return of


class Belief(msgspec.Struct, frozen=True):
    """What is known of a model's quality, as good and bad judgements: those that what was declared is worth, and those
    that were made."""

    good: float
    bad: float
    judged: float
    """Weight of the judgements that were made."""
    mean: float


def belief(ask: Ask, model: Model) -> Belief:
    own = _judged(ask, model)
    if not ask.conditions.compared or compared(ask, model) is None:
        return own
    mean = quality(ask, model)
    if mean is None:
        return own
    whole = own.good + own.bad
    return Belief(mean * whole, (1 - mean) * whole, own.judged, mean)


def _judged(ask: Ask, model: Model) -> Belief:
    """By what is said of the model itself."""
    known, (good, judged) = declared(ask, model), evidence(ask, model)
    prior, worth = (UNKNOWN_QUALITY, UNKNOWN_WORTH) if known is None else (known, WORTH)
    # Spelled so that judgements which are just as good as what was declared leave it what it is, to the last bit.
    mean = prior + (good - prior * judged) / (worth + judged)
    return Belief(prior * worth + good, (1 - prior) * worth + judged - good, judged, mean)


def quality(ask: Ask, model: Model) -> float | None:
    found = compared(ask, model) if ask.conditions.compared else None
    if found is not None:
        return found[1]
    return _of_its_own(ask, model)


def _of_its_own(ask: Ask, model: Model) -> float | None:
    if ask.conditions.evidence and evidence(ask, model)[1]:
        return _judged(ask, model).mean
    return declared(ask, model)


def compared(ask: Ask, model: Model) -> tuple[Compared, float] | None:
    """What an experiment found of it for this task, and the quality that comes to: what is known of who it was compared
    with, and the difference. What is said of that one's answers is no part of another experiment."""
    known = ask.conditions.compared
    found = known.get(f"{model.name}|{ask.traits.task}") or known.get(f"{model.name}|")
    if found is None:
        return None
    other = ask.models.get(found.against)
    before = None if other is None else _of_its_own(ask, other)
    return found, min(1.0, max(0.0, (UNKNOWN_QUALITY if before is None else before) + found.gain))


def declared(ask: Ask, model: Model) -> float | None:
    return model.qualities.get(ask.traits.task, model.quality)


def evidence(ask: Ask, model: Model) -> tuple[float, float]:
    """(weight of the good judgements, weight of all) of its answers to this task."""
    return ask.conditions.evidence.get(f"{model.name}|{ask.traits.task}", NOTHING)


def output_tokens(ask: Ask, model: Model) -> int:
    measured = measured_output(ask, model)
    if measured is None:
        return ask.output_tokens
    return min(measured, ask.output_room) if ask.output_room else measured


def measured_output(ask: Ask, model: Model) -> int | None:
    """How long its answers to such a task are; those of all models where it has given too few. Held against the others by
    another measure, whoever is new would look dear for ever."""
    lengths, task = ask.conditions.output, ask.traits.task
    if not lengths:
        return None
    return lengths.get(f"{model.name}|{task}") or lengths.get(f"|{task}")


def cost_of(ask: Ask, price: Price, channel: Channel, output: int) -> int:
    whole = expected_cost(price, ask.input_tokens, output)
    return less_cached(whole, price, ask.input_tokens, cached_tokens(ask, channel))


def less_cached(whole: int, price: Price, tokens: int, cached: int) -> int:
    """What the whole comes to where so much of the input is read from the prompt cache."""
    rates = rates_for(price, tokens)
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
