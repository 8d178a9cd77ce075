"""Whole answers, to and from the neutral form."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.dialects import citations, neutral, signatures
from fairlead.dialects.anthropic_messages import blocks
from fairlead.dialects.anthropic_messages.blocks import Json
from fairlead.dialects.anthropic_messages.native import DIALECT
from fairlead.dialects.anthropic_messages.usage import raw_usage, usage_json, usage_of
from fairlead.dialects.dialect import Asked
from fairlead.dialects.json import EMPTY, given

STOPS: dict[str, neutral.Stop] = {
    "end_turn": "end",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_use",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "context",
}
REASONS: dict[neutral.Stop, str] = {stop: reason for reason, stop in STOPS.items()} | {"content_filter": "refusal"}


class StopDetails(Struct):
    explanation: str | None = None


class _Answer(Struct):
    id: str | None = None
    model: str | None = None
    content: Raw | UnsetType = UNSET
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)


def read_answer(body: bytes) -> neutral.Answer:
    try:
        found = _ANSWER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(f"the provider's answer is not the JSON it should be: {problem}") from None
    if given(found.error):
        raise ValueError("the provider sent an error with status 200")
    if found.content is UNSET or (bytes(found.content) in EMPTY and not found.stop_reason):
        raise ValueError("the provider's answer holds no content")
    unread: blocks.Unread = {}
    try:
        content = blocks.read_content(found.content, unread)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(f"the provider's answer holds content of an odd form: {problem}") from None
    stop = STOPS.get(found.stop_reason or "", "end")
    if stop == "refusal" and found.stop_details is not None and found.stop_details.explanation:
        content = (*content, neutral.Refusal(found.stop_details.explanation))
    return neutral.Answer(
        id=found.id or "",
        model=found.model or "",
        blocks=content,
        stop=stop,
        stop_sequence=found.stop_sequence or "",
        usage=usage_of(raw_usage(found.usage)),
        unread=tuple(unread),
    )


def message_id(name: str) -> str:
    """An answer's id as Anthropic's look."""
    return name if name.startswith("msg_") else f"msg_{blocks.safe_id(name)}"


def shown_signature(thought: neutral.Thinking) -> str:
    if thought.origin in ("", DIALECT):
        return thought.signature
    return signatures.pack(thought.origin, thought.signature)


def write_answer(answer: neutral.Answer, asked: Asked) -> bytes:
    content: list[object] = []
    explanation: str | None = None
    for block in answer.blocks:
        if isinstance(block, neutral.Refusal):
            explanation = block.text
        _write_block(block, content)
    called = any(isinstance(block, neutral.ToolCall) for block in answer.blocks)
    reason = REASONS["tool_use" if called and answer.stop == "end" else answer.stop]
    if explanation is not None and reason == "end_turn":
        reason = "refusal"
    message: Json = {
        "id": message_id(answer.id or asked.request_id),
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": answer.stop_sequence or None,
        "stop_details": None,
        "container": None,
        "usage": Raw(usage_json(answer.usage or Usage())),
    }
    if reason == "refusal":
        message["stop_details"] = {"type": "refusal", "category": None, "explanation": explanation}
    return msgspec.json.encode(message)


def _cited(text: neutral.Text) -> Json:
    written: Json = {"type": "text", "text": text.text}
    if text.citations:
        written["citations"] = [citations.location(one, text.text) for one in text.citations]
    return written


def _write_block(block: neutral.Block, content: list[object]) -> None:
    if isinstance(block, (neutral.Text, neutral.Refusal)):
        if isinstance(block, neutral.Text) and block.citations:
            content.extend(_cited(piece) for piece in citations.segments(block))
        elif block.text:
            content.append({"type": "text", "text": block.text})
    elif isinstance(block, neutral.Thinking):
        signature = shown_signature(block)
        if block.redacted:
            content.append({"type": "redacted_thinking", "data": signature})
        else:
            content.append({"type": "thinking", "thinking": block.text, "signature": signature})
    elif isinstance(block, neutral.ToolCall):
        call: Json = {
            "type": "tool_use",
            "id": blocks.safe_id(block.id),
            "name": block.name,
            "input": blocks.arguments_of(block),
            "caller": {"type": "direct"},
        }
        content.append(call)
        if block.signature and block.origin not in ("", DIALECT):
            data = signatures.pack(block.origin + signatures.CALL, block.signature)
            content.append({"type": "redacted_thinking", "data": data})
    elif isinstance(block, neutral.Foreign) and block.dialect == DIALECT:
        content.append(Raw(block.raw))
