"""A request given on the command line, and the plan a gateway would make for it. Nothing is sent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from fairlead.cli.messages import tr
from fairlead.cli.terminal import harmless_json, say, visible
from fairlead.errors import ConfigError, FairleadError

if TYPE_CHECKING:
    from fairlead.config.schema import Config
    from fairlead.gateway.explanation import Explained

MAX_BYTES = 32 * 1024 * 1024
BESIDE = "note: {other} may have other models and keys than this terminal; it may decide differently"
STAND_INS = "note: no provider key in this terminal and no --config: simulated models; {other} may decide differently"


def settings(path: Path | None, preset: str | None = None) -> Config:
    """The configuration of a file or a preset, or the one the environment comes to; warnings go to stderr."""
    if preset is not None:
        from fairlead.config import presets

        if path is not None:
            raise click.UsageError(tr("--config and --preset exclude each other: name one of them."))
        config = presets.load(preset)
    elif path is not None:
        from fairlead.config.load import load

        config = load(path)
    else:
        from fairlead.gateway.nearby import configured

        config = configured(os.environ)
    warn(config)
    return config


def folder(path: Path | None) -> Path:
    """The state directory of the server that a file, or the environment, is of. Neither what else is wrong with the file
    nor a variable that is not set here keeps anybody from asking it."""
    if path is None:
        from fairlead.config.environment import from_environment

        return Path(from_environment(os.environ).server.state_dir)
    from fairlead.config.load import state_dir

    try:
        return Path(state_dir(path))
    except ConfigError:
        say(tr("a server that runs goes on as it was; name its state directory with --state-dir to reach it"))
        raise


def when_asked(path: Path | None) -> Callable[[], Config]:
    """The same, read when it is first needed: a running server knows without it."""
    return cache(lambda: settings(path))


def warn(of: Config | ConfigError) -> None:
    for warning in of.warnings:
        say(f"{tr('warning')}: {visible(warning)}")


def deciding(path: Path | None, preset: str | None = None) -> Config:
    """The same, for a command whose answer hangs on it: a server may have been started with other keys than are here."""
    config = settings(path, preset)
    channels = (channel for model in config.models.values() for channel in model.channels)
    if path is None and preset is None:
        from fairlead.cli.books import is_served

        state_dir = config.server.state_dir
        running = tr("the server running on {state}").format(state=state_dir)
        served = is_served(Path(state_dir))
        if all(config.providers[channel.provider].kind == "simulated" for channel in channels):
            say(tr(STAND_INS).format(other=running if served else tr("a running server")))
        elif served:
            say(tr(BESIDE).format(other=running))
    return config


def body_of(given: str, model: str | None, policy: str | None) -> bytes:
    """The Chat Completions body of TEXT, `-` (standard input) or FILE.json; the options go before what it says."""
    whole = read(given)
    body: dict[str, object]
    if whole is None:
        body = {"model": "auto", "messages": [{"role": "user", "content": given}]}
    else:
        body = parse(whole, given)
    if model is not None:
        body["model"] = model
    body.setdefault("model", "auto")
    if policy is not None:
        options = body.get("fairlead")
        body["fairlead"] = {**(options if isinstance(options, dict) else {}), "policy": policy}
    return json.dumps(body).encode()


def read(given: str) -> str | None:
    """What a file or standard input holds; None when `given` is the text itself."""
    if given == "-":
        return sys.stdin.read(MAX_BYTES)
    if not given.endswith(".json") or any(char.isspace() for char in given):
        return None
    try:
        with Path(given).open(encoding="utf-8") as file:
            return file.read(MAX_BYTES)
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise FairleadError(f"cannot read {given}: {reason}") from None


def parse(whole: str, given: str) -> dict[str, object]:
    """A file holds a request; standard input may also hold plain text."""
    if given == "-" and not whole.lstrip().startswith("{"):
        return {"messages": [{"role": "user", "content": whole}]}
    try:
        body = json.loads(whole)
    except json.JSONDecodeError as problem:
        name = "standard input" if given == "-" else given
        raise FairleadError(f"{name}:{problem.lineno}: this is not JSON: {problem.msg}") from None
    if not isinstance(body, dict):
        raise FairleadError(f'{given}: expected a request such as {{"messages": [...]}}')
    return body


def planned(config: Config, body: bytes) -> Explained:
    """Steps 1 to 4 of the pipeline for a caller without restrictions. Raises RequestError for a bad request."""
    import asyncio

    return asyncio.run(_planned(config, body))


async def _planned(config: Config, body: bytes) -> Explained:
    from fairlead.core.call import Caller
    from fairlead.gateway import pipeline
    from fairlead.gateway.request import Headers, Incoming
    from fairlead.gateway.runtime import Runtime
    from fairlead.gateway.world import build
    from fairlead.registry.catalogue import load as load_catalogue
    from fairlead.store.memory import MemoryLedger

    runtime = Runtime(build(config, load_catalogue(), b""), MemoryLedger())
    try:
        return pipeline.explain(runtime, Incoming("generate", Caller("cli"), Headers(), body, monotonic()))
    finally:
        await runtime.close()


def shared_options(command: click.decorators.FC) -> click.decorators.FC:
    """The options `route` and `explain` have in common."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="All of it as JSON."),
        click.option("--policy", "-P", metavar="NAME", help="A policy or strategy, instead of the default one."),
        click.option(
            "--model", "-m", metavar="NAME", help="The model to ask for; by default auto, or what the file says."
        ),
        click.option("--preset", metavar="NAME", help="A preset instead of a file."),
        click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML)."),
    ):
        command = option(command)
    return command


def put_json(value: object) -> None:
    import orjson

    sys.stdout.write(harmless_json(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()) + "\n")
