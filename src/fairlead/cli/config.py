"""`fairlead config`: check a file, show what it comes to, print a starter or a preset.

`check` prints what is wrong on stdout, because that is what was asked for, one `FILE:LINE: ...` a line.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli import in_force
from fairlead.cli.asking import put_json, warn
from fairlead.cli.terminal import put, say, visible
from fairlead.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fairlead.core.model import Channel, Model

Value = tuple[str, object, str]
"""Path, value, origin."""


@click.group("config")
def command() -> None:
    """Check a configuration file, show what it comes to, or ask a running server for the one in force.

    \b
    Examples:
      fairlead config example > fairlead.yaml
      fairlead config preset startup > fairlead.yaml
      fairlead config check fairlead.yaml
      fairlead config effective fairlead.yaml
      fairlead config status
    """


for _each in (in_force.status, in_force.reload, in_force.versions, in_force.rollback):
    command.add_command(_each)


@command.command("check", short_help="Print every problem of a file with its line.")
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Print everything that is wrong with FILE as FILE:LINE: ..., and exit with 1 if anything is.

    \b
    Example:
      fairlead config check fairlead.yaml
    """
    from fairlead.config.load import read
    from fairlead.server import building

    try:
        config, _ = building.read(read(file), os.fspath(file))
    except ConfigError as error:
        put("\n".join(map(visible, error.problems)))
        warn(error)
        sys.exit(1)
    warn(config)
    parts = [
        f"{count} {name if count != 1 else name[:-1]}"
        for name, count in (
            ("models", len(config.models)),
            ("providers", len(config.providers)),
            ("keys", len(config.keys)),
        )
    ]
    say(f"{visible(str(file))}: ok ({', '.join(parts)})")


@command.command("effective", short_help="Show every setting and where it is from.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="A list of {path, value, origin}.")
def effective(file: Path, as_json: bool) -> None:
    """Show every setting FILE comes to, and where it is from: file, default or catalogue. Secrets are masked.

    \b
    Example:
      fairlead config effective fairlead.yaml
    """
    from fairlead.config.document import compose
    from fairlead.config.load import load
    from fairlead.registry import snapshot
    from fairlead.registry.catalogue import load as load_catalogue

    config = load(file)
    warn(config)
    said = compose(file.read_text(encoding="utf-8-sig"), os.environ)[0].data()
    catalogue = load_catalogue()
    built = snapshot.build(config, catalogue)
    values = [value for value in walk(config, "", said) if not value[0].startswith("models.")]
    for name, model in built.models.items():
        values += model_values(name, model, said["models"][name], known=catalogue.find(name) is not None)
    if as_json:
        put_json([{"path": path, "value": value, "origin": origin} for path, value, origin in values])
        return
    from fairlead.cli.tables import table

    table(("setting", "value", "from"), [(path, _shown(value), origin) for path, value, origin in values])


def walk(section: BaseModel, path: str, said: object) -> Iterator[Value]:
    """Every setting below a section; what the file says nothing of is a default. `said` is the file's own tree."""
    for name in type(section).model_fields:
        yield from _values(getattr(section, name), f"{path}.{name}" if path else name, _part(said, name))


def _values(value: object, path: str, said: object) -> Iterator[Value]:
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        yield from walk(value, path, said)
    elif isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _values(part, f"{path}.{key}", _part(said, key))
    elif isinstance(value, tuple) and any(isinstance(part, BaseModel) for part in value):
        for number, part in enumerate(value):
            yield from _values(part, f"{path}[{number}]", _part(said, number))
    else:
        yield path, _simple(value), "default" if said is None else "file"


def _part(said: object, key: str | int) -> object:
    if isinstance(said, dict):
        return said.get(key)
    return said[key] if isinstance(said, list) and isinstance(key, int) else None


def model_values(name: str, model: Model, said: object, known: bool) -> list[Value]:
    """What holds for a model once file and catalogue are put together; `known` is whether the catalogue has it."""
    from fairlead.core.model import capability_names

    path = f"models.{name}"
    fields: dict[str, object] = {
        "aliases": list(model.aliases),
        "context": model.context or None,
        "max_output": model.max_output or None,
        "capabilities": list(capability_names(model.capabilities)),
        "quality": model.quality,
        "latency_ms": model.latency_ms,
        "flags": sorted(model.flags),
    }
    found: list[Value] = []
    for field, value in fields.items():
        stated = _part(said, field) is not None
        origin = "file" if stated else "catalogue" if known and value not in (None, []) else "default"
        added = stated and known and field in ("aliases", "flags")
        found.append((f"{path}.{field}", value, "file and catalogue" if added else origin))
    found.append((f"{path}.enabled", model.enabled, "default" if _part(said, "enabled") is None else "file"))
    channels = _part(said, "channels")
    for number, channel in enumerate(model.channels):
        found += _channel_values(f"{path}.channels[{number}]", channel, _part(channels, number))
    return found


def _channel_values(path: str, channel: Channel, said: object) -> list[Value]:
    from fairlead.core.cost import plain

    fields = {"provider": channel.provider, "name": channel.name, "model": channel.upstream, "enabled": channel.enabled}
    found: list[Value] = [
        (f"{path}.{field}", value, "default" if _part(said, field) is None else "file")
        for field, value in fields.items()
    ]
    if channel.region:
        found.append(
            (f"{path}.region", channel.region, "provider or catalogue" if _part(said, "region") is None else "file")
        )
    if not channel.prices:
        found.append((f"{path}.price", None, "unknown"))
    for row in channel.prices:
        since = time.strftime(" from %Y-%m-%d", time.gmtime(row.since)) if row.since else ""
        rates = f"{plain(row.rates.input)} in, {plain(row.rates.output)} out, {row.currency} per million{since}"
        origin = "file" if row.source == "configuration" else f"catalogue ({row.source})"
        found.append((f"{path}.price", rates, origin))
    return found


def _simple(value: object) -> object:
    from decimal import Decimal

    from fairlead.config.secret import Secret

    if isinstance(value, Secret):
        return str(value) or None
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple | frozenset):
        return [_simple(part) for part in value]
    return value if isinstance(value, str | int | float | bool | dict) or value is None else str(value)


