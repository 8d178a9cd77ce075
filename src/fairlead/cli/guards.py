"""`fairlead guards`: what the guards say of the ledger just now."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fairlead.cli.asking import put_json, when_asked
from fairlead.cli.messages import told, tr

WORDS = {"off": "off", "unknown": "not enough to tell", "fine": "fine", "alarm": "ALARM"}


@click.command("guards")
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
@click.option("--state-dir", type=click.Path(path_type=Path), help="Where the ledger is, instead of server.state_dir.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Whether routing itself goes wrong somewhere: the quality of answers, what routing costs, caches, drift.

    Beside a running server it answers, by its own settings. The exit code is 1 where there is an alarm.

    \b
    Examples:
      fairlead guards
      fairlead guards --config fairlead.yaml --json
    """
    import msgspec

    from fairlead.cli import books
    from fairlead.cli.tables import table

    configured = when_asked(path)
    found = books.guards(state_dir or Path(configured().server.state_dir), configured)
    if as_json:
        put_json([msgspec.structs.asdict(one) for one in found])
    else:
        rows = [
            (one.guard, tr(WORDS[one.state]), _figure(one.value), _figure(one.bound), told(one.why)) for one in found
        ]
        table((tr("guard"), tr("state"), f">{tr('value')}", f">{tr('bound')}", tr("because")), rows)
    if any(one.state == "alarm" for one in found):
        sys.exit(1)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
