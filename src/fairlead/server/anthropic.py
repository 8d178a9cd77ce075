"""Anthropic's surface: messages, counting tokens, the list of models."""

from __future__ import annotations

from collections.abc import Awaitable
from urllib.parse import parse_qs

import orjson

from fairlead.core.call import Caller
from fairlead.dialects.anthropic_messages import native
from fairlead.errors import NotFound
from fairlead.gateway import counting, pipeline
from fairlead.gateway.runtime import Runtime
from fairlead.gateway.world import World
from fairlead.server import openai
from fairlead.server.exchange import JSON, Exchange


def messages(runtime: Runtime, exchange: Exchange, caller: Caller) -> Awaitable[object]:
    return pipeline.answer(runtime, openai.incoming(exchange, caller, "anthropic_messages"), exchange)


async def count_tokens(runtime: Runtime, exchange: Exchange, caller: Caller) -> None:
    asked = openai.incoming(exchange, caller, "anthropic_messages", "count")
    await counting.answer(runtime, asked, exchange)


def send_models(world: World, exchange: Exchange, caller: Caller) -> None:
    """On the same path as OpenAI's list: the header `anthropic-version` asks for this one."""
    asked = parse_qs(exchange.query)
    limit = asked.get("limit", ["20"])[0]
    exchange.send(
        200,
        JSON,
        native.models_page(
            openai.usable_names(world, caller),
            int(limit[:6]) if limit.isdecimal() else 20,
            asked.get("after_id", [""])[0],
            asked.get("before_id", [""])[0],
        ),
    )


def send_model(world: World, exchange: Exchange, caller: Caller, name: str) -> None:
    known = openai.usable_names(world, caller)
    model = world.snapshot.resolve(name)
    if name not in known and (model is None or model.name not in known):
        raise NotFound(f"model {name[:200]!r} is not known here.", param="model", code="model_not_found")
    page = orjson.loads(native.models_page([name], 1, "", ""))
    exchange.send(200, JSON, orjson.dumps(page["data"][0]))
