"""Whatever stands in a request, an answer or a stream of Responses: understood, or refused in words, never a crash."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.dialects.dialect import Target
from fairlead.dialects.openai_responses import DIALECT, native
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.dialects.translating import Translating
from fairlead.errors import BadRequest
from tests.dialects.openai_responses.recordings import asked, compact, event, events_of
from tests.dialects.openai_responses.test_captures import CODEX, KINDS

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
    '{"type":"x"}',
    '{"type":5}',
    "[[]]",
    "1e300",
)
SIGNED = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "h"}],
    "encrypted_content": "g",
}
REQUEST: dict[str, Any] = {
    "model": "m",
    "instructions": "s",
    "input": [
        *CODEX["input"],  # type: ignore[misc]
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
                {"type": "input_file", "file_data": "data:text/plain;base64,aGk=", "filename": "a.txt"},
            ],
        },
        SIGNED,
        {"type": "reasoning", "summary": [], "encrypted_content": "fl1.gemini+call=c3.s"},
        {"type": "function_call", "call_id": "c3", "name": "f", "arguments": '{"a":1}'},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        {"type": "function_call_output", "call_id": "c3", "output": "r"},
    ],
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}, {"type": "web_search"}],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "max_output_tokens": 99,
    "temperature": 0.5,
    "top_p": 0.5,
    "parallel_tool_calls": True,
    "metadata": {"a": "b"},
    "store": False,
}  # fmt: skip
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}", "status": "completed"}
TEXT = {"type": "output_text", "text": "x", "annotations": [], "logprobs": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [TEXT]}
ANSWER = {
    "id": "resp_1",
    "model": "m",
    "created_at": 7.5,
    "status": "completed",
    "output": [SIGNED, MESSAGE, CALL, CALL | {"type": "custom_tool_call", "input": "i"}, {"type": "web_search_call"}],
    "usage": {"input_tokens": 1, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}},
    "incomplete_details": None,
    "error": None,
}
EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": ANSWER | {"output": []}},
    {"type": "response.output_item.added", "output_index": 0, "item": SIGNED | {"summary": []}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "h"},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 1, "delta": "m"},
    {"type": "response.output_item.done", "output_index": 0, "item": SIGNED},
    {"type": "response.output_item.added", "output_index": 1, "item": MESSAGE | {"content": []}},
    {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "x"},
    {"type": "response.output_item.done", "output_index": 1, "item": MESSAGE},
    {"type": "response.output_item.added", "output_index": 2, "item": CALL | {"arguments": ""}},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{}"},
    {"type": "response.output_item.done", "output_index": 2, "item": CALL},
    {"type": "response.completed", "response": ANSWER},
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
def test_a_request_brings_a_crash(seed: int) -> None:
    random = Random(seed)
    understood = 0
    for _ in range(200):
        body = compact(changed(REQUEST, random))
        try:
            view = DIALECT.read_request(body, "", False)
            view.shape()
            list(view.texts())
            native.own(body)
            request = view.neutral()
            DIALECT.writer(asked(view))  # type: ignore[arg-type]
            body = DIALECT.write_request(request, Target("m", "openai_responses"), Losses(native.NAME))
            DIALECT.read_request(body, "", False).neutral()
        except BadRequest:
            continue
        for dialect, kind in KINDS.items():
            try:
                written = DIALECTS[dialect].write_request(request, Target("m", kind), Losses(dialect))
            except BadRequest:
                continue
            assert json.loads(written)
        understood += 1
    assert understood > 20


@pytest.mark.parametrize("seed", range(5))
def test_an_answer_brings_a_crash(seed: int) -> None:
    random = Random(seed)
    understood = 0
    for _ in range(200):
        body = compact(changed(ANSWER, random))
        DIALECT.account(body)
        native.output_items(body)
        try:
            answer = DIALECT.read_answer(body)
        except ValueError:
            continue
        assert "output" in json.loads(DIALECT.write_answer(answer, asked()))
        understood += 1
    assert understood > 20


@pytest.mark.parametrize("seed", range(5))
def test_a_stream_brings_a_crash(seed: int) -> None:
    random = Random(seed)
    understood = 0
    for _ in range(200):
        events = list(EVENTS)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(events))
            events[at] = random.choice((events[at - 1], changed(events[at], random)))
        stream = b"".join(b"event: x\ndata: " + compact(one) + b"\n\n" for one in events)
        for dialect in KINDS:
            reader = Translating(DIALECT.interpreter(), DIALECTS[dialect].writer(asked()))
            out = reader.feed(stream) + reader.end()
            if dialect == native.NAME and reader.ended and not reader.error:
                last = events_of(out)[-1]
                assert last["type"] in ("response.completed", "response.incomplete")
                assert all(last["response"]["output"])
                understood += 1
        passing = DIALECT.passing(asked().view, False)
        assert passing.feed(stream) + passing.end() in (stream, b"")
    assert understood > 20


NOISE = st.binary(max_size=60) | st.sampled_from(
    [b'{"type":', b'"delta":', b"null", b"}", b"\n\n", b"data: ", b"[]", b'"']
)
WHOLE = b"".join(event(**{"kind": one["type"], **{k: v for k, v in one.items() if k != "type"}}) for one in EVENTS)


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 10_000), NOISE), min_size=1, max_size=4), st.integers(0, 5))
def test_a_torn_or_mixed_stream_brings_a_crash(edits: list[tuple[int, bytes]], cut: int) -> None:
    stream = WHOLE
    for at, noise in edits:
        at %= len(stream)
        stream = stream[:at] + noise + stream[at + cut :]
    reader = Translating(DIALECT.interpreter(), DIALECT.writer(asked()))
    out = reader.feed(stream) + reader.end()
    if reader.ended and not reader.error:
        assert events_of(out)[-1]["type"] in ("response.completed", "response.incomplete")
