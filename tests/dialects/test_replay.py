"""Answers in their other form: what stands in the one stands in the other, or there is no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.dialects import replay
from fairlead.dialects.replay import REPLAYS

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).map(lambda text: f"{text}x")
NAMES = st.sampled_from(["f", "g"])
ARGUMENTS = st.dictionaries(TEXT, st.integers(-(10**18) + 1, 10**18 - 1) | TEXT, max_size=2).map(json.dumps)
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def chat(said: list[tuple[str, str, list[tuple[str, str]]]], more: dict[str, object]) -> dict[str, object]:
    choices = []
    for index, (text, thought, calls) in enumerate(said):
        message: dict[str, object] = {"role": "assistant", "content": text, "refusal": None}
        if thought:
            message["reasoning_content"] = thought
        if calls:
            message["tool_calls"] = [
                {"id": f"c{at}", "type": "function", "function": {"name": name, "arguments": given}}
                for at, (name, given) in enumerate(calls)
            ]
        tokens = {"content": [{"token": text, "logprob": -0.5, "top_logprobs": []}], "refusal": None}
        reason = "tool_calls" if calls else "stop"
        choices.append({"index": index, "message": message, "logprobs": tokens, "finish_reason": reason})
    frame = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "system_fingerprint": "fp"}
    return {**frame, "choices": choices, "usage": USAGE, **more}


def anthropic(blocks: list[tuple[str, str]], more: dict[str, object]) -> dict[str, object]:
    content: list[dict[str, object]] = []
    for kind, text in blocks:
        if kind == "text":
            content.append({"type": "text", "text": text})
        elif kind == "cited":
            content.append({"type": "text", "text": text, "citations": [{"type": "char_location", "cited_text": text}]})
        elif kind == "thinking":
            content.append({"type": "thinking", "thinking": text, "signature": text[::-1]})
        elif kind == "tool_use":
            content.append({"type": "tool_use", "id": "t", "name": "f", "input": {"a": [text, None]}})
        else:
            content.append({"type": "redacted_thinking", "data": text})
    content.append({"type": "text", "text": "end"})
    ended = {"stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4}}
    return {"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": content, **ended, **more}


def responses(blocks: list[tuple[str, str]], more: dict[str, object]) -> dict[str, object]:
    output: list[dict[str, object]] = []
    for at, (kind, text) in enumerate(blocks):
        own: dict[str, object] = {"id": f"i{at}", "status": "completed"}
        if kind in ("text", "cited"):
            cited = [{"type": "url_citation", "url": text}] if kind == "cited" else []
            part = {"type": "output_text", "text": text, "annotations": cited, "logprobs": []}
            output.append({**own, "type": "message", "role": "assistant", "content": [part]})
        elif kind == "thinking":
            summary = [{"type": "summary_text", "text": text}]
            output.append({"id": f"i{at}", "type": "reasoning", "summary": summary, "encrypted_content": "e"})
        elif kind == "tool_use":
            output.append(
                {**own, "type": "function_call", "call_id": "c", "name": "f", "arguments": json.dumps([text])}
            )
        else:
            output.append({**own, "type": "image_generation_call", "result": text})
    last = {"type": "output_text", "text": "end", "annotations": []}
    output.append({"id": "last", "type": "message", "status": "completed", "role": "assistant", "content": [last]})
    frame = {"id": "resp", "object": "response", "status": "completed", "error": None, "incomplete_details": None}
    return {**frame, "output": output, "usage": {"input_tokens": 3, "output_tokens": 4}, **more}


def gemini(blocks: list[tuple[str, str]], more: dict[str, object]) -> dict[str, object]:
    parts: list[dict[str, object]] = []
    for kind, text in blocks:
        if kind == "tool_use":
            parts.append({"functionCall": {"name": "f", "args": {"a": text}}, "thoughtSignature": "s"})
        elif kind == "thinking" and not (parts and parts[-1].get("thought")):
            parts.append({"text": text, "thought": True})
        else:
            parts.append({"text": text, "thoughtSignature": "s"})
    parts.append({"text": "end"})
    one = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0, "avgLogprobs": -0.5}
    return {
        "candidates": [one],
        "usageMetadata": {"promptTokenCount": 3},
        "modelVersion": "m",
        "responseId": "r",
        **more,
    }


def legacy(said: list[str], more: dict[str, object]) -> dict[str, object]:
    choices = [{"index": at, "text": text, "logprobs": None, "finish_reason": "stop"} for at, text in enumerate(said)]
    frame = {"id": "c", "object": "text_completion", "created": 1, "model": "m"}
    return {**frame, "choices": choices, "usage": USAGE, **more}


SAID = st.lists(
    st.tuples(TEXT, TEXT | st.just(""), st.lists(st.tuples(NAMES, ARGUMENTS), max_size=2)), min_size=1, max_size=3
)
BLOCKS = st.lists(st.tuples(st.sampled_from(["text", "cited", "thinking", "tool_use", "other"]), TEXT), max_size=4)
MORE = st.dictionaries(st.sampled_from(["x_one", "x_two"]), st.integers(-(10**18) + 1, 10**18 - 1) | TEXT, max_size=2)
WHOLE: dict[str, Any] = {
    "openai_chat": st.builds(chat, SAID, MORE),
    "anthropic_messages": st.builds(anthropic, BLOCKS, MORE),
    "openai_responses": st.builds(responses, BLOCKS, MORE),
    "gemini": st.builds(gemini, BLOCKS, MORE),
    "completions": st.builds(legacy, st.lists(TEXT, min_size=1, max_size=3), MORE),
}
ONE: dict[str, dict[str, Any]] = {
    "openai_chat": chat([("Hi", "", [])], {}),
    "anthropic_messages": anthropic([], {}),
    "openai_responses": responses([], {}),
    "gemini": gemini([], {}),
    "completions": legacy(["Hi"], {}),
}
WITH_USAGE = {"include_usage": True}


@pytest.mark.parametrize("dialect", WHOLE)
@given(data=st.data())
def test_something_is_lost_between_a_whole_answer_and_its_stream(dialect: str, data: st.DataObject) -> None:  # M5.1
    answer = data.draw(WHOLE[dialect])
    body = json.dumps(answer).encode()
    assert replay.is_proper(dialect, False, body)
    stream = replay.as_stream(dialect, body, WITH_USAGE)
    assert stream is not None
    assert replay.is_proper(dialect, True, stream)
    back = replay.as_whole(dialect, stream)
    assert back is not None
    assert json.loads(back) == answer


@pytest.mark.parametrize("dialect", REPLAYS)
def test_a_stream_that_was_cut_is_taken_for_a_whole_one(dialect: str) -> None:  # M5.1
    stream = replay.as_stream(dialect, json.dumps(ONE[dialect]).encode(), WITH_USAGE)
    assert stream is not None
    events = stream.split(b"\n\n")[:-1]
    for count in range(len(events)):
        cut = b"".join(event + b"\n\n" for event in events[:count])
        assert not replay.is_proper(dialect, True, cut)
        assert replay.as_whole(dialect, cut) is None


def changed(dialect: str, *path: str | int, value: object) -> bytes:
    answer = json.loads(json.dumps(ONE[dialect]))
    inner: Any = answer
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return json.dumps(answer).encode()


NOT_PROPER = {
    "chat cut short": ("openai_chat", changed("openai_chat", "choices", 0, "finish_reason", value="length")),
    "chat filtered": ("openai_chat", changed("openai_chat", "choices", 0, "finish_reason", value="content_filter")),
    "chat without an end": ("openai_chat", changed("openai_chat", "choices", 0, "finish_reason", value=None)),
    "chat refused": ("openai_chat", changed("openai_chat", "choices", 0, "message", "refusal", value="No.")),
    "chat empty": ("openai_chat", changed("openai_chat", "choices", 0, "message", "content", value=" \n")),
    "chat without choices": ("openai_chat", changed("openai_chat", "choices", value=[])),
    "message cut short": ("anthropic_messages", changed("anthropic_messages", "stop_reason", value="max_tokens")),
    "message refused": ("anthropic_messages", changed("anthropic_messages", "stop_reason", value="refusal")),
    "message paused": ("anthropic_messages", changed("anthropic_messages", "stop_reason", value="pause_turn")),
    "message empty": ("anthropic_messages", changed("anthropic_messages", "content", value=[])),
    "response cut short": ("openai_responses", changed("openai_responses", "status", value="incomplete")),
    "response failed": ("openai_responses", changed("openai_responses", "status", value="failed")),
    "response queued": ("openai_responses", changed("openai_responses", "status", value="queued")),
    "response empty": ("openai_responses", changed("openai_responses", "output", value=[])),
    "gemini cut short": ("gemini", changed("gemini", "candidates", 0, "finishReason", value="MAX_TOKENS")),
    "gemini blocked": ("gemini", changed("gemini", "candidates", 0, "finishReason", value="SAFETY")),
    "gemini prompt blocked": ("gemini", changed("gemini", "promptFeedback", value={"blockReason": "SAFETY"})),
    "gemini empty": ("gemini", changed("gemini", "candidates", 0, "content", value={})),
    "completion cut short": ("completions", changed("completions", "choices", 0, "finish_reason", value="length")),
    "an error": ("openai_chat", b'{"error": {"message": "no"}}'),
    "no JSON": ("openai_chat", b"<html>"),
    "a list": ("gemini", b"[]"),
    "text": ("anthropic_messages", b'"x"'),
}


@pytest.mark.parametrize("name", NOT_PROPER)
def test_an_answer_that_is_none_is_taken_for_one(name: str) -> None:  # M5.1
    dialect, body = NOT_PROPER[name]
    assert not replay.is_proper(dialect, False, body)
    assert dialect == "completions" or replay.as_stream(dialect, body, None) is None


def test_a_refused_part_is_taken_for_an_answer() -> None:
    refused = [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}]
    assert not replay.is_proper("openai_responses", False, changed("openai_responses", "output", value=refused))


ODD = {
    "a number nobody holds": ("openai_chat", changed("openai_chat", "x", value=2**70), WITH_USAGE),
    "options nobody knows": ("openai_chat", json.dumps(ONE["openai_chat"]).encode(), {"x": 1}),
    "usage that is not there": ("openai_chat", changed("openai_chat", "usage", value=None), WITH_USAGE),
}


@pytest.mark.parametrize("name", ODD)
def test_a_stream_is_thought_up(name: str) -> None:
    assert replay.as_stream(*ODD[name]) is None


def test_what_is_told_piece_by_piece_in_a_way_nobody_knows_is_put_together() -> None:
    stream = (
        b'data: {"choices":[{"index":0,"delta":{"content":"a","x":"1"}}]}\n\n'
        b'data: {"choices":[{"index":0,"delta":{"content":"b","x":"2"},"finish_reason":"stop"}],"usage":{"total_tokens":1}}\n\n'
        b"data: [DONE]\n\n"
    )
    assert replay.is_proper("openai_chat", True, stream)
    assert replay.as_whole("openai_chat", stream) is None


def test_an_error_in_a_stream_is_kept_with_it() -> None:
    for dialect in ("openai_chat", "anthropic_messages", "gemini"):
        stream = replay.as_stream(dialect, json.dumps(ONE[dialect]).encode(), WITH_USAGE)
        assert stream is not None
        broken = b'data: {"type":"error","error":{"message":"no"}}\n\n' + stream
        assert not replay.is_proper(dialect, True, broken)
