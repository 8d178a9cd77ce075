"""An answer in OpenAI's bytes: one `chat.completion`, or the events of a stream.

In a stream each content event carries one token. With `include_usage` every chunk has `usage: null` but the
last, which has the usage and no choices; without it no chunk has the key. The field `simulated` tells whether
the answer counts as right; it stands at the top of an unstreamed answer and in the chunk that finishes choice 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import msgspec

from fairlead.providers.simulated import prose
from fairlead.providers.simulated.answer import Answer, Choice, Thought, ToolCall
from fairlead.providers.simulated.ask import Ask
from fairlead.providers.simulated.behaviour import UsageMode

SIGNED = "simulated-v1"
"""The form of the signatures of thoughts."""
DONE = b"data: [DONE]\n\n"

Part = dict[str, Any]


class Event(msgspec.Struct, frozen=True):
    """One server-sent event and what it delivers."""

    data: bytes
    tokens: int = 0
    usage: bool = False
    closing: bool = False
    """Part of how a stream ends: finish, usage, terminator."""


class Stamp(msgspec.Struct, frozen=True):
    """What tells one answer from another with the same content."""

    id: str
    created: int


def completion(ask: Ask, answer: Answer, stamp: Stamp, mode: UsageMode) -> bytes:
    whole = _base("chat.completion", answer, stamp)
    whole["choices"] = [_whole_choice(ask, choice, answer.thought) for choice in answer.choices]
    if mode != "absent":
        whole["usage"] = usage(answer, mode)
    whole["simulated"] = _verdict(answer)
    return msgspec.json.encode(whole)


def events(ask: Ask, answer: Answer, stamp: Stamp, mode: UsageMode) -> Iterator[Event]:
    base = _base("chat.completion.chunk", answer, stamp)
    asked = ask.include_usage
    if asked:
        base["usage"] = None
    for choice in answer.choices:
        yield _opening(base, choice)
        if answer.thought is not None and choice.index == 0:
            yield from _thinking(base, choice, answer.thought)
    for round_ in zip_longest(*(_said(ask, base, choice) for choice in answer.choices)):
        yield from (event for event in round_ if event is not None)
    report = usage(answer, mode)
    for choice in answer.choices:
        chunk = dict(base, choices=[_chunk_choice(choice, {}, finish=choice.finish)])
        first = choice.index == 0
        if first:
            chunk["simulated"] = _verdict(answer)
        inline = first and mode == "inline" and asked
        if inline:
            chunk["usage"] = report
        yield Event(_sse(chunk), usage=inline, closing=True)
    if asked and mode not in ("absent", "inline"):
        for _ in range(2 if mode == "twice" else 1):
            yield Event(_sse(dict(base, choices=[], usage=report)), usage=True, closing=True)
    yield Event(DONE, closing=True)


def usage(answer: Answer, mode: UsageMode = "normal") -> Part:
    prompt, output = answer.prompt_tokens, answer.completion_tokens
    total = prompt + output
    cached, reasoning = answer.cached_tokens, answer.reasoning_tokens
    if mode == "zero":
        prompt = output = total = cached = reasoning = 0
    elif mode == "wrong":
        output, total = output * 1000 + 1000, prompt
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def models(names: list[str], created: int) -> bytes:
    rows = [{"id": name, "object": "model", "created": created, "owned_by": "simulated"} for name in names]
    return msgspec.json.encode({"object": "list", "data": rows})


def _base(kind: str, answer: Answer, stamp: Stamp) -> Part:
    return {
        "id": stamp.id,
        "object": kind,
        "created": stamp.created,
        "model": answer.model,
        "system_fingerprint": answer.fingerprint,
    }


def _verdict(answer: Answer) -> Part:
    return {"task": answer.task, "correct": answer.correct}


def _whole_choice(ask: Ask, choice: Choice, thought: Thought | None) -> Part:
    text = choice.text
    message: Part = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    if choice.refused:
        message["content"], message["refusal"] = None, text
    if choice.calls:
        message["content"] = None
        message["tool_calls"] = [_call(call, "".join(call.pieces)) for call in choice.calls]
    if thought is not None and choice.index == 0:
        message["reasoning_content"] = thought.text
        message["reasoning_details"] = [_detail(thought.text, thought.signature)]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": _logprobs(ask, choice, range(len(choice.pieces))),
        "finish_reason": choice.finish,
    }


def _call(call: ToolCall, arguments: str) -> Part:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _detail(text: str, signature: str = "") -> Part:
    signed = {"signature": signature} if signature else {}
    return {"type": "reasoning.text", "text": text, **signed, "format": SIGNED, "index": 0}


def _chunk_choice(choice: Choice, delta: Part, logprobs: Part | None = None, finish: str | None = None) -> Part:
    return {"index": choice.index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


def _opening(base: Part, choice: Choice) -> Event:
    delta: Part = {"role": "assistant", "content": None if choice.calls or choice.refused else "", "refusal": None}
    return Event(_sse(dict(base, choices=[_chunk_choice(choice, delta)])))


def _thinking(base: Part, choice: Choice, thought: Thought) -> Iterator[Event]:
    """All that is thought comes before the first token of the answer, and was waited for with the head."""
    deltas: list[Part] = [
        *({"reasoning_content": said, "reasoning_details": [_detail(said)]} for said in thought.sentences),
        {"reasoning_details": [_detail("", thought.signature)]},
    ]
    for delta in deltas:
        yield Event(_sse(dict(base, choices=[_chunk_choice(choice, delta)])))


def _said(ask: Ask, base: Part, choice: Choice) -> Iterator[Event]:
    field = "refusal" if choice.refused else "content"
    for place, piece in enumerate(choice.pieces):
        logprobs = _logprobs(ask, choice, range(place, place + 1))
        yield Event(_sse(dict(base, choices=[_chunk_choice(choice, {field: piece}, logprobs)])), tokens=1)
    left = choice.tokens
    for number, call in enumerate(choice.calls):
        # A limit may have cut the last name.
        named = min(prose.count(call.name), left - len(call.pieces))
        left -= named + len(call.pieces)
        delta: Part = {"tool_calls": [{"index": number, **_call(call, "")}]}
        yield Event(_sse(dict(base, choices=[_chunk_choice(choice, delta)])), tokens=named)
        for piece in call.pieces:
            delta = {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}
            yield Event(_sse(dict(base, choices=[_chunk_choice(choice, delta)])), tokens=1)


def _logprobs(ask: Ask, choice: Choice, places: range) -> Part | None:
    if choice.logprobs is None:
        return None
    alternatives = ask.body.top_logprobs or 0
    return {
        "content": [_token(choice.pieces[place], choice.logprobs[place], alternatives) for place in places],
        "refusal": None,
    }


def _token(text: str, logprob: float, alternatives: int) -> Part:
    spare = max(1e-9, 1.0 - math.exp(logprob))
    top = [{"token": text, "logprob": logprob, "bytes": list(text.encode())}] if alternatives else []
    for rank in range(1, alternatives):
        other = f" alt{rank}"
        share = round(math.log(spare) - rank, 6)
        top.append({"token": other, "logprob": share, "bytes": list(other.encode())})
    return {"token": text, "logprob": logprob, "bytes": list(text.encode()), "top_logprobs": top}


def _sse(chunk: Part) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"
