"""Configuration and catalogue to what `decide` reads: the snapshot of the world.

Rules:
- What the configuration says goes before what the catalogue says, setting by setting.
- A price comes from the channel, else the model, else the catalogue; one with a start day leaves the next source's
  rows in force before it. Discounts are taken off exactly, rounded half-even to a nano-unit where that is finer.
- Flags add up. A region is only taken from the catalogue for a provider at its kind's own address.
- The same content gives the same hash, whatever order it was written in; secrets are not part of it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

import msgspec

from fairlead.config import offers, schema
from fairlead.config.checks import alias_table
from fairlead.core.model import CAPABILITIES, JSON_SCHEMA, TOOLS, Channel, Model, Price, Rates, Snapshot
from fairlead.registry.aptitude import by_task
from fairlead.registry.digest import EXACT, digest, nano

if TYPE_CHECKING:
    from fairlead.registry.catalogue import Catalogue, Entry

ASSUMED_CAPABILITIES = TOOLS | JSON_SCHEMA
"""Of a model nothing is known about: what nearly every current one can do."""


def build(config: schema.Config, catalogue: Catalogue) -> Snapshot:
    aliases = alias_table(config, catalogue)
    models = {name: _model(name, config, catalogue.find(name), aliases) for name in config.models}
    return Snapshot(hash=digest((models, aliases)), models=models, aliases=aliases)


def resolve_alias(snapshot: Snapshot, name: str) -> str | None:
    """The model a name or alias stands for."""
    model = snapshot.resolve(name)
    return None if model is None else model.name


def _model(name: str, config: schema.Config, entry: Entry | None, aliases: Mapping[str, str]) -> Model:
    given = config.models[name]
    quality = given.quality if given.quality is not None or entry is None else entry.quality
    benchmarks = {**(entry.benchmarks if entry else {}), **given.benchmarks}
    return Model(
        name=name,
        channels=tuple(_channel(name, channel, config, entry) for channel in given.channels),
        aliases=_aliases(name, given, entry, aliases),
        context=given.context or (entry.context if entry else 0),
        max_output=given.max_output or (entry.max_output if entry else 0),
        capabilities=_capabilities(given, entry),
        quality=quality,
        qualities=_qualities({**by_task(benchmarks, quality), **given.qualities}, config),
        benchmarks=benchmarks,
        latency_ms=given.latency_ms if given.latency_ms is not None or entry is None else entry.latency_ms,
        flags=frozenset(given.flags) | (entry.flags if entry else frozenset()),
        enabled=given.enabled,
    )


def _qualities(known: dict[str, float], config: schema.Config) -> dict[str, float]:
    """A declared task that nothing is known of is done as well as what it is like."""
    like = {name: known[task.like] for name, task in config.tasks.items() if task.like in known}
    return {**like, **known}


def _aliases(name: str, given: schema.Model, entry: Entry | None, table: Mapping[str, str]) -> tuple[str, ...]:
    listed = (entry.name, *entry.aliases) if entry else ()
    candidates = dict.fromkeys((*given.aliases, *listed))
    return tuple(alias for alias in candidates if alias != name and table[alias.lower()] == name)


def _capabilities(given: schema.Model, entry: Entry | None) -> int:
    if given.capabilities is None:
        return entry.capabilities if entry else ASSUMED_CAPABILITIES
    return sum(CAPABILITIES[name] for name in set(given.capabilities))


def _channel(model: str, given: schema.Channel, config: schema.Config, entry: Entry | None) -> Channel:
    provider = config.providers[given.provider]
    name = given.name or given.provider
    named = offers.named(entry, provider) if entry else None
    located = offers.located(entry, provider) if entry else None
    return Channel(
        id=f"{model}@{name}",
        name=name,
        model=model,
        provider=given.provider,
        upstream=given.model or (named.upstream if named else model),
        prices=_prices(model, name, given, config, entry),
        region=given.region or provider.region or (located.region if located else ""),
        context=located.context if located and given.model is None else 0,
        self_hosted=provider.is_self_hosted,
        flags=frozenset(provider.flags) | frozenset(given.flags),
        enabled=given.enabled,
    )


def _prices(
    model: str, channel: str, given: schema.Channel, config: schema.Config, entry: Entry | None
) -> tuple[Price, ...]:
    listed = offers.priced(entry, config.providers[given.provider]) if entry else None
    rows = listed.prices if listed else ()
    for owner, price in ((model, config.models[model].price), (f"{model}@{channel}", given.price)):
        if price is not None:
            row = _row(owner, price)
            rows = (*(earlier for earlier in rows if earlier.since < row.since), row)
    return tuple(_discounted(row, given.discount) for row in rows) if given.discount else rows


def _row(owner: str, price: schema.Price) -> Price:
    row = Price(
        id="",
        rates=_rates(price),
        currency=price.currency,
        tiers=tuple(sorted(((tier.above, _rates(tier)) for tier in price.tiers), key=lambda tier: tier[0])),
        per_request=nano(price.per_request),
        since=_epoch(price.since) if price.since else 0,
        source="configuration",
    )
    return msgspec.structs.replace(row, id=f"config/{owner}/{digest(row)[:8]}")


def _rates(rates: schema.Rates) -> Rates:
    return Rates(
        input=nano(rates.input),
        output=nano(rates.output),
        cached_input=_optional(rates.cached_input),
        cache_write=_optional(rates.cache_write),
        cache_write_1h=_optional(rates.cache_write_1h),
        reasoning=_optional(rates.reasoning),
    )


def _optional(amount: Decimal | None) -> int | None:
    return None if amount is None else nano(amount)


def _epoch(day: datetime.date) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp())


def _discounted(row: Price, discount: Decimal) -> Price:
    share = EXACT.subtract(Decimal(1), discount)

    def less(amount: int) -> int:
        return int(EXACT.multiply(Decimal(amount), share).to_integral_value(ROUND_HALF_EVEN))

    def rates(old: Rates) -> Rates:
        return Rates(
            input=less(old.input),
            output=less(old.output),
            cached_input=None if old.cached_input is None else less(old.cached_input),
            cache_write=None if old.cache_write is None else less(old.cache_write),
            cache_write_1h=None if old.cache_write_1h is None else less(old.cache_write_1h),
            reasoning=None if old.reasoning is None else less(old.reasoning),
        )

    return msgspec.structs.replace(
        row,
        id=f"{row.id}*{share.normalize():f}",
        rates=rates(row.rates),
        tiers=tuple((above, rates(old)) for above, old in row.tiers),
        per_request=less(row.per_request),
    )
