"""Requests as they come in, usage and errors of Responses."""

from __future__ import annotations

import json

import pytest

from fairlead.core.record import Usage
from fairlead.dialects.openai_responses import native
from fairlead.errors import BadRequest, RateLimited, UpstreamFailed
from tests.dialects.openai_responses.recordings import ANSWERS, REQUESTS, compact, view


@pytest.mark.parametrize("name", REQUESTS)
def test_a_real_request_is_refused(name: str) -> None:
    found = native.read_request(REQUESTS[name])
    assert found.model
    assert found.shape().turns >= 1
    assert all(isinstance(text, str) for _, text in found.texts())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_output_tokens": 15}, "max_output_tokens"),
        ({"model": ""}, "model"),
        ({"model": "m" * 300}, "model"),
        ({"input": 7}, "input"),
        ({"tools": {}}, "tools"),
        ({"temperature": "hot"}, "temperature"),
        ({"input": [7]}, "input[0]"),
    ],
)
def test_a_wrong_field_is_not_named(fields: dict[str, object], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        view(**fields)
    assert caught.value.param == param


def test_items_of_a_later_day_are_refused() -> None:
    later = [{"type": "hologram", "content": {"depth": 3}, "output": 7, "input": [1], "tools": {"a": 1}}]
    found = view(input=[*later, {"role": "user", "content": "hi"}])
    assert list(found.texts()) == [("user", "hi")]
    assert found.shape().turns == 2


def test_shape_misses_what_is_paid_for() -> None:
    found = view(
        instructions="Be kind",
        input=[
            {"type": "additional_tools", "tools": [{"type": "function", "name": "a"}]},
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "né"}, {"type": "input_image", "image_url": "x"}],
            },
            {"type": "function_call", "call_id": "c", "name": "a", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": "y"}]},
            {"type": "function_call_output", "call_id": "c", "output": "done"},
        ],
        tools=[{"type": "function", "name": "b"}],
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
        reasoning={"effort": "low"},
        max_output_tokens=99,
    )
    shape = found.shape()
    assert (shape.chars, shape.utf8, shape.images, shape.tools) == (13, 14, 2, 2)
    assert (shape.json_schema, shape.reasoning, shape.max_output, found.max_output) == (True, "low", 99, 99)
    assert shape.tool_bytes > 60
    assert list(found.texts()) == [("system", "Be kind"), ("user", "né"), ("tool", "done")]


def test_a_conversation_that_is_kept_here_loses_an_item() -> None:
    found = view(previous_response_id="resp_1", store=False)
    assert (found.previous, found.store) == ("resp_1", False)
    assert view().store
    earlier = [b'{"type":"message","role":"user","content":"one"}', b'{"type":"hologram","a":1}']
    body = native.with_history(found.body, earlier)
    whole = native.read_request(body)
    assert whole.previous == ""
    assert whole.input_items()[:2] == earlier
    assert json.loads(whole.input_items()[2]) == {
        "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}],
    }  # fmt: skip
    again = native.with_history(body, [b'{"type":"hologram"}'])
    assert len(native.read_request(again).input_items()) == 4


def test_an_easy_message_is_kept_without_its_type() -> None:
    items = view(input=[{"role": "user", "content": "a"}, {"type": "reasoning", "id": "rs_1"}]).input_items()
    assert [json.loads(item)["type"] for item in items] == ["message", "reasoning"]


def test_output_items_are_not_those_of_the_answer() -> None:
    items = [{"type": "message", "id": "msg_1"}, {"type": "hologram"}]
    body = compact({"object": "response", "status": "completed", "output": items})
    assert [json.loads(item) for item in native.output_items(body)] == items
    last = compact({"type": "response.completed", "response": {"output": items}})
    assert [json.loads(item) for item in native.output_items(last)] == items
    assert native.final_response(last) == compact({"output": items})
    for nothing in (b"", b"{}", b"[", b'{"output":null}', b'{"type":"response.created","response":{"output":[]}}'):
        assert native.output_items(nothing) == []
        assert native.final_response(nothing) == b""


def test_a_thought_signed_elsewhere_reaches_a_provider_of_this_dialect() -> None:  # TRAPS 14
    own = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    other = {"type": "reasoning", "summary": [], "encrypted_content": "fl1.anthropic_messages.c2ln"}
    said = {"type": "message", "role": "user", "content": 'what is "fl1.anthropic_messages.c2ln"?'}
    body = view(input=[own, other, said], temperature=1).body
    assert [json.loads(item) for item in native.read_request(native.own(body)).input_items()] == [own, said]
    plain = view(input=[own]).body
    assert native.own(plain) is plain


def test_usage_is_on_another_base() -> None:  # TRAPS 20
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 30},
    }
    body = compact({"status": "completed", "output": [{}], "usage": usage})
    assert native.account(body) == (Usage(100, 50, 60, 10, 0, 30), "")
    odd = {"input_tokens": 5, "output_tokens": 6, "input_tokens_details": "none"}
    assert native.account(compact({"output": [{}], "usage": odd}))[0] == Usage(5, 6)
    for nonsense in (
        None,
        {},
        {"input_tokens": -1, "output_tokens": 2},
        {"input_tokens": 10**15, "output_tokens": 1},
        7,
    ):
        assert native.account(compact({"output": [{}], "usage": nonsense})) == (None, "")


@pytest.mark.parametrize("name", ANSWERS)
def test_a_recorded_answer_is_none(name: str) -> None:
    recorded = ANSWERS[name]
    usage, why = native.account(compact(recorded))
    assert why == ""
    if recorded["usage"] is not None:
        assert usage is not None
        assert (usage.input, usage.output) == (recorded["usage"]["input_tokens"], recorded["usage"]["output_tokens"])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"output":null}',
        b'{"status":"failed","output":[]}',
        b'{"error":{"code":"x"},"output":[]}',
    ],
)
def test_what_is_no_answer_is_taken_for_one(body: bytes) -> None:
    assert native.account(body)[1]


def test_an_error_has_another_shape() -> None:  # TRAPS 33
    error = BadRequest("input is empty.", param="input", code="missing")
    assert json.loads(native.error_body(error, "r1"))["error"] == {
        "message": "input is empty.", "type": "invalid_request_error", "param": "input", "code": "missing", "request_id": "r1",
    }  # fmt: skip


def test_an_error_in_a_stream_is_told_to_some_clients_only() -> None:  # TRAPS 32
    for error, code in ((UpstreamFailed("gone"), "server_error"), (RateLimited("slow"), "rate_limit_exceeded")):
        first, second = native.error_event(error, "r1").split(b"\n\n")[:2]
        assert first.startswith(b"event: error\ndata: ")
        assert json.loads(first.partition(b"data: ")[2])["error"]["message"] == error.message
        assert second.startswith(b"event: response.failed\ndata: ")
        response = json.loads(second.partition(b"data: ")[2])["response"]
        assert (response["status"], response["error"]) == ("failed", {"code": code, "message": error.message})
