"""What an answer says, read from each dialect's plain JSON with nothing of fairlead's: text, tool calls, usage."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Used:
    """On one base: input with all that was cached, output with all reasoning."""

    input: int
    output: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0


@dataclass
class Told:
    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    """(name, arguments as a JSON value; as text where they are no JSON)."""
    usage: Used | None = None


def arguments(text: str | None) -> Any:
    try:
        return json.loads(text or "{}")
    except (json.JSONDecodeError, RecursionError):
        return text


def events(stream: bytes) -> list[str]:
    """The data of every event of a stream that is whole: the last one has its blank line."""
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    found = []
    for event in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
        if lines:
            found.append("\n".join(lines))
    return found


# ---- Chat Completions


def chat(body: Json) -> Told:
    message = body["choices"][0]["message"] if body.get("choices") else {}
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content if part["type"] == "text")
    told = Told(content + (message.get("refusal") or ""), usage=chat_usage(body))
    legacy = message.get("function_call") or {}
    for made in (legacy, *(call["function"] for call in message.get("tool_calls") or ())):
        if made.get("name"):
            told.calls.append((made["name"], arguments(made.get("arguments"))))
    return told


def chat_usage(body: Json) -> Used | None:
    found = body.get("usage") or (body.get("x_groq") or {}).get("usage")
    if not found:
        return None
    prompt, completion = found["prompt_tokens"], found["completion_tokens"]
    details = found.get("prompt_tokens_details") or {}
    reasoned = (found.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    beside = (found.get("total_tokens") or 0) - prompt - completion
    cached = (
        details.get("cached_tokens")
        or found.get("prompt_cache_hit_tokens")
        or found.get("cached_tokens")
        or found.get("num_cached_tokens")
        or 0
    )
    return Used(
        prompt, completion + max(beside, 0), cached, details.get("cache_write_tokens") or 0, max(reasoned, beside)
    )


def chat_stream(stream: bytes) -> Told:
    told = Told()
    calls: dict[int, list[str]] = {}
    for data in events(stream):
        if data == "[DONE]":
            break
        chunk = json.loads(data)
        told.usage = chat_usage(chunk) or told.usage
        for choice in chunk.get("choices") or ():
            if choice.get("index"):
                continue
            delta = choice.get("delta") or {}
            content = delta.get("content") or ""
            if isinstance(content, list):
                content = "".join(part.get("text") or "" for part in content if part["type"] == "text")
            told.text += content + (delta.get("refusal") or "")
            for call in delta.get("tool_calls") or ():
                made = calls.setdefault(call.get("index") or 0, ["", ""])
                function = call.get("function") or {}
                made[0] = made[0] or function.get("name") or ""
                made[1] += function.get("arguments") or ""
    told.calls = [(name, arguments(text)) for name, text in calls.values()]
    return told


# ---- Responses


def responses(body: Json) -> Told:
    told = Told()
    for item in body["output"]:
        if item["type"] == "message":
            told.text += "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])
        elif item["type"] == "function_call":
            told.calls.append((item["name"], arguments(item["arguments"])))
    if found := body.get("usage"):
        read, made = found.get("input_tokens_details") or {}, found.get("output_tokens_details") or {}
        told.usage = Used(
            found["input_tokens"],
            found["output_tokens"],
            read.get("cached_tokens") or 0,
            read.get("cache_write_tokens") or 0,
            made.get("reasoning_tokens") or 0,
        )
    return told


def responses_stream(stream: bytes) -> Told:
    """The deltas as they came; usage from the last event. What the last event holds has to be the same."""
    told = Told()
    texts: dict[tuple[int, int], str] = {}
    calls: dict[int, tuple[str, Any]] = {}
    for data in events(stream):
        if data == "[DONE]":
            break
        event = json.loads(data)
        kind = event["type"]
        if kind in ("response.output_text.delta", "response.refusal.delta"):
            place = event["output_index"], event["content_index"]
            texts[place] = texts.get(place, "") + event["delta"]
        elif kind == "response.output_item.done" and event["item"]["type"] == "function_call":
            calls[event["output_index"]] = (event["item"]["name"], arguments(event["item"]["arguments"]))
        elif kind in ("response.completed", "response.incomplete"):
            whole = responses(event["response"])
            told.usage = whole.usage
            wanted = _in_order(texts, calls)
            assert not event["response"]["output"] or (whole.text, whole.calls) == (wanted.text, wanted.calls)
    found = _in_order(texts, calls)
    told.text, told.calls = found.text, found.calls
    return told


def _in_order(texts: dict[tuple[int, int], str], calls: dict[int, tuple[str, Any]]) -> Told:
    return Told("".join(text for _, text in sorted(texts.items())), [call for _, call in sorted(calls.items())])


# ---- Anthropic Messages


def anthropic(body: Json) -> Told:
    told = Told(usage=anthropic_usage(body.get("usage") or {}))
    for block in body["content"]:
        if block["type"] == "text":
            told.text += block["text"]
        elif block["type"] == "tool_use":
            told.calls.append((block["name"], block["input"]))
    details = body.get("stop_details") or {}
    told.text += (details.get("explanation") or "") if not told.text else ""
    return told


def anthropic_usage(found: Json) -> Used | None:
    if "output_tokens" not in found:
        return None
    cached, written = found.get("cache_read_input_tokens") or 0, found.get("cache_creation_input_tokens") or 0
    reasoned = (found.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return Used((found.get("input_tokens") or 0) + cached + written, found["output_tokens"], cached, written, reasoned)


def anthropic_stream(stream: bytes) -> Told:
    blocks: dict[int, Json] = {}
    written: dict[int, str] = {}
    usage: Json = {}
    for data in events(stream):
        event = json.loads(data)
        kind = event["type"]
        if kind == "message_start":
            usage |= {key: value for key, value in event["message"]["usage"].items() if value is not None}
        elif kind == "content_block_start":
            blocks[event["index"]] = dict(event["content_block"])
        elif kind == "content_block_delta":
            delta, block = event["delta"], blocks[event["index"]]
            if delta["type"] == "text_delta":
                block["text"] += delta["text"]
            elif delta["type"] == "input_json_delta":
                written[event["index"]] = written.get(event["index"], "") + delta["partial_json"]
        elif kind == "message_delta":
            usage |= {key: value for key, value in (event.get("usage") or {}).items() if value is not None}
    for index, text in written.items():
        blocks[index]["input"] = arguments(text)
    return anthropic({"content": list(blocks.values()), "usage": usage})


# ---- Gemini


def gemini(body: Json) -> Told:
    told = Told()
    candidates = body.get("candidates") or [{}]
    for part in (candidates[0].get("content") or {}).get("parts") or ():
        if "text" in part and not part.get("thought"):
            told.text += part["text"]
        elif "functionCall" in part:
            told.calls.append((part["functionCall"]["name"], part["functionCall"].get("args") or {}))
    told.text += (body.get("promptFeedback") or {}).get("blockReasonMessage") or ""
    if found := body.get("usageMetadata"):
        thoughts = found.get("thoughtsTokenCount") or 0
        told.usage = Used(
            (found.get("promptTokenCount") or 0) + (found.get("toolUsePromptTokenCount") or 0),
            (found.get("candidatesTokenCount") or 0) + thoughts,
            found.get("cachedContentTokenCount") or 0,
            0,
            thoughts,
        )
    return told


def gemini_stream(stream: bytes) -> Told:
    told = Told()
    for data in events(stream):
        part = gemini(json.loads(data))
        told.text += part.text
        told.calls += part.calls
        told.usage = part.usage or told.usage
    return told


WHOLE = {"openai_chat": chat, "openai_responses": responses, "anthropic_messages": anthropic, "gemini": gemini}
STREAM = {
    "openai_chat": chat_stream,
    "openai_responses": responses_stream,
    "anthropic_messages": anthropic_stream,
    "gemini": gemini_stream,
}
