"""The configuration that holds when no file is given: the providers whose keys are in the environment.

With none of them, simulated models stand in, so that a first run answers without any key. `state_dir` is ./state and
no key is declared; who starts the server decides about one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from pydantic import ValidationError

from fairlead.config.schema import Channel, Config, Model, Price, Provider
from fairlead.config.values import Substituted
from fairlead.errors import ConfigError


class Known(msgspec.Struct, frozen=True):
    """A provider that is used when one of its variables is set, with a short choice of its current models."""

    kind: str
    variables: tuple[str, ...]
    models: tuple[str, ...]


KNOWN: tuple[Known, ...] = (
    Known("openai", ("OPENAI_API_KEY",), ("gpt-5.5", "gpt-5.4", "gpt-5.4-mini")),
    Known("anthropic", ("ANTHROPIC_API_KEY",), ("claude-opus-4.7", "claude-sonnet-4.6", "claude-haiku-4.5")),
    Known("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), ("gemini-3.1-pro", "gemini-3-flash", "gemini-2.5-flash")),
    Known("deepseek", ("DEEPSEEK_API_KEY",), ("deepseek-v4-pro", "deepseek-v4-flash")),
    Known("moonshot", ("MOONSHOT_API_KEY",), ("kimi-k2.6",)),
    Known("dashscope", ("DASHSCOPE_API_KEY",), ("qwen3.6-plus", "qwen3.5-plus")),
    Known("zhipu", ("ZHIPU_API_KEY",), ("glm-5.1",)),
    Known("volcengine", ("ARK_API_KEY",), ("doubao-seed-2.0-pro",)),
    Known("groq", ("GROQ_API_KEY",), ("llama-4-scout", "llama-4-maverick")),
    Known("together", ("TOGETHER_API_KEY",), ("llama-4-maverick", "llama-4-scout")),
    Known("mistral", ("MISTRAL_API_KEY",), ("mistral-large-4", "mistral-small-4")),
    Known("xai", ("XAI_API_KEY",), ("grok-4.7", "grok-4.1-fast")),
    Known(
        "openrouter",
        ("OPENROUTER_API_KEY",),
        ("gpt-5.4", "claude-sonnet-4.6", "gemini-3-flash", "deepseek-v4-flash", "llama-4-maverick"),
    ),
)


class Local(msgspec.Struct, frozen=True):
    """A server of one's own; which models it has is said in a variable, comma-separated."""

    kind: str
    addresses: tuple[str, ...]
    models: tuple[str, ...]
    port: int


LOCAL: tuple[Local, ...] = (
    Local("ollama", ("OLLAMA_BASE_URL", "OLLAMA_HOST"), ("OLLAMA_MODELS", "OLLAMA_MODEL"), 11434),
    Local("vllm", ("VLLM_BASE_URL",), ("VLLM_MODELS", "VLLM_MODEL"), 8000),
)


class Simulated(msgspec.Struct, frozen=True):
    name: str
    alias: str
    input: str
    output: str
    cached_input: str
    context: int
    max_output: int
    quality: float
    latency_ms: int
    capabilities: tuple[str, ...]
    flags: tuple[str, ...] = ("simulated",)


_BASIC = ("tools", "json_schema")
_MORE = (*_BASIC, "vision", "documents", "thinking", "logprobs")
_ALL = (*_BASIC, "vision", "audio", "documents", "thinking", "logprobs")

SIMULATED: tuple[Simulated, ...] = (
    Simulated("sim-nano", "nano", "0.1", "0.4", "0.025", 128_000, 16_384, 0.62, 600, _BASIC),
    Simulated("sim-small", "small", "0.3", "1.2", "0.075", 256_000, 32_768, 0.76, 900, (*_BASIC, "vision")),
    Simulated("sim-medium", "medium", "3", "15", "0.3", 400_000, 64_000, 0.88, 1_800, _MORE),
    Simulated("sim-large", "large", "15", "75", "1.5", 1_000_000, 128_000, 0.95, 3_500, _ALL),
    Simulated(
        *("sim-coder", "coder", "1.5", "9", "0.15", 256_000, 64_000, 0.8, 1_400),
        capabilities=(*_BASIC, "thinking"),
        flags=("simulated", "code"),
    ),
)


def from_environment(env: Mapping[str, str]) -> Config:
    providers: dict[str, Provider] = {}
    channels: dict[str, list[Channel]] = {}
    for known in KNOWN:
        variable = next((name for name in known.variables if env.get(name, "").strip()), None)
        if variable is not None:
            providers[known.kind] = _provider(variable, kind=known.kind, api_key=env[variable].strip())
            for model in known.models:
                channels.setdefault(model, []).append(Channel(provider=known.kind))
    models = {name: Model(channels=tuple(found)) for name, found in channels.items()}
    for local in LOCAL:
        variable = next((name for name in local.addresses if env.get(name, "").strip()), None)
        if variable is not None:
            address = _address(env[variable].strip(), local.port)
            providers[local.kind] = _provider(variable, kind=local.kind, base_url=address)
            models.update(_local_models(local, env, taken=models))
    if not models:
        return _simulated(providers)
    try:
        return Config(providers=providers, models=models)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc'][:2]))}: {item['msg']}" for item in error.errors(include_url=False)]
        raise ConfigError(problems) from None


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
    names = next((env[name] for name in local.models if env.get(name, "").strip()), "")
    free = Price.model_validate({"input": 0, "output": 0})
    found: dict[str, Model] = {}
    for name in dict.fromkeys(part.strip() for part in names.split(",") if part.strip()):
        own = f"{local.kind}/{name}" if name in taken else name
        found[own] = Model(channels=(Channel(provider=local.kind, model=name),), price=free)
    return found


def _simulated(providers: Mapping[str, Provider]) -> Config:
    models = {
        item.name: Model.model_validate(
            {
                "channels": [{"provider": "simulated"}],
                "aliases": [item.alias],
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
        for item in SIMULATED
    }
    return Config(providers={**providers, "simulated": Provider(kind="simulated")}, models=models)
