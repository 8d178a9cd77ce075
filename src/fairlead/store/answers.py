"""What the answers of a window to some operations would have cost at another price.

From sums of tokens, told apart by the size of the prompt, which is as good as from every answer: costs are linear in
tokens, but for less than a nano-dollar that is rounded in each. A price with other rates from a size on that the sums do
not tell apart is applied to every answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence

import msgspec

from fairlead.core.cost import DEAREST, cost_lines, in_usd, rates_for, total, usage_cost
from fairlead.core.model import Price
from fairlead.core.record import Usage
from fairlead.store.rollups import ANSWERS, BANDS, TOKENS, slices, usage_of
from fairlead.store.window import EVERYTHING, Window, halves, where_of, whole


class Sum(msgspec.Struct, frozen=True):
    band: int
    alone: bool
    """One answer, whose figures stand for themselves."""
    answers: int
    usage: Usage


class Answered:
    def __init__(
        self, connection: sqlite3.Connection, operations: Collection[str], window: Window = EVERYTHING
    ) -> None:
        self._connection, self._operations, self._window = connection, sorted(operations), window
        self._sums = list(_sums(connection, self._operations, window))
        self.requests = sum(one.answers for one in self._sums)
        self._fees = _fees(connection, self._operations, window)

    def cost(self, price: Price) -> int:
        """In nano-units of USD; with the fees of the tools that were used, as they were charged."""
        return self._fees + self._of_tokens(price)

    def _of_tokens(self, price: Price) -> int:
        if all(above in BANDS for above, _ in price.tiers):
            costs = [_cost(price, one) for one in self._sums]
            if None not in costs:
                return in_usd(sum(cost for cost in costs if cost is not None), price)
        return sum(usage_cost(price, usage) for usage in _each(self._connection, self._operations, self._window))


def _cost(price: Price, one: Sum) -> int | None:
    """In the price's currency; None where a sum is beyond what one line may come to."""
    prompt = one.usage.input if one.alone else BANDS[one.band - 1] + 1 if one.band else 0
    flat = msgspec.structs.replace(price, rates=rates_for(price, prompt), tiers=(), per_request=0)
    lines = cost_lines(flat, one.usage)
    if not one.alone and any(line.amount >= DEAREST for line in lines):
        return None
    return total(lines) + price.per_request * one.answers


def _sums(connection: sqlite3.Connection, operations: Sequence[str], window: Window) -> Iterator[Sum]:
    source, values = slices(connection, ANSWERS, window)
    rows = connection.execute(
        f"""SELECT band, seq, sum(answers), {halves(*TOKENS)} FROM {source} WHERE {_among("result", operations)}
            GROUP BY band, seq""",
        [*values, *operations],
    )
    for band, seq, answers, *parts in rows:
        yield Sum(band, seq >= 0, answers, usage_of(whole(parts)))


_ANSWERED = """requests.purpose = 'answer' AND requests.outcome = 'ok' AND attempts.outcome = 'ok'
    AND NOT EXISTS (SELECT 1 FROM attempts AS later
        WHERE later.seq = attempts.seq + 1 AND later.request = attempts.request)"""


def _among(column: str, operations: Sequence[str]) -> str:
    return f"{column} IN ({', '.join('?' * len(operations))})"


def _fees(connection: sqlite3.Connection, operations: Sequence[str], window: Window) -> int:
    """What providers took for tools of the attempts that answered: hardly any model's own affair."""
    where, values = where_of(window, "calls")
    row = connection.execute(
        f"""SELECT {halves("calls.usd")} FROM calls CROSS JOIN attempts ON attempts.seq = calls.seq
            CROSS JOIN requests ON requests.seq = attempts.request WHERE {where} AND {_ANSWERED}
            AND {_among("requests.operation", operations)}""",
        [*values, *operations],
    ).fetchone()
    return whole(row)[0]


def _each(connection: sqlite3.Connection, operations: Sequence[str], window: Window) -> Iterator[Usage]:
    where, values = where_of(window)
    rows = connection.execute(
        f"""SELECT {", ".join(f"attempts.{name}" for name in TOKENS)} FROM attempts
            CROSS JOIN requests ON requests.seq = attempts.request
            WHERE {where} AND {_ANSWERED} AND {_among("requests.operation", operations)}""",
        [*values, *operations],
    )
    return (usage_of(list(row)) for row in rows)
