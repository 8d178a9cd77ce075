"""OpenAI's surface: chat completions and the list of models."""

from __future__ import annotations

from collections.abc import Awaitable
from urllib.parse import unquote

import orjson

from fairlead.core.call import Caller
from fairlead.core.choice import AUTO, SUFFIXES, suffixes
from fairlead.core.model import Model, capability_names
from fairlead.errors import NotFound, UnsupportedMedia
from fairlead.gateway import pipeline
from fairlead.gateway.request import Incoming
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import World
from fairlead.server.exchange import JSON, Exchange

JSON_TYPE = b"application/json"


def chat(runtime: Runtime, exchange: Exchange, caller: Caller) -> Awaitable[None]:
    return pipeline.answer(runtime, incoming(exchange, caller), exchange)


def incoming(exchange: Exchange, caller: Caller) -> Incoming:
    """The request as the pipeline takes it. Other content types are refused: a web page may send those unasked."""
    headers = exchange.headers
    kind = headers.get(b"content-type", b"")
    if kind != JSON_TYPE and kind.partition(b";")[0].strip().lower() != JSON_TYPE:
        shown = kind.decode("latin-1")[:100] or "nothing"
        raise UnsupportedMedia(f"Content-Type has to be application/json; this request says {shown}.")
    coding = headers.get(b"content-encoding", b"identity")
    if coding != b"identity":
        raise UnsupportedMedia("Compressed request bodies are not accepted; send it without Content-Encoding.")
    return Incoming("generate", caller, headers, exchange.body, exchange.received)


async def models(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    world = runtime.world
    rows = [virtual(name, world) for name in virtual_names(world)]
    rows += [real(model) for model in world.snapshot.models.values() if usable(model, caller)]
    exchange.send(200, JSON, orjson.dumps({"object": "list", "data": rows}))


async def one_model(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    name = unquote(exchange.path.removeprefix("/v1/models/"))
    world = runtime.world
    model = world.snapshot.resolve(name)
    if model is not None and usable(model, caller):
        exchange.send(200, JSON, orjson.dumps(real(model)))
    elif name in virtual_names(world):
        exchange.send(200, JSON, orjson.dumps(virtual(name, world)))
    else:
        raise NotFound(f"model {name[:200]!r} is not known here.", param="model", code="model_not_found")


def usable(model: Model, caller: Caller) -> bool:
    return model.enabled and (caller.models is None or model.name in caller.models)


def virtual_names(world: World) -> list[str]:
    """`auto`, and `auto:NAME` for every policy that can choose without being told a model."""
    return [AUTO, *(f"{AUTO}:{name}" for name in suffixes(world.policies))]


def virtual(name: str, world: World) -> dict[str, object]:
    suffix = name.partition(":")[2]
    policy = world.policies[SUFFIXES.get(suffix, suffix) or world.default_policy]
    described = {"virtual": True, "policy": policy.name, "strategy": policy.strategy}
    return {"id": name, "object": "model", "created": 0, "owned_by": "fairlead", "fairlead": described}


def real(model: Model) -> dict[str, object]:
    described = {
        "virtual": False,
        "aliases": model.aliases,
        "context": model.context or None,
        "max_output": model.max_output or None,
        "capabilities": capability_names(model.capabilities),
        "quality": model.quality,
        "latency_ms": model.latency_ms,
        "flags": sorted(model.flags),
        "channels": [channel.name for channel in model.channels],
    }
    owner = model.channels[0].provider
    return {"id": model.name, "object": "model", "created": 0, "owned_by": owner, "fairlead": described}
