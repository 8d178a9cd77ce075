"""`fairlead config status`, `reload`, `versions`, `rollback`: the configuration that a running server has in force."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click
import msgspec

from fairlead.cli.asking import put_json
from fairlead.cli.messages import tr
from fairlead.cli.terminal import put, say, visible
from fairlead.errors import StateError

if TYPE_CHECKING:
    from fairlead.server.reload import Outcome, State
    from fairlead.store.configurations import Version

of_state = click.option("--state-dir", type=click.Path(path_type=Path), help="Whose server, instead of ./state.")
of_config = click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
as_json = click.option("--json", "as_json", is_flag=True, help="The same as JSON.")


@click.command("status", short_help="Say which version is in force, and why a newer one is not.")
@of_config
@of_state
@as_json
def status(path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """Say which version a running server has in force, since when, and what is wrong with a newer one it did not take.

    \b
    Examples:
      fairlead config status
      fairlead config status --config fairlead.yaml --json
    """
    from fairlead.server.reload import State

    found = msgspec.json.decode(_ask(path, state_dir, "GET", "/config"), type=State)
    if as_json:
        put_json(msgspec.to_builtins(found))
    else:
        _show(found)


@click.command("reload", short_help="Have a running server take up its changed file at once.")
@of_config
@of_state
def reload(path: Path | None, state_dir: Path | None) -> None:
    """Have a running server take up its file now. What is wrong with it is printed, and what was in force goes on.

    \b
    Example:
      fairlead config reload
    """
    _tell(_ask(path, state_dir, "POST", "/config/reload"))


@click.command("versions", short_help="List the versions that were in force.")
@of_config
@of_state
@as_json
def versions(path: Path | None, state_dir: Path | None, as_json: bool) -> None:
    """List the versions that were in force, the latest first.

    One with secrets in its text can be restored only as long as the server lives that had it in force.

    \b
    Example:
      fairlead config versions
    """
    from fairlead.store.configurations import Version

    found = msgspec.json.decode(_ask(path, state_dir, "GET", "/config/versions"), type=list[Version])
    if as_json:
        put_json(msgspec.to_builtins(found))
        return
    from fairlead.cli.tables import table

    rows = [(one.version, _time(one.at_ms), one.source, tr(_state_of(one))) for one in found]
    table((tr("version"), tr("first in force"), tr("source"), ""), rows)


@click.command("rollback", short_help="Put an earlier version in force again.")
@click.argument("version")
@of_config
@of_state
def rollback(version: str, path: Path | None, state_dir: Path | None) -> None:
    """Put VERSION in force again. It stays until the file says something new, or is taken up by `reload`.

    \b
    Example:
      fairlead config rollback 3f9ac01b77de
    """
    _tell(_ask(path, state_dir, "POST", f"/config/rollback?version={quote(version, safe='')}"))


def _ask(path: Path | None, state_dir: Path | None, method: str, target: str) -> bytes:
    from fairlead.cli import books
    from fairlead.cli.asking import folder

    where = state_dir or folder(path)
    told = books.ask_owner(where, target, method=method)
    if told is None:
        raise StateError(f"no server that this user may ask runs on {where}; name its directory with --state-dir")
    return told


def _tell(told: bytes) -> None:
    from fairlead.server.reload import Outcome

    outcome: Outcome = msgspec.json.decode(told, type=Outcome)
    if not outcome.taken:
        put("\n".join(map(visible, outcome.problems)))
        say(tr("rejected; configuration {version} stays in force").format(version=outcome.version))
        sys.exit(1)
    for warning in outcome.warnings:
        say(f"{tr('warning')}: {visible(warning)}")
    say(tr("configuration {version} is in force").format(version=outcome.version))


def _show(found: State) -> None:
    since = tr("since {time}, from {source}").format(time=_time(found.since_ms), source=visible(found.source))
    put(f"{tr('configuration {version} is in force').format(version=found.version)} ({since})")
    if found.pinned:
        put(tr("it was rolled back to; it stays until the file says something new"))
    if found.rejected:
        put(tr("a newer text was rejected at {time}:").format(time=_time(found.rejected_ms)))
        put("\n".join(map(visible, found.rejected)))


def _state_of(one: Version) -> str:
    if one.in_force:
        return "in force"
    return "" if one.restorable else "not restorable: secrets in its text"


def _time(at_ms: int) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(at_ms / 1000).astimezone().isoformat(sep=" ", timespec="seconds")
