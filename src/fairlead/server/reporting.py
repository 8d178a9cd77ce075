"""A whole report from a ledger's database, priced with a world's own prices: for the owner and for who reads beside it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from fairlead.core.cost import cost_lines, total
from fairlead.core.model import Price, Snapshot
from fairlead.core.record import Usage
from fairlead.errors import NotFound
from fairlead.registry.catalogue import Catalogue
from fairlead.store.ledger import DATABASE
from fairlead.store.reports import Report, Window, open_ledger, report


def report_of(
    state_dir: Path, window: Window, snapshot: Snapshot, catalogue: Catalogue, baselines: Sequence[str] = ()
) -> Report:
    """Compared with `baselines`, or with every configured model. Raises NotFound for a baseline nobody knows."""
    at = int(time.time())
    prices = {}
    for asked in baselines or tuple(snapshot.models):
        name, price = price_of(asked, snapshot, catalogue, at)
        prices[name] = price

    def charge(model: str, usage: Usage) -> int | None:
        price = prices[model]
        return None if price is None else total(cost_lines(price, usage))

    with closing(open_ledger(state_dir / DATABASE)) as connection:
        return report(connection, window, tuple(prices), charge)


def price_of(asked: str, snapshot: Snapshot, catalogue: Catalogue, at: int) -> tuple[str, Price | None]:
    """A model's name and what it costs now: on its first channel, or, not being configured, by the catalogue."""
    model = snapshot.resolve(asked)
    if model is not None:
        return model.name, model.channels[0].price_at(at)
    entry = catalogue.find(asked)
    if entry is None:
        known = ", ".join(snapshot.models)
        raise NotFound(f"model {asked!r} is neither configured nor in the catalogue; configured: {known}.")
    for offer in entry.offers.values():
        rows = [row for row in offer.prices if row.since <= at]
        if rows:
            return entry.name, rows[-1]
    return entry.name, None
