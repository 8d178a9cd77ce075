"""`fairlead models disable` and `enable`: switch a model or channel of a running server off and on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click
import msgspec

from fairlead.cli.asking import folder
from fairlead.cli.messages import tr
from fairlead.cli.terminal import say, visible
from fairlead.errors import FairleadError

if TYPE_CHECKING:
    from fairlead.server.switching import ChannelState, Switched

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
STATES = {"closed": "well", "open": "left alone", "half-open": "on trial", "off": "off"}
LENGTH = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(s|m|h|d|)")


class Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = LENGTH.fullmatch(str(value))
        seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
        if not 0 < seconds <= 366 * UNITS["d"]:
            self.fail(tr("{value} is no time; write it like 30s, 15m, 2h or 1d").format(value=repr(value)), param, ctx)
        return seconds


CONFIG = click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
STATE = click.option(
    "--state-dir", type=click.Path(path_type=Path), help="The server's state directory, instead of server.state_dir."
)


@click.command("disable")
@click.argument("name")
@click.option(
    "--for", "seconds", type=Duration(), metavar="TIME", help="30s, 15m, 2h or 1d; else until it is switched on."
)
@CONFIG
@STATE
def disable(name: str, seconds: float | None, path: Path | None, state_dir: Path | None) -> None:
    """Switch a model or channel (model@channel) of the running server off.

    New requests go elsewhere at once; those under way end as they are.

    \b
    Examples:
      fairlead models disable gpt-5.5 --for 30s
      fairlead models disable gpt-5.5@openai
    """
    told = _switch(name, "disable", {} if seconds is None else {"seconds": seconds}, path, state_dir)
    words = tr("{name} is off until you switch it on") if seconds is None else tr("{name} is off for {seconds:g} s")
    click.echo(words.format(name=visible(told.name), seconds=seconds))


@click.command("enable")
@click.argument("name")
@CONFIG
@STATE
def enable(name: str, path: Path | None, state_dir: Path | None) -> None:
    """Switch a model or channel of the running server on again.

    \b
    Examples:
      fairlead models enable gpt-5.5
    """
    told = _switch(name, "enable", {}, path, state_dir)
    words = tr("{name} is on again") if told.changed else tr("{name} was not switched off")
    click.echo(words.format(name=visible(told.name)))
    if told.still:
        say(tr("still off by their own switch: {names}").format(names=visible(", ".join(told.still))))


def _switch(name: str, verb: str, length: dict[str, float], path: Path | None, state_dir: Path | None) -> Switched:
    from fairlead.cli.books import Missing, ask_owner
    from fairlead.server.switching import Switched

    where = state_dir or folder(path)
    try:
        said = msgspec.json.encode(length)
        found = ask_owner(where, f"/admin/v1/models/{quote(name, safe='')}/{verb}", method="POST", said=said)
    except Missing as missing:
        raise FairleadError(str(missing)) from None
    if found is None:
        raise FairleadError(f"no server is running on {where}; name its directory with --state-dir")
    return msgspec.json.decode(found, type=Switched)


def states(state_dir: Path) -> list[ChannelState]:
    """How the channels of the server running there are; none where there is no such server."""
    from fairlead.cli.books import ask_owner
    from fairlead.server.switching import ChannelState

    try:
        found = ask_owner(state_dir, "/models")
    except FairleadError as problem:
        say(f"{tr('warning')}: {visible(str(problem))}")
        return []
    return [] if found is None else msgspec.json.decode(found, type=list[ChannelState])


def put_states(found: list[ChannelState]) -> None:
    from fairlead.cli.tables import table

    rows = [
        (f"{one.model}@{one.channel}", tr(STATES[one.state]), one.until or "-", one.fault or "-", str(one.ejections))
        for one in found
    ]
    headings = (tr("channel"), tr("state"), tr("until"), tr("last fault"), f">{tr('times ejected')}")
    table(headings, rows, caption=tr("Of the running server; who is left alone has failed of late."))
