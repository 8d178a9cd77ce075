"""A whole chat answer told as a stream, and a stream gathered into the answer it told: for answers that are told again.

Nothing is thought up: all that stands in the one stands in the other. Where that cannot be, there is no other form.
"""

from __future__ import annotations

from typing import Any

from fairlead.dialects.replaying import Json, put_together, written

DONE = b"data: [DONE]\n\n"
ENDS = frozenset(("stop", "eos", "stop_sequence", "end_turn", "tool_calls", "tool_call", "tool_use", "function_call"))
"""What a proper answer ends with, as providers spell it."""
GROWING = frozenset(("content", "refusal", "reasoning_content", "reasoning"))
"""Fields of a delta whose pieces make one text."""


def proper(answer: Json) -> bool:
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices:
        return False
    for choice in choices:
        message = choice.get("message") or {}
        calls = message.get("tool_calls") or message.get("function_call")
        if choice.get("finish_reason") not in ENDS or message.get("refusal"):
            return False
        if not calls and not message.get("audio") and not _says(message.get("content")):
            return False
    return True


def _says(content: object) -> bool:
    return bool(content.strip()) if isinstance(content, str) else bool(content)


def streamed(answer: Json, options: object) -> bytes | None:
    """As the caller's `stream_options` want it told."""
    wanted = options if isinstance(options, dict) else {}
    if not wanted.keys() <= {"include_usage", "include_obfuscation"} or not proper(answer):
        return None
    frame = {name: value for name, value in answer.items() if name not in ("choices", "usage")}
    frame["object"] = "chat.completion.chunk"
    tells = bool(wanted.get("include_usage"))
    if tells and not answer.get("usage"):
        return None
    said: list[bytes] = []

    def chunk(choices: list[Json], usage: object = None) -> None:
        said.append(written({**frame, "choices": choices, **({"usage": usage} if tells else {})}))

    for choice in answer["choices"]:
        rest = {name: value for name, value in choice.items() if name not in ("message", "finish_reason")}
        delta = dict(choice["message"])
        if delta.get("tool_calls"):
            delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(delta["tool_calls"])]
        chunk([{**rest, "delta": delta, "finish_reason": None}])
        chunk([{"index": choice.get("index", 0), "delta": {}, "finish_reason": choice["finish_reason"]}])
    if tells:
        chunk([], answer["usage"])
    return b"".join(said) + DONE


def gathered(stream: bytes) -> tuple[Json, bool] | None:
    found = put_together(stream, _add)
    if found is not None:
        found[0]["object"] = "chat.completion"
    return found


def _add(choice: Json, told: Json) -> bool:
    """Whether all of it found its place."""
    exact = True
    for name, value in told.items():
        if name == "delta":
            exact = _grow(choice.setdefault("message", {}), value or {}) and exact
        elif name == "logprobs" and isinstance(value, dict):
            kept = choice.get(name) or {}
            for part, tokens in value.items():
                kept[part] = [*(kept.get(part) or ()), *tokens] if isinstance(tokens, list) else kept.get(part)
            choice[name] = kept
        elif value is not None or name not in choice:
            choice[name] = value
    return exact


def _grow(message: Json, delta: Json) -> bool:
    exact = True
    for name, value in delta.items():
        if name == "tool_calls" and isinstance(value, list):
            calls = message.get(name) or []
            for call in value:
                exact = _call(calls, call) and exact
            message[name] = calls
        elif name not in message or message[name] is None:
            message[name] = value
        elif name in GROWING and isinstance(value, str) and isinstance(message[name], str):
            message[name] += value
        elif value is not None and value != message[name]:
            exact = False
    return exact


def _call(calls: list[Json], told: Json) -> bool:
    at = told.get("index", 0)
    while len(calls) <= at:
        calls.append({})
    exact = True
    for name, value in told.items():
        if name == "index":
            continue
        known: Any = calls[at].get(name)
        if isinstance(value, dict):
            exact = _inner(calls[at].setdefault(name, {}), value) and exact
        elif known is None:
            calls[at][name] = value
        elif value and value != known:
            exact = False
    return exact


def _inner(function: Json, told: Json) -> bool:
    exact = True
    for name, value in told.items():
        if name in ("arguments", "input") and isinstance(value, str):
            function[name] = (function.get(name) or "") + value
        elif function.get(name) is None:
            function[name] = value
        elif value and value != function[name]:
            exact = False
    return exact
