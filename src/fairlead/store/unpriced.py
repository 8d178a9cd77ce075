"""Attempts whose price nobody knew. On the books they stand with nothing, which is not what they cost: whoever adds up
says how many there were."""

from __future__ import annotations

import sqlite3

import msgspec

from fairlead.store.window import EVERYTHING, Window, where_of

INDEX = "CREATE INDEX IF NOT EXISTS attempts_unpriced ON attempts (seq) WHERE price_row = ''"


class Unpriced(msgspec.Struct, frozen=True):
    model: str
    attempts: int
    """Those that were answered, or took tokens all the same."""


def unpriced(connection: sqlite3.Connection, window: Window = EVERYTHING) -> tuple[Unpriced, ...]:
    """Most first, as far back as there are records."""
    where, values = where_of(window)
    rows = connection.execute(
        f"""SELECT attempts.model, count(*) FROM attempts CROSS JOIN requests ON requests.seq = attempts.request
            WHERE attempts.price_row = '' AND attempts.outcome <> 'lost'
            AND (attempts.outcome = 'ok' OR attempts.input + attempts.output > 0) AND {where}
            GROUP BY 1 ORDER BY 2 DESC, 1""",
        values,
    )
    return tuple(Unpriced(*row) for row in rows)
