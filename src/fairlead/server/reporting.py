"""A whole report from a ledger's database, priced with a world's own prices: for the owner and for who reads beside it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec

from fairlead.classify.llm import stability
from fairlead.config.schema import Config
from fairlead.core.budgets import Budget, Scope
from fairlead.core.model import EMBEDDINGS, Price, Snapshot
from fairlead.core.policy import Policy
from fairlead.errors import NotFound
from fairlead.evidence.figures import Clock, Figures, Overhead, burns, cache_use, month, ratio
from fairlead.evidence.forecast import HISTORY
from fairlead.evidence.prompt_caches import by_model
from fairlead.evidence.worth import average_quality
from fairlead.gateway.opinion import TELLING
from fairlead.gateway.periods import calendar
from fairlead.gateway.world import World
from fairlead.registry import budgets as registry_budgets
from fairlead.registry import policies as registry_policies
from fairlead.registry import snapshot
from fairlead.registry.catalogue import Catalogue
from fairlead.registry.declared import Declared, declared
from fairlead.store.budgets import spent_since
from fairlead.store.opinions import OpinionDay
from fairlead.store.prices import latest as prices_charged
from fairlead.store.prompt_caches import touched
from fairlead.store.recalled import recalled
from fairlead.store.reports import EMBEDDING, TEXT, Report, report
from fairlead.store.spending import NO_TEXT, cached, seen, side_calls, spent_by_day, works
from fairlead.store.subscriptions import subscriptions
from fairlead.store.tiers import Account, TierGroup
from fairlead.store.window import Window

COLUMNS: dict[Scope, tuple[str, ...]] = {
    "gateway": (),
    "tenant": ("tenant",),
    "team": ("tenant", "team"),
    "key": ("tenant", "key"),
    "tag": ("tenant", "tags"),
    "tier": ("tenant", "policy", "tier"),
    "model": ("model",),
}
"""What tells the payers of a scope apart."""


class Configured(msgspec.Struct, frozen=True):
    """What a report measures the ledger by."""

    snapshot: Snapshot
    policies: Mapping[str, Policy]
    timezones: Mapping[str, ZoneInfo]
    default: str
    """The default policy's name."""
    said: Declared
    budgets: tuple[Budget, ...] = ()
    plans: Mapping[str, str] = {}
    """Of the keys that have one."""


class Told(msgspec.Struct, frozen=True):
    report: Report
    figures: Figures


def configured(world: World) -> Configured:
    plans = {holder.caller.name: holder.caller.plan for holder in world.keys.values() if holder.caller.plan}
    return Configured(
        world.snapshot, world.policies, world.timezones, world.default_policy, world.said, world.budgets, plans
    )


def configured_by(config: Config, catalogue: Catalogue) -> Configured:
    """The same without a gateway."""
    timezones = {name: ZoneInfo(tenant.timezone) for name, tenant in config.tenants.items()}
    built, policies = snapshot.build(config, catalogue), registry_policies.policies(config)
    budgets = registry_budgets.budgets(config, policies)
    plans = {key.name: key.plan for key in config.keys if key.plan}
    return Configured(built, policies, timezones, config.policy.default, declared(config), budgets, plans)


def report_from(
    connection: sqlite3.Connection,
    window: Window,
    by: Configured,
    catalogue: Catalogue,
    baselines: Sequence[str] = (),
) -> Told:
    """Compared with `baselines`, or with every configured model. Raises NotFound for a baseline nobody knows."""
    world, now = by.snapshot, time.time()
    at = int(now)
    prices, able = {}, {}
    for asked in baselines or tuple(world.models):
        name, price, capabilities = price_of(asked, world, catalogue, at)
        prices[name] = price
        if capabilities & EMBEDDINGS:
            able[name] = EMBEDDING if capabilities == EMBEDDINGS else EMBEDDING | TEXT

    found = report(connection, window, prices, able)
    today = spent_today(connection, by.timezones, now) if found.tiers else {}
    figures = figures_of(connection, window, by, found, now)
    said = found.opinions
    whole = msgspec.structs.replace(
        found,
        tiers=with_budgets(found.tiers, by.policies, today),
        opinions=None if said is None else msgspec.structs.replace(said, days=with_drift(said.days)),
        subscriptions=subscriptions(connection, rows_at(world, at), int(now * 1000), window),
    )
    return Told(whole, figures)


