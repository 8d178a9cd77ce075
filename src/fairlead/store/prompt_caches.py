"""What each model read from its providers' prompt caches and wrote to them, by the price rows it was charged by."""

from __future__ import annotations

import sqlite3

import msgspec

from fairlead.store.spending import attempts_of
from fairlead.store.window import EVERYTHING, Window, halves, whole


class Touched(msgspec.Struct, frozen=True):
    """Attempts of a model at one price that read from a cache or wrote to one."""

    model: str
    price_row: str
    attempts: int
    input_tokens: int
    cached_tokens: int
    written_tokens: int
    written_1h_tokens: int


def touched(connection: sqlite3.Connection, window: Window = EVERYTHING) -> tuple[Touched, ...]:
    source, where, values = attempts_of(connection, window)
    sums = halves("input", "cached_input", "cache_write", "cache_write_1h")
    rows = connection.execute(
        f"""SELECT attempts.model, price_row, count(*), {sums} FROM {source}
            WHERE (cached_input > 0 OR cache_write > 0 OR cache_write_1h > 0) AND {where} GROUP BY 1, 2 ORDER BY 1, 2""",
        values,
    )
    return tuple(Touched(model or "", row or "", attempts, *whole(sums)) for model, row, attempts, *sums in rows)
