"""Which tools of its own a request lets a provider run, and how often at most: a hard budget has to bear their fees.

Tools that the caller runs, and those no provider charges for, are left out. One that is not known here keeps its own name:
no price row has a fee for it. Where a request leaves open how often a tool may run, `bounded` writes in a limit, in the
dialects that have one: what is held for it is then the most it can come to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

import msgspec
import orjson
from msgspec import UNSET, Raw, UnsetType

from fairlead.core.cost import in_usd
from fairlead.core.model import Price
from fairlead.dialects import json
from fairlead.providers.wire import Outbound

USUAL = 10
"""So often each may run where the request does not say."""
FREE = frozenset(
    (
        "apply_patch", "bash", "computer", "computer_use", "computer_use_preview", "custom", "function",
        "functionDeclarations", "computerUse", "local_shell", "mcp", "mcp_toolset", "memory", "namespace", "text_editor",
        "tool_search", "tool_search_tool_bm25", "tool_search_tool_regex",
    )
)  # fmt: skip
"""Run by the caller, or charged by their tokens alone."""
NAMES = {
    "browser_search": "web_search",
    "codeExecution": "code_execution",
    "collections_search": "file_search",
    "enterpriseWebSearch": "enterprise_web_search",
    "fileSearch": "file_search",
    "googleMaps": "maps",
    "googleSearch": "web_search",
    "googleSearchRetrieval": "web_search",
    "openrouter:web_search": "web_search",
    "urlContext": "url_context",
}
"""A provider's word for it -> a price row's."""
HEEDING = ("web_search", "web_fetch")
"""Tools of Anthropic's that have a limit of their own."""
TOGETHER = ("openai_responses", "gemini")
"""Dialects in which a tool that stands there twice may run no oftener for it."""
SEARCHES_WITH_CODE = "20260209"
"""From this version on Anthropic's searches work through what they find with code, for which nothing is charged."""
_DATE = re.compile(r"_(\d{8}|\d{4}_\d{2}_\d{2})$")
_SNAKE = re.compile(r"_([a-z])")


class Use(msgspec.Struct, frozen=True):
    tool: str
    most: int
    bounded: bool = False
    """Whether the request says so itself."""


class Asked(msgspec.Struct):
    """What stands at the top of a request."""

    tools: Raw | UnsetType = UNSET
    web_search_options: Raw | UnsetType = UNSET
    max_tool_calls: Any = None


class _Tool(msgspec.Struct):
    type: Any = None
    name: Any = None
    max_uses: Any = None
    parameters: Raw | UnsetType = UNSET


_TOOLS = msgspec.json.Decoder(list[_Tool])
_GOOGLES = msgspec.json.Decoder(list[dict[str, Raw]])
_WITHIN = msgspec.json.Decoder(_Tool)


def uses(asked: Asked, dialect: str) -> tuple[Use, ...] | None:
    """Each tool once; None where they cannot be read, and so nobody knows what they come to."""
    found: dict[str, Use] = {}
    listed: list[Use] = []
    if _told(asked.tools):
        try:
            listed += _googles(asked) if dialect == "gemini" else _others(asked, dialect)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
    if _told(asked.web_search_options):
        listed.append(Use("web_search", 1, bounded=True))
    for use in listed:
        before = found.get(use.tool)
        if before is not None:
            most = max(before.most, use.most) if dialect in TOGETHER else before.most + use.most
            use = Use(use.tool, most, before.bounded and use.bounded)
        found[use.tool] = use
    return tuple(found.values())


def _told(raw: Raw | UnsetType) -> bool:
    """Also where nothing more is said of it: `"googleSearch": {}`."""
    return raw is not UNSET and bytes(raw) != b"null"


def _googles(asked: Asked) -> Iterator[Use]:
    """Google reads a single tool as a list of one."""
    assert asked.tools is not UNSET
    tools = bytes(asked.tools)
    for tool in _GOOGLES.decode(b"[%b]" % tools if tools.startswith(b"{") else tools):
        for spelt, value in tool.items():
            name = _SNAKE.sub(lambda letter: letter[1].upper(), spelt)
            if name not in FREE and _told(value):
                yield Use(NAMES.get(name, name), USUAL)


def _others(asked: Asked, dialect: str) -> Iterator[Use]:
    assert asked.tools is not UNSET
    tools = _TOOLS.decode(asked.tools)
    searches_with_code = any(_searches_with_code(str(tool.type)) for tool in tools)
    for tool in tools:
        kind = _DATE.sub("", str(tool.type or "function"))
        if kind in FREE or (kind == "code_execution" and searches_with_code):
            continue
        most = _limit(asked, dialect, tool, kind)
        yield Use(NAMES.get(kind, kind), USUAL if most is None else most, most is not None)


def _limit(asked: Asked, dialect: str, tool: _Tool, kind: str) -> int | None:
    """How often it may run, by the one field that its provider heeds; None where that says nothing."""
    if kind.startswith("openrouter:"):
        told = _within(tool)
    elif dialect == "anthropic_messages":
        told = tool.max_uses if kind in HEEDING else None
    else:
        told = asked.max_tool_calls if dialect == "openai_responses" else None
    return told if _is_count(told) else None


def _is_count(told: object) -> TypeGuard[int]:
    return type(told) is int and told >= 0


def _within(tool: _Tool) -> Any:
    """OpenRouter's tools have their limit among their parameters."""
    if tool.parameters is UNSET or b'"max_uses"' not in bytes(tool.parameters):
        return None
    try:
        return _WITHIN.decode(tool.parameters).max_uses
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _searches_with_code(kind: str) -> bool:
    date = _DATE.search(kind)
    return kind.startswith(("web_search_", "web_fetch_")) and date is not None and date[1] >= SEARCHES_WITH_CODE


def fees(asked: tuple[Use, ...], price: Price) -> int | Use:
    """The most they come to in nano-units of USD; of several the first whose fee is not known."""
    amount = 0
    for use in asked:
        fee = price.fee(use.tool)
        if fee is None:
            return use
        amount += fee.amount * (1 if fee.per == "request" else use.most)
    return in_usd(amount, price)


# ---- limits that are written in


def bounded(sent: Outbound, dialect: str, asked: tuple[Use, ...]) -> Outbound:
    """The same request, in which what it lets a provider run as often as it likes may run `USUAL` times."""
    limit = LIMITS.get(dialect)
    if limit is None or all(use.bounded for use in asked):
        return sent
    return msgspec.structs.replace(sent, body=limit(sent.body))


def _responses(body: bytes) -> bytes:
    return json.splice(body, {"max_tool_calls": b"%d" % USUAL})


def _messages(body: bytes) -> bytes:
    tools = orjson.loads(body)["tools"]
    for tool in tools:
        kind = _DATE.sub("", str(tool.get("type")))
        if kind in HEEDING and not _is_count(tool.get("max_uses")):
            tool["max_uses"] = USUAL
    return json.splice(body, {"tools": orjson.dumps(tools)})


LIMITS: dict[str, Callable[[bytes], bytes]] = {"openai_responses": _responses, "anthropic_messages": _messages}
