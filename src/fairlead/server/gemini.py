"""Google's surface for Gemini: `/v1beta/models/MODEL:ACTION`, and the list of models."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote

from fairlead.core.call import Call, Caller
from fairlead.dialects.gemini import native
from fairlead.errors import NotFound
from fairlead.gateway import counting, pipeline
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import World
from fairlead.server import openai
from fairlead.server.exchange import JSON, Exchange
from fairlead.server.framing import ArrayOutlet


async def generate(runtime: Runtime, exchange: Exchange, caller: Caller) -> Call | None:
    """The call that was answered, as the pipeline tells it."""
    name, colon, action = unquote(exchange.path.partition("/models/")[2]).rpartition(":")
    if not colon:
        name, action = action, ""
    if action == "generateContent":
        return await pipeline.answer(runtime, openai.incoming(exchange, caller, "gemini", model=name), exchange)
    if action == "streamGenerateContent":
        asked = openai.incoming(exchange, caller, "gemini", model=name, stream=True)
        events = parse_qs(exchange.query).get("alt") == ["sse"]
        return await pipeline.answer(runtime, asked, exchange if events else ArrayOutlet(exchange))
    if action == "countTokens":
        await counting.answer(runtime, openai.incoming(exchange, caller, "gemini", "count", model=name), exchange)
        return None
    if action in ("embedContent", "batchEmbedContents"):
        asked = openai.incoming(exchange, caller, "gemini_embeddings", "embed", model=name)
        return await pipeline.answer(runtime, asked, exchange)
    raise NotFound(
        f"There is no action {action[:50]!r}; there are generateContent, streamGenerateContent, countTokens, "
        "embedContent and batchEmbedContents.",
        code="unknown_path",
    )


async def models(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    send_models(runtime.world, exchange, caller)


async def one_model(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    send_model(runtime.world, exchange, caller, unquote(exchange.path.removeprefix("/v1beta/models/")))


def send_models(world: World, exchange: Exchange, caller: Caller) -> None:
    asked = parse_qs(exchange.query)
    size = asked.get("pageSize", ["50"])[0]
    names = openai.usable_names(world, caller)
    page = native.models_page(names, int(size[:6]) if size.isdecimal() else 50, asked.get("pageToken", [""])[0])
    exchange.send(200, JSON, page)


def send_model(world: World, exchange: Exchange, caller: Caller, name: str) -> None:
    known = openai.usable_names(world, caller)
    model = world.snapshot.resolve(name)
    if name not in known and (model is None or model.name not in known):
        raise NotFound(f"model {name[:200]!r} is not known here.", param="model", code="model_not_found")
    exchange.send(200, JSON, native.one_model(name))