def _shown(value: object) -> str:
    if value is None or value == [] or value == {}:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@command.command("example")
def example() -> None:
    """Print a starter file with comments.

    \b
    Example:
      fairlead config example > fairlead.yaml
    """
    print(Path(__file__).with_name("example.yaml").read_text(encoding="utf-8"), end="")


@command.command("intents", short_help="List the intents that `model: intent:NAME` may name.")
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
def intents(path: Path | None) -> None:
    """List the intents a request may name as its model, with what each of them says.

    \b
    Example:
      fairlead config intents --config fairlead.yaml
    """
    from fairlead.cli.asking import settings
    from fairlead.config.intents import shipped

    known = shipped() if path is None else {**shipped(), **settings(path).intents}
    for name, intent in known.items():
        said = intent.model_dump(exclude={"description"}, exclude_none=True)
        put(
            f"{name:24}  {', '.join(f'{knob} {value}' for knob, value in said.items()):56}  {visible(intent.description)}"
        )


@command.command("presets", short_help="List the presets that `serve --preset NAME` may name.")
def presets() -> None:
    """List the presets: configurations that ship and boot as they stand.

    \b
    Example:
      fairlead config presets
    """
    from fairlead.cli.messages import language
    from fairlead.config import presets

    for name in presets.names():
        put(f"{name:27}  {presets.about(name, language())}")


@command.command("preset", short_help="Print a preset, to start a file of one's own from.")
@click.argument("name")
def preset(name: str) -> None:
    """Print the preset NAME as it ships.

    A file of one's own refuses an empty key, where the preset has a simulated provider take its place.

    \b
    Example:
      fairlead config preset startup > fairlead.yaml
    """
    from fairlead.config import presets

    print(presets.read(name), end="")
