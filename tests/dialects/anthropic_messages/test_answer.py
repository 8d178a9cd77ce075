"""Whole answers read and written in Anthropic's dialect."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from fairlead.core.record import Usage
from fairlead.dialects import neutral
from fairlead.dialects.anthropic_messages.answer import read_answer, write_answer
from fairlead.dialects.anthropic_messages.blocks import read_content
from tests.dialects.anthropic_messages.recordings import ANSWERS, asked, compact


def written(*blocks: neutral.Block, stop: neutral.Stop = "end", **fields: Any) -> dict[str, Any]:
    answer = neutral.Answer(id="chatcmpl-1", model="up", blocks=blocks, stop=stop, **fields)
    found: dict[str, Any] = json.loads(write_answer(answer, asked()))
    return found


@pytest.mark.parametrize("name", ANSWERS)
def test_recorded_answers_come_back_as_they_were(name: str) -> None:
    told = ANSWERS[name]
    answer = read_answer(compact(told))
    again = json.loads(write_answer(answer, asked(told["model"])))
    assert [{k: v for k, v in block.items() if k != "caller"} for block in again["content"]] == [
        {k: v for k, v in block.items() if k not in ("caller", "citations")} for block in told["content"]
    ]
    for field in ("id", "model", "stop_reason", "stop_sequence", "role", "type"):
        assert again[field] == told[field]
    assert read_answer(compact(again)) == answer


def test_every_field_a_strict_client_wants_is_there() -> None:  # TRAPS 30
    found = written(neutral.Text("hi"), usage=Usage(10, 3, 4))
    assert found["id"] == "msg_chatcmpl-1"
    assert found["model"] == "m"
    assert {"stop_details": None, "container": None, "stop_sequence": None}.items() <= found.items()
    assert "citations" not in found["content"][0]
    assert found["usage"]["input_tokens"] == 6
    assert {"cache_creation", "inference_geo", "server_tool_use", "service_tier"} <= found["usage"].keys()


@pytest.mark.parametrize("stop", get_args(neutral.Stop))
def test_every_reason_to_stop_has_a_name_and_comes_back(stop: neutral.Stop) -> None:  # TRAPS 19
    found = written(neutral.Text("x"), stop=stop)
    assert read_answer(compact(found)).stop == ("refusal" if stop == "content_filter" else stop)


def test_calls_are_told_by_what_is_there_and_not_by_the_reason() -> None:  # TRAPS 8
    found = written(neutral.ToolCall("functions.read:0", "read", ""))
    assert found["stop_reason"] == "tool_use"
    assert found["content"][0]["input"] == {}
    assert set(found["content"][0]["id"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


def test_arguments_that_are_no_object_are_kept() -> None:  # TRAPS 9
    assert written(neutral.ToolCall("c", "read", '{"a": "tr'))["content"][0]["input"] == {"arguments": '{"a": "tr'}


def test_a_refusal_is_told_as_one() -> None:  # TRAPS 28
    found = written(neutral.Refusal("I will not."))
    assert found["content"] == [{"type": "text", "text": "I will not."}]
    assert found["stop_reason"] == "refusal"
    assert found["stop_details"] == {"type": "refusal", "category": None, "explanation": "I will not."}


def test_a_refusal_with_nothing_said_is_read() -> None:  # TRAPS 28
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    answer = read_answer(compact({"content": [], "stop_reason": "refusal", "stop_details": details}))
    assert (answer.blocks, answer.stop) == ((neutral.Refusal("No."),), "refusal")


def test_signatures_of_other_makers_travel_packed() -> None:  # TRAPS 14, 15
    found = written(
        neutral.Thinking("t", "sig", "gemini"),
        neutral.Thinking("", "red", "anthropic_messages", redacted=True),
        neutral.ToolCall("c1", "read", "{}", "callsig", "gemini"),
        neutral.ToolCall("c2", "read", "{}"),
    )
    assert [block["type"] for block in found["content"]] == [
        "thinking", "redacted_thinking", "tool_use", "redacted_thinking", "tool_use",
    ]  # fmt: skip
    assert found["content"][1]["data"] == "red"
    assert read_content(compact(found["content"])) == (
        neutral.Thinking("t", "sig", "gemini"),
        neutral.Thinking("", "red", "anthropic_messages", redacted=True),
        neutral.ToolCall("c1", "read", "{}", "callsig", "gemini"),
        neutral.ToolCall("c2", "read", "{}"),
    )


def test_a_provider_s_signature_is_taken_for_a_pack_of_ours() -> None:  # TRAPS 14
    """A gateway behind this one packs too: what it gave goes back to it as it came."""
    found = written(neutral.Thinking("t", "sig", "gemini"), neutral.Thinking("", "red", "gemini", redacted=True))
    first, second = read_answer(compact(found)).blocks
    assert first == neutral.Thinking("t", "fl1.gemini.sig", "anthropic_messages")
    assert second == neutral.Thinking("", "fl1.gemini.red", "anthropic_messages", redacted=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"content":5}',
        b'{"content":[5]}',
        b'{"content":[]}',
        b'{"error":{"message":"x"},"content":[{"type":"text","text":"x"}]}',
    ],
)
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="provider"):
        read_answer(body)


def test_odd_blocks_are_kept_for_those_who_know_them() -> None:
    odd = {"type": "server_tool_use", "id": 5, "text": {"not": "text"}}
    answer = read_answer(compact({"content": [odd, {"type": "text", "text": None}], "stop_reason": "later_day"}))
    assert isinstance(answer.blocks[0], neutral.Foreign)
    assert json.loads(answer.blocks[0].raw) == odd
    assert answer.stop == "end"
