"""The last text taken out of a request: what remains is all the rest, and nothing of the text."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.cache.last_text import split

TEXT = "Where is the station?"
TURNS = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello!"}]
IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


def chat(*turns: object, **more: object) -> dict[str, Any]:
    return {"model": "m", "messages": list(turns), **more}


def user(content: object = TEXT) -> dict[str, object]:
    return {"role": "user", "content": content}


FOUND: dict[str, tuple[str, dict[str, Any], int]] = {
    "chat": ("openai_chat", chat({"role": "system", "content": "Be brief."}, *TURNS, user()), 2),
    "part": ("openai_chat", chat(user([IMAGE, {"type": "text", "text": TEXT}])), 0),
    "anthropic": ("anthropic_messages", chat(*TURNS, user([{"type": "text", "text": TEXT}]), system="Be brief."), 2),
    "responses": ("openai_responses", {"input": TEXT}, 0),
    "items": ("openai_responses", {"input": [*TURNS, user([{"type": "input_text", "text": TEXT}])]}, 2),
    "gemini": ("gemini", {"contents": [{"parts": [{"text": "a"}]}, {"role": "user", "parts": [{"text": TEXT}]}]}, 1),
    "prompt": ("completions", {"prompt": TEXT}, 0),
}
NONE: dict[str, tuple[str, dict[str, Any]]] = {
    "no turns": ("openai_chat", chat()),
    "an answer last": ("openai_chat", chat(*TURNS)),
    "a tool's result last": ("openai_chat", chat(user(), {"role": "tool", "tool_call_id": "c", "content": TEXT})),
    "a tool's result as a part": ("anthropic_messages", chat(user([{"type": "tool_result", "tool_use_id": "t", "content": TEXT}]))),
    "two texts": ("openai_chat", chat(user([{"type": "text", "text": TEXT}, {"type": "text", "text": "b"}]))),
    "another kind": ("anthropic_messages", chat(user([{"type": "document", "text": TEXT}]))),
    "an empty text": ("openai_chat", chat(user(""))),
    "nothing": ("openai_chat", chat(user(None))),
    "a call's output": ("openai_responses", {"input": [{"type": "function_call_output", "call_id": "c", "output": TEXT}]}),
    "prompts": ("completions", {"prompt": [TEXT, TEXT]}),
    "tokens": ("completions", {"prompt": [1, 2]}),
    "another dialect": ("embeddings", {"input": TEXT}),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_the_last_text_is_not_found_or_stays(case: str) -> None:  # M5.1
    dialect, said, before = FOUND[case]
    found = split(dialect, said)
    assert found is not None
    assert (found.text, found.before) == (TEXT, before)
    assert TEXT not in str(found.rest)
    assert str(said).replace(repr(TEXT), "False") == str(found.rest)


@pytest.mark.parametrize("case", NONE)
def test_something_that_is_not_all_a_user_said_last_is_taken_for_it(case: str) -> None:  # M5.1
    assert split(*NONE[case]) is None
