"""How often a provider's own tools were used, read off answers: what it takes a fee for beside the tokens.

Some tell it in their usage, some only by what stands in the answer. Nothing here is read unless a mark of it stands in the
answer's bytes. What a provider makes no charge for (a page that is opened while searching, a call of an MCP server) is
not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.core.tools import Calls, counted
from fairlead.dialects import sse
from fairlead.dialects.json import EMPTY

BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def with_calls(usage: Usage, calls: Calls) -> Usage:
    return msgspec.structs.replace(usage, calls=calls) if calls else usage


# ---- usage that tells it


class Requests(Struct):
    """As Anthropic's usage and OpenRouter's tell it."""

    web_search_requests: int | None = None
    web_fetch_requests: int | None = None
    code_execution_requests: int | None = None


class Details(Struct):
    """As the usage of xAI tells it."""

    web_search_calls: int | None = None
    x_search_calls: int | None = None
    code_interpreter_calls: int | None = None
    file_search_calls: int | None = None
    document_search_calls: int | None = None


def of_requests(found: Requests | None) -> Calls:
    if found is None:
        return ()
    return counted(
        {
            "web_search": found.web_search_requests,
            "web_fetch": found.web_fetch_requests,
            "code_execution": found.code_execution_requests,
        }
    )


def of_details(found: Details | None) -> Calls:
    if found is None:
        return ()
    return counted(
        {
            "web_search": found.web_search_calls,
            "x_search": found.x_search_calls,
            "code_interpreter": found.code_interpreter_calls,
            "file_search": found.file_search_calls,
            "attachment_search": found.document_search_calls,
        }
    )


_NAMES = {
    "web_search": "web_search",
    "web_fetch": "web_fetch",
    "code_execution": "code_execution",
    "bash_code_execution": "code_execution",
    "text_editor_code_execution": "code_execution",
}
"""As Anthropic's blocks name them."""


def of_names(names: Iterable[str]) -> Calls:
    """Code is charged by its container, however often it runs; and not beside searches and pages."""
    times = Counter(_NAMES[name] for name in names if name in _NAMES)
    ran = times.pop("code_execution", 0)
    return counted(times) or counted({"code_execution": min(ran, 1)})


# ---- Responses: items of the output


class _Action(Struct):
    type: str | None = None


class Item(Struct):
    type: str | None = None
    status: str | None = None
    container_id: str | None = None
    action: _Action | None = None


class _Typed(Struct):
    type: str | None = None


_ITEMS = msgspec.json.Decoder(list[Item])
_TYPED = msgspec.json.Decoder(list[_Typed])
ITEM_MARK = b'_call"'
_ITEM_TOOLS = {
    "web_search_call": "web_search",
    "file_search_call": "file_search",
    "code_interpreter_call": "code_interpreter",
    "image_generation_call": "image_generation",
}


def of_output(output: Raw | UnsetType, tools: Raw | UnsetType) -> Calls:
    """Of a whole answer; `tools` as the answer repeats them: only they say which search it was. Where there were none, the
    output is not looked at."""
    if output is UNSET or (tools is not UNSET and bytes(tools) == b"[]") or ITEM_MARK not in bytes(output):
        return ()
    try:
        return _renamed(of_items(_ITEMS.decode(output)), tools)
    except BROKEN:
        return ()


def of_items(items: Iterable[Item]) -> Calls:
    """Code that runs in one container is charged once for it."""
    times: Counter[str] = Counter()
    containers: set[str] = set()
    for item in items:
        tool = _ITEM_TOOLS.get(item.type or "")
        if tool is None or item.status == "failed":
            continue
        if tool == "web_search" and item.action is not None and item.action.type not in (None, "search"):
            continue
        if item.container_id:
            if item.container_id in containers:
                continue
            containers.add(item.container_id)
        times[tool] += 1
    return counted(times)


def _renamed(calls: Calls, tools: Raw | UnsetType) -> Calls:
    if tools is UNSET or b"web_search_preview" not in bytes(tools) or not dict(calls).get("web_search"):
        return calls
    asked = [(one.type or "").startswith("web_search_preview") for one in _TYPED.decode(tools)]
    return counted({"web_search_preview" if tool == "web_search" and any(asked) else tool: n for tool, n in calls})


