"""Whole answers of Gemini: read into the neutral form, and written from it."""

from __future__ import annotations

import zlib

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.dialects import citations, hosted, neutral
from fairlead.dialects.dialect import Asked
from fairlead.dialects.gemini import grounding, parts
from fairlead.dialects.gemini.native import Feedback, GeminiView, read_usage
from fairlead.dialects.gemini.parts import DIALECT
from fairlead.dialects.json import EMPTY, given
from fairlead.dialects.neutral import Audio, Block, Document, Foreign, Image, Refusal, Stop, Text, Thinking, ToolCall

STOPS: dict[str, Stop] = {
    "STOP": "end",
    "MAX_TOKENS": "length",
    "FINISH_REASON_UNSPECIFIED": "end",
    "OTHER": "end",
    "CONTINUATION": "pause",
}
"""Every other reason that holds an answer back is a filter's."""
MALFORMED = frozenset(
    {
        "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
    }
)  # fmt: skip
"""The model failed: without content there is no answer, and another try may bring one."""
REASONS: dict[str, bytes] = {
    "end": b"STOP",
    "stop_sequence": b"STOP",
    "tool_use": b"STOP",
    "pause": b"STOP",
    "length": b"MAX_TOKENS",
    "context": b"MAX_TOKENS",
    "content_filter": b"SAFETY",
    "refusal": b"SAFETY",
}


class _Call(Struct):
    name: str = ""
    id: str | None = None
    args: Raw | UnsetType = UNSET


class _Blob(Struct):
    mimeType: str | None = None
    data: str | None = None
    fileUri: str | None = None


class Part(Struct):
    text: str | None = None
    thought: bool | None = None
    thoughtSignature: str | None = None
    functionCall: _Call | None = None
    inlineData: _Blob | None = None
    fileData: _Blob | None = None


class _Content(Struct):
    parts: list[Raw] | None = None


class _Candidate(Struct):
    content: _Content | None = None
    finishReason: str | None = None
    finishMessage: str | None = None
    groundingMetadata: Raw | UnsetType = UNSET
    citationMetadata: Raw | UnsetType = UNSET
    urlContextMetadata: Raw | UnsetType = UNSET
    logprobsResult: Raw | UnsetType = UNSET


class _Answer(Struct):
    candidates: list[_Candidate] | None = None
    promptFeedback: Feedback | None = None
    usageMetadata: Raw | UnsetType = UNSET
    responseId: str | None = None
    modelVersion: str | None = None
    error: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)
_PART = msgspec.json.Decoder(Part)
_KINDS = msgspec.json.Decoder(dict[str, Raw])


def read_answer(body: bytes) -> neutral.Answer:
    try:
        found = _ANSWER.decode(body)
    except RecursionError:
        raise ValueError("the provider's answer is nested too deeply") from None
    if given(found.error):
        raise ValueError("the provider sent an error with status 200")
    answer_id = found.responseId or f"{zlib.crc32(body):08x}"
    usage = read_usage(found.usageMetadata)
    answer = neutral.Answer(id=answer_id, model=found.modelVersion or "", blocks=(), stop="end", usage=usage)
    if not found.candidates:
        if found.promptFeedback is None or not found.promptFeedback.blockReason:
            raise ValueError("the provider's answer holds no candidates")
        answer.stop = "content_filter"
        answer.blocks = _told(found.promptFeedback.blockReasonMessage)
        return answer
    if usage is not None:
        calls = hosted.of_groundings([one.groundingMetadata for one in found.candidates])
        answer.usage = hosted.with_calls(usage, calls)
    candidate = found.candidates[0]
    blocks = _blocks(candidate.content, answer_id)
    answer.blocks = tuple(blocks)
    reason = candidate.finishReason or "STOP"
    answer.stop = stop_of(reason, any(isinstance(block, ToolCall) for block in blocks), bool(blocks))
    if not blocks and answer.stop == "content_filter":
        answer.blocks = _told(candidate.finishMessage)
    cited, unread = grounding.read(answer.blocks, candidate.groundingMetadata, candidate.citationMetadata)
    answer.blocks = citations.attached(answer.blocks, cited)
    answer.logprobs = grounding.read_logprobs(candidate.logprobsResult)
    if given(candidate.urlContextMetadata):
        unread.append("grounding.urlContextMetadata")
    answer.unread = tuple(dict.fromkeys(unread))
    return answer


def stop_of(reason: str, called: bool, said: bool) -> Stop:
    """Gemini tells no reason of its own for calls. Raises ValueError where the model failed."""
    if reason in MALFORMED:
        if not said:
            raise ValueError(f"the model's answer is broken ({reason})")
        return "tool_use" if called else "end"
    stop: Stop = STOPS.get(reason, "content_filter")
    if stop == "end":
        if called:
            return "tool_use"
        return "content_filter" if reason == "OTHER" and not said else "end"
    return stop


