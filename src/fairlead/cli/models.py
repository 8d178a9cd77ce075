"""`fairlead models`: what is configured, what the catalogue ships, and where each figure of one model comes from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from fairlead.cli.asking import deciding, put_json, settings
from fairlead.cli.messages import tr
from fairlead.cli.switching import disable, enable, put_states, states
from fairlead.core.model import Channel, Model, Price, capability_names
from fairlead.errors import FairleadError

if TYPE_CHECKING:
    from fairlead.config import schema
    from fairlead.registry.catalogue import Catalogue, Entry
    from fairlead.server.switching import ChannelState


class Fact(msgspec.Struct, frozen=True):
    """One field of a model, and where it comes from."""

    field: str
    value: str
    source: str
    date: str = ""


SWITCHES = {"disable": disable, "enable": enable}


class Models(click.Command):
    """Lists, unless its first word is one that does something."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        switch = SWITCHES.get(args[0]) if args else None
        if switch is not None:
            return switch.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command("models", cls=Models)
@click.argument("name", required=False)
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
@click.option(
    "--catalogue", "shipped", is_flag=True, help="All models fairlead knows of, not only the configured ones."
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(name: str | None, path: Path | None, shipped: bool, as_json: bool) -> None:
    """List the models, their prices and what they can do.

    NAME shows one model, each field with its source and date. Prices are USD per million tokens. Where a server runs on
    the configuration, how its channels are is shown too. `fairlead models disable NAME` and `fairlead models enable NAME`
    switch one of its models or channels off and on.

    \b
    Examples:
      fairlead models --config fairlead.yaml
      fairlead models --catalogue
      fairlead models claude-opus-4.7
    """
    from fairlead.registry import snapshot
    from fairlead.registry.catalogue import load

    catalogue = load()
    if shipped and name is None:
        put_catalogue(catalogue, as_json)
        return
    config = settings(path) if shipped else deciding(path)
    world = snapshot.build(config, catalogue)
    if name is None:
        live = states(Path(config.server.state_dir))
        put_configured(tuple(world.models.values()), as_json, live)
        if live and not as_json:
            click.echo()
            put_states(live)
        return
    model = None if shipped else world.resolve(name)
    entry = catalogue.find(name if model is None else model.name)
    if model is not None:
        put_facts(model.name, configured_facts(model, config.models[model.name], entry), as_json)
    elif entry is not None:
        put_facts(entry.name, catalogue_facts(entry), as_json)
    else:
        from fairlead.core.choice import nearest

        hint = nearest(name, [*world.models, *world.aliases, *catalogue.entries])
        raise FairleadError(f"model {name!r} is neither configured nor in the catalogue.{hint}")


def put_configured(models: tuple[Model, ...], as_json: bool, live: list[ChannelState]) -> None:
    at = int(time.time())
    if as_json:
        by_id = {f"{one.model}@{one.channel}": one for one in live}
        put_json([_plain(model, at, by_id) for model in models])
        return
    from fairlead.cli.tables import figure, size, table

    rows = [
        (
            model.name if model.enabled else f"{model.name} ({tr('off')})",
            _rates(model.channels[0].price_at(at)),
            size(model.context),
            figure(model.quality),
            figure(model.latency_ms),
            ", ".join(_channel(channel, model, at) for channel in model.channels),
            ", ".join(capability_names(model.capabilities)) or "-",
        )
        for model in models
    ]
    headings = (tr("model"), *_figures(), tr("channels"), tr("can do"))
    table(headings, rows, caption=tr("Prices in USD per million tokens."), spare=(tr("can do"), tr("channels")))


def put_catalogue(catalogue: Catalogue, as_json: bool) -> None:
    at = int(time.time())
    entries = sorted(catalogue.entries.values(), key=lambda entry: (entry.vendor, entry.name))
    if as_json:
        put_json(
            [{**msgspec.to_builtins(entry), "capabilities": capability_names(entry.capabilities)} for entry in entries]
        )
        return
    from fairlead.cli.tables import figure, size, table

    rows = [
        (
            entry.vendor,
            entry.name,
            _rates(_listed(entry, at)),
            size(entry.context),
            figure(entry.quality),
            figure(entry.latency_ms),
            ", ".join(entry.offers),
        )
        for entry in entries
    ]
    caption = tr("{count} models of the catalogue of {date}; prices in USD per million tokens.")
    caption = caption.format(count=len(entries), date=catalogue.date)
    headings = (tr("vendor"), f"={tr('model')}", *_figures(), tr("offered by"))
    table(headings, rows, caption=caption, spare=(tr("offered by"), tr("vendor")))


def _figures() -> tuple[str, ...]:
    return (f">{tr('$ in / out')}", f">{tr('context')}", f">{tr('quality')}", f">{tr('ms')}")


def put_facts(name: str, facts: list[Fact], as_json: bool) -> None:
    if as_json:
        put_json({"model": name, "fields": [msgspec.structs.asdict(fact) for fact in facts]})
        return
    from fairlead.cli.tables import fits, line, table

    rows = [(fact.field, fact.value, _origin(fact)) for fact in facts]
    headings = (tr("field"), tr("value"), tr("source and date"))
    if fits(headings, rows):
        table(headings, rows, title=name)
        return
    # An address is not to be broken: where the window is too narrow for it, it stands below.
    origins = {origin: number for number, origin in enumerate(dict.fromkeys(row[2] for row in rows if row[2]), 1)}
    marked = [(field, value, f"[{origins[origin]}]" if origin else "") for field, value, origin in rows]
    table((tr("field"), tr("value"), tr("source")), marked, title=name)
    for origin, number in origins.items():
        line(f"[{number}] {origin}", whole=True)


def _origin(fact: Fact) -> str:
    return " ".join(filter(None, (fact.source, fact.date)))


def configured_facts(model: Model, given: schema.Model, entry: Entry | None) -> list[Fact]:
    """What holds for a configured model: the file's word first, the catalogue's where it is silent."""
    said = {field for field in given.model_fields_set if getattr(given, field) is not None}
    facts = [
        _fact(field, value, "configuration" if field in said else "", entry) for field, value in _fields(model) if value
    ]
    for channel in model.channels:
        facts.append(Fact(f"channel {channel.name}", f"{channel.provider}: {channel.upstream}", "configuration"))
        if channel.region:
            facts.append(Fact(f"channel {channel.name}: region", channel.region, ""))
        facts += _price_facts(f"channel {channel.name}", channel.prices)
    return facts


def catalogue_facts(entry: Entry) -> list[Fact]:
    facts = [_fact("vendor", entry.vendor, "", entry)]
    facts += [_fact(field, value, "", entry) for field, value in _fields(entry) if value]
    for kind, offer in entry.offers.items():
        facts.append(_fact(f"offers.{kind}", offer.upstream, "", entry))
        facts += _price_facts(f"offers.{kind}", offer.prices)
    return facts + [Fact("note", note, "") for note in entry.notes]


def _fields(model: Model | Entry) -> list[tuple[str, str]]:
    return [
        ("aliases", ", ".join(model.aliases)),
        ("context", f"{model.context:,}" if model.context else ""),
        ("max_output", f"{model.max_output:,}" if model.max_output else ""),
        ("capabilities", ", ".join(capability_names(model.capabilities))),
        ("quality", "" if model.quality is None else f"{model.quality:g}"),
        *((f"benchmarks.{name}", f"{score:g}") for name, score in sorted(model.benchmarks.items())),
        ("latency_ms", "" if model.latency_ms is None else f"{model.latency_ms:,}"),
        ("flags", ", ".join(sorted(model.flags))),
    ]


def _fact(field: str, value: str, source: str, entry: Entry | None) -> Fact:
    if source or entry is None:
        return Fact(field, value, source or "assumed: neither the file nor the catalogue says")
    named, dated = entry.sources.get(field, ("", ""))
    return Fact(field, value, named, dated)


def _price_facts(owner: str, rows: tuple[Price, ...]) -> list[Fact]:
    from fairlead.cli.tables import rate

    if not rows:
        return [Fact(f"{owner}: price", "unknown", "")]
    facts = []
    for row in rows:
        since = f" from {time.strftime('%Y-%m-%d', time.gmtime(row.since))}" if row.since else ""
        parts = [
            f"{kind.replace('_', ' ')} {rate(amount)}"
            for kind, amount in msgspec.structs.asdict(row.rates).items()
            if amount is not None
        ]
        if row.per_request:
            parts.append(f"per request {rate(row.per_request)}")
        facts.append(Fact(f"{owner}: price{since}", ", ".join(parts), row.source))
        facts += [
            Fact(f"{owner}: {fee.tool}{since}", f"{rate(fee.amount)} a {fee.per}", fee.source or row.source)
            for fee in row.fees
        ]
        for above, rates in row.tiers:
            tier = f"{owner}: price{since} above {above:,} tokens"
            facts.append(Fact(tier, f"input {rate(rates.input)}, output {rate(rates.output)}", row.source))
    return facts


def _listed(entry: Entry, at: int) -> Price | None:
    for offer in entry.offers.values():
        rows = [row for row in offer.prices if row.since <= at]
        if rows:
            return rows[-1]
    return None


def _rates(price: Price | None) -> str:
    from fairlead.cli.tables import rate

    if price is None:
        return tr("unknown")
    return f"{rate(price.rates.input)} / {rate(price.rates.output)}".replace("$", "")


def _channel(channel: Channel, model: Model, at: int) -> str:
    """A channel's name, with its price where it is not the first one's."""
    price = channel.price_at(at)
    first = model.channels[0].price_at(at)
    other = "" if price is None or first is None or price.rates == first.rates else f" ({_rates(price)})"
    region = f" [{channel.region}]" if channel.region else ""
    off = "" if channel.enabled else f" ({tr('off')})"
    return f"{channel.name}{off}{region}{other}"


def _plain(model: Model, at: int, live: dict[str, ChannelState]) -> dict[str, object]:
    from fairlead.core.cost import plain

    told: dict[str, object] = msgspec.to_builtins(model)
    told["capabilities"] = list(capability_names(model.capabilities))
    channels = []
    for channel in model.channels:
        price = channel.price_at(at)
        rates = {} if price is None else msgspec.structs.asdict(price.rates)
        told_price = {kind: plain(amount) for kind, amount in rates.items() if amount is not None}
        row: dict[str, object] = msgspec.to_builtins(channel)
        del row["prices"]
        row["price"] = {**told_price, "currency": price.currency, "source": price.source} if price is not None else None
        if channel.id in live:
            row["health"] = msgspec.to_builtins(live[channel.id])
        channels.append(row)
    told["channels"] = channels
    return told
