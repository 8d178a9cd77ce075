"""What subscriptions cost in a window: their price, spread evenly over time. No request is charged for them.

One counts from when its price row came into use here, as long as the configuration has it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from fairlead.core.cost import in_usd
from fairlead.core.model import Price
from fairlead.store.window import EVERYTHING, Window

PERIODS = {"day": 86_400, "week": 604_800, "month": 2_629_746, "year": 31_556_952}
"""Seconds; a month is a twelfth of the mean year."""


class Subscription(msgspec.Struct, frozen=True):
    channel: str
    price_row: str
    amount: int
    """Nano-units of the currency each period."""
    currency: str
    per: str
    since_ms: int
    """From when on it counts in this window."""
    until_ms: int
    cost: int
    """Nano-units of USD."""


def subscriptions(
    connection: sqlite3.Connection, rows: Mapping[str, Price], now_ms: int, window: Window = EVERYTHING
) -> tuple[Subscription, ...]:
    """`rows` are those in force, by channel. They are not any one tenant's."""
    if window.tenant is not None:
        return ()
    found = []
    for channel, row in rows.items():
        if not row.flat:
            continue
        (first,) = connection.execute("SELECT min(at_ms) FROM prices WHERE id = ?", (row.id,)).fetchone()
        if first is None:
            continue
        begins = max(first, row.since * 1000, window.since_ms)
        ends = min(now_ms, now_ms if window.until_ms is None else window.until_ms)
        if begins < ends:
            cost = in_usd(row.flat, row) * (ends - begins) // (PERIODS[row.flat_per] * 1000)
            found.append(Subscription(channel, row.id, row.flat, row.currency, row.flat_per, begins, ends, cost))
    return tuple(found)
