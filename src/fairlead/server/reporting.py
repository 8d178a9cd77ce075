"""A whole report from a ledger's database, priced with a world's own prices: for the owner and for who reads beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from fairlead.classify.llm import stability
from fairlead.core.cost import cost_lines, total
from fairlead.core.model import Price, Snapshot
from fairlead.core.policy import Policy
from fairlead.core.record import Usage
from fairlead.errors import NotFound
from fairlead.gateway.opinion import TELLING
from fairlead.gateway.tiers import Tiers
from fairlead.registry.catalogue import Catalogue
from fairlead.store.ledger import DATABASE
from fairlead.store.opinions import OpinionDay
from fairlead.store.reports import Report, open_ledger, report
from fairlead.store.tiers import Account, TierGroup, spent_today
from fairlead.store.window import Window


class Configured(msgspec.Struct, frozen=True):
    """What a report measures the ledger by."""

    snapshot: Snapshot
    policies: Mapping[str, Policy]
    timezones: Mapping[str, ZoneInfo]


def report_of(
    state_dir: Path, window: Window, configured: Configured, catalogue: Catalogue, baselines: Sequence[str] = ()
) -> Report:
    """Compared with `baselines`, or with every configured model. Raises NotFound for a baseline nobody knows."""
    snapshot, now = configured.snapshot, time.time()
    at = int(now)
    prices = {}
    for asked in baselines or tuple(snapshot.models):
        name, price = price_of(asked, snapshot, catalogue, at)
        prices[name] = price

    def charge(model: str, usage: Usage) -> int | None:
        price = prices[model]
        return None if price is None else total(cost_lines(price, usage))

    with closing(open_ledger(state_dir / DATABASE)) as connection:
        found = report(connection, window, tuple(prices), charge)
        today = spent_today(connection, *Tiers(configured.timezones).midnights(now)) if found.tiers else {}
    said = found.opinions
    return msgspec.structs.replace(
        found,
        tiers=with_budgets(found.tiers, configured.policies, today),
        opinions=None if said is None else msgspec.structs.replace(said, days=with_drift(said.days)),
    )


def with_budgets(
    found: Sequence[TierGroup], policies: Mapping[str, Policy], today: Mapping[Account, int]
) -> tuple[TierGroup, ...]:
    """Every tier of the policies that are on the books, the highest first; what is configured no more comes last."""
    by_account = {one.account: one for one in found}
    rows = []
    for tenant, name in dict.fromkeys((one.tenant, one.policy) for one in found):
        policy = policies.get(name)
        for tier in () if policy is None else policy.tiers:
            row = by_account.pop((tenant, name, tier.name), TierGroup(tenant, name, tier.name))
            rows.append(msgspec.structs.replace(row, budget=tier.budget, expected_per_1k=tier.cost_per_1k))
        rows += [row for row in found if (row.tenant, row.policy) == (tenant, name) and row.account in by_account]
    return tuple(msgspec.structs.replace(row, spent_today=today.get(row.account, 0)) for row in rows)


def with_drift(days: Sequence[OpinionDay]) -> tuple[OpinionDay, ...]:
    """Of one day to the next, where both have enough to tell."""
    found = list(days[:1])
    for before, day in pairwise(days):
        next_day = date.fromisoformat(day.date).toordinal() - date.fromisoformat(before.date).toordinal() == 1
        told = next_day and min(before.opinions, day.opinions) >= TELLING
        drift = stability(before.tasks, day.tasks) if told else None
        found.append(msgspec.structs.replace(day, drift=drift))
    return tuple(found)


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
