"""Ids are found where a provider gives them, at no cost where there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.dialects.issued import ISSUES, LONGEST, LOOKED_UP, MOST, is_kept

NULL: dict[str, Any] = {
    "openai_chat": {"choices": [{"message": {"content": "x", "audio": None}}], "usage": {"audio_tokens": 0}},
    "openai_responses": {"conversation": None, "output": [{"type": "message", "content": []}]},
    "anthropic_messages": {"container": None, "content": [{"type": "text", "text": "x"}]},
    "gemini": {
        "candidates": [{"content": {"parts": [{"text": "x"}]}}],
        "usageMetadata": {"cachedContentTokenCount": 1},
    },
}


@pytest.mark.parametrize("dialect", ISSUES)
def test_an_answer_without_ids_is_read(dialect: str) -> None:
    body = json.dumps(NULL[dialect]).encode()
    assert not ISSUES[dialect].marked(body)
    assert ISSUES[dialect].of_answer(body) == frozenset()


GIVEN: list[tuple[str, dict[str, Any], set[str]]] = [
    ("openai_chat", {"choices": [{"delta": {"audio": {"id": "a", "data": ""}}}, {"message": {"audio": {"id": "b"}}}]}, {"a", "b"}),
    ("openai_responses", {"conversation": {"id": "conv"}, "output": []}, {"conv"}),
    ("openai_responses", {"type": "response.output_item.added", "item": {"container_id": "c"}}, {"c"}),
    *(("openai_responses", {"output": [{"type": kind, "id": "i"}, {"type": "message", "id": "m"}]}, {"i"}) for kind in LOOKED_UP),
    ("openai_responses", {"output": [{"type": "function_call", "id": "f", "arguments": '{"type":"mcp_call","id":"x"}'}]}, set()),
    ("openai_responses", {"output": [{"type": "shell_call", "environment": {"container_id": "c"}}]}, {"c"}),
    ("openai_responses", {"part": {"annotations": [{"type": "container_file_citation", "container_id": "c", "file_id": "f"}]}}, {"c", "f"}),
    ("openai_responses", {"output": [{"content": [{"annotations": [{"type": "file_citation", "container_id": "", "file_id": "f"}]}]}]}, set()),
    ("anthropic_messages", {"type": "message_delta", "delta": {"container": {"id": "c"}}}, {"c"}),
    ("anthropic_messages", {"type": "message_start", "message": {"container": {"id": "c"}}}, {"c"}),
    ("anthropic_messages", {"content_block": {"type": "code_execution_tool_result", "content": {"content": [{"type": "code_execution_output", "file_id": "f"}]}}}, {"f"}),
    ("anthropic_messages", {"content": [{"type": "tool_use", "input": {"content": {"content": {"file_id": "f"}}}}]}, set()),
    ("gemini", {"cachedContent": "cachedContents/1", "candidates": []}, {"cachedContents/1"}),
    ("gemini", {"candidates": [{"content": {"parts": [{"file_data": {"file_uri": "gs://b/f"}}, {"fileData": {"fileUri": "https://example.com/f"}}]}}]}, {"gs://b/f"}),
    ("gemini", {"candidates": [{"content": {"parts": [{"fileData": {"fileUri": "gs://b/f", "file_uri": "gs://b/g"}, "file_data": {"file_uri": "gs://b/h"}}]}}]},
        {"gs://b/f", "gs://b/g", "gs://b/h"}),
    ("gemini", {"candidates": [{"content": {"parts": [{"functionCall": {"args": {"fileUri": "gs://b/f"}}}]}}]}, set()),
]  # fmt: skip


@pytest.mark.parametrize("case", GIVEN, ids=[f"{at}-{case[0]}" for at, case in enumerate(GIVEN)])
@pytest.mark.parametrize("indent", [None, 1])
def test_an_id_is_missed_or_made_up(case: tuple[str, dict[str, Any], set[str]], indent: int | None) -> None:
    dialect, told, expected = case
    issues = ISSUES[dialect]
    assert issues.of_answer(json.dumps(told, indent=indent).encode()) == expected
    known: set[str] = set()
    issues.of_events(b": hi\r\n\r\ndata: " + json.dumps(told).encode() + b"\r\n\r\ndata: [DONE]\r\n\r\n", known)
    assert known == expected


ODD: list[object] = [None, 5, "x", [], {}, [5, None, [[]]], {"x": 1}]


@pytest.mark.parametrize("dialect", ISSUES)
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_answer_breaks_off_what_is_being_answered(dialect: str, odd: object) -> None:
    outer = (
        "choices", "message", "delta", "audio", "response", "output", "item", "content", "annotations", "part", "annotation", "environment",
        "conversation", "container", "content_block", "candidates", "parts", "fileData",
    )  # fmt: skip
    shapes: list[object] = [odd, *({field: odd} for field in outer), *([{field: [{field: odd}]}] for field in outer)]
    shapes += [
        {"choices": [{"message": odd}]},
        {"output": [{"content": odd}]},
        {"candidates": [{"content": {"parts": odd}}]},
    ]
    for shape in shapes:
        assert [name for name in ISSUES[dialect].ids(shape) if isinstance(name, str) and name] == []
    for mark in ISSUES[dialect].marks:
        assert ISSUES[dialect].of_answer(b"{" + mark + b': {"id": "torn') == frozenset()


def test_an_answer_floods_the_store() -> None:
    many = {"output": [{"container_id": f"c{number}"} for number in range(3 * MOST)]}
    assert 0 < len(ISSUES["openai_responses"].of_answer(json.dumps(many).encode())) <= MOST
    known: set[str] = set()
    for _ in range(3):
        ISSUES["openai_responses"].of_events(b"data: " + json.dumps(many).encode() + b"\n\n", known)
    assert len(known) <= MOST
    long = {"output": [{"container_id": "c" * (LONGEST + 1)}]}
    assert ISSUES["openai_responses"].of_answer(json.dumps(long).encode()) == frozenset()


@pytest.mark.parametrize("address", ["https://www.youtube.com/watch?v=1", "http://example.com/a.pdf", "", None, 5])
def test_what_is_on_the_web_is_taken_for_somebodys(address: object) -> None:
    assert not is_kept(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://generativelanguage.googleapis.com/v1beta/files/1",
        " HTTPS://Generativelanguage.GoogleAPIs.com./v1/files/1",
        "https://storage.googleapis.com/bucket/f",
        "https://user@generativelanguage.googleapis.com:443/files/1",
        "gs://bucket/file",
        "files/1",
        "https://[bad",
    ],
)
def test_what_an_account_keeps_is_taken_for_public(address: str) -> None:
    assert is_kept(address)
