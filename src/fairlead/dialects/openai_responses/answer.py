"""Answers of Responses, from and to the neutral form."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.dialects import neutral, signatures
from fairlead.dialects.dialect import Asked
from fairlead.dialects.openai_responses.native import NAME, ResponsesView, read_usage
from fairlead.dialects.openai_responses.request import Item, custom_tools

INCOMPLETE: dict[neutral.Stop, str] = {
    "length": "max_output_tokens",
    "context": "max_output_tokens",
    "content_filter": "content_filter",
}
ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}
"""What the API repeats of a request, with what it says where the request says nothing."""


class _Incomplete(Struct):
    reason: str | None = None


class _Answer(Struct):
    id: str = ""
    model: str = ""
    created_at: float | None = None
    status: str | None = None
    output: list[Raw] | None = None
    usage: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    incomplete_details: _Incomplete | None = None


_ANSWER = msgspec.json.Decoder(_Answer)
_ITEM = msgspec.json.Decoder(Item)


def read_answer(body: bytes) -> neutral.Answer:
    try:
        found = _ANSWER.decode(body)
        blocks = [block for raw in found.output or () for block in _blocks(bytes(raw))]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError("the provider's answer is not the JSON it should be") from problem
    if found.status == "failed" or (found.error is not UNSET and bytes(found.error) != b"null"):
        raise ValueError("the provider reported that it failed")
    if not blocks and found.status != "incomplete":
        raise ValueError("the provider's answer holds no output")
    reason = "" if found.incomplete_details is None else found.incomplete_details.reason or ""
    return neutral.Answer(
        id=found.id,
        model=found.model,
        blocks=tuple(blocks),
        stop=stop_of(found.status or "", reason, blocks),
        usage=read_usage(found.usage),
        created=int(found.created_at or 0),
    )


def stop_of(status: str, reason: str, blocks: list[neutral.Block]) -> neutral.Stop:
    if status == "incomplete":
        return "content_filter" if reason == "content_filter" else "length"
    if any(isinstance(block, neutral.ToolCall) for block in blocks):
        return "tool_use"
    return "refusal" if any(isinstance(block, neutral.Refusal) for block in blocks) else "end"


def _blocks(raw: bytes) -> list[neutral.Block]:
    item = _ITEM.decode(raw)
    if item.type == "message":
        parts = item.content if isinstance(item.content, list) else []
        found: list[neutral.Block] = []
        for part in parts:
            if part.type == "refusal":
                found.append(neutral.Refusal(part.refusal or ""))
            elif part.text:
                found.append(neutral.Text(part.text))
        return found
    if item.type == "function_call":
        return [neutral.ToolCall(item.call_id, item.name, item.arguments or "{}")]
    if item.type == "custom_tool_call":
        return [neutral.ToolCall(item.call_id, item.name, orjson.dumps({"input": item.input}).decode())]
    if item.type == "reasoning":
        text = "\n".join(one.text for one in item.summary or ())
        if not text and isinstance(item.content, list):
            text = "\n".join(part.text for part in item.content if part.text)
        signature = item.encrypted_content or ""
        return [neutral.Thinking(text, signature, NAME, not text, item.id or "")] if text or signature else []
    return [neutral.Foreign(NAME, item.type, raw)]


# ---- writing


def write_answer(answer: neutral.Answer, asked: Asked) -> bytes:
    whole = frame(asked)
    custom = custom_tools(asked.view)
    whole["output"] = items_of(answer.blocks, asked.request_id, custom)
    finish(whole, answer.stop, answer.usage, asked.created)
    return orjson.dumps(whole)


def frame(asked: Asked) -> dict[str, Any]:
    """A response in progress, with what was asked."""
    echoed = dict(ECHOED)
    if isinstance(asked.view, ResponsesView):
        given = cast(dict[str, Any], orjson.loads(asked.view.body))
        for name in ECHOED:
            if given.get(name) is not None:
                echoed[name] = given[name]
        echoed["tools"] = [_tool(tool) for tool in echoed["tools"]]
        text = dict(echoed["text"])
        text.setdefault("format", {"type": "text"})
        text.setdefault("verbosity", "medium")
        echoed["text"] = text
        echoed["reasoning"] = {"effort": None, "summary": None, **echoed["reasoning"]}
    return {
        "id": f"resp_{asked.request_id}",
        "object": "response",
        "created_at": asked.created,
        "completed_at": None,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": asked.model,
        "output": [],
        "usage": None,
        **echoed,
    }


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") == "function":
        return {"description": None, "parameters": None, "strict": True, **tool}
    return tool


def finish(whole: dict[str, Any], stop: neutral.Stop, usage: Usage | None, now: int) -> None:
    reason = INCOMPLETE.get(stop)
    whole["status"] = "incomplete" if reason else "completed"
    whole["incomplete_details"] = {"reason": reason} if reason else None
    whole["completed_at"] = None if reason else now
    whole["usage"] = None if usage is None else usage_object(usage)


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write + usage.cache_write_1h,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }


def items_of(blocks: tuple[neutral.Block, ...], request_id: str, custom: frozenset[str]) -> list[dict[str, Any]]:
    """Texts that follow each other are parts of one message."""
    items: list[dict[str, Any]] = []
    for block in blocks:
        number = len(items)
        if isinstance(block, (neutral.Text, neutral.Refusal)):
            part = (
                {"type": "output_text", "text": block.text, "annotations": [], "logprobs": []}
                if isinstance(block, neutral.Text)
                else {"type": "refusal", "refusal": block.text}
            )
            if items and items[-1]["type"] == "message":
                items[-1]["content"].append(part)
            else:
                items.append(message(f"msg_{request_id}_{number}", [part]))
        elif isinstance(block, neutral.ToolCall):
            items.append(called(f"fc_{request_id}_{number}", block.id, block.name, block.arguments, custom))
        elif isinstance(block, neutral.Thinking):
            signature = block.signature
            if signature and block.origin != NAME:
                signature = signatures.pack(block.origin, signature)
            items.append(reasoned(f"rs_{request_id}_{number}", block.text, signature))
    return items


def message(ident: str, content: list[dict[str, Any]], status: str = "completed") -> dict[str, Any]:
    return {"id": ident, "type": "message", "status": status, "role": "assistant", "content": content}


def called(ident: str, call_id: str, name: str, arguments: str, custom: frozenset[str]) -> dict[str, Any]:
    item = {"id": ident, "status": "completed", "call_id": call_id, "name": name}
    if name in custom:
        return {**item, "type": "custom_tool_call", "input": freeform(arguments)}
    return {**item, "type": "function_call", "arguments": arguments}


def freeform(arguments: str) -> str:
    """What a model wrote for a freeform tool, out of the object it had to put it in."""
    try:
        found = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    said = found.get("input") if isinstance(found, dict) else None
    return said if isinstance(said, str) else arguments


def reasoned(ident: str, text: str, signature: str) -> dict[str, Any]:
    summary = [{"type": "summary_text", "text": text}] if text else []
    return {"id": ident, "type": "reasoning", "summary": summary, "encrypted_content": signature or None}
