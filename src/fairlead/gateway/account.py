"""How an attempt begins on the books, before it leaves, and what the same tokens would have cost elsewhere."""

from __future__ import annotations

import time
from time import monotonic
from typing import TYPE_CHECKING

from fairlead.core.cost import expected_cost, usage_cost
from fairlead.core.model import Channel
from fairlead.core.record import Intent, Usage

if TYPE_CHECKING:
    from fairlead.gateway.attempt import Try


def intend(trying: Try) -> None:
    """It is in the ledger as one that is about to leave, and its time runs."""
    run, number, candidate, price = trying.run, trying.number, trying.candidate, trying.price
    call, channel, target = run.call, candidate.channel, candidate.target
    caller, expected = call.caller, target.expected
    if channel is target.channels[0]:
        hold = expected.cost or 0
    else:
        hold = 0 if price is None else expected_cost(price, expected.input_tokens, expected.output_tokens)
    intent = Intent(
        call.id + ".1" if number == 1 else f"{call.id}.{number}",
        call.id,
        number,
        run.began if number == 1 else time.time_ns() // 1_000_000,
        caller.name,
        caller.tenant,
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
        run.plan.purse if target.tier else "",
        target.tier,
        caller.team,
        call.wishes.tags,
    )
    if run.joint is not None:
        intent = run.joint.longer(intent)
    run.runtime.ledger.intend(intent)
    trying.intent = intent
    now = trying.sent_at = monotonic()
    if number == 1:
        run.overhead = now - run.received


def baseline_cost(compared: Channel | None, usage: Usage, at: int) -> int | None:
    """What so much would cost on the channel that is compared with, the first of the operation's baseline model."""
    price = None if compared is None else compared.price_at(at)
    return None if price is None else usage_cost(price, usage)
