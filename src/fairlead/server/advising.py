"""Recommendations from a ledger's database: for the owner and for who reads beside it.

They are about texts. Embeddings and media are no work that another model could take over: those of one are of no use with
those of another.
"""

from __future__ import annotations

import sqlite3

from fairlead.core.model import EMBEDDINGS
from fairlead.evidence.advice import Ground
from fairlead.evidence.worth import classes
from fairlead.server.reporting import Configured
from fairlead.store.feedback import judged
from fairlead.store.spending import NO_TEXT, Spell, seen, spell, works
from fairlead.store.window import DAY_MS, Window


def ground(connection: sqlite3.Connection, window: Window, by: Configured, at: int) -> Ground:
    """`at` (epoch seconds) says which prices hold."""
    models = {name: model for name, model in by.snapshot.models.items() if model.capabilities != EMBEDDINGS}
    done = works(connection, window, NO_TEXT)
    return Ground(
        works=done,
        seen=seen(connection, window),
        judged={(one.model, one.task): (one.score, one.judgements) for one in judged(connection, window)},
        models=models,
        policies=by.policies,
        default=by.default,
        tables=by.said.tables,
        common=by.said.common,
        classes=classes(done, models, at, by.said.premium, by.said.cheap),
        at=at,
        span_ms=span_ms(spell(connection, window), window),
    )


def span_ms(spread: Spell | None, window: Window) -> int:
    """What the sums are of: from the window's begin or the first request, to its end or the last; a day at least."""
    if spread is None:
        return DAY_MS
    end = spread.last_ms if window.until_ms is None else window.until_ms
    return max(end - max(window.since_ms, spread.first_ms), DAY_MS)
