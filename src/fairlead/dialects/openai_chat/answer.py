"""Answers of Chat Completions, from and to the neutral form."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.dialects import citations, logprobs, neutral, signatures
from fairlead.dialects.dialect import Asked
from fairlead.dialects.json import given
from fairlead.dialects.openai_chat import message as messages
from fairlead.dialects.openai_chat.message import GOOGLE, NAME, Message
from fairlead.dialects.openai_chat.usage import Reported, reported_usage

STOPS: dict[str, neutral.Stop] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_use",
    "tool_call": "tool_use",
    "tool_use": "tool_use",
    "function_call": "tool_use",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "SAFETY": "content_filter",
    "refusal": "refusal",
    "model_context_window_exceeded": "context",
}
"""Why it ended, as providers spell it; every other word stands for the usual end."""
BROKEN = frozenset({"error", "network_error", "insufficient_system_resource"})
"""The provider gave up on the way."""
_BESIDE_MARKS = (
    b'"annotations":[{',
    b'"annotations": [',
    b'"citations"',
    b'"logprobs":{',
    b'"logprobs": {',
    b'"images"',
    b'"audio":{',
)
REASONS: dict[neutral.Stop, str] = {
    "length": "length",
    "context": "length",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
}


class _Told(Struct):
    """What an answer's message may hold beside what is said."""

    annotations: list[citations.Annotation] | None = None
    images: Raw | UnsetType = UNSET
    audio: Raw | UnsetType = UNSET


class Logprobs(Struct):
    content: Raw | UnsetType = UNSET
    refusal: Raw | UnsetType = UNSET


class _ToldOfChoice(Struct):
    message: _Told | None = None
    logprobs: Logprobs | None = None


class _Beside(Struct):
    """Read apart from the answer, so that what is odd here never makes it a bad one."""

    choices: list[_ToldOfChoice]
    citations: list[str] | None = None


class _Choice(Struct):
    message: Message | None = None
    finish_reason: str | None = None
    stop_reason: Raw | UnsetType = UNSET


class _Answer(Reported):
    choices: list[_Choice] | None = None


_ANSWER = msgspec.json.Decoder(_Answer)
_BESIDE = msgspec.json.Decoder(_Beside)


def read_answer(body: bytes) -> neutral.Answer:
    """Raises ValueError for what is no proper answer, saying why."""
    try:
        found = _ANSWER.decode(body)
        if given(found.error):
            raise ValueError("the provider sent an error with status 200")
        if not found.choices:
            raise ValueError("the provider's answer holds no choices")
        choice = found.choices[0]
        blocks = _blocks(choice.message) if choice.message is not None else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(f"the provider's answer is not what it should be: {problem}") from None
    if choice.finish_reason in BROKEN:
        raise ValueError("the provider broke off its answer")
    matched = messages.stop_word(choice.stop_reason) if choice.finish_reason == "stop" else ""
    called = any(isinstance(block, neutral.ToolCall) for block in blocks)
    refused = any(isinstance(block, neutral.Refusal) for block in blocks)
    answer_id, model, created = messages.heading(body)
    answer = neutral.Answer(
        id=answer_id,
        model=model,
        blocks=tuple(blocks),
        stop=stop_of(choice.finish_reason, called, refused, bool(matched)),
        stop_sequence=matched,
        usage=reported_usage(found),
        created=created,
    )
    if any(mark in body for mark in _BESIDE_MARKS):
        _beside(body, answer)
    return answer


def _beside(body: bytes, answer: neutral.Answer) -> None:
    """Sources, probabilities and media, put where they belong in the answer."""
    try:
        found = _BESIDE.decode(body)
    except (msgspec.DecodeError, RecursionError):
        answer.unread = ("citations",)
        return
    told = found.choices[0].message or _Told()
    cited, unread = sources(told.annotations, found.citations)
    unread += [f"answer_media.{kind}" for kind in ("images", "audio") if given(getattr(told, kind))]
    answer.blocks = citations.attached(answer.blocks, cited)
    answer.logprobs, odd = sure(found.choices[0].logprobs)
    answer.unread = tuple(dict.fromkeys((*unread, *odd)))


def sure(told: Logprobs | None) -> tuple[bytes, list[str]]:
    """(the probabilities of a text's tokens, what has no place)."""
    try:
        found = logprobs.tokens(told.content) if told is not None and given(told.content) else []
        unread = [] if told is None or not given(told.refusal) else ["answer_logprobs.refusal"]
    except msgspec.DecodeError:
        return b"", ["answer_logprobs"]
    return logprobs.written(found), unread


