"""`fairlead ledger`: whether the books are right, and the books as rows for other programs.

Both work beside a running server, which is asked to write down what it has first; nothing here writes to its ledger.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.asking import folder, put_json
from fairlead.cli.messages import tr
from fairlead.cli.report import Since

if TYPE_CHECKING:
    import sqlite3

    from fairlead.store.progress import Progress

FORMATS = ("jsonl", "csv", "parquet")


@click.group("ledger")
def command() -> None:
    """Verify the ledger, or write it out as rows.

    \b
    Examples:
      fairlead ledger verify --config fairlead.yaml
      fairlead ledger export --format csv --since 30d > attempts.csv
    """


def place(path: Path | None, state_dir: Path | None) -> Path:
    return state_dir or folder(path)


def opened(where: Path) -> sqlite3.Connection:
    """A reading connection to what the server there has answered so far."""
    from fairlead.cli import books
    from fairlead.store.ledger import DATABASE
    from fairlead.store.reports import open_ledger

    books.contents(where, ())
    return open_ledger(where / DATABASE)


@contextmanager
def shown(what: str) -> Iterator[Progress]:
    """A bar on a terminal, for work that takes minutes with a million requests."""
    from fairlead.store.progress import silent

    if not sys.stderr.isatty():
        yield silent
        return
    with click.progressbar(length=1, label=tr(what), file=sys.stderr, show_eta=True) as bar:

        def progress(done: int, of: int) -> None:
            bar.length = max(of, 1)
            bar.update(done - bar.pos)

        yield progress


_config = click.option(
    "--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML); it says where."
)
_state_dir = click.option(
    "--state-dir", type=click.Path(path_type=Path), help="Where the ledger is, instead of server.state_dir."
)


@command.command("verify", short_help="Work out every cost again and say what differs.")
@_config
@_state_dir
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def verify(path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Work out every attempt's cost again from its tokens and its price row, add up every sum again, and say what
    differs. Exits with 1 if anything does.

    \b
    Example:
      fairlead ledger verify --config fairlead.yaml
    """
    import msgspec

    from fairlead.cli.terminal import put
    from fairlead.store.verification import verify as verified

    with closing(opened(place(path, state_dir))) as connection, shown("verifying") as progress:
        found = verified(connection, progress)
    if as_json:
        put_json(msgspec.to_builtins(found))
    else:
        for one in found.told:
            put(f"{one.what}: {one.detail}")
        words = "{requests} requests, {attempts} attempts: {worked_out} worked out from {rows} price rows, {unpriced} unpriced, {lost} lost in a crash, {older} from before price rows were kept"
        put(
            tr(words).format(
                requests=f"{found.requests:,}",
                attempts=f"{found.attempts:,}",
                worked_out=f"{found.worked_out:,}",
                rows=f"{found.price_rows:,}",
                unpriced=f"{found.unpriced:,}",
                lost=f"{found.lost:,}",
                older=f"{found.older:,}",
            )
        )
        if found.unpriced_tools:
            put(
                tr("{count} attempts used a provider's tool whose fee is not known: it is not in their cost").format(
                    count=f"{found.unpriced_tools:,}"
                )
            )
        put(
            tr("{count} differences").format(count=f"{found.differences:,}")
            if found.differences
            else tr("no difference")
        )
    if found.differences:
        sys.exit(1)


@command.command("rebuild", short_help="Make the sums by minute, hour and day anew.")
@_config
@_state_dir
def rebuild(path: Path | None, state_dir: Path | None) -> None:
    """Make the sums by minute, hour and day, and those that budgets begin with, anew from the records, where `verify`
    found them wrong. No server may run.

    \b
    Example:
      fairlead ledger rebuild --config fairlead.yaml
    """
    from fairlead.cli.books import demand_ledger
    from fairlead.cli.terminal import put
    from fairlead.store.ledger import DATABASE
    from fairlead.store.owner import Owner
    from fairlead.store.sqlite import Projection

    where = place(path, state_dir)
    demand_ledger(where)
    with Owner.acquire(where), closing(Projection(where / DATABASE)) as projection, shown("adding up") as progress:
        projection.rebuild(progress)
    put(tr("the sums are made anew"))


@command.command("export", short_help="Write a row for each attempt, as JSON lines, CSV or Parquet.")
@_config
@_state_dir
@click.option("--format", "form", type=click.Choice(FORMATS), default="jsonl", help="By default JSON lines.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of stdout.")
@click.option("--since", type=Since(), default=0, metavar="TIME", help="Only from then on: 90m, 24h, 7d, 2026-11-01.")
@click.option("--until", type=Since(), metavar="TIME", help="Only up to then.")
@click.option("--tenant", metavar="NAME", help="Only this tenant's.")
def export(
    path: Path | None,
    state_dir: Path | None,
    form: str,
    output: Path | None,
    since: int,
    until: int | None,
    tenant: str | None,
) -> None:
    """Write one row for each attempt, those of side calls among them: tokens by kind, cost, price row, tags and all.
    An answer that a cache gave again has one too.

    Parquet needs pyarrow: pip install 'fairlead[parquet]'.

    \b
    Example:
      fairlead ledger export --since 30d --format csv -o attempts.csv
    """
    from fairlead.cli import writing
    from fairlead.store.export import attempts
    from fairlead.store.window import Window

    writer = writing.writer(form)
    with closing(opened(place(path, state_dir))) as connection:
        rows = attempts(connection, Window(since, until, tenant))
        with writing.target(output) as file:
            writer(rows, file)
