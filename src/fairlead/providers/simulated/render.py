"""An answer in OpenAI's bytes: one `chat.completion`, or the events of a stream.

In a stream each content event carries one token. With `include_usage` every chunk has `usage: null` but the
last, which has the usage and no choices; without it no chunk has the key. The field `simulated` tells whether
the answer counts as right; it stands at the top of an unstreamed answer and in the chunk that finishes choice 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from fairlead.providers.simulated.answer import Answer, Choice
from fairlead.providers.simulated.ask import Ask
from fairlead.providers.simulated.behaviour import UsageMode

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
    whole["choices"] = [_whole_choice(ask, choice) for choice in answer.choices]
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
    for place in range(max(len(choice.pieces) for choice in answer.choices)):
        for choice in answer.choices:
            if place < len(choice.pieces):
                yield _piece(ask, base, choice, place)
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


def _whole_choice(ask: Ask, choice: Choice) -> Part:
    message: Part = {"role": "assistant", "content": choice.text, "refusal": None, "annotations": []}
    if choice.call is not None:
        message["content"] = None
        function = {"name": choice.call.name, "arguments": choice.text}
        message["tool_calls"] = [{"id": choice.call.id, "type": "function", "function": function}]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": _logprobs(ask, choice, range(len(choice.pieces))),
        "finish_reason": choice.finish,
    }


def _chunk_choice(choice: Choice, delta: Part, logprobs: Part | None = None, finish: str | None = None) -> Part:
    return {"index": choice.index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


def _opening(base: Part, choice: Choice) -> Event:
    delta: Part = {"role": "assistant", "content": "", "refusal": None}
    if choice.call is None:
        return Event(_sse(dict(base, choices=[_chunk_choice(choice, delta)])))
    function = {"name": choice.call.name, "arguments": ""}
    delta["content"] = None
    delta["tool_calls"] = [{"index": 0, "id": choice.call.id, "type": "function", "function": function}]
    return Event(_sse(dict(base, choices=[_chunk_choice(choice, delta)])), tokens=choice.tokens - len(choice.pieces))


def _piece(ask: Ask, base: Part, choice: Choice, place: int) -> Event:
    if choice.call is not None:
        delta: Part = {"tool_calls": [{"index": 0, "function": {"arguments": choice.pieces[place]}}]}
    else:
        delta = {"content": choice.pieces[place]}
    logprobs = _logprobs(ask, choice, range(place, place + 1))
    return Event(_sse(dict(base, choices=[_chunk_choice(choice, delta, logprobs)])), tokens=1)


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
