"""What is put into a request: where prompt caches stay warm, and nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.dialects.adding import ADDING, added
from fairlead.dialects.table import DIALECTS

USER = {"role": "user", "content": "Hello"}
SAID: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "openai_chat: system as text": (
        {"messages": [{"role": "system", "content": "Be."}, USER]},
        {"messages": [{"role": "system", "content": "Be.\n\nSYS"}, {"role": "user", "content": "FIRST\n\nHello"}]},
    ),
    "openai_chat: system in parts": (
        {
            "messages": [
                {"role": "developer", "content": [{"type": "text", "text": "Be."}]},
                {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
            ]
        },
        {
            "messages": [
                {"role": "developer", "content": [{"type": "text", "text": "Be."}, {"type": "text", "text": "SYS"}]},
                {"role": "user", "content": [{"type": "text", "text": "FIRST"}, {"type": "text", "text": "Hello"}]},
            ]
        },
    ),
    "openai_chat: no system": (
        {"messages": [USER]},
        {"messages": [{"role": "system", "content": "SYS"}, {"role": "user", "content": "FIRST\n\nHello"}]},
    ),
    "openai_chat: begins with the assistant": (
        {"messages": [{"role": "assistant", "content": "Hi"}, USER]},
        {
            "messages": [
                {"role": "system", "content": "SYS"},
                {"role": "user", "content": "FIRST"},
                {"role": "assistant", "content": "Hi"},
                USER,
            ]
        },
    ),
    "anthropic_messages: system as text": (
        {"system": "Be.", "max_tokens": 5, "messages": [USER]},
        {"system": "Be.\n\nSYS", "max_tokens": 5, "messages": [{"role": "user", "content": "FIRST\n\nHello"}]},
    ),
    "anthropic_messages: marked system": (
        {
            "system": [{"type": "text", "text": "Be.", "cache_control": {"type": "ephemeral"}}],
            "max_tokens": 5,
            "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "1"}]}],
        },
        {
            "system": [
                {"type": "text", "text": "Be.", "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "SYS"},
            ],
            "max_tokens": 5,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t", "content": "1"},
                        {"type": "text", "text": "FIRST"},
                    ],
                }
            ],
        },
    ),
    "openai_responses: text": (
        {"input": "Hello"},
        {"instructions": "SYS", "input": "FIRST\n\nHello"},
    ),
    "openai_responses: developer first": (
        {"input": [{"type": "message", "role": "developer", "content": "Be."}, {"type": "message", **USER}]},
        {
            "input": [
                {"type": "message", "role": "developer", "content": "Be."},
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "SYS"}]},
                {"type": "message", "role": "user", "content": "FIRST\n\nHello"},
            ]
        },
    ),
    "gemini: nothing": (
        {"contents": [{"parts": [{"text": "Hello"}]}]},
        {
            "systemInstruction": {"parts": [{"text": "SYS"}]},
            "contents": [{"parts": [{"text": "FIRST"}, {"text": "Hello"}]}],
        },
    ),
    "gemini: snake case": (
        {"system_instruction": {"parts": {"text": "Be."}}, "contents": {"role": "user", "parts": {"text": "Hello"}}},
        {
            "system_instruction": {"parts": [{"text": "Be."}, {"text": "SYS"}]},
            "contents": [{"role": "user", "parts": [{"text": "FIRST"}, {"text": "Hello"}]}],
        },
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_it_goes_elsewhere(case: str) -> None:  # M5.2 M5.4
    dialect = case.partition(":")[0]
    model = {} if dialect == "gemini" else {"model": "m"}
    before, after = ({**model, **said} for said in SAID[case])
    body = added(dialect, json.dumps(before).encode(), "SYS", "FIRST")
    assert json.loads(body) == after
    assert DIALECTS[dialect].read_request(body, "m", False).model == "m"


def test_what_is_not_touched_is_written_anew() -> None:  # M5.4
    body = b'{"model":"m", "temperature": 0.70,\n "messages":[{"role":"user","content":"Hello"}],"seed" : 1}'
    put_in = added("openai_chat", body, "SYS", "")
    assert put_in.startswith(b'{"model":"m", "temperature": 0.70,\n "messages":[')
    assert put_in.endswith(b'],"seed" : 1}')
    assert added("anthropic_messages", body, "", "") == body


def test_the_turns_grow_where_a_conversation_goes_on() -> None:  # M5.4
    """What was a prefix of the next request still is."""
    begun = {"messages": [{"role": "system", "content": "Be."}, USER]}
    gone_on = {"messages": [*begun["messages"], {"role": "assistant", "content": "Hi"}, USER]}
    first, second = (
        json.loads(added("openai_chat", json.dumps(one).encode(), "SYS", "FIRST")) for one in (begun, gone_on)
    )
    assert second["messages"][: len(first["messages"])] == first["messages"]


def test_a_dialect_of_chats_takes_nothing() -> None:
    assert set(ADDING) == {"openai_chat", "openai_responses", "anthropic_messages", "gemini"}


@pytest.mark.parametrize("content", [5, [5], [None], [[]], {"type": "x"}])
def test_a_turn_that_nobody_can_read_ends_the_request(content: object) -> None:  # M5.2
    body = json.dumps({"model": "m", "input": [{"role": "user", "content": content}]}).encode()
    first, second = json.loads(added("openai_responses", body, "", "FIRST"))["input"]
    assert first["content"] == [{"type": "input_text", "text": "FIRST"}]
    assert second["content"] == content
