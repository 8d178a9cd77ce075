"""What the attempts of a window would have cost at other prices. Nothing is changed: what was charged stays charged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from fairlead.core.cost import usage_cost
from fairlead.core.model import Price
from fairlead.store.calls import by_attempt, fees
from fairlead.store.rollups import TOKENS, usage_of
from fairlead.store.window import EVERYTHING, Window, where_of

Pricing = Callable[[str, str, int], Price | None]
"""Model, channel and time (epoch seconds) -> by what it would be charged; None where that is unknown."""


class Repriced(msgspec.Struct):
    """Amounts in nano-units of USD."""

    model: str
    attempts: int = 0
    was: int = 0
    would: int = 0
    unpriced: int = 0
    """Attempts for which there is no other price: they count with what they cost. So does a provider's tool whose fee the
    other price does not name."""
    lost: int = 0
    """Attempts that were under way when the process ended: they count with what was held for them, as nobody knows what
    they used."""

    @property
    def difference(self) -> int:
        return self.would - self.was


def repriced(connection: sqlite3.Connection, pricing: Pricing, window: Window = EVERYTHING) -> tuple[Repriced, ...]:
    """By model, those that change the most first."""
    where, values = where_of(window)
    tokens = ", ".join(f"attempts.{name}" for name in TOKENS)
    rows = connection.execute(
        f"""SELECT attempts.seq, attempts.model, attempts.channel, requests.at_ms, attempts.outcome, attempts.usd, {tokens}
            FROM requests CROSS JOIN attempts ON attempts.seq BETWEEN requests.seq AND requests.seq + 255
                AND +attempts.request = requests.seq WHERE {where}""",
        values,
    )
    called, charged = by_attempt(connection), fees(connection, window)
    found: dict[str, Repriced] = {}
    for seq, model, channel, at_ms, outcome, usd, *used in rows:
        one = found.get(model)
        if one is None:
            one = found[model] = Repriced(model)
        one.attempts += 1
        one.was += usd
        if outcome == "lost":
            one.lost += 1
            one.would += usd
            continue
        price = pricing(model, channel, at_ms // 1000)
        if price is None:
            one.unpriced += 1
            one.would += usd
        else:
            one.would += usage_cost(price, usage_of(used, called.get(seq, ())))
            one.would += sum(usd for tool, usd in charged.get(seq, ()) if price.fee(tool) is None)
    return tuple(sorted(found.values(), key=lambda one: (-abs(one.difference), one.model)))
