"""Whole answers: what providers send is understood, and what is written is what clients of Chat Completions know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from fairlead.core.record import Usage
from fairlead.dialects import neutral
from fairlead.dialects.dialect import Asked
from fairlead.dialects.neutral import Answer, Refusal, Text, Thinking, ToolCall
from fairlead.dialects.openai_chat.answer import read_answer, write_answer
from fairlead.dialects.openai_chat.native import read_request
from tests.dialects.recordings import ANSWERS

ASKED = Asked("r1", "shown", read_request(b'{"model":"m","messages":[{"role":"user","content":"x"}]}'), 7)


def answer(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return read_answer(
        json.dumps(
            {"id": "c", "model": "up", "created": 3, "choices": [choice | more.pop("choice", {})], **more}
        ).encode()
    )


def written(*said: neutral.Block, stop: neutral.Stop = "end", usage: Usage | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        write_answer(Answer(id="i", model="m", blocks=said, stop=stop, usage=usage), ASKED)
    )
    ChatCompletion.model_validate(found, strict=True)
    return found


def test_an_answer_is_read_whole() -> None:
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    found = answer(
        {"content": "a", "reasoning_content": "hm", "tool_calls": [call]}, "tool_calls",
        usage={"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}},
    )  # fmt: skip
    assert found == Answer(
        id="c", model="up", created=3, stop="tool_use", usage=Usage(9, 4, 2),
        blocks=(Thinking("hm", origin="openai_chat"), Text("a"), ToolCall("t", "f", '{"x":1}')),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"function": {"name": "f"}}, ToolCall("call_1", "f", "{}")),
        ({"id": None, "function": {"name": "f", "arguments": ""}}, ToolCall("call_1", "f", "{}")),
        ({"id": "t", "function": {"name": "f", "arguments": {"x": 1}}}, ToolCall("t", "f", '{"x": 1}')),
        ({"id": "t", "function": {"name": "f", "arguments": '{"x"'}}, ToolCall("t", "f", '{"x"')),
    ],
)
def test_odd_tool_calls_are_calls_all_the_same(call: dict[str, Any], expected: ToolCall) -> None:  # TRAPS 7, 9
    found = answer({"content": None, "tool_calls": [call]}, "stop")
    assert found.blocks == (expected,)
    assert found.stop == "tool_use"


def test_the_function_call_of_old_is_a_tool_call() -> None:
    found = answer({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, "function_call")
    assert found.blocks == (ToolCall("call_1", "f", "{}"),)
    assert found.stop == "tool_use"


def test_thinking_in_content_and_in_details_is_read() -> None:  # TRAPS 17
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}]
    assert answer({"content": parts}).blocks == (Thinking("hm", origin="openai_chat"), Text("a"))
    detail = {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "f"}
    found = answer({"content": "a", "reasoning": "hm", "reasoning_details": [detail]})
    assert found.blocks == (Thinking("hm", "f:s", "openai_chat"), Text("a"))


def test_tags_in_text_are_text() -> None:
    assert answer({"content": "<think>hm</think>a"}).blocks == (Text("<think>hm</think>a"),)


@pytest.mark.parametrize(
    ("finish", "stop"),
    [("stop", "end"), (None, "end"), ("", "end"), ("eos", "end"), ("length", "length"), ("tool_calls", "end"),
     ("content_filter", "content_filter"), ("model_length", "length"), ("whatever", "end")],
)  # fmt: skip
def test_reasons_mean_what_they_mean(finish: str | None, stop: str) -> None:  # TRAPS 19
    assert answer({"content": "a"}, finish).stop == stop


def test_a_refusal_is_one_whatever_the_reason() -> None:  # TRAPS 28
    found = answer({"content": None, "refusal": "no"})
    assert (found.blocks, found.stop) == ((Refusal("no"),), "refusal")


def test_a_matched_stop_word_is_told() -> None:
    found = answer({"content": "a"}, choice={"stop_reason": "END"})
    assert (found.stop, found.stop_sequence) == ("stop_sequence", "END")
    assert answer({"content": "a"}, choice={"stop_reason": 151645}).stop == "end"


def test_usage_of_groq_is_found() -> None:
    assert answer({"content": "a"}, x_groq={"usage": {"prompt_tokens": 1, "completion_tokens": 2}}).usage == Usage(1, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":null}', b'{"error":{"message":"x"}}',
        b'{"choices":[{"message":{"content":5}}]}', b'{"choices":[{"message":{"content":"a"},"finish_reason":"error"}]}',
        b'{"choices":[{"message":{"content":[5]}}]}', b'{"choices":"no"}', b"\xff",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_answer(body)


def test_an_answer_is_written_as_clients_know_it() -> None:  # TRAPS 28, 29
    found = written(
        Thinking("hm", "sig", "anthropic_messages"), Text("a"), Text("b"), ToolCall("t", "f", "", "s", "gemini"),
        stop="tool_use", usage=Usage(9, 4, 2, 1, 0, 3),
    )  # fmt: skip
    assert (found["id"], found["model"], found["created"], found["object"]) == (
        "chatcmpl-r1",
        "shown",
        7,
        "chat.completion",
    )
    choice = found["choices"][0]
    assert choice["logprobs"] is None
    assert choice["finish_reason"] == "tool_calls"
    message = choice["message"]
    assert (message["content"], message["refusal"], message["annotations"]) == ("ab", None, [])
    assert message["reasoning_content"] == "hm"
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "fl1.anthropic_messages.sig", "index": 0}
    ]
    assert message["tool_calls"] == [
        {
            "id": "t",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "fl1.gemini.s"}},
        }
    ]
    assert found["usage"]["total_tokens"] == 13
    assert found["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    assert found["usage"]["completion_tokens_details"]["reasoning_tokens"] == 3


@pytest.mark.parametrize(
    ("said", "stop", "content", "finish"),
    [
        ((Text("a"),), "end", "a", "stop"),
        ((Text("a"),), "stop_sequence", "a", "stop"),
        ((Text("a"),), "context", "a", "length"),
        ((), "length", "", "length"),
        ((), "refusal", None, "content_filter"),
        ((Refusal("no"),), "refusal", None, "stop"),
        ((ToolCall("t", "f", "{}"),), "tool_use", None, "tool_calls"),
    ],
)
def test_content_and_reason_fit_together(
    said: tuple[neutral.Block, ...], stop: neutral.Stop, content: str | None, finish: str
) -> None:
    choice = written(*said, stop=stop)["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (content, finish)


def test_a_signature_given_to_a_client_comes_back_to_its_maker() -> None:  # TRAPS 14
    said = (
        Thinking("hm", "s1", "anthropic_messages"), Thinking("", "s2", "anthropic_messages", True), Text("a"),
        ToolCall("t", "f", "{}", "s3", "gemini"),
    )  # fmt: skip
    message = written(*said, stop="tool_use")["choices"][0]["message"]
    back = read_request(json.dumps({"model": "m", "messages": [message]}).encode()).neutral()
    assert back.turns[0].blocks == said


@pytest.mark.parametrize("name", ANSWERS)
def test_recorded_answers_say_the_same_afterwards(name: str) -> None:
    recorded = ANSWERS[name]
    if recorded.get("error"):
        with pytest.raises(ValueError):
            read_answer(json.dumps(recorded).encode())
        return
    found = read_answer(json.dumps(recorded).encode())
    message = recorded["choices"][0]["message"]
    after = written(*found.blocks, stop=found.stop, usage=found.usage)
    again = after["choices"][0]["message"]
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content)
    assert (again["content"] or "") == (content or "")
    assert again.get("reasoning_content", "") in (
        message.get("reasoning"),
        message.get("reasoning_content"),
        "",
    ) or isinstance(message["content"], list)
    before = [
        (one["function"]["name"], one["function"].get("arguments") or "{}") for one in message.get("tool_calls") or ()
    ]
    assert [(one["function"]["name"], one["function"]["arguments"]) for one in again.get("tool_calls") or ()] == before
    assert after["usage"]["prompt_tokens"] == recorded["usage"]["prompt_tokens"]
    assert after["usage"]["completion_tokens"] >= recorded["usage"]["completion_tokens"]


WHOLE: dict[str, Any] = {
    "id": "c", "created": 3, "model": "m", "x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}},
    "choices": [
        {
            "index": 0, "finish_reason": "stop", "stop_reason": "END", "logprobs": None,
            "message": {
                "role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": [{"text": "b"}]}],
                "reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "s", "format": None}],
                "tool_calls": [
                    {"id": "t", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": {"thought_signature": "s"}}}
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
}  # fmt: skip
ODD: tuple[Any, ...] = (None, 5, -1, 1.5, True, "x", "", [], {}, [None], [5], {"a": 1})
HARMLESS = {"id", "created", "model", "x_groq", "usage", "logprobs", "stop_reason", "index", "reasoning_details"}
"""What an answer is whole without: an odd value there never makes it a bad one."""


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], odd)
    return copy


@pytest.mark.parametrize("path", places(WHOLE), ids=str)
def test_an_odd_value_anywhere_is_no_crash_and_where_it_does_not_matter_no_error(path: tuple[Any, ...]) -> None:
    for odd in ODD:
        try:
            read_answer(json.dumps(changed(WHOLE, path, odd)).encode())
        except ValueError:
            assert "tool_calls" in path or not HARMLESS.intersection(path), odd
