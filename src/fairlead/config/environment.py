"""The configuration that holds when no file is given: the providers whose keys are in the environment.

With none of them, simulated models stand in, so that a first run answers without any key. `state_dir` is ./state and
no key is declared; who starts the server decides about one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from pydantic import ValidationError

from fairlead.config.schema import Channel, Config, Model, Policy, PolicyChoice, Price, Provider
from fairlead.config.values import Substituted
from fairlead.errors import ConfigError
from fairlead.providers.deltas import DELTAS
from fairlead.providers.simulated.lineup import LINEUP

SHIPPED = tuple(item.name for item in LINEUP)
"""What a simulated provider without models of its own answers as."""


class Local(msgspec.Struct, frozen=True):
    """A server of one's own; which models it has is said in a variable, comma-separated, or asked of it."""

    kind: str
    addresses: tuple[str, ...]
    models: tuple[str, ...]
    port: int


LOCAL: tuple[Local, ...] = (
    Local("ollama", ("OLLAMA_BASE_URL", "OLLAMA_HOST"), ("OLLAMA_MODELS", "OLLAMA_MODEL"), 11434),
    Local("vllm", ("VLLM_BASE_URL",), ("VLLM_MODELS", "VLLM_MODEL"), 8000),
)


FLOORS = {"medium": 0.7, "complex": 0.85, "agent": 0.7, "desktop": 0.7}
"""Who works with tools takes many steps, and one wrong step spoils the rest, however simple each of them is."""
STANDARD = {"standard": Policy(strategy="balanced", floors=FLOORS)}
"""Of those that are good enough for work so hard, the best for its price and speed."""


def from_environment(env: Mapping[str, str]) -> Config:
    providers: dict[str, Provider] = {}
    channels: dict[str, list[Channel]] = {}
    for kind, delta in DELTAS.items():
        variable = next((name for name in delta.keys if env.get(name, "").strip()), None)
        if variable is not None:
            providers[kind] = _provider(variable, kind=kind, api_key=env[variable].strip())
            for model in delta.models:
                channels.setdefault(model, []).append(Channel(provider=kind))
    models = {name: Model(channels=tuple(found)) for name, found in channels.items()}
    for local, variable, address in _local(env):
        providers[local.kind] = _provider(variable, kind=local.kind, base_url=address)
        models.update(_local_models(local, env, taken=models))
    if not models:
        return _simulated(providers)
    try:
        return Config(providers=providers, models=models, policies=STANDARD, policy=PolicyChoice(default="standard"))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'][:2]))}: {item['msg']}" for item in error.errors(include_url=False)]
        raise ConfigError(problems) from None


def unnamed(env: Mapping[str, str]) -> Iterator[tuple[Local, str, str]]:
    """(server, the variable it is in, its address) of those whose models no variable names."""
    for local, variable, address in _local(env):
        _provider(variable, kind=local.kind, base_url=address)
        if not _names(local, env):
            yield local, variable, address


def _local(env: Mapping[str, str]) -> Iterator[tuple[Local, str, str]]:
    for local in LOCAL:
        variable = next((name for name in local.addresses if env.get(name, "").strip()), None)
        if variable is not None:
            yield local, variable, _address(env[variable].strip(), local.port)


def _provider(variable: str, kind: str, api_key: str | None = None, base_url: str | None = None) -> Provider:
    try:
        return Provider.model_validate(
            {"kind": kind, "api_key": api_key, "base_url": None if base_url is None else Substituted(base_url)}
        )
    except ValidationError as error:
        problems = [f"{variable}: {item['msg']}" for item in error.errors(include_input=False, include_url=False)]
        raise ConfigError(problems) from None


def _address(value: str, port: int) -> str:
    """`host`, `host:port` or a whole address, as these servers' own tools read it; the API is under /v1."""
    scheme, mark, rest = value.rpartition("://")
    rest = rest.rstrip("/")
    host, slash, path = rest.partition("/")
    if host.startswith("0.0.0.0"):
        host = "127.0.0.1" + host.removeprefix("0.0.0.0")
    if not mark and ":" not in host:
        host = f"{host}:{port}"
    return f"{scheme or 'http'}://{host}/{path if slash else 'v1'}"


def _local_models(local: Local, env: Mapping[str, str], taken: Iterable[str]) -> dict[str, Model]:
    free = Price.model_validate({"input": 0, "output": 0})
    found: dict[str, Model] = {}
    for name in _names(local, env):
        called = name_of(name)
        own = f"{local.kind}/{called}" if called in taken else called
        found[own] = Model(channels=(Channel(provider=local.kind, model=name),), price=free)
    return found


def name_of(model: str) -> str:
    """What a model is called here. Some servers call theirs by the place of its files, which is no name."""
    return model.rstrip("/").rpartition("/")[2] if model.startswith(("/", ".")) else model


def _names(local: Local, env: Mapping[str, str]) -> list[str]:
    names = next((env[name] for name in local.models if env.get(name, "").strip()), "")
    return list(dict.fromkeys(part.strip() for part in names.split(",") if part.strip()))


def _simulated(providers: Mapping[str, Provider]) -> Config:
    models = {
        item.name: Model.model_validate(
            {
                "channels": [{"provider": "simulated"}],
                "aliases": item.aliases,
                "price": {
                    "input": float(item.input),
                    "output": float(item.output),
                    "cached_input": float(item.cached_input),
                },
                "context": item.context,
                "max_output": item.max_output,
                "quality": item.quality,
                "latency_ms": item.latency_ms,
                "capabilities": item.capabilities,
                "flags": item.flags,
            }
        )
        for item in LINEUP
    }
    return Config(
        providers={**providers, "simulated": Provider(kind="simulated")},
        models=models,
        policies=STANDARD,
        policy=PolicyChoice(default="standard"),
    )
