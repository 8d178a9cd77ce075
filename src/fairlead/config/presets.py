"""Presets: configurations that ship, each one file that boots as it stands, also without any provider key.

Roles and phases lie in `presets/`, published routing tables in `presets/published/` and are called `published/NAME`.
A file's first line is a comment that says what it is; a line `# zh: ...` says it in Chinese.

In a preset, and in nothing else, a provider whose key or address comes out empty is simulated: the same models at
the same prices answer made-up text. A server of one's own needs no key, and stays one's own when it is simulated.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from fairlead.config.document import Entry, Node, Unreadable, compose
from fairlead.config.load import from_tree
from fairlead.config.schema import Config
from fairlead.core.model import EMBEDDINGS, THINKING
from fairlead.core.spelling import closest
from fairlead.errors import ConfigError
from fairlead.providers.deltas import DELTAS
from fairlead.registry import catalogue

FOLDER = Path(__file__).with_name("presets")
PUBLISHED = "published/"
CHINESE = "# zh: "
FIRST_TOKEN = 10
"""A model's usual latency is this many times what its stand-in takes to its first token."""
TOKENS_PER_SECOND = 120
DIMENSIONS = 256


def names() -> tuple[str, ...]:
    """The roles and phases, then the published ones."""
    own = sorted(file.stem for file in FOLDER.glob("*.yaml"))
    return (*own, *sorted(f"{PUBLISHED}{file.stem}" for file in FOLDER.glob("published/*.yaml")))


def read(name: str) -> str:
    """The text of a preset. Raises ConfigError with the nearest spelling."""
    if name not in names():
        # By their last words: that they begin alike makes no two of them near.
        tails = {one.removeprefix(PUBLISHED): one for one in names()}
        near = closest(name.removeprefix(PUBLISHED), tails)
        hint = f", did you mean {tails[near]!r}?" if near else ""
        raise ConfigError([f"unknown preset {name!r}{hint}; `fairlead config presets` lists them"])
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def about(name: str, language: str = "en") -> str:
    """What a preset is, in one line."""
    lines = read(name).splitlines()
    chinese = next((line.removeprefix(CHINESE) for line in lines if line.startswith(CHINESE)), "")
    return chinese if chinese and language == "zh" else lines[0].removeprefix("#").strip()


def load(name: str, env: Mapping[str, str] | None = None) -> Config:
    """The configuration of a preset. Raises ConfigError."""
    return loads(read(name), f"{name}.yaml", env)


def loads(text: str, name: str, env: Mapping[str, str] | None = None) -> Config:
    """The same of a text."""
    try:
        root, problems = compose(text, os.environ if env is None else env)
    except Unreadable as error:
        raise ConfigError([error.problem.render(name)]) from None
    for provider, node in _mapping(root, "providers"):
        _settle(root, provider, node)
    return from_tree(root, problems, name)


def simulated(config: Config) -> tuple[str, ...]:
    """The providers that are not really asked."""
    return tuple(name for name, provider in config.providers.items() if provider.kind == "simulated")


def _settle(root: Node, name: str, node: Node) -> None:
    """Make a provider that cannot be reached a simulated one."""
    kind = str(_value(node, "kind") or "openai")
    key, address = _value(node, "api_key"), _value(node, "base_url")
    own = kind in DELTAS and DELTAS[kind].self_hosted
    if key == "" and address and own:
        node.remove(("api_key",))
    elif key == "" or address == "":
        for setting in ("api_key", "base_url", "dialects"):
            node.remove((setting,))
        if own and _value(node, "self_hosted") is None:
            node.put(("self_hosted",), True)
        node.put(("kind",), "simulated")
        behaviours = {model: Entry(node.line, _behaviour(model, given)) for model, given in _served(root, name)}
        assert node.entries is not None
        node.entries["models"] = Entry(node.line, Node(node.line, entries=behaviours))


def _served(root: Node, provider: str) -> Iterator[tuple[str, tuple[str, Node]]]:
    """(its name at the provider, (its own name, its settings)) of every model a provider serves."""
    for name, model in _mapping(root, "models"):
        channels = model.entries["channels"].node.items if model.entries and "channels" in model.entries else None
        for channel in channels or ():
            if _value(channel, "provider") == provider:
                yield str(_value(channel, "model") or name), (name, model)


def _behaviour(upstream: str, model: tuple[str, Node]) -> Node:
    name, given = model
    entry = catalogue.load().find(name) or catalogue.load().find(upstream)
    latency = _value(given, "latency_ms") or (entry.latency_ms if entry else None) or 2_000
    settings: dict[str, object] = {
        "latency_ms": round(float(str(latency)) / FIRST_TOKEN),
        "tokens_per_second": TOKENS_PER_SECOND,
    }
    if entry is not None and entry.capabilities & EMBEDDINGS:
        settings["embeds"] = DIMENSIONS
    elif entry is not None and entry.capabilities & THINKING:
        settings["thinks"] = True
    quality = _value(given, "quality")
    if quality is None and entry is not None:
        quality = entry.quality
    found = {key: Entry(given.line, Node(given.line, value)) for key, value in settings.items()}
    if quality is not None:
        share = Node(given.line, Decimal(str(quality)))
        found["quality"] = Entry(given.line, Node(given.line, entries={"default": Entry(given.line, share)}))
    return Node(given.line, entries=found)


def _mapping(root: Node, section: str) -> Iterator[tuple[str, Node]]:
    entry = root.entries.get(section) if root.entries else None
    for name, one in (entry.node.entries or {}).items() if entry is not None else ():
        if one.node.entries is not None:
            yield name, one.node


def _value(node: Node, setting: str) -> object:
    """A setting as it stands, None where it is left out; spaces around it do not count."""
    entry = node.entries.get(setting) if node.entries else None
    value = None if entry is None else entry.node.value
    return value.strip() if isinstance(value, str) else value