def rows_at(world: Snapshot, at: int) -> dict[str, Price]:
    """By channel, what its price is now."""
    channels = (channel for model in world.models.values() for channel in model.channels)
    found = {
        channel.id: next((row for row in reversed(channel.prices) if row.since <= at), None) for channel in channels
    }
    return {name: row for name, row in found.items() if row is not None}


def figures_of(connection: sqlite3.Connection, window: Window, by: Configured, found: Report, now: float) -> Figures:
    """Month and budgets are those of now, whatever the window; of one tenant's, where it is a tenant's."""
    latest = seen(connection, window)
    judged = {(one.model, one.task): (one.score, one.judgements) for one in found.judged}
    quality = average_quality(works(connection, window, NO_TEXT), by.snapshot.models, judged)
    us = latest.overhead_us // latest.looked_at if latest.looked_at else None
    clocks = clocks_of(connection, by, window.tenant, now)
    utc = next(clock for clock in clocks if clock.tenants is None)
    charged = prices_charged(connection)
    return Figures(
        cache=cache_use(cached(connection, window), charged),
        overhead=Overhead(side_calls(connection, window), us, latest.looked_at),
        quality=quality,
        ratio=ratio(found.totals.cost, found.totals.requests, quality),
        month=month(utc.days, now),
        budgets=burns(by.budgets, clocks, by.plans, now) if window.tenant is None else (),
        caches=by_model(touched(connection, window), inputs_of(found), charged),
        recalled=recalled(connection, window),
    )


def inputs_of(found: Report) -> dict[str, int]:
    """All input tokens by model."""
    inputs: dict[str, int] = {}
    for group in (*found.models, *found.unanswered):
        inputs[group.name] = inputs.get(group.name, 0) + group.input_tokens
    return inputs


def clocks_of(connection: sqlite3.Connection, by: Configured, tenant: str | None, now: float) -> tuple[Clock, ...]:
    """UTC's, and those of the tenants who are elsewhere."""
    zones: dict[tzinfo, set[str]] = {}
    for name, zone in by.timezones.items():
        if zone.key != "UTC":
            zones.setdefault(zone, set()).add(name)
    since = 0.0 if any(budget.per == "total" for budget in by.budgets) else now - (HISTORY + 1) * 86_400
    told = {"tenant"} if zones else set[str]()
    for budget in by.budgets:
        told.update(COLUMNS[budget.scope])
    found = [Clock(UTC, spent_by_day(connection, since, 0, tenant, told), None)]
    for where, tenants in zones.items():
        ahead = datetime.fromtimestamp(now, where).utcoffset()
        seconds = 0 if ahead is None else int(ahead.total_seconds())
        found.append(Clock(where, spent_by_day(connection, since, seconds, tenant, told), frozenset(tenants)))
    return tuple(found)


def spent_today(connection: sqlite3.Connection, timezones: Mapping[str, ZoneInfo], now: float) -> dict[Account, int]:
    """By tier, since the midnight of its tenant."""
    begins: dict[tzinfo, float] = {zone: calendar("day", zone)(now).since for zone in (UTC, *timezones.values())}
    spent = spent_since(connection, begins.values())
    found: dict[Account, int] = {}
    for zone, since in begins.items():
        for row in spent[since]:
            if row.tier and timezones.get(row.tenant, UTC) == zone:
                account = row.tenant, row.policy, row.tier
                found[account] = found.get(account, 0) + row.cost
    return found


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


def price_of(asked: str, world: Snapshot, catalogue: Catalogue, at: int) -> tuple[str, Price | None, int]:
    """A model's name, what it costs now and what it can do: on its first channel, or, not being configured, by the
    catalogue."""
    model = world.resolve(asked)
    if model is not None:
        return model.name, model.channels[0].price_at(at), model.capabilities
    entry = catalogue.find(asked)
    if entry is None:
        known = ", ".join(world.models)
        raise NotFound(f"model {asked!r} is neither configured nor in the catalogue; configured: {known}.")
    for offer in entry.offers.values():
        rows = [row for row in offer.prices if row.since <= at]
        if rows:
            return entry.name, rows[-1], entry.capabilities
    return entry.name, None, entry.capabilities
