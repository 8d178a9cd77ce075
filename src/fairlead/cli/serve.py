"""`fairlead serve`: from a file, or from what the environment holds."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.messages import tr
from fairlead.cli.terminal import say, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from fairlead.config.schema import Config
    from fairlead.server.reload import Source
    from fairlead.server.serve import Running

REACHED = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where a program on this machine finds what listens everywhere."""


@click.command("serve")
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), help="Configuration file (YAML).")
@click.option("--preset", metavar="NAME", help="A preset instead of a file; `fairlead config presets` lists them.")
@click.option("--host", help="Address to listen on, instead of server.host.")
@click.option(
    "--port", "-p", type=click.IntRange(0, 65535), help="Port to listen on, instead of server.port; 0: a free one."
)
@click.option(
    "--state-dir", type=click.Path(path_type=Path), help="Directory of the ledger, instead of server.state_dir."
)
def command(path: Path | None, preset: str | None, host: str | None, port: int | None, state_dir: Path | None) -> None:
    """Run the gateway.

    Without --config or --preset it uses the providers whose keys are in the environment (OPENAI_API_KEY,
    ANTHROPIC_API_KEY, GEMINI_API_KEY, DEEPSEEK_API_KEY and others), and simulated models when there are none.

    \b
    Examples:
      fairlead serve
      fairlead serve --config fairlead.yaml --port 8080
      fairlead serve --preset startup

    What changes in the file of --config is taken up while it runs; `fairlead config status` tells what is in force.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    config, source = followed(path, preset, lambda config: with_options(config, host, port, state_dir))
    run_loop(serve(config, own_key=path is None, preset=preset is not None, source=source))


def followed(path: Path | None, preset: str | None, shaped: Callable[[Config], Config]) -> tuple[Config, Source | None]:
    """The configuration to begin with, and the file whose changes are taken up."""
    from fairlead.cli.asking import settings, warn

    if path is None or preset is not None:
        return shaped(settings(path, preset)), None
    from fairlead.config.load import loads, read
    from fairlead.server.reload import Source

    text = read(path)
    config = loads(text, os.fspath(path))
    warn(config)
    return shaped(config), Source(path, text, shaped)


def with_options(config: Config, host: str | None, port: int | None, state_dir: Path | None) -> Config:
    changes: dict[str, object] = {}
    if host is not None:
        changes["host"] = host
    if port is not None:
        changes["port"] = port
    if state_dir is not None:
        changes["state_dir"] = str(state_dir)
    return config.model_copy(update={"server": config.server.model_copy(update=changes)})


class Formatter(logging.Formatter):
    """A log line stays one line, whatever is told in it; tracebacks follow below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return visible(super().formatMessage(record))


async def serve(config: Config, own_key: bool, preset: bool = False, source: Source | None = None) -> None:
    from fairlead.config.schema import Key
    from fairlead.config.secret import Secret
    from fairlead.gateway.minting import mint
    from fairlead.server.serve import check_address, raise_file_limit, start, stored_secret, until_stopped

    raise_file_limit()
    key = ""
    if own_key:
        await check_address(config.server)
        key = stored_secret(Path(config.server.state_dir) / "key", mint)
        config = config.model_copy(update={"keys": (Key(name="local", key=Secret(key)),)})
    running = await start(config, source=source)
    spare_collector()
    # Said once the signal handlers stand: who reads the address may send a signal at once.
    asyncio.get_running_loop().call_soon(announce, config, running, key, preset)
    await until_stopped(running, lambda words: say(tr(words)))


def spare_collector() -> None:
    """What is there now stays for good: the garbage collector need not look at it again, and may come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def announce(config: Config, running: Running, key: str, preset: bool = False) -> None:
    host, port, world = running.host, running.port, running.runtime.world
    address = url(host, port)
    asked = {channel.provider for model in config.models.values() for channel in model.channels}
    ready = tr("fairlead answers at {address}/v1  ({models} models; state in {state})")
    say(ready.format(address=address, models=len(config.models), state=config.server.state_dir))
    if preset:
        announce_simulated(config)
    elif all(config.providers[name].kind == "simulated" for name in asked):
        if key:
            say(tr("no provider key is in the environment: the models are SIMULATED, nothing leaves this machine"))
        else:
            say(tr("the models are SIMULATED, nothing leaves this machine"))
    if world.open:
        say(tr("no keys are configured: answering programs on this machine only, without authentication"))
    elif not world.keys:
        say(tr("all keys are deleted; requests without one stay refused until `fairlead keys unlock`"))
    say(watch(config))
    shown = key or ("" if world.open else "YOUR_KEY")
    if key:
        say(tr("key: {key}").format(key=key))
    say(tr("try:"))
    say(curl(url(REACHED.get(host, host), port), "auto", shown))


def announce_simulated(config: Config) -> None:
    """Of a preset: who is not really asked, and what lacks for it."""
    from fairlead.config.presets import simulated

    if names := simulated(config):
        stand_ins = tr("SIMULATED: {names} (no key or address in the environment); what they answer is made up")
        say(stand_ins.format(names=", ".join(names)))


NOT_LOOKED_FOR = (
    "sensitive content is not looked for: only what is declared, or a key's setting, makes a request sensitive"
)
THEN = {
    "self_hosted": "a request that holds {what} stays on self-hosted models",
    "refuse": "a request that holds {what} is refused",
    "mark": "of a request that holds {what} it is noted",
}


def watch(config: Config) -> str:
    """What is looked for in requests before they leave."""
    from fairlead.config.sensitivity import in_force

    now = in_force(config)
    if not now.on:
        return tr(NOT_LOOKED_FOR)
    terms = [tr("{count} terms").format(count=f"{len(now.terms):,}")] if now.terms else []
    return tr(THEN[now.action]).format(what=", ".join([*now.kinds, *terms]))


def url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def curl(address: str, model: str, key: str = "") -> str:
    header = f" \\\n    -H 'Authorization: Bearer {key}'" if key else ""
    return (
        f"  curl -iw '\\n' {address}/v1/chat/completions{header} \\\n    -H 'Content-Type: application/json' \\\n"
        f"""    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Say hello in French."}}]}}'"""
    )


def run_loop(main: object) -> None:
    """uvloop where it can be had; the loop belongs to this run, no policy is set."""
    import inspect

    assert inspect.iscoroutine(main)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
