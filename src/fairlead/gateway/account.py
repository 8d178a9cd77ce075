"""What an attempt and a request come to: usage, cost lines, the record for the ledger."""

from __future__ import annotations

from fairlead.core.cost import cost_lines, total
from fairlead.core.model import Price, Snapshot
from fairlead.core.record import CostLine, Usage


def charge(price: Price | None, usage: Usage) -> tuple[tuple[CostLine, ...], int]:
    """Cost lines and their sum; nothing where the price is unknown (the attempt's price row is then empty)."""
    if price is None:
        return (), 0
    lines = cost_lines(price, usage)
    return lines, total(lines)


def baseline_cost(snapshot: Snapshot, baseline: str, usage: Usage, at: int) -> int | None:
    """What the same tokens would have cost on the baseline model's first channel."""
    model = snapshot.models.get(baseline)
    if model is None:
        return None
    price = model.channels[0].price_at(at)
    return None if price is None else total(cost_lines(price, usage))
