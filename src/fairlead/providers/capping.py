"""A smaller output limit than a request asks for, written into it as it leaves, whatever its dialect.

Nothing else changes: what the caller or a translation wrote stays byte for byte. Reasoning that has a limit of its own
keeps its share of the whole, and is not asked for where too little is left of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from fairlead.dialects import json
from fairlead.providers.wire import Endpoint, Outbound

PLAIN = frozenset(("openai_chat", "openai_responses", "completions"))
"""Dialects whose one limit bounds all that comes: where it is the caller's own, nothing has to be written."""
LEAST_THINKING = 1_024
"""The least budget that Anthropic's models take for it."""


def capped(sent: Outbound, dialect: str, limit: int, endpoint: Endpoint) -> Outbound:
    """The same request with at most so many tokens of output."""
    change = LIMITS.get(dialect)
    if (
        change is None
        or not sent.body.startswith((b"{", b" ", b"\n", b"\r", b"\t"))
        or _within(sent.body, dialect, limit)
    ):
        return sent
    body = change(sent.body, orjson.loads(sent.body), limit, endpoint)
    return sent if body is sent.body else msgspec.structs.replace(sent, body=body)


class _Told(msgspec.Struct):
    """What limits an answer, in the dialects that say so on top; the rest of a body is skipped."""

    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    thinking: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_told = msgspec.json.Decoder(_Told).decode


def _within(body: bytes, dialect: str, limit: int) -> bool:
    """Whether a request plainly asks for no more, which most do: so it need not be read whole."""
    try:
        told = _told(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if dialect == "openai_chat":
        limits = [one for one in (told.max_tokens, told.max_completion_tokens) if one is not None]
        return bool(limits) and min(limits) > 0 and max(limits) <= limit
    most = told.max_output_tokens if dialect == "openai_responses" else told.max_tokens
    return dialect != "gemini" and most is not None and 0 < most <= limit and told.thinking is msgspec.UNSET


def _chat(body: bytes, fields: dict[str, Any], limit: int, endpoint: Endpoint) -> bytes:
    names = [name for name in ("max_completion_tokens", "max_tokens") if fields.get(name) is not None]
    if not names:
        return json.splice(body, {endpoint.max_tokens_field or "max_tokens": b"%d" % limit})
    # Some take a limit of nothing for none.
    changes = {name: b"%d" % limit for name in names if not 0 < fields[name] <= limit}
    most = max(fields[name] for name in names)
    reasoning = fields.get("reasoning")
    if changes and isinstance(reasoning, dict) and isinstance(reasoning.get("max_tokens"), int):
        share = _share(reasoning["max_tokens"], most, limit)
        changes["reasoning"] = orjson.dumps({**reasoning, "max_tokens": max(share, 1)})
    return json.splice(body, changes) if changes else body


def _completions(body: bytes, fields: dict[str, Any], limit: int, endpoint: Endpoint) -> bytes:
    return _lowered(body, fields, "max_tokens", limit)


def _responses(body: bytes, fields: dict[str, Any], limit: int, endpoint: Endpoint) -> bytes:
    return _lowered(body, fields, "max_output_tokens", limit)


def _messages(body: bytes, fields: dict[str, Any], limit: int, endpoint: Endpoint) -> bytes:
    most = fields.get("max_tokens")
    lowered = _lowered(body, fields, "max_tokens", limit)
    thinking = fields.get("thinking")
    if not isinstance(thinking, dict) or not isinstance(thinking.get("budget_tokens"), int):
        return lowered
    beyond = most is not None and thinking["budget_tokens"] >= most
    if lowered is body and not beyond:
        return lowered
    # Thoughts between calls of tools may be given more than the whole answer, which then bounds nothing.
    limit = limit if most is None else min(most, limit)
    share = max(_share(thinking["budget_tokens"], None if beyond else most, limit), LEAST_THINKING)
    if share >= limit:
        return json.splice(lowered, {"thinking": b'{"type":"disabled"}'})
    return json.splice(lowered, {"thinking": orjson.dumps({**thinking, "budget_tokens": share})})


def _gemini(body: bytes, fields: dict[str, Any], limit: int, endpoint: Endpoint) -> bytes:
    """Google's readers take both spellings of every name, so each that is there is held to the limit."""
    outers: list[str] = [name for name in ("generation_config", "generationConfig") if name in fields]
    outers = outers or ["generationConfig"]
    changes = {outer: orjson.dumps(config) for outer in outers if (config := _configured(fields.get(outer), limit))}
    return json.splice(body, changes) if changes else body


def _configured(given: object, limit: int) -> dict[str, Any] | None:
    """None where it asks for no more than that already."""
    config: dict[str, Any] = dict(given) if isinstance(given, dict) else {}
    names = [name for name in ("max_output_tokens", "maxOutputTokens") if config.get(name) is not None]
    told = [config[name] if isinstance(config[name], int) else limit + 1 for name in names]
    most = max(told, default=None)
    if most is not None and most <= limit:
        return None
    changed = dict(zip(names, told, strict=True)) or {"maxOutputTokens": limit}
    config |= {name: min(amount, limit) for name, amount in changed.items()}
    for thinking, budget in (("thinkingConfig", "thinkingBudget"), ("thinking_config", "thinking_budget")):
        wished = config.get(thinking)
        if isinstance(wished, dict) and isinstance(wished.get(budget), int) and wished[budget] > 0:
            config[thinking] = {**wished, budget: _share(wished[budget], most, limit)}
    return config


def _lowered(body: bytes, fields: dict[str, Any], name: str, limit: int) -> bytes:
    asked = fields.get(name)
    return body if asked is not None and asked <= limit else json.splice(body, {name: b"%d" % limit})


def _share(part: int, whole: int | None, limit: int) -> int:
    """As large a part of the limit as it was of what was asked for; half of it where that is not known."""
    return min(part, part * limit // whole if whole else limit // 2)


LIMITS: dict[str, Callable[[bytes, dict[str, Any], int, Endpoint], bytes]] = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic_messages": _messages,
    "gemini": _gemini,
    "completions": _completions,
}