# ---- Gemini: what an answer is grounded in


class _Chunk(Struct):
    maps: Raw | UnsetType = UNSET


class _Grounding(Struct):
    webSearchQueries: list[str] | None = None
    imageSearchQueries: list[str] | None = None
    groundingChunks: list[_Chunk] | None = None


class _Candidate(Struct):
    groundingMetadata: Raw | UnsetType = UNSET


_CANDIDATES = msgspec.json.Decoder(list[_Candidate])
_GROUNDING = msgspec.json.Decoder(_Grounding)
GROUNDING_MARK = b'"groundingMetadata"'


def of_candidates(candidates: Raw | UnsetType) -> Calls:
    if candidates is UNSET or GROUNDING_MARK not in bytes(candidates):
        return ()
    try:
        return of_groundings([one.groundingMetadata for one in _CANDIDATES.decode(candidates)])
    except BROKEN:
        return ()


def of_groundings(groundings: Iterable[Raw | UnsetType]) -> Calls:
    times: Counter[str] = Counter()
    for raw in groundings:
        if raw is UNSET or bytes(raw) in EMPTY:
            continue
        try:
            found = _GROUNDING.decode(raw)
        except BROKEN:
            continue
        # Pages alone were named by the caller (`urlContext`), and are no search.
        queries = (*(found.webSearchQueries or ()), *(found.imageSearchQueries or ()))
        times["web_search"] += sum(1 for query in queries if query)
        times["maps"] += any(chunk.maps is not UNSET for chunk in found.groundingChunks or ())
    return counted(times)


# ---- Chat Completions: what some tell beside the message


class _Executed(Struct):
    type: str | None = None


class _Message(Struct):
    executed_tools: list[_Executed] | None = None


class _Choice(Struct):
    message: _Message | None = None


_CHOICES = msgspec.json.Decoder(list[_Choice])
EXECUTED_MARK = b'"executed_tools"'
_EXECUTED = {
    "search": "web_search",
    "web_search": "web_search",
    "browser_search": "web_search",
    "browser.search": "web_search",
    "visit": "web_fetch",
    "visit_website": "web_fetch",
    "python": "code_execution",
    "code_interpreter": "code_execution",
}


def of_choices(choices: Raw | UnsetType) -> Calls:
    """As Groq tells it."""
    if choices is UNSET or EXECUTED_MARK not in bytes(choices):
        return ()
    try:
        found = _CHOICES.decode(choices)
    except BROKEN:
        return ()
    executed = [one.type or "" for choice in found if choice.message for one in choice.message.executed_tools or ()]
    return counted(Counter(_EXECUTED[kind] for kind in executed if kind in _EXECUTED))


# ---- streams that broke off before their usage came


class _ItemDone(Struct):
    type: str = ""
    item: Item | None = None


class _Block(Struct):
    type: str = ""
    name: str = ""


class _BlockStart(Struct):
    type: str = ""
    content_block: _Block | None = None


_ITEM_DONE = msgspec.json.Decoder(_ItemDone)
_BLOCK_START = msgspec.json.Decoder(_BlockStart)


def done_items(block: bytes) -> list[Item]:
    """The items that whole events of a Responses stream say are done."""
    if b"output_item.done" not in block or ITEM_MARK not in block:
        return []
    found = []
    for event in sse.split(block):
        if ITEM_MARK in event and (data := sse.data(event)):
            try:
                one = _ITEM_DONE.decode(data)
            except BROKEN:
                continue
            if one.type == "response.output_item.done" and one.item is not None:
                found.append(one.item)
    return found


def begun_tools(block: bytes) -> list[str]:
    """The tools that whole events of an Anthropic stream say were begun."""
    if b'"server_tool_use"' not in block:
        return []
    found = []
    for event in sse.split(block):
        if b"content_block_start" in event and (data := sse.data(event)):
            try:
                one = _BLOCK_START.decode(data)
            except BROKEN:
                continue
            if one.content_block is not None and one.content_block.type == "server_tool_use":
                found.append(one.content_block.name)
    return found
