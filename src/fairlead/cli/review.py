"""`fairlead review`: who cost how much, what was better or cheaper, and what was changed, of a period and the one before."""

from __future__ import annotations

import time
from pathlib import Path

import click

from fairlead.cli.asking import put_json, when_asked
from fairlead.cli.desk import CONFIG, STATE

DAY = 86_400


@click.command("review")
@click.option("--days", type=click.IntRange(1, 3_660), default=92, show_default=True, help="Of so many days up to now.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@CONFIG
@STATE
def command(days: int, as_json: bool, path: Path | None, state_dir: Path | None) -> None:
    """Who cost how much, what was better or cheaper, and what was changed: against as long a time before, as Markdown.

    A running gateway writes one by itself at the end of each period of `review.every`, into its state directory.

    \b
    Examples:
      fairlead review
      fairlead review --days 30 --json
    """
    import msgspec

    from fairlead.cli import books
    from fairlead.cli.tables import line
    from fairlead.evidence.review import markdown

    configured, until = when_asked(path), int(time.time()) + 1  # what was done this second is done
    found = books.review(state_dir or Path(configured().server.state_dir), configured, until - days * DAY, until)
    if as_json:
        put_json(msgspec.to_builtins(found))
    else:
        for row in markdown(found).splitlines():
            line(row, whole=True)
