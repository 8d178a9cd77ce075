"""Whatever stands in a request, an answer or a stream: it is understood, or refused in words, and never a crash."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from fairlead.dialects.anthropic_messages import DIALECT, native
from fairlead.dialects.dialect import Target
from fairlead.dialects.translate import Losses
from fairlead.dialects.translating import Translating
from fairlead.errors import BadRequest
from tests.dialects.anthropic_messages.recordings import asked, compact, events_of

ODD = (
    "null",
    "0",
    "-1",
    "1.5",
    "true",
    '""',
    '"x"',
    "[]",
    "{}",
    "[null]",
    '{"type":"text"}',
    '{"type":5}',
    "[[]]",
    "1e400",
)
REQUEST = {
    "model": "m",
    "max_tokens": 2000,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "title": "t"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "h", "signature": "fl1.gemini.s"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
                {"type": "redacted_thinking", "data": "fl1.gemini+call.s"},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}]}],
        },
    ],
    "tools": [{"name": "f", "input_schema": {"type": "object", "anyOf": []}, "strict": True}],
    "tool_choice": {"type": "tool", "name": "f"},
    "thinking": {"type": "enabled", "budget_tokens": 1500},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": "u"},
    "stop_sequences": ["x"],
    "temperature": 0.5,
}
ANSWER = {
    "id": "msg_1",
    "model": "m",
    "content": [{"type": "text", "text": "x"}, *REQUEST["messages"][1]["content"]],  # type: ignore[index]
    "stop_reason": "refusal",
    "stop_details": {"type": "refusal", "explanation": "No."},
    "usage": {"input_tokens": 1, "output_tokens": 2, "cache_creation": {"ephemeral_1h_input_tokens": 1}},
}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": ANSWER | {"content": []}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "h"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]


def changed(value: Any, random: Random) -> Any:
    """A copy in which one to three values are others, or gone."""
    holder = {"value": json.loads(json.dumps(value))}
    for _ in range(random.randint(1, 3)):
        at: Any = holder
        key: Any = "value"
        while isinstance(at[key], (dict, list)) and at[key] and (at is holder or random.random() < 0.8):
            at = at[key]
            key = random.choice(list(at) if isinstance(at, dict) else range(len(at)))
        if at is not holder and isinstance(at, dict) and random.random() < 0.3:
            del at[key]
        elif at is not holder:
            at[key] = json.loads(random.choice(ODD))
    return holder["value"]


@pytest.mark.parametrize("seed", range(5))
def test_no_request_brings_a_crash(seed: int) -> None:
    random = Random(seed)
    understood = 0
    for _ in range(200):
        try:
            view = DIALECT.read_request(compact(changed(REQUEST, random)), "", False)
            view.shape()
            list(view.texts())
            native.own(compact(REQUEST))
            body = DIALECT.write_request(view.neutral(), Target("m", "anthropic"), Losses("anthropic_messages"))
            DIALECT.read_request(body, "", False).neutral()
            understood += 1
        except BadRequest:
            continue
    assert understood > 20


@pytest.mark.parametrize("seed", range(5))
def test_no_answer_brings_a_crash(seed: int) -> None:
    random = Random(seed)
    understood = 0
    for _ in range(200):
        body = compact(changed(ANSWER, random))
        DIALECT.account(body)
        try:
            answer = DIALECT.read_answer(body)
        except ValueError:
            continue
        assert json.loads(DIALECT.write_answer(answer, asked()))["usage"]
        understood += 1
    assert understood > 20


@pytest.mark.parametrize("seed", range(5))
def test_no_stream_brings_a_crash(seed: int) -> None:
    random = Random(seed)
    understood = 0
    for _ in range(200):
        events = list(EVENTS)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(events))
            events[at] = random.choice((events[at - 1], changed(events[at], random)))
        stream = b"".join(b"event: x\ndata: " + compact(one) + b"\n\n" for one in events)
        reader = Translating(DIALECT.interpreter(), DIALECT.writer(asked()))
        out = reader.feed(stream) + reader.end()
        passing = DIALECT.passing(asked().view, False)
        assert passing.feed(stream) + passing.end() in (stream, b"")
        if reader.ended and not reader.error:
            assert events_of(out)[-1]["type"] == "message_stop"
            understood += 1
    assert understood > 20
