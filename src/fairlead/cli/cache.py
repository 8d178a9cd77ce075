"""`fairlead cache`: what the caches of the running server hold and have answered, and how to have it erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click
import msgspec

from fairlead.cli.asking import folder, put_json
from fairlead.cli.desk import CONFIG, STATE
from fairlead.cli.messages import tr
from fairlead.cli.terminal import say
from fairlead.errors import FairleadError

if TYPE_CHECKING:
    from fairlead.server.caching import CacheTold

PLACES = {"memory": "memory", "disk": "memory and the state directory", "redis": "Redis"}
TENANT = click.option("--tenant", metavar="NAME", help="Only what is this tenant's.")


@click.group("cache")
def command() -> None:
    """What the caches of the running server hold, and how to have it erased.

    \b
    Examples:
      fairlead cache stats
      fairlead cache clear --tenant acme
    """


@command.command("stats")
@TENANT
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@CONFIG
@STATE
def stats(tenant: str | None, as_json: bool, path: Path | None, state_dir: Path | None) -> None:
    """Show what is kept, for whom, and how often it answered since the server began.

    \b
    Examples:
      fairlead cache stats
      fairlead cache stats --tenant acme --json
    """
    from fairlead.server.caching import CacheTold

    told = msgspec.json.decode(_ask("GET", {"tenant": tenant}, path, state_dir), type=CacheTold)
    if as_json:
        put_json(msgspec.to_builtins(told))
    elif not told.enabled:
        say(tr("The cache is off: set cache.exact.enabled."))
    else:
        _show(told)


@command.command("clear")
@TENANT
@click.option("--user", metavar="NAME", help="Only what was answered to requests for this user.")
@click.option("--session", metavar="NAME", help="Only what was answered in this session.")
@click.option("--all", "everything", is_flag=True, help="Everything, whoever's it is.")
@CONFIG
@STATE
def clear(
    tenant: str | None,
    user: str | None,
    session: str | None,
    everything: bool,
    path: Path | None,
    state_dir: Path | None,
) -> None:
    """Erase cached answers, in memory and on disk.

    \b
    Examples:
      fairlead cache clear --tenant acme
      fairlead cache clear --all
    """
    from fairlead.server.caching import Erased

    whose = {"tenant": tenant, "user": user, "session": session}
    if everything == any(whose.values()):
        raise click.UsageError(tr("say whose answers (--tenant, --user, --session), or --all"))
    gone = msgspec.json.decode(_ask("DELETE", whose, path, state_dir), type=Erased).answers
    click.echo(tr("{count} answers erased").format(count=f"{gone:,}"))


def _ask(method: str, query: dict[str, str | None], path: Path | None, state_dir: Path | None) -> bytes:
    from fairlead.cli.books import Missing, ask_owner
    from fairlead.server.caching import PATH

    where = state_dir or folder(path)
    given = urlencode({name: text for name, text in query.items() if text})
    try:
        found = ask_owner(where, f"{PATH}?{given}" if given else PATH, method=method)
    except Missing as missing:
        raise FairleadError(str(missing)) from None
    if found is None:
        raise FairleadError(f"no server is running on {where}; name its directory with --state-dir")
    return found


def _show(told: CacheTold) -> None:
    from fairlead.cli.tables import percent, table

    asked = told.hits + told.misses
    share = percent(told.hits / asked if asked else None)
    totals = [
        ("answers given again", f"{told.hits:,} ({share})"),
        ("looked up in vain", f"{told.misses:,}"),
        ("passed by", f"{told.bypassed:,}"),
        ("kept in", tr(PLACES[told.keep])),
    ]
    table(("", ">"), [(tr(name), value) for name, value in totals], title=tr("Since the server began"))
    if told.models:
        rows = [(one.model, f"{one.exact:,}", f"{one.semantic:,}", f"{one.kept:,}") for one in told.models]
        headings = (tr("model"), f">{tr('the very same')}", f">{tr('by meaning')}", f">{tr('newly kept')}")
        table(headings, rows)
    if told.tenants:
        held = [
            (one.tenant, f"{one.exact:,}", f"{one.semantic:,}", f"{one.bytes / 2**20:,.2f}") for one in told.tenants
        ]
        headings = (tr("tenant"), f">{tr('answers')}", f">{tr('by meaning')}", ">MiB")
        table(headings, held, title=tr("Kept"))
    if told.rejected:
        rejected = sorted(told.rejected.items(), key=lambda one: -one[1])
        table(
            (tr("check"), f">{tr('times')}"),
            [(name, f"{count:,}") for name, count in rejected],
            title=tr("Alike, and not given each other's answer"),
        )
