"""Hints for providers' prompt caches, put into requests whose callers gave none; the answer stays what it would have been.

    anthropic_messages   `cache_control` behind the system prompt and tools, and behind the last turn of a conversation
    openai_chat, openai_responses   `prompt_cache_key`, made of tenant and session

What is written to a cache may cost more than plain input. So a prefix is marked where it is long, where reading it again is
cheaper, and where it is likely to come again: in a conversation, a named session, a loop of tools.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from fairlead.core.call import Call
from fairlead.core.cost import rates_for
from fairlead.core.model import Channel
from fairlead.dialects import json

LEAST_TOKENS = 1024
"""Shorter prefixes are kept by no provider."""
BYTES_PER_TOKEN = 3.5
GOING_ON = 2
"""More turns than these are a conversation."""
MARK = {"type": "ephemeral"}
MARKED = b'"cache_control"'
KEYED = b'"prompt_cache_key"'
MARKABLE = frozenset(("text", "image", "document", "tool_use", "tool_result"))


def put_in(body: bytes, dialect: str, call: Call, channel: Channel) -> bytes:
    """The body as it may leave; as it is where there is nothing to gain, or the caller said something itself."""
    if dialect == "anthropic_messages":
        return _marked(body, call) if MARKED not in body and _cheaper(body, call, channel) else body
    if dialect in ("openai_chat", "openai_responses") and call.wishes.session and KEYED not in body:
        return json.splice(body, {"prompt_cache_key": orjson.dumps(key_of(call))})
    return body


def key_of(call: Call) -> str:
    """Nobody reads the tenant or the session off it."""
    said = f"{call.caller.tenant}\0{call.wishes.session}"
    return f"fl-{hashlib.blake2b(said.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"


def _cheaper(body: bytes, call: Call, channel: Channel) -> bool:
    """Whether it is long, and known to cost less when it is read again."""
    tokens = int(len(body) / BYTES_PER_TOKEN)
    price = channel.price_at(call.facts.at) if tokens >= LEAST_TOKENS else None
    if price is None:
        return False
    rates = rates_for(price, tokens)
    return rates.cached_input is not None and rates.cached_input < rates.input


def _marked(body: bytes, call: Call) -> bytes:
    said = json.loads(body)
    messages = said["messages"]
    goes_on = len(messages) > GOING_ON
    if not (goes_on or call.wishes.session or said.get("tools")):
        return body
    changes: dict[str, Any] = {}
    stable = _size(said.get("system")) + _size(said.get("tools"))
    if stable >= LEAST_TOKENS:
        if said.get("system"):
            changes["system"] = _behind(said["system"])
        else:
            changes["tools"] = [*said["tools"][:-1], {**said["tools"][-1], "cache_control": MARK}]
    if goes_on and stable + _size(messages) >= LEAST_TOKENS:
        content = _behind(messages[-1].get("content"))
        if content is not None:
            changes["messages"] = [*messages[:-1], {**messages[-1], "content": content}]
    found = {field: orjson.dumps(value) for field, value in changes.items() if value is not None}
    return json.splice(body, found) if found else body


def _behind(content: Any) -> list[Any] | None:
    """The content with a mark on its last block; None where that can have none."""
    if isinstance(content, str):
        return [{"type": "text", "text": content, "cache_control": MARK}] if content.strip() else None
    last = content[-1] if content else {}
    if last.get("type") not in MARKABLE or (last["type"] == "text" and not last.get("text", "").strip()):
        return None
    return [*content[:-1], {**last, "cache_control": MARK}]


def _size(part: Any) -> int:
    return int(len(orjson.dumps(part)) / BYTES_PER_TOKEN) if part else 0
