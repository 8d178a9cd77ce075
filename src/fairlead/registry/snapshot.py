"""Configuration and catalogue to what `decide` reads: the snapshot of the world.

Rules:
- What the configuration says goes before what the catalogue says, setting by setting.
- What a channel costs is in the price book.
- Flags add up. A region is only taken from the catalogue for a provider at its kind's own address.
- The same content gives the same hash, whatever order it was written in; secrets are not part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fairlead.config import offers, schema
from fairlead.config.checks import alias_table
from fairlead.core.model import CAPABILITIES, JSON_SCHEMA, TOOLS, Channel, Model, Snapshot
from fairlead.registry.aptitude import by_task
from fairlead.registry.book import Book
from fairlead.registry.digest import digest

if TYPE_CHECKING:
    from fairlead.registry.catalogue import Catalogue, Entry

ASSUMED_CAPABILITIES = TOOLS | JSON_SCHEMA
"""Of a model nothing is known about: what nearly every current one can do."""


def build(config: schema.Config, catalogue: Catalogue) -> Snapshot:
    aliases = alias_table(config, catalogue)
    book = Book(config, catalogue)
    models = {name: _model(name, config, catalogue.find(name), aliases, book) for name in config.models}
    return Snapshot(hash=digest((models, aliases)), models=models, aliases=aliases)


def _model(name: str, config: schema.Config, entry: Entry | None, aliases: Mapping[str, str], book: Book) -> Model:
    given = config.models[name]
    quality = given.quality if given.quality is not None or entry is None else entry.quality
    benchmarks = {**(entry.benchmarks if entry else {}), **given.benchmarks}
    return Model(
        name=name,
        channels=tuple(_channel(name, channel, config, entry, book) for channel in given.channels),
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


def _channel(model: str, given: schema.Channel, config: schema.Config, entry: Entry | None, book: Book) -> Channel:
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
        prices=book.rows(model, name, given, entry),
        region=given.region or provider.region or (located.region if located else ""),
        context=located.context if located and given.model is None else 0,
        self_hosted=provider.is_self_hosted,
        flags=frozenset(provider.flags) | frozenset(given.flags),
        enabled=given.enabled,
    )