def call_id(answer_id: str, number: int) -> str:
    """An id for a call that came without one: not met again in the conversation, and short enough for every dialect."""
    return f"call_{answer_id[:40]}_{number}"


def _told(message: str | None) -> tuple[Block, ...]:
    return (Refusal(message),) if message else ()


def _blocks(content: _Content | None, answer_id: str) -> list[Block]:
    blocks: list[Block] = []
    calls = 0
    for raw in (content.parts if content is not None else None) or ():
        try:
            part = _PART.decode(raw)
        except msgspec.ValidationError:
            continue
        origin, signature = parts.answered_signature(part.thoughtSignature or "")
        if part.functionCall is not None:
            called = part.functionCall
            args = "{}" if called.args is UNSET or bytes(called.args) in EMPTY else bytes(called.args).decode()
            blocks.append(
                ToolCall(
                    called.id or call_id(answer_id, calls), called.name, args, signature, origin if signature else ""
                )
            )
            calls += 1
        elif part.text is not None:
            _text(part.text, bool(part.thought), origin, signature, blocks)
        elif part.inlineData is not None:
            blocks.append(parts.media(part.inlineData.mimeType or "", part.inlineData.data or ""))
        elif part.fileData is not None:
            blocks.append(parts.linked(part.fileData.mimeType or "", part.fileData.fileUri or ""))
        elif signature:
            blocks.append(Thinking("", signature, origin, redacted=True))
        else:
            kind = next((name for name in _KINDS.decode(raw) if not name.startswith("thought")), "")
            if kind:
                blocks.append(Foreign(DIALECT, kind, bytes(raw)))
    return blocks


def _text(said: str, thought: bool, origin: str, signature: str, blocks: list[Block]) -> None:
    if thought:
        last = blocks[-1] if blocks else None
        if isinstance(last, Thinking) and not last.redacted and not last.signature:
            blocks[-1] = Thinking(last.text + said, signature, origin)
        elif said or signature:
            blocks.append(Thinking(said, signature, origin, redacted=not said))
        return
    if said:
        blocks.append(Text(said))
    if signature:
        blocks.append(Thinking("", signature, origin, redacted=True))


# ---- writing


def write_answer(answer: neutral.Answer, asked: Asked) -> bytes:
    shows = isinstance(asked.view, GeminiView) and asked.view.shows_thoughts
    written = [part for block in answer.blocks if (part := _part(block, shows))]
    if not written:
        written = [b'{"text":""}']
    out = (
        b'{"candidates":[{"content":{"parts":[%b],"role":"model"},"finishReason":"%b","index":0%b}],%b'
        b'"modelVersion":%b,"responseId":%b}'
    )
    usage = b'"usageMetadata":%b,' % write_usage(answer.usage) if answer.usage is not None else b""
    return out % (
        b",".join(written),
        REASONS[answer.stop],
        grounding.write(answer.blocks) + grounding.write_logprobs(answer.logprobs),
        usage,
        orjson.dumps(asked.model),
        orjson.dumps(answer.id or asked.request_id),
    )


def write_usage(usage: Usage) -> bytes:
    out = b'{"promptTokenCount":%d,"candidatesTokenCount":%d' % (usage.input, max(usage.output - usage.reasoning, 0))
    if usage.reasoning:
        out += b',"thoughtsTokenCount":%d' % usage.reasoning
    if usage.cached_input:
        out += b',"cachedContentTokenCount":%d' % usage.cached_input
    return out + b',"totalTokenCount":%d}' % (usage.input + usage.output)


def _part(block: Block, shows: bool) -> bytes:
    """One part; empty for what Gemini's clients do not know. Thoughts that bind nobody are for those who asked."""
    if isinstance(block, Text):
        return parts.text(block.text) if block.text else b""
    if isinstance(block, Thinking):
        signature = parts.shown_signature(block.origin, block.signature)
        if block.redacted and block.origin == DIALECT:
            return parts.text("", signature=signature)
        return parts.text(block.text, thought=True, signature=signature) if shows or signature else b""
    if isinstance(block, ToolCall):
        signature = parts.shown_signature(block.origin, block.signature)
        return parts.call(block.id, block.name, parts.arguments(block.arguments), signature)
    if isinstance(block, Refusal):
        return parts.text(block.text) if block.text else b""
    if isinstance(block, Image | Document):
        if block.data:
            return parts.inline(block.media_type, block.data)
        return parts.file(block.media_type, block.url) if block.url else b""
    if isinstance(block, Audio):
        return parts.audio(block)
    return block.raw if isinstance(block, Foreign) and block.dialect == DIALECT else b""
