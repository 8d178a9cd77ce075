"""Whole answers of Gemini say the same in the neutral form, and back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from fairlead.core.record import Usage
from fairlead.dialects import neutral
from fairlead.dialects.gemini import native, parts
from fairlead.dialects.gemini.answer import read_answer, write_answer
from fairlead.dialects.neutral import Foreign, Image, Refusal, Text, Thinking, ToolCall
from tests.dialects.gemini.recordings import ANSWERS, asked


def answer(parts_: list[dict[str, Any]], finish: str = "STOP", **more: Any) -> neutral.Answer:
    candidate = {"content": {"parts": parts_, "role": "model"}, "finishReason": finish, "index": 0}
    return read_answer(json.dumps({"candidates": [candidate], "responseId": "r1", "modelVersion": "g"} | more).encode())


def test_calls_finish_with_stop_and_get_ids_never_met_before() -> None:  # TRAPS 5, 8
    found = answer(
        [{"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}, {"functionCall": {"name": "f"}}]
    )
    assert found.stop == "tool_use"
    assert found.blocks == (
        ToolCall("call_r1_0", "f", '{"a": 1}', "c2ln", "gemini"),
        ToolCall("call_r1_1", "f", "{}"),
    )
    assert answer([{"functionCall": {"name": "f", "id": "own"}}]).blocks[0] == ToolCall("own", "f", "{}")


def test_thoughts_and_signatures() -> None:  # TRAPS 14, 15
    found = answer(
        [
            {"text": "hm", "thought": True},
            {"text": "mm", "thought": True, "thoughtSignature": "YQ=="},
            {"text": "so", "thoughtSignature": "Yg=="},
        ]
    )
    assert found.blocks == (Thinking("hmmm", "YQ==", "gemini"), Text("so"), Thinking("", "Yg==", "gemini", True))


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("STOP", "end"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("OTHER", "end"),
        ("MALFORMED_FUNCTION_CALL", "end"),
    ],
)
def test_reasons_to_finish(reason: str, stop: str) -> None:  # TRAPS 19
    assert answer([{"text": "a"}], reason).stop == stop


def test_an_answer_that_failed_is_none() -> None:
    with pytest.raises(ValueError, match="MALFORMED_FUNCTION_CALL"):
        answer([], "MALFORMED_FUNCTION_CALL")
    for body in (b"{}", b'{"candidates":[]}', b'{"error":{"code":500}}', b"[", b'{"candidates":[{"content":5}]}'):
        with pytest.raises(ValueError, match=r"."):
            read_answer(body)


def test_a_blocked_prompt_is_an_answer_without_candidates() -> None:  # TRAPS 19, 28
    found = read_answer(b'{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"no"}}')
    assert (found.stop, found.blocks) == ("content_filter", (Refusal("no"),))
    assert read_answer(b'{"promptFeedback":{"blockReason":"SAFETY"}}').blocks == ()


def test_odd_parts_are_kept_or_skipped() -> None:
    found = answer(
        [
            {"executableCode": {"code": "1"}},
            {"text": 5},
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
            {},
            {"text": ""},
            {"new": None},
        ]
    )
    assert [type(block) for block in found.blocks] == [Foreign, Image, Foreign]


def test_an_answer_is_written_as_google_writes_it() -> None:
    blocks = (
        Thinking("hm"),
        Thinking("mm", "sig", "anthropic_messages"),
        Text("so"),
        ToolCall("x", "f", '{"a":1'),
        Foreign("anthropic_messages", "x", b"{}"),
    )
    usage = Usage(100, 30, 20, 5, 0, 10)
    found = neutral.Answer(id="a-1", model="up", blocks=blocks, stop="tool_use", usage=usage)
    written = json.loads(write_answer(found, asked()))
    thought, text, call = written["candidates"][0]["content"]["parts"]
    assert parts.own_signature(thought["thoughtSignature"]) == ("anthropic_messages", "sig")
    assert thought["thought"] is True
    assert text == {"text": "so"}
    assert call == {"functionCall": {"id": "x", "name": "f", "args": {"_raw": '{"a":1'}}}
    assert written["candidates"][0]["finishReason"] == "STOP"
    assert (written["responseId"], written["modelVersion"]) == ("a-1", "gemini-3.8-flash")
    assert written["usageMetadata"] == {
        "promptTokenCount": 100, "candidatesTokenCount": 20, "thoughtsTokenCount": 10, "cachedContentTokenCount": 20,
        "totalTokenCount": 130,
    }  # fmt: skip
    shown = json.loads(write_answer(found, asked(thinkingConfig={"includeThoughts": True})))
    assert shown["candidates"][0]["content"]["parts"][0] == {"text": "hm", "thought": True}


@pytest.mark.parametrize(
    "stop", ["end", "stop_sequence", "length", "tool_use", "content_filter", "refusal", "pause", "context"]
)
def test_every_stop_has_a_reason_and_an_empty_answer_has_a_part(stop: neutral.Stop) -> None:
    (candidate,) = json.loads(write_answer(neutral.Answer(id="", model="", blocks=(), stop=stop), asked()))[
        "candidates"
    ]
    assert candidate["content"]["parts"] == [{"text": ""}]
    assert candidate["finishReason"] in ("STOP", "MAX_TOKENS", "SAFETY")


@pytest.mark.parametrize("name", ANSWERS)
def test_recorded_answers_are_read_as_they_are(name: str) -> None:
    recorded = ANSWERS[name]
    found = read_answer(json.dumps(recorded).encode())
    told = recorded.get("candidates", [{}])[0].get("content", {}).get("parts", [])
    texts = [part["text"] for part in told if "text" in part and not part.get("thought")]
    calls = [part["functionCall"] for part in told if "functionCall" in part]
    assert "".join(block.text for block in found.blocks if isinstance(block, Text)) == "".join(texts)
    assert [(block.name, json.loads(block.arguments)) for block in found.blocks if isinstance(block, ToolCall)] == [
        (call["name"], call.get("args", {})) for call in calls
    ]
    assert len({block.id for block in found.blocks if isinstance(block, ToolCall)}) == len(calls)
    assert found.usage == native.account(json.dumps(recorded).encode())[0]
    again = read_answer(write_answer(found, asked(thinkingConfig={"includeThoughts": True})))
    if not any(isinstance(block, Refusal) for block in found.blocks):
        assert again.blocks == found.blocks
    used = None if found.usage is None else msgspec.structs.replace(found.usage, calls=())
    assert (again.usage, again.id) == (used, found.id)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_official_sdk_reads_what_is_written(name: str) -> None:
    types = pytest.importorskip("google.genai.types")
    found = read_answer(json.dumps(ANSWERS[name]).encode())
    shown = types.GenerateContentResponse.model_validate_json(write_answer(found, asked()))
    calls = [block.name for block in found.blocks if isinstance(block, ToolCall)]
    assert [call.name for call in shown.function_calls or ()] == calls
    assert (
        shown.usage_metadata is None or shown.usage_metadata.total_token_count == found.usage.input + found.usage.output
    )
