"""`fairlead audit`: what was done by those who administer, and whether the log of it is what it was."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click
import msgspec

from fairlead.cli.asking import folder, put_json
from fairlead.cli.books import ask_owner
from fairlead.cli.desk import CONFIG, STATE
from fairlead.cli.messages import tr
from fairlead.cli.terminal import say, visible
from fairlead.errors import StateError

if TYPE_CHECKING:
    from fairlead.store.audit_chain import Checked, Row
    from fairlead.store.keys import Register

PATH = "/admin/v1/audit"


@click.command("audit")
@click.option("--verify", is_flag=True, help="Compute the chain anew; exit 1, naming the first row that does not fit.")
@click.option("--head", metavar="ROW:HASH", help="With --verify: what an earlier one printed, and you kept.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Acts to show.")
@click.option("--kind", metavar="KIND", default="", help="Only acts of this kind.")
@click.option("--actor", metavar="NAME", default="", help="Only what this one did.")
@click.option("--search", metavar="TEXT", default="", help="Only acts in which this text stands.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@CONFIG
@STATE
def command(
    verify: bool,
    head: str | None,
    limit: int,
    kind: str,
    actor: str,
    search: str,
    as_json: bool,
    path: Path | None,
    state_dir: Path | None,
) -> None:
    """Show what was done by those who administer, the latest first.

    \b
    Examples:
      fairlead audit --kind key_issued
      fairlead audit --verify
    """
    where = state_dir or folder(path)
    if verify:
        _put_verdict(_verdict(where, head), as_json)
        return
    rows = _acts(where, {"limit": str(limit), "kind": kind, "actor": actor, "search": search})
    if as_json:
        put_json([msgspec.to_builtins(row) for row in rows])
        return
    from fairlead.cli.tables import table

    headings = (tr("row"), tr("when"), tr("who"), tr("what"), tr("whose"), tr("of what"), tr("detail"))
    lines = [
        (str(row.seq), _when(row.at_ms), row.actor or "-", row.kind, row.tenant or "-", row.subject, row.detail)
        for row in rows
    ]
    table(headings, lines)


def _acts(folder: Path, query: dict[str, str]) -> list[Row]:
    found = ask_owner(folder, f"{PATH}?{urlencode(query)}")
    if found is not None:
        from fairlead.server.acts import ActPage

        return msgspec.json.decode(found, type=ActPage).acts
    from fairlead.store.audit_chain import Asked

    asked = Asked(None, int(query["limit"]), query["kind"], query["actor"], None, query["search"])
    with _alone(folder) as register:
        return register.acts(asked)


def _verdict(folder: Path, head: str | None) -> Checked:
    """Against what the ledger knows of the chain, too."""
    from fairlead.gateway.administration import head_of, heads_of
    from fairlead.store.audit_chain import Checked
    from fairlead.store.ledger import DATABASE
    from fairlead.store.reports import open_ledger

    given = () if head is None else (head_of(head),)
    found = ask_owner(folder, f"{PATH}/verify?{urlencode({'head': head} if head is not None else {})}")
    if found is not None:
        return msgspec.json.decode(found, type=Checked)
    with _alone(folder) as register:
        if (folder / DATABASE).exists():
            with closing(open_ledger(folder / DATABASE)) as ledger:
                given = (*given, *heads_of(ledger))
        return register.verify(given)


@contextmanager
def _alone(folder: Path) -> Iterator[Register]:
    """Nobody else owns the directory as long as this lasts."""
    from fairlead.store.keys import Register
    from fairlead.store.owner import Owner

    if not folder.is_dir():
        raise StateError(f"there is no state directory {folder}; name it with --state-dir")
    with Owner.acquire(folder):
        register = Register(folder)
        try:
            yield register
        except sqlite3.Error as problem:
            raise StateError(f"cannot read the audit log in {folder}: {problem}") from None
        finally:
            register.close()


def _put_verdict(found: Checked, as_json: bool) -> None:
    if as_json:
        put_json(msgspec.to_builtins(found))
    for words in found.found:
        say(visible(words))
    if found.broken is not None:
        if not as_json:
            say(tr("the audit log is broken at row {row}: {why}").format(row=found.broken, why=visible(found.why)))
        sys.exit(1)
    if not as_json:
        click.echo(tr("{rows} rows, all as they were written").format(rows=found.rows))
        click.echo(f"{found.head.seq}:{found.head.hash}")
        say(tr("keep that line elsewhere: with --head it shows whether rows were cut off later"))
    if found.found:
        sys.exit(1)


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
