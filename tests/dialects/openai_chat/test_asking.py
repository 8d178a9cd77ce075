"""Requests of Chat Completions mean the same in the neutral form, in whichever spelling they come."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from fairlead.dialects import neutral, signatures
from fairlead.dialects.neutral import (
    Audio,
    Document,
    Foreign,
    Format,
    Image,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Turn,
)  # fmt: skip
from fairlead.dialects.openai_chat.native import read_request
from fairlead.errors import BadRequest
from tests.dialects.recordings import BESIDE, PROVIDERS

HI = {"role": "user", "content": "hi"}
PNG = "data:image/png;base64,AAAA"


def read(*messages: dict[str, Any], **fields: Any) -> Request:
    return read_request(json.dumps({"model": "m", "messages": list(messages) or [HI], **fields}).encode()).neutral()


def turns(*messages: dict[str, Any]) -> tuple[Turn, ...]:
    return read(*messages).turns


def blocks(message: dict[str, Any]) -> tuple[neutral.Block, ...]:
    return turns(message)[0].blocks


def user(*said: neutral.Block) -> Turn:
    return Turn("user", said)


def test_instructions_are_read_where_they_stand() -> None:  # TRAPS 1
    found = turns(
        {"role": "system", "content": "a"}, HI, {"role": "developer", "content": [{"type": "text", "text": "b"}]}
    )
    assert found == (Turn("system", (Text("a"),)), Turn("user", (Text("hi"),)), Turn("system", (Text("b"),)))


def test_every_kind_of_part_is_read() -> None:  # TRAPS 26
    parts = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": "https://x.test/a.png"},
        {"type": "input_audio", "input_audio": {"data": "UUU=", "format": "mp3"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "video_url", "video_url": {"url": "https://x.test/v"}},
    ]
    found = blocks({"role": "user", "content": parts})
    assert found[:5] == (
        Text("a", "5m"),
        Image("image/png", "AAAA", "", "low"),
        Image(url="https://x.test/a.png"),
        Audio("mp3", "UUU="),
        Document("application/pdf", "JVBE", name="a.pdf"),
    )
    assert [(one.kind, json.loads(one.raw)) for one in found[5:] if isinstance(one, Foreign)] == [
        ("file", parts[5]), ("video_url", parts[6]),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [None, "", []])
def test_an_assistant_that_only_calls_says_nothing(content: Any) -> None:  # TRAPS 4
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert blocks({"role": "assistant", "content": content, "tool_calls": [call]}) == (ToolCall("c1", "f", "{}"),)


def test_what_an_assistant_said_is_read_in_its_order() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    custom = {"id": "c2", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}}
    message = {
        "role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "no"}],
        "tool_calls": [call, custom], "reasoning_content": "hm",
    }  # fmt: skip
    assert blocks(message) == (
        Thinking("hm", origin="openai_chat"), Text("a"), Refusal("no"),
        ToolCall("c1", "f", '{"x": 1}'), ToolCall("c2", "patch", "*** Begin"),
    )  # fmt: skip
    assert blocks({"role": "assistant", "content": None, "refusal": "no"}) == (Refusal("no"),)


def test_signatures_come_back_to_their_makers() -> None:  # TRAPS 14
    ours = signatures.pack("anthropic_messages", "sig")
    hidden = signatures.pack("openai_responses", "blob")
    message = {
        "role": "assistant", "content": "x", "reasoning_content": "hm",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": ours, "index": 0},
            {"type": "reasoning.encrypted", "data": hidden, "id": "rs_1", "index": 1},
            {"type": "reasoning.text", "text": "so", "signature": "theirs", "format": "f", "index": 2},
        ],
    }  # fmt: skip
    assert blocks(message)[:3] == (
        Thinking("hm", "sig", "anthropic_messages"),
        Thinking("", "blob", "openai_responses", True, "rs_1"),
        Thinking("so", "f:theirs", "openai_chat"),
    )


def test_a_signature_apart_from_its_thought_finds_it() -> None:
    details = [{"type": "reasoning.text", "text": "hm"}, {"type": "reasoning.text", "signature": "fl1.x.s"}]
    assert blocks({"role": "assistant", "content": "x", "reasoning_details": details})[0] == Thinking("hm", "s", "x")
    alone = {"role": "assistant", "content": "x", "reasoning": "hm", "reasoning_details": details[1:]}
    assert blocks(alone)[0] == Thinking("hm", "s", "x")


def test_a_thought_signature_on_a_call_is_kept() -> None:  # TRAPS 15
    call = {
        "id": "c",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "s"}},
    }
    assert blocks({"role": "assistant", "tool_calls": [call]}) == (ToolCall("c", "f", "{}", "s", "gemini"),)
    call["extra_content"]["google"]["thought_signature"] = signatures.pack("gemini", "s")  # type: ignore[index]
    assert blocks({"role": "assistant", "tool_calls": [call]}) == (ToolCall("c", "f", "{}", "s", "gemini"),)


def test_tool_messages_in_a_row_are_one_turn() -> None:  # TRAPS 3
    found = turns(
        HI, {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}, {"type": "image_url", "image_url": {"url": PNG}}]},
        HI,
    )  # fmt: skip
    assert found[2] == user(ToolResult("a", (Text("1"),)), ToolResult("b", (Text("2"), Image("image/png", "AAAA"))))
    assert found[3] == user(Text("hi"))


def test_functions_of_old_are_tools() -> None:
    found = read(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"x":1}'}},
        {"role": "function", "name": "f", "content": "1"},
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    call, result = found.turns[0].blocks[0], found.turns[1].blocks[0]
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert call.id == result.id != ""
    assert [tool.name for tool in found.tools] == ["f"]
    assert (found.tool_choice, found.tool_name) == ("tool", "f")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ("auto", "")), ("none", ("none", "")), ("required", ("required", "")), ("any", ("required", "")),
        ({"type": "function", "function": {"name": "f"}}, ("tool", "f")),
        ({"type": "custom", "custom": {"name": "p"}}, ("tool", "p")),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}},
         ("required", "")),
    ],
)  # fmt: skip
def test_the_choice_of_tools_is_read(choice: Any, expected: tuple[str, str]) -> None:  # TRAPS 12
    tools = [{"type": "function", "function": {"name": name, "strict": True}} for name in "fg"]
    found = read(tools=tools, tool_choice=choice, parallel_tool_calls=False)
    assert (found.tool_choice, found.tool_name) == expected
    assert found.parallel is False
    assert [tool.name for tool in found.tools] == (["f"] if "allowed" in str(choice) else ["f", "g"])


def test_tools_of_other_kinds_are_foreign() -> None:  # TRAPS 11
    custom = {"type": "custom", "custom": {"name": "patch"}}
    found = read(tools=[custom, {"type": "something"}], web_search_options={"search_context_size": "low"})
    assert [tool.kind for tool in found.foreign_tools] == ["custom", "something", "web_search_options"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reasoning_effort": "high"}, Reasoning("high")),
        ({"reasoning": {"effort": "low", "exclude": True}}, Reasoning("low", visible=False)),
        ({"reasoning": {"max_tokens": 2000}}, Reasoning(budget=2000)),
        ({"reasoning": {"enabled": True}}, Reasoning()),
        ({"reasoning": {"enabled": False}}, Reasoning("none")),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, Reasoning(budget=9)),
        ({"thinking": {"type": "disabled"}}, Reasoning("none")),
        ({"enable_thinking": False}, Reasoning("none")),
        ({"enable_thinking": True, "thinking_budget": 7}, Reasoning(budget=7)),
        ({}, None),
    ],
)
def test_reasoning_is_read_in_every_spelling(fields: dict[str, Any], expected: Reasoning | None) -> None:  # TRAPS 18
    assert read(**fields).reasoning == expected


def test_the_form_of_the_answer_is_read() -> None:  # TRAPS 27
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}
    found = read(response_format={"type": "json_schema", "json_schema": schema}).format
    assert found is not None
    assert (json.loads(found.schema), found.name, found.description, found.strict) == (
        {"type": "object"},
        "n",
        "d",
        True,
    )
    assert read(response_format={"type": "json_object"}).format == Format()
    assert read(response_format={"type": "text"}).format is None


def test_the_other_fields_are_kept_by_name() -> None:
    found = read(
        {"role": "user", "content": "x", "name": "ann"},
        store=True, logit_bias={"1": 2}, metadata=None, service_tier="flex", max_tokens=5, max_completion_tokens=6, stop="a", n=2,
        seed=0, logprobs=True, top_logprobs=3, user="u", presence_penalty=0.5, stream_options={"include_usage": True}, stream=True,
    )  # fmt: skip
    assert {key: json.loads(raw) for key, raw in found.others.items()} == {
        "store": True, "logit_bias": {"1": 2}, "service_tier": "flex", "messages.name": ["ann"],
    }  # fmt: skip
    assert (found.max_output, found.stop, found.answers, found.seed, found.user) == (6, ("a",), 2, 0, "u")
    assert (found.logprobs, found.top_logprobs, found.presence_penalty, found.stream) == (True, 3, 0.5, True)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "narrator", "content": "x"}]}, "messages[0].role"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0]"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"stop": 5}, "stop"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": 5}]}]}, "messages"),
    ],
)
def test_what_cannot_be_translated_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_request(json.dumps({"model": "m", "messages": [HI], **fields}).encode()).neutral()
    assert (caught.value.param or "").startswith(param)


RECORDED = {
    f"{file.parent.name}/{file.stem}": recorded["request"]["body"]
    for provider in PROVIDERS
    for file in sorted((BESIDE / "fixtures" / provider).glob("*.json"))
    if (recorded := json.loads(file.read_text()))["request"]["url"].split("?")[0].endswith("/chat/completions")
    and isinstance(recorded["request"].get("body"), dict)
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_requests_are_read_whole(name: str) -> None:
    body = {"model": "m", **RECORDED[name]}
    view = read_request(json.dumps(body).encode())
    if set(body.get("modalities") or ()) - {"text"}:
        with pytest.raises(BadRequest):
            view.neutral()
        return
    found = view.neutral()
    said = json.dumps([msgspec.to_builtins(turn) for turn in found.turns], ensure_ascii=False)
    for message in body["messages"]:
        if isinstance(message.get("content"), str) and message["content"]:
            assert json.dumps(message["content"], ensure_ascii=False) in said
        for call in message.get("tool_calls") or ():
            assert json.dumps(call["function"]["name"]) in said
    assert len(found.tools) + len(found.foreign_tools) >= len(body.get("tools") or ())
