"""What is written of an attempt before it leaves, and what the same tokens would have cost elsewhere."""

from __future__ import annotations

from fairlead.core.call import Call
from fairlead.core.cost import expected_cost, usage_cost
from fairlead.core.execution import Candidate
from fairlead.core.model import Channel, Price
from fairlead.core.plan import Plan
from fairlead.core.record import Intent, Usage


def intent(call: Call, plan: Plan, candidate: Candidate, number: int, at_ms: int, price: Price | None) -> Intent:
    """What is written before an attempt leaves."""
    channel, target = candidate.channel, candidate.target
    expected = target.expected
    if channel is target.channels[0]:
        hold = expected.cost or 0
    else:
        hold = 0 if price is None else expected_cost(price, expected.input_tokens, expected.output_tokens)
    return Intent(
        call.id + ".1" if number == 1 else f"{call.id}.{number}",
        call.id,
        number,
        at_ms,
        call.caller.name,
        call.caller.tenant,
        channel.model,
        channel.id,
        channel.provider,
        channel.region,
        "" if price is None else price.id,
        "USD" if price is None else price.currency,
        hold,
        expected.input_tokens,
        expected.output_tokens,
        call.purpose,
        plan.purse if target.tier else "",
        target.tier,
        call.caller.team,
        call.wishes.tags,
    )


def baseline_cost(compared: Channel | None, usage: Usage, at: int) -> int | None:
    """What so much would cost on the channel that is compared with, the first of the operation's baseline model."""
    price = None if compared is None else compared.price_at(at)
    return None if price is None else usage_cost(price, usage)
