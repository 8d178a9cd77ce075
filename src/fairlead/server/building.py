"""From the text of a configuration to the world it comes to, or to every reason why it cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from fairlead.config.load import loads, located
from fairlead.config.schema import Config
from fairlead.config.values import is_loopback
from fairlead.errors import ConfigError
from fairlead.gateway import world
from fairlead.gateway.world import World
from fairlead.registry import market
from fairlead.registry.catalogue import load as load_catalogue

Shaped = Callable[[Config], Config]
VERSION = 12
"""Digits of a version."""


def check_open(config: Config) -> None:
    """Without keys only this machine is answered."""
    if not config.keys and not is_loopback(config.server.host):
        raise ConfigError(
            [
                f"server.host is {config.server.host}, which others can reach, and no keys are configured; "
                "add `keys: [{name: me, key: ...}]`, or set server.host to 127.0.0.1"
            ]
        )


def build(config: Config, pepper: bytes, text: str) -> World:
    """`text` is what the configuration was read from; without one, what it comes to gives the version."""
    known = market.merged(load_catalogue(), market.read(Path(config.server.state_dir)))
    built = world.build(config, known, pepper)
    said = text or config.model_dump_json()
    return msgspec.structs.replace(built, version=version_of(said, pepper))


def version_of(text: str, pepper: bytes) -> str:
    """With the pepper, so that nobody finds the secrets of a text by trying."""
    return world.digest(world.pads_of(pepper), text.encode()).hex()[:VERSION]


def as_read(config: Config) -> Config:
    """Nothing is put in the place of what the file says."""
    return config


def read(text: str, name: str, pepper: bytes = b"", shaped: Shaped = as_read) -> tuple[Config, World]:
    """What the text comes to, or a ConfigError with the lines of all that is wrong: also what only shows when everything
    is built, such as files of authorities, headers HTTP cannot carry, an open door."""
    config = shaped(loads(text, name))
    problems: list[str] = []
    found: World | None = None
    for look in (check_open, lambda config: build(config, pepper, text)):
        try:
            found = look(config)
        except ConfigError as error:
            problems += error.problems
    if problems or found is None:
        raise ConfigError([words for _, words in sorted(located(text, name, problem) for problem in problems)])
    return config, found
