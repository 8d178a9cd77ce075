"""`fairlead reprice --what-if`: what was asked, at the prices of today or of a file. The ledger stays what it is."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.asking import put_json, settings
from fairlead.cli.messages import tr
from fairlead.cli.report import Since
from fairlead.cli.terminal import say
from fairlead.errors import FairleadError

if TYPE_CHECKING:
    from fairlead.core.model import Price, Snapshot
    from fairlead.store.repricing import Pricing, Repriced


@click.command("reprice")
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the ledger is, instead of server.state_dir.")
@click.option(
    "--what-if", is_flag=True, help="Say what it would come to. There is nothing else: costs stay as charged."
)
@click.option(
    "--prices", "file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A price list, over today's."
)
@click.option("--since", type=Since(), default=0, metavar="TIME", help="Only from then on: 90m, 24h, 7d, 2026-11-01.")
@click.option("--until", type=Since(), metavar="TIME", help="Only up to then.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(
    path: Path | None,
    state_dir: Path | None,
    what_if: bool,
    file: Path | None,
    since: int,
    until: int | None,
    as_json: bool,
) -> None:
    """What the attempts of a time would have cost at today's prices of the configuration, or at a file's.

    The file is a price list, {"models": {NAME: {"input": 3, "output": 15}}}, and holds for the models it names.

    \b
    Examples:
      fairlead reprice --what-if --config fairlead.yaml --since 30d
      fairlead reprice --what-if --config fairlead.yaml --prices offer.json --json
    """
    from fairlead.cli.ledger import opened
    from fairlead.core.cost import plain
    from fairlead.store.repricing import repriced
    from fairlead.store.window import Window

    if not what_if:
        raise click.UsageError(tr("costs stay as they were charged; --what-if says what they would have been"))
    config = settings(path)
    where = state_dir or Path(config.server.state_dir)
    snapshot = _snapshot(path, where)
    listed = _listed(file, snapshot)
    with closing(opened(where)) as connection:
        found = repriced(connection, _pricing(snapshot, listed), Window(since, until))
    unasked = sorted(listed.keys() - {one.model for one in found})
    if unasked:
        say(
            tr("nothing was asked of {models}: what the file says of that changes nothing").format(
                models=", ".join(unasked)
            )
        )
    if as_json:
        names = ("model", "attempts", "unpriced", "lost")
        rows = [{name: getattr(one, name) for name in names} | _amounts(one) for one in found]
        was, would = sum(one.was for one in found), sum(one.would for one in found)
        put_json(
            {"since_ms": since, "until_ms": until, "was_usd": plain(was), "would_usd": plain(would), "models": rows}
        )
    else:
        _show(found)


def _amounts(one: Repriced) -> dict[str, str]:
    from fairlead.core.cost import plain

    return {f"{name}_usd": plain(getattr(one, name)) for name in ("was", "would", "difference")}


def _snapshot(path: Path | None, where: Path) -> Snapshot:
    from fairlead.registry import market, snapshot
    from fairlead.registry.catalogue import load

    return snapshot.build(settings(path), market.merged(load(), market.read(where)))


def _listed(file: Path | None, snapshot: Snapshot) -> dict[str, Price]:
    """By model, whatever of its names the file has."""
    from fairlead.registry.book import row_of
    from fairlead.registry.market import prices_of

    if file is None:
        return {}
    try:
        prices = prices_of(file.read_bytes())
    except (OSError, ValueError) as problem:
        raise FairleadError(f"{file} is no price list: {problem}") from None
    odd = [name for name, price in prices.items() if price.currency != "USD"]
    if odd:
        raise FairleadError(f"{file}: the price of {odd[0]} is not in USD")
    known = {name: snapshot.resolve(name) for name in prices}
    named = {name: name if model is None else model.name for name, model in known.items()}
    return {named[name]: row_of(price, f"file/{name}", str(file)) for name, price in prices.items()}


def _pricing(snapshot: Snapshot, listed: dict[str, Price]) -> Pricing:
    now = int(time.time())
    channels = {channel.id: channel for model in snapshot.models.values() for channel in model.channels}

    def pricing(model: str, channel: str, at: int) -> Price | None:
        """Today's row, in the hour of the week in which it was asked."""
        if model in listed:
            return listed[model]
        known = channels.get(channel)
        rows = [] if known is None else [row for row in known.prices if row.since <= now]
        if not rows:
            return None
        return next((peak.price for peak in rows[-1].peaks if peak.holds(at)), rows[-1])

    return pricing


def _show(found: tuple[Repriced, ...]) -> None:
    from fairlead.cli.tables import money, table

    rows = [
        (
            one.model,
            f"{one.attempts:,}",
            money(one.was),
            money(one.would),
            money(one.difference),
            f"{one.unpriced:,}",
            f"{one.lost:,}",
        )
        for one in found
    ]
    was, would = sum(one.was for one in found), sum(one.would for one in found)
    attempts, unpriced, lost = (
        f"{sum(getattr(one, name) for one in found):,}" for name in ("attempts", "unpriced", "lost")
    )
    rows.append((tr("together"), attempts, money(was), money(would), money(would - was), unpriced, lost))
    headings = (
        tr("model"),
        f">{tr('attempts')}",
        f">{tr('charged')}",
        f">{tr('would have cost')}",
        f">{tr('difference')}",
        f">{tr('without a price now')}",
        f">{tr('lost in a crash')}",
    )
    table(headings, rows, title=tr("At other prices"))
