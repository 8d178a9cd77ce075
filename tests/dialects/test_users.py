"""Whom a request is for, in each dialect's own field; what is odd there is its provider's to refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.dialects.table import DIALECTS

TURN = [{"role": "user", "content": "Hello"}]
CHAT: dict[str, Any] = {"model": "m", "messages": TURN}
MESSAGES: dict[str, Any] = {**CHAT, "max_tokens": 9}


@pytest.mark.parametrize(
    ("dialect", "said", "user"),
    [
        ("openai_chat", {**CHAT, "user": "ada"}, "ada"),
        ("openai_chat", CHAT, ""),
        ("openai_responses", {"model": "m", "input": "Hello", "user": "ada"}, "ada"),
        ("completions", {"model": "m", "prompt": "Hello", "user": "ada"}, "ada"),
        ("embeddings", {"model": "m", "input": "Hello", "user": "ada"}, "ada"),
        ("anthropic_messages", {**MESSAGES, "metadata": {"user_id": "ada"}}, "ada"),
        ("anthropic_messages", {**MESSAGES, "metadata": {"user_id": None}}, ""),
        ("anthropic_messages", {**MESSAGES, "metadata": {"user_id": 7}}, ""),
        ("anthropic_messages", {**MESSAGES, "metadata": "ada"}, ""),
        ("anthropic_messages", {**MESSAGES, "metadata": None}, ""),
        ("anthropic_messages", MESSAGES, ""),
        ("gemini", {"contents": [{"parts": [{"text": "Hello"}]}]}, ""),
        ("opaque", {"model": "m"}, ""),
    ],
)
def test_somebody_else_is_taken_for_the_user(dialect: str, said: dict[str, Any], user: str) -> None:  # M5.2
    assert DIALECTS[dialect].read_request(json.dumps(said).encode(), "m", False).user == user
