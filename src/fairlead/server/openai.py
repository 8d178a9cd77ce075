"""OpenAI's surface: chat completions and the list of models."""

from __future__ import annotations

from collections.abc import Awaitable
from urllib.parse import parse_qs, unquote

import orjson

from fairlead.core.call import Caller, Operation
from fairlead.core.choice import AUTO, SUFFIXES, suffixes
from fairlead.core.model import Channel, Model, capability_names
from fairlead.errors import BadRequest, NotFound, UnsupportedMedia
from fairlead.gateway import conversations, pipeline
from fairlead.gateway.choosing import Open
from fairlead.gateway.request import Headers, Incoming
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import World
from fairlead.server import anthropic, gemini
from fairlead.server.exchange import JSON, Exchange

JSON_TYPE = b"application/json"


OPAQUE = (
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/images/variations",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
)
"""What passes through to the named model's provider unread."""


def chat(runtime: Runtime, exchange: Exchange, caller: Caller) -> Awaitable[object]:
    headers = exchange.headers
    if not headers.json:
        _demand_json(headers)
    asked = Incoming("generate", caller, headers, exchange.body, exchange.received)
    return pipeline.answer(runtime, asked, exchange)


async def no_stored_chats(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    """Chats are not kept here, whatever `store` says."""
    exchange.send(200, JSON, b'{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}')


def responses(runtime: Runtime, exchange: Exchange, caller: Caller) -> Awaitable[object]:
    return conversations.answer(runtime, incoming(exchange, caller, "openai_responses"), exchange)


async def count_tokens(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    await conversations.count(runtime, incoming(exchange, caller, "openai_responses", "count"), exchange)


async def no_socket(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    """Some clients try a web socket first; told so, they fall back to plain requests at once."""
    exchange.keep_alive = False
    exchange.send(426, JSON + b"Upgrade: HTTP/1.1\r\n", b'{"error":{"message":"Use POST."}}')


async def stored(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    name, _, part = exchange.path.removeprefix("/v1/responses/").partition("/")
    kept = await runtime.conversations.find(caller.tenant, name)
    if kept is None or part not in ("", "input_items"):
        raise conversations.missing(name)
    if parse_qs(exchange.query).get("stream") == ["true"]:
        raise BadRequest(
            "This response is whole already: only those made in the background are streamed.", param="stream"
        )
    body = kept.answer if not part else conversations.page(kept.asked)
    exchange.send(200, JSON, body)


async def forget(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    name = exchange.path.removeprefix("/v1/responses/")
    if not await runtime.conversations.forget(caller.tenant, name):
        raise conversations.missing(name)
    exchange.send(200, JSON, orjson.dumps({"id": name, "object": "response", "deleted": True}))


async def stored_action(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    action = exchange.path.removeprefix("/v1/responses/").partition("/")[2]
    raise NotFound(
        f"{action or exchange.path} is not offered for responses: they are never run in the background, nor compacted.",
        code="unknown_path",
    )


def completions(runtime: Runtime, exchange: Exchange, caller: Caller) -> Awaitable[object]:
    return pipeline.answer(runtime, incoming(exchange, caller, "completions"), exchange)


def embeddings(runtime: Runtime, exchange: Exchange, caller: Caller) -> Awaitable[object]:
    return pipeline.answer(runtime, incoming(exchange, caller, "embeddings", "embed"), exchange)


def opaque(runtime: Runtime, exchange: Exchange, caller: Caller) -> Awaitable[object]:
    kind = exchange.headers.get(b"content-type", b"")
    if kind.startswith(b"multipart/form-data"):
        asked = Incoming(
            "opaque", caller, exchange.headers, exchange.body, exchange.received, "opaque", path=exchange.path[3:]
        )
    else:
        asked = incoming(exchange, caller, "opaque", "opaque", path=exchange.path[3:])
    return pipeline.answer(runtime, asked, exchange)


def incoming(
    exchange: Exchange,
    caller: Caller,
    dialect: str = "openai_chat",
    operation: Operation = "generate",
    model: str = "",
    stream: bool = False,
    path: str = "",
) -> Incoming:
    """The request as the pipeline takes it."""
    headers = exchange.headers
    if not headers.json:
        _demand_json(headers)
    return Incoming(operation, caller, headers, exchange.body, exchange.received, dialect, model, stream, path)


def _demand_json(headers: Headers) -> None:
    """Other content types are refused: a web page may send those unasked."""
    kind = headers.get(b"content-type", b"")
    if kind != JSON_TYPE and kind.partition(b";")[0].strip().lower() != JSON_TYPE:
        shown = kind.decode("latin-1")[:100] or "nothing"
        raise UnsupportedMedia(f"Content-Type has to be application/json; this request says {shown}.")
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise UnsupportedMedia("Compressed request bodies are not accepted; send it without Content-Encoding.")
    headers.json = True


async def models(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    world = runtime.world
    if b"x-goog-api-key" in exchange.headers:
        gemini.send_models(world, exchange, caller)
        return
    if b"anthropic-version" in exchange.headers:
        anthropic.send_models(world, exchange, caller)
        return
    rows = [virtual(name, world, caller) for name in virtual_names(world, caller)]
    rows += [real(model) for model in world.snapshot.models.values() if usable(model, caller)]
    exchange.send(200, JSON, orjson.dumps({"object": "list", "data": rows}))


async def one_model(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    name = unquote(exchange.path.removeprefix("/v1/models/"))
    world = runtime.world
    model = world.snapshot.resolve(name)
    if b"x-goog-api-key" in exchange.headers:
        gemini.send_model(world, exchange, caller, name)
    elif b"anthropic-version" in exchange.headers:
        anthropic.send_model(world, exchange, caller, name)
    elif model is not None and usable(model, caller):
        exchange.send(200, JSON, orjson.dumps(real(model)))
    elif name in virtual_names(world, caller):
        exchange.send(200, JSON, orjson.dumps(virtual(name, world, caller)))
    else:
        raise NotFound(f"model {name[:200]!r} is not known here.", param="model", code="model_not_found")


def usable_names(world: World, caller: Caller) -> list[str]:
    """Every name this caller may put into `model`."""
    real_names = [model.name for model in world.snapshot.models.values() if usable(model, caller)]
    return [*virtual_names(world, caller), *real_names]


def usable(model: Model, caller: Caller) -> bool:
    if not model.enabled or (caller.models is not None and model.name not in caller.models):
        return False
    return any(_reachable(channel, caller) for channel in model.channels)


def _reachable(channel: Channel, caller: Caller) -> bool:
    return (
        channel.enabled
        and (caller.providers is None or channel.provider in caller.providers)
        and (caller.regions is None or channel.region in caller.regions)
        and (caller.channels is None or channel.id in caller.channels)
        and (channel.self_hosted or not caller.sensitive)
    )


def virtual_names(world: World, caller: Caller) -> list[str]:
    """`auto`, and `auto:NAME` for every policy that can choose for this key without being told a model."""
    return [AUTO, *(f"{AUTO}:{name}" for name in suffixes(Open(world, caller).policies()))]


def virtual(name: str, world: World, caller: Caller) -> dict[str, object]:
    suffix = name.partition(":")[2]
    policy = world.policies[SUFFIXES.get(suffix, suffix) or caller.policy or world.default_policy]
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
