"""Requests in Anthropic's dialect as they come in, usage, errors, counts and lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.core.record import Usage
from fairlead.dialects.anthropic_messages import native
from fairlead.dialects.anthropic_messages.usage import usage_json
from fairlead.errors import BadRequest, Infeasible, Overloaded, RateLimited, RequestError, TooLarge, UpstreamFailed
from tests.dialects.anthropic_messages.recordings import ANSWERS, REQUESTS, compact

HI = [{"role": "user", "content": "hi"}]


def body(**fields: Any) -> bytes:
    return compact({"model": "m", "max_tokens": 9, "messages": HI} | fields)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": 3}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"thinking": {"budget_tokens": 5}}, "thinking.type"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        native.read_request(body(**fields), "", False)
    assert str(caught.value.param).replace("[...]", "[0]") == param


def test_tokens_can_be_counted_without_a_limit() -> None:  # TRAPS 36
    asked = compact({"model": "m", "messages": HI, "tools": []})
    assert native.read_count(asked, "").max_output is None
    with pytest.raises(BadRequest, match="max_tokens is missing"):
        native.read_request(asked, "", False)
    assert json.loads(native.write_count(7)) == {"input_tokens": 7}


def test_the_shape_holds_what_stands_inside_of_tools_results() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    results = [
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "12345"}, image]},
        {"type": "tool_result", "tool_use_id": "u", "content": "678"},
        {"type": "tool_result", "tool_use_id": "v", "content": {"odd": 1}},
    ]
    view = native.read_request(body(system="sys", messages=[{"role": "user", "content": results}]), "", False)
    assert (view.shape().chars, view.shape().images, view.shape().turns) == (11, 1, 2)
    assert list(view.texts()) == [("system", "sys"), ("tool", "12345"), ("tool", "678")]


def test_a_line_for_the_maker_only_is_no_text() -> None:  # TRAPS 2
    system = [{"type": "text", "text": "x-anthropic-billing-header: cc_version=1;"}, {"type": "text", "text": "real"}]
    assert list(native.read_request(body(system=system), "", False).texts()) == [("system", "real"), ("user", "hi")]


def test_a_form_is_found_where_it_stands_now_and_where_it_stood_first() -> None:  # TRAPS 27
    form = {"type": "json_schema", "schema": {"type": "object"}}
    for fields in ({"output_format": form}, {"output_config": {"format": form}}):
        assert native.read_request(body(**fields), "", False).shape().json_schema


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_of_real_clients_are_read(name: str) -> None:
    view = native.read_count(REQUESTS[name], "")
    assert view.shape().turns >= 1
    assert view.neutral().model == view.model


# ---- usage


def test_usage_is_put_on_one_base_and_back() -> None:  # TRAPS 20
    told = {
        "input_tokens": 5,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 100,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    usage, error = native.account(compact({"content": [{"type": "text", "text": "x"}], "usage": told}))
    assert (usage, error) == (Usage(135, 9, 100, 10, 20, 4), "")
    assert usage is not None
    again = json.loads(usage_json(usage))
    assert {name: again[name] for name in told} == told


@pytest.mark.parametrize(
    "usage", [None, {}, [], "x", {"output_tokens": -1}, {"output_tokens": 10**15}, {"input_tokens": "3"}]
)
def test_odd_usage_is_none_and_never_an_error(usage: Any) -> None:
    answer = compact({"content": [{"type": "text", "text": "x"}], "usage": usage})
    assert native.account(answer) == (None, "")


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{", b'{"content":[]}', b'{"type":"error","error":{"message":"x"}}', b'{"content":null}']
)
def test_what_is_no_answer_is_told(answer: bytes) -> None:
    assert native.account(answer)[1]


def test_a_refusal_without_content_is_an_answer() -> None:  # TRAPS 28
    assert native.account(b'{"content":[],"stop_reason":"refusal","usage":{"output_tokens":1}}')[1] == ""


@pytest.mark.parametrize("name", ANSWERS)
def test_usage_of_recorded_answers_is_all_there(name: str) -> None:
    told = ANSWERS[name]["usage"]
    usage, error = native.account(compact(ANSWERS[name]))
    assert error == ""
    assert usage is not None
    parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    assert usage.input == sum(told.get(part) or 0 for part in parts)
    assert usage.output == told["output_tokens"]


# ---- thoughts of others


def test_thoughts_of_other_makers_are_taken_out_of_what_passes() -> None:  # TRAPS 14
    thoughts = [
        {"type": "thinking", "thinking": "a", "signature": "fl1.gemini.xyz"},
        {"type": "redacted_thinking", "data": "fl1.gemini+call.xyz"},
        {"type": "thinking", "thinking": "own", "signature": "EqQB"},
        {"type": "text", "text": "fl1.gemini.is a text"},
    ]
    messages = [
        *HI,
        {"role": "assistant", "content": thoughts},
        {"role": "assistant", "content": thoughts[:1]},
        *HI,
    ]
    passed = json.loads(native.own(body(messages=messages, unknown={"kept": 1})))
    assert passed["messages"] == [*HI, {"role": "assistant", "content": thoughts[2:]}, *HI]
    assert passed["unknown"] == {"kept": 1}


def test_a_body_without_foreign_thoughts_passes_byte_for_byte() -> None:
    asked = b'{ "model":"m", "max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"fl1.a.b"}]}]}'
    assert native.own(asked) is asked


# ---- errors


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (BadRequest("x"), 400, "invalid_request_error"),
        (RequestError("x"), 401, "authentication_error"),
        (RequestError("x"), 402, "billing_error"),
        (RequestError("x"), 403, "permission_error"),
        (RequestError("x"), 404, "not_found_error"),
        (TooLarge("x"), 413, "request_too_large"),
        (Infeasible("x"), 422, "invalid_request_error"),
        (RateLimited("x"), 429, "rate_limit_error"),
        (RequestError("x"), 500, "api_error"),
        (UpstreamFailed("x"), 502, "api_error"),
        (Overloaded("x"), 503, "overloaded_error"),
        (RequestError("x"), 504, "timeout_error"),
        (RequestError("x"), 529, "overloaded_error"),
    ],
)
def test_each_status_has_its_type(error: RequestError, status: int, kind: str) -> None:  # TRAPS 33
    error.status = status
    told = json.loads(native.error_body(error, "req_9"))
    assert told == {"type": "error", "error": {"type": kind, "message": "x"}, "request_id": "req_9"}
    event = native.error_event(error, "req_9")
    assert event.startswith(b"event: error\ndata: {")
    assert event.endswith(b"}\n\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "This model's maximum context length is 4097 tokens. However, you requested 4260 tokens (2212 in the "
            "messages, 2048 in the completion).",
            "prompt is too long: 4260 tokens > 4097 maximum",
        ),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "prompt is too long: 1200000 tokens > 1048576 maximum",
        ),
        (
            "This model's maximum context length is 128,000 tokens. However, your messages resulted in 130,001 tokens.",
            "prompt is too long: 130001 tokens > 128000 maximum",
        ),
        ("prompt is too long: 9 tokens > 8 maximum", "prompt is too long: 9 tokens > 8 maximum"),
        ("Your input exceeds the context window.", "prompt is too long: Your input exceeds the context window."),
    ],
)
def test_a_prompt_that_is_too_long_is_told_as_clients_know_it(words: str, told: str) -> None:  # TRAPS 34
    error = BadRequest(words, code="context_length_exceeded")
    assert json.loads(native.error_body(error, "r"))["error"]["message"] == told


# ---- the list of models


def page(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(native.models_page(["a", "b", "c", "d"], **fields))
    return found


def test_the_list_of_models_comes_in_pages() -> None:
    def ids(found: dict[str, Any]) -> list[str]:
        return [model["id"] for model in found["data"]]

    assert ids(page()) == ["a", "b", "c", "d"]
    assert not page()["has_more"]
    first = page(limit=2)
    assert (ids(first), first["has_more"], first["first_id"], first["last_id"]) == (["a", "b"], True, "a", "b")
    assert ids(page(limit=2, after_id="b")) == ["c", "d"]
    assert not page(limit=2, after_id="b")["has_more"]
    assert ids(page(limit=2, before_id="d")) == ["b", "c"]
    assert page(limit=2, before_id="d")["has_more"]
    assert ids(page(limit=9, after_id="nobody")) == ["a", "b", "c", "d"]
    assert json.loads(native.models_page([]))["first_id"] is None
