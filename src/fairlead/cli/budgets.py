"""`fairlead budgets`: what may be spent, what is, and when it begins anew."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from fairlead.cli.asking import put_json, settings
from fairlead.cli.books import ask_owner, say_what_is_missing
from fairlead.cli.desk import CONFIG, STATE
from fairlead.cli.messages import tr
from fairlead.cli.terminal import say
from fairlead.core.budgets import SCOPES
from fairlead.errors import StateError

if TYPE_CHECKING:
    from fairlead.config.schema import Config
    from fairlead.server.budgets import BudgetTold


@click.command("budgets")
@click.option("--scope", type=click.Choice(SCOPES), help="Only budgets of this scope.")
@click.option("--tenant", metavar="NAME", help="Only those of this tenant.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@CONFIG
@STATE
def command(scope: str | None, tenant: str | None, as_json: bool, path: Path | None, state_dir: Path | None) -> None:
    """Show what may be spent and what is: by the running server, else by its ledger.

    \b
    Examples:
      fairlead budgets --scope key
      fairlead budgets --json
    """
    from fairlead.server.budgets import PATH, Budgets

    config = settings(path) if path is not None or state_dir is None else None
    folder = state_dir or Path(config.server.state_dir if config is not None else "")
    if state_dir is not None and not state_dir.is_dir():
        raise StateError(f"there is no state directory {state_dir}; name it with --state-dir")
    found = ask_owner(folder, PATH)
    every = (
        _by_the_ledger(config or settings(path), folder)
        if found is None
        else msgspec.json.decode(found, type=Budgets).budgets
    )
    lines = [one for one in every if scope in (None, one.scope) and tenant in (None, one.tenant)]
    if as_json:
        put_json([msgspec.to_builtins(one) for one in lines])
    elif lines:
        _show(lines)
    elif every:
        say(
            tr(
                "None of the budgets is of this scope and tenant; without --scope and --tenant there are {count}."
            ).format(count=len(every))
        )
    else:
        say(tr("No budgets are set that bind anybody yet: see `budgets` in the configuration."))


def _by_the_ledger(config: Config, folder: Path) -> list[BudgetTold]:
    """As a server would count that begins now."""
    from fairlead.gateway.budgets import Budgets
    from fairlead.gateway.world import build
    from fairlead.registry.catalogue import load
    from fairlead.server.budgets import told
    from fairlead.store.budgets import spent_since
    from fairlead.store.ledger import DATABASE
    from fairlead.store.reports import open_ledger

    world = build(config, load(), b"")
    budgets, now = Budgets(world), time.time()
    if world.budgets and (folder / DATABASE).exists():
        say_what_is_missing(folder)
        with closing(open_ledger(folder / DATABASE)) as connection:
            budgets.take_up(world, spent_since(connection, budgets.moments(world, now)), now, beginning=True)
    return [told(line) for line in budgets.sheet(holder.caller for holder in world.keys.values())]


def _show(lines: list[BudgetTold]) -> None:
    from fairlead.cli.tables import table

    columns = ("=scope", "=whose", "tenant", "per", "mode", ">amount", ">spent", ">held", ">left", "anew")
    headings = [word[: word[0] in "=>"] + tr(word.lstrip("=>")) for word in columns]
    rows = [
        (
            line.scope,
            line.who or "-",
            line.tenant or "-",
            line.per,
            line.mode,
            *(f"${amount}" for amount in (line.amount_usd, line.spent_usd, line.held_usd, line.left_usd)),
            line.resets or "-",
        )
        for line in lines
    ]
    table(headings, rows, spare=(headings[2], headings[4], headings[7]))