def sources(
    annotations: Iterable[citations.Annotation] | None, addresses: Iterable[str] | None
) -> tuple[list[neutral.Citation], list[str]]:
    """(the pages, what has no address). Some tell only the addresses, beside the choices."""
    cited, unread = citations.annotated(annotations or ())
    known = {one.url for one in cited}
    cited += [neutral.Citation(url) for url in addresses or () if citations.is_address(url) and url not in known]
    return cited, unread


def _blocks(message: Message) -> list[neutral.Block]:
    blocks = messages.said(message, messages.content(message), answered=True)
    if message.function_call is not None:
        call = messages.legacy_call(message.function_call, "call_1")
        blocks += [call] if call is not None else []
    return blocks


def stop_of(reason: str | None, called: bool, refused: bool, matched: bool = False) -> neutral.Stop:
    """What a finish reason stands for: some say `stop` where they call tools, and some nothing."""
    stop = STOPS.get(reason or "")
    if stop == "tool_use" and not called:
        return "end"
    if stop is not None:
        return stop
    if called:
        return "tool_use"
    if refused:
        return "refusal"
    return "stop_sequence" if matched else "end"


def reason_of(stop: neutral.Stop, refused: bool) -> str:
    """`refused`: the refusal's words are there; without them only the reason tells."""
    if stop == "refusal":
        return "stop" if refused else "content_filter"
    return REASONS.get(stop, "stop")


def write_answer(answer: neutral.Answer, asked: Asked) -> bytes:
    text = "".join(block.text for block in answer.blocks if isinstance(block, neutral.Text))
    refusal = "".join(block.text for block in answer.blocks if isinstance(block, neutral.Refusal))
    calls = [block for block in answer.blocks if isinstance(block, neutral.ToolCall)]
    silent = bool(calls) or bool(refusal) or answer.stop == "refusal"
    message: dict[str, object] = {
        "role": "assistant",
        "content": text or (None if silent else ""),
        "refusal": refusal or None,
        "annotations": [annotation(one, start, end) for one, start, end in citations.placed(answer.blocks)],
    }
    _write_thoughts(answer, message)
    if calls:
        message["tool_calls"] = [_call(call) for call in calls]
    whole: dict[str, object] = {
        "id": f"chatcmpl-{asked.request_id}",
        "object": "chat.completion",
        "created": asked.created,
        "model": asked.model,
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": {"content": orjson.Fragment(answer.logprobs), "refusal": None} if answer.logprobs else None,
                "finish_reason": reason_of(answer.stop, bool(refusal)),
            }
        ],
    }
    if answer.usage is not None:
        whole["usage"] = usage_object(answer.usage)
    return orjson.dumps(whole)


def annotation(citation: neutral.Citation, start: int, end: int) -> dict[str, object]:
    return {"type": "url_citation", "url_citation": citations.annotation(citation, start, end)}


def _write_thoughts(answer: neutral.Answer, message: dict[str, object]) -> None:
    thoughts = [block for block in answer.blocks if isinstance(block, neutral.Thinking)]
    said = "\n\n".join(thought.text for thought in thoughts if thought.text)
    if said:
        message["reasoning_content"] = said
    if any(thought.signature for thought in thoughts):
        message["reasoning_details"] = [
            detail(thought.text, signatures.pack(thought.origin or NAME, thought.signature), thought.redacted, number)
            if thought.signature
            else {"type": "reasoning.text", "text": thought.text, "index": number}
            for number, thought in enumerate(thoughts)
        ]


def detail(text: str, packed: str, redacted: bool, number: int) -> dict[str, object]:
    """A thought with what its maker wants back, in the form that clients of several providers send back."""
    if redacted:
        return {"type": "reasoning.encrypted", "data": packed, "index": number}
    return {"type": "reasoning.text", "text": text, "signature": packed, "index": number}


def _call(call: neutral.ToolCall) -> dict[str, object]:
    found: dict[str, object] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments or "{}"},
    }
    if call.signature:
        packed = signatures.pack(call.origin or GOOGLE, call.signature)
        found["extra_content"] = {"google": {"thought_signature": packed}}
    return found


def usage_object(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input,
            "cache_write_tokens": usage.cache_write + usage.cache_write_1h,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
