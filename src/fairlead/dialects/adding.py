"""What is put into a request beside what its caller said, in the caller's own dialect: words for the system, words in front
of what the user said first.

They go where prompt caches stay warm: system words behind the caller's own, which stay a prefix that all its requests
share; other words into the first turn, which comes again with every request of a conversation. Turns are never added
where there are some already, for some models take them only in alternation. The rest of the body stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from fairlead.dialects import json

SYSTEM = ("system", "developer")
BETWEEN = "\n\n"
Part = Callable[[str], dict[str, Any]]


def added(dialect: str, body: bytes, system: str, first: str) -> bytes:
    """The body with both, as far as they are given. It was read before, so that it is as its dialect wants it."""
    changes = ADDING[dialect](json.loads(body), system, first)
    return json.splice(body, {field: orjson.dumps(value) for field, value in changes.items()}) if changes else body


def takes(dialect: str) -> bool:
    return dialect in ADDING


def _chat(said: dict[str, Any], system: str, first: str) -> dict[str, Any]:
    messages = list(said["messages"])
    if system:
        leading = _leading(messages)
        if leading:
            last = messages[leading - 1]
            messages[leading - 1] = {**last, "content": _behind(last.get("content"), system, _text)}
        else:
            messages.insert(0, {"role": "system", "content": system})
    if first:
        _before(messages, _leading(messages), first, "content", _text, {"role": "user", "content": first})
    return {"messages": messages}


def _messages(said: dict[str, Any], system: str, first: str) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if system:
        changes["system"] = _behind(said.get("system"), system, _text)
    if first:
        messages = changes["messages"] = list(said["messages"])
        _before(messages, 0, first, "content", _text, {"role": "user", "content": first})
    return changes


def _responses(said: dict[str, Any], system: str, first: str) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    given = said.get("input")
    items = list(given) if isinstance(given, list) else []
    leading = _leading(items)
    if system and leading and not said.get("instructions"):
        items.insert(leading, {"type": "message", "role": "developer", "content": [_input_text(system)]})
        changes["input"] = items
    elif system:
        changes["instructions"] = _behind(said.get("instructions"), system, _input_text)
    if first and isinstance(given, str):
        changes["input"] = f"{first}{BETWEEN}{given}"
    elif first:
        own = {"type": "message", "role": "user", "content": [_input_text(first)]}
        _before(items, _leading(items), first, "content", _input_text, own)
        changes["input"] = items
    return changes


def _gemini(said: dict[str, Any], system: str, first: str) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if system:
        name = "system_instruction" if said.get("system_instruction") else "systemInstruction"
        before = said.get(name)
        if isinstance(before, str):
            changes[name] = f"{before}{BETWEEN}{system}"
        else:
            content = dict(before or {})
            changes[name] = {**content, "parts": [*_listed(content.get("parts")), {"text": system}]}
    if first:
        contents = changes["contents"] = [dict(content) for content in _listed(said.get("contents"))]
        if contents and contents[0].get("role") in (None, "user"):
            contents[0]["parts"] = [{"text": first}, *_listed(contents[0].get("parts"))]
        else:
            contents.insert(0, {"role": "user", "parts": [{"text": first}]})
    return changes


def _leading(turns: list[Any]) -> int:
    """How many turns in front are the system's."""
    for place, turn in enumerate(turns):
        if turn.get("role") not in SYSTEM:
            return place
    return len(turns)


def _before(turns: list[Any], place: int, words: str, field: str, part: Part, own: dict[str, Any]) -> None:
    """In front of what the first turn behind the system's says, where the user says it and it can be read; else as a turn of
    its own."""
    turn = turns[place] if place < len(turns) else None
    content = None if turn is None else turn.get(field)
    parts = isinstance(content, list) and all(isinstance(one, dict) for one in content)
    if turn is None or turn.get("role") != "user" or not (content is None or isinstance(content, str) or parts):
        turns.insert(place, own)
        return
    if isinstance(content, str):
        content = f"{words}{BETWEEN}{content}"
    elif any(one.get("type") == "tool_result" for one in content or ()):  # which has to come first
        content = [*(content or ()), part(words)]
    else:
        content = [part(words), *(content or ())]
    turns[place] = {**turn, field: content}


def _behind(before: Any, words: str, part: Part) -> Any:
    if not before:
        return words
    return f"{before}{BETWEEN}{words}" if isinstance(before, str) else [*before, part(words)]


def _text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def _input_text(words: str) -> dict[str, Any]:
    return {"type": "input_text", "text": words}


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]


ADDING: dict[str, Callable[[dict[str, Any], str, str], dict[str, Any]]] = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic_messages": _messages,
    "gemini": _gemini,
}
