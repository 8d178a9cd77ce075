"""What an attempt and a request come to: usage, cost lines, the record for the ledger."""

from __future__ import annotations

from fairlead.core.call import Call
from fairlead.core.cost import billed, expected_cost, in_usd, usage_cost
from fairlead.core.execution import Candidate
from fairlead.core.model import NANO, Channel, Price
from fairlead.core.plan import Plan
from fairlead.core.record import CostLine, Intent, Usage


def intent(call: Call, plan: Plan, candidate: Candidate, number: int, at_ms: int, price: Price | None) -> Intent:
    """What is written before an attempt leaves."""
    channel, target = candidate.channel, candidate.target
    expected = target.expected
    return Intent(
        f"{call.id}.{number}",
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
        likely_cost(candidate, price),
        expected.input_tokens,
        expected.output_tokens,
        call.purpose,
        plan.purse if target.tier else "",
        target.tier,
        call.caller.team,
        call.wishes.tags,
    )


def charge(price: Price | None, usage: Usage) -> tuple[tuple[CostLine, ...], int, int | None]:
    """Cost lines, their sum, and that in USD where it is another figure; nothing where the price is unknown (the
    attempt's price row is then empty)."""
    if price is None:
        return (), 0, None
    lines, cost = billed(price, usage)
    return lines, cost, None if price.exchange == NANO else in_usd(cost, price)


def baseline_cost(
    compared: Channel | None, usage: Usage, at: int, own: Price | None = None, spent: int = 0
) -> int | None:
    """What the same tokens would have cost on the channel that is compared with, the first of the operation's baseline
    model: what was spent, where that is by its own price."""
    price = None if compared is None else compared.price_at(at)
    if price is None:
        return None
    return spent if price is own else usage_cost(price, usage)


def likely_cost(candidate: Candidate, price: Price | None) -> int:
    """What an attempt is expected to cost at its own channel."""
    expected = candidate.target.expected
    if candidate.channel is candidate.target.channels[0]:
        return expected.cost or 0
    return 0 if price is None else expected_cost(price, expected.input_tokens, expected.output_tokens)
