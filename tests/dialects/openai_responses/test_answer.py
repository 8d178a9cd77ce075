"""Answers of Responses, from and to the neutral form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from openai.types.responses import Response

from fairlead.core.record import Usage
from fairlead.dialects.neutral import Answer, Foreign, Refusal, Text, Thinking, ToolCall
from fairlead.dialects.openai_responses import DIALECT
from fairlead.dialects.openai_responses.native import NAME
from tests.dialects.openai_responses.recordings import ANSWERS, asked, compact, said, view


def write(*blocks: Any, stop: str = "end", usage: Usage | None = None, **fields: Any) -> dict[str, Any]:
    answer = Answer(id="x", model="y", blocks=blocks, stop=stop, usage=usage)  # type: ignore[arg-type]
    found = json.loads(DIALECT.write_answer(answer, asked(view(**fields))))
    Response.model_validate(found)
    return dict(found)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_recorded_answer_is_told_otherwise(name: str) -> None:
    recorded = ANSWERS[name]
    answer = DIALECT.read_answer(compact(recorded))
    written = json.loads(DIALECT.write_answer(answer, asked()))
    Response.model_validate(written)
    assert said(written["output"]) == said(recorded["output"])
    again = DIALECT.read_answer(compact(written))
    assert answer.usage is not None
    assert (again.stop, again.usage) == (answer.stop, replace(answer.usage, calls=()))  # nobody runs a tool to write
    assert answer.usage.input == recorded["usage"]["input_tokens"]
    assert answer.usage.reasoning == recorded["usage"]["output_tokens_details"]["reasoning_tokens"]


def test_an_answer_is_read_as_another() -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "message", "content": [{"type": "output_text", "text": "a"}, {"type": "output_text", "text": ""}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "namespace": "ns", "arguments": ""},
        {"type": "custom_tool_call", "call_id": "c2", "name": "p", "input": "x"},
        {"type": "web_search_call", "id": "ws_1"},
    ]
    found = DIALECT.read_answer(compact({"id": "resp_1", "model": "m", "created_at": 5.0, "output": output}))
    assert found.blocks == (
        Thinking("", "gAAA", NAME, True, "rs_1"),
        Text("a"),
        ToolCall("c1", "ns__f", "{}"),
        ToolCall("c2", "p", '{"input":"x"}'),
        Foreign(NAME, "web_search_call", b'{"type":"web_search_call","id":"ws_1"}'),
    )
    assert (found.id, found.model, found.created, found.stop) == ("resp_1", "m", 5, "tool_use")


@pytest.mark.parametrize(
    ("fields", "stop"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete"}, "length"),
        ({"status": "completed"}, "end"),
        ({"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}]}, "refusal"),
    ],
)
def test_the_end_has_another_reason(fields: dict[str, Any], stop: str) -> None:  # TRAPS 19
    output = [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}]
    assert DIALECT.read_answer(compact({"output": output} | fields)).stop == stop


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"output":7}', b'{"output":[7]}', b'{"output":[],"status":"queued"}',
        b'{"output":[{"type":"web_search_call"}],"status":"failed"}', b'{"output":[],"error":{"code":"x"}}',
    ],
)  # fmt: skip
def test_what_is_no_answer_is_read(body: bytes) -> None:
    with pytest.raises(ValueError, match="provider"):
        DIALECT.read_answer(body)


def test_an_answer_is_written_as_another() -> None:
    found = write(
        Thinking("hm", "sig", "anthropic_messages"), Text("a"), Text("b"), Refusal("no"), ToolCall("c1", "f", '{"a":1}'),
        usage=Usage(100, 50, 60, 5, 5, 30),
    )  # fmt: skip
    assert found["output"] == [
        {
            "id": "rs_r1_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "fl1.anthropic_messages.sig",
        },
        {
            "id": "msg_r1_1", "type": "message", "status": "completed", "role": "assistant",
            "content": [
                {"type": "output_text", "annotations": [], "logprobs": [], "text": "a"},
                {"type": "output_text", "annotations": [], "logprobs": [], "text": "b"},
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {
            "id": "fc_r1_2", "type": "function_call", "status": "completed", "call_id": "c1", "name": "f",
            "arguments": '{"a":1}',
        },
    ]  # fmt: skip
    assert found["usage"] == {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 30}, "total_tokens": 150,
    }  # fmt: skip
    assert (found["id"], found["status"], found["completed_at"]) == ("resp_r1", "completed", 7)


def test_calls_come_back_in_another_form_than_the_tools_were_declared_in() -> None:
    tools = [
        {"type": "custom", "name": "patch"},
        {"type": "namespace", "name": "ns", "description": "d", "tools": [{"type": "function", "name": "g"}]},
    ]
    found = write(
        ToolCall("c1", "patch", '{"input":"x\\ny"}'), ToolCall("c2", "patch", "not an object"), ToolCall("c3", "ns__g", "{}"),
        tools=tools, stop="tool_use",
    )  # fmt: skip
    first, second, third = found["output"]
    assert (first["type"], first["name"], first["input"]) == ("custom_tool_call", "patch", "x\ny")
    assert second["input"] == "not an object"
    assert (third["type"], third["namespace"], third["name"]) == ("function_call", "ns", "g")


def test_a_signature_is_shown_bare_or_lost() -> None:  # TRAPS 14, 15
    found = write(
        Thinking("", "data", "anthropic_messages", True), ToolCall("c.1", "f", "{}", "sig", "gemini"), Thinking("", "g", NAME)
    )  # fmt: skip
    assert [item.get("encrypted_content") for item in found["output"]] == [
        "fl1.anthropic_messages+redacted.data", "fl1.gemini+call=c%2E1.sig", None, "g",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stop", "reason"),
    [("length", "max_output_tokens"), ("context", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_a_cut_answer_looks_whole(stop: str, reason: str) -> None:  # TRAPS 19
    found = write(Text("a"), stop=stop)
    assert (found["status"], found["incomplete_details"], found["completed_at"]) == (
        "incomplete",
        {"reason": reason},
        None,
    )
    assert found["output"][0]["status"] == "incomplete"


def test_a_request_is_not_repeated() -> None:  # TRAPS 13
    form = {"type": "json_schema", "name": "n", "schema": {"a": 1}}
    tool = {"type": "function", "name": "f"}
    found = write(
        Text("a"), tools=[tool], text={"format": form}, reasoning={"effort": "low"}, store=False, metadata={"k": "v"},
        instructions="be kind", max_output_tokens=20, temperature=0.5, tool_choice="required", prompt_cache_key="p",
    )  # fmt: skip
    assert found["tools"] == [{**tool, "description": None, "parameters": None, "strict": True}]
    assert found["text"] == {"format": {**form, "description": None, "strict": False}, "verbosity": "medium"}
    assert found["reasoning"] == {"effort": "low", "summary": None}
    for field, value in (
        ("store", False), ("metadata", {"k": "v"}), ("instructions", "be kind"), ("max_output_tokens", 20),
        ("temperature", 0.5), ("tool_choice", "required"), ("prompt_cache_key", "p"), ("top_p", 1.0), ("error", None),
        ("truncation", "disabled"), ("background", False), ("top_logprobs", 0), ("service_tier", "default"),
    ):  # fmt: skip
        assert found[field] == value
