"""What nobody counts by name is counted by its size, in every dialect: providers bill it, whatever it is called."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from fairlead.classify import tokens
from fairlead.core.call import NO_REST, Shape
from fairlead.dialects.table import DIALECTS

LONG = "word " * 20_000
LEAST = 20_000
"""Tokens that every vocabulary makes of it at least."""
SEALED = base64.b64encode(LONG.encode()).decode()
PDF = {"type": "base64", "media_type": "application/pdf", "data": SEALED}

Json = dict[str, Any]


def shape(dialect: str, body: Json) -> Shape:
    return DIALECTS[dialect].read_request(json.dumps(body).encode(), "m", False).shape()


def estimate(dialect: str, body: Json) -> int:
    return tokens.input_tokens(shape(dialect, body))


def chat(*messages: Json, **more: Any) -> tuple[str, Json]:
    return "openai_chat", {"model": "m", "messages": [{"role": "user", "content": "hi"}, *messages], **more}


def said(*parts: Json) -> tuple[str, Json]:
    return chat({"role": "user", "content": [{"type": "text", "text": "hi"}, *parts]})


def turns(*blocks: Json, role: str = "user", **more: Any) -> tuple[str, Json]:
    messages = [{"role": role, "content": [{"type": "text", "text": "hi"}, *blocks]}]
    return "anthropic_messages", {"model": "m", "max_tokens": 9, "messages": messages, **more}


def parts(*given: Json, **more: Any) -> tuple[str, Json]:
    return "gemini", {"contents": [{"role": "user", "parts": [{"text": "hi"}, *given]}], **more}


def items(*given: Json, **more: Any) -> tuple[str, Json]:
    return "openai_responses", {"model": "m", "input": [{"role": "user", "content": "hi"}, *given], **more}


TEXTS = {
    "functions": chat(functions=[{"name": "f", "description": LONG}]),
    "function_call": chat({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": LONG}}),
    "reasoning_content": chat({"role": "assistant", "content": "a", "reasoning_content": LONG}),
    "reasoning": chat({"role": "assistant", "content": "a", "reasoning": LONG}),
    "refusal": chat({"role": "assistant", "content": None, "refusal": LONG}),
    "refusal part": chat({"role": "assistant", "content": [{"type": "refusal", "refusal": LONG}]}),
    "name": chat({"role": "user", "content": "hi", "name": LONG}),
    "chat documents": chat(documents=[{"title": "t", "text": LONG}]),
    "chat_template_kwargs": chat(chat_template_kwargs={"system": LONG}),
    "of tomorrow": chat(tomorrow={LONG: 1}),
    "long call id": chat({"role": "tool", "tool_call_id": LONG, "content": "x"}),
    "text file": said({"type": "file", "file": {"file_data": f"data:text/plain;base64,{SEALED}"}}),
    "text as picture": said({"type": "image_url", "image_url": {"url": f"data:text/plain,{LONG}"}}),
    "beside a picture": said({"type": "image_url", "image_url": {"url": "https://a/b.png", "alt": LONG}}),
    "search_result": turns(
        {"type": "search_result", "source": "https://a", "title": "t", "content": [{"type": "text", "text": LONG}]}
    ),
    "source": turns({"type": "search_result", "source": LONG, "title": "t", "content": []}),
    "thinking": turns({"type": "thinking", "thinking": LONG, "signature": "s"}, role="assistant"),
    "text document": turns(
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": LONG}}
    ),
    "text said to be a PDF": turns(
        {"type": "document", "source": {"type": "text", "media_type": "application/pdf", "data": LONG}}
    ),
    "document of blocks": turns(
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": LONG}]}}
    ),
    "document of a string": turns({"type": "document", "source": {"type": "content", "content": LONG}}),
    "document in a result": turns(
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": LONG}}],
        }
    ),
    "context": turns({"type": "document", "context": LONG, "source": {"type": "url", "url": "https://a/b.pdf"}}),
    "title": turns({"type": "document", "title": LONG, "source": {"type": "url", "url": "https://a/b.pdf"}}),
    "results of a search": turns(
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"encrypted_content": LONG}]}
    ),
    "executableCode": parts({"executableCode": {"language": "PYTHON", "code": LONG}}),
    "codeExecutionResult": parts({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": LONG}}),
    "inlineData": parts({"inlineData": {"mimeType": "text/plain", "data": SEALED}}),
    "inline_data": parts({"inline_data": {"mime_type": "application/json", "data": SEALED}}),
    "fileData": parts({"fileData": {"mimeType": "text/plain", "fileUri": LONG}}),
    "call beside a text": parts({"text": "a", "functionCall": {"name": "f", "args": {"a": LONG}}}),
    "both spellings": parts(systemInstruction={"parts": [{"text": "a"}]}, system_instruction={"parts": [{"text": LONG}]}),
    "summary": items({"type": "reasoning", "summary": [{"type": "summary_text", "text": LONG}]}),
    "encrypted_content": items({"type": "reasoning", "summary": [], "encrypted_content": SEALED}),
    "input_file": items(
        {"role": "user", "content": [{"type": "input_file", "file_data": f"data:text/csv;base64,{SEALED}"}]}
    ),
    "code of an interpreter": items({"type": "code_interpreter_call", "id": "c", "code": LONG}),
    "suffix": ("completions", {"model": "m", "prompt": "a", "suffix": LONG}),
    "suffix of a long prompt": ("completions", {"model": "m", "prompt": LONG, "suffix": LONG}),
    "suffix of tokens": ("completions", {"model": "m", "prompt": [1, 2, 3] * 5000, "suffix": LONG}),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "body"), TEXTS.values(), ids=TEXTS)
def test_a_text_costs_nothing_for_standing_where_nobody_looks(dialect: str, body: Json) -> None:  # M6.3
    assert estimate(dialect, body) >= LEAST


PAPERS = {
    "file": said({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{SEALED}", "filename": "a"}}),
    "document": turns({"type": "document", "source": PDF}),
    "document in a result": turns({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "document", "source": PDF}]}),
    "inlineData": parts({"inlineData": {"mimeType": "application/pdf", "data": SEALED}}),
    "input_file": items({"role": "user", "content": [{"type": "input_file", "file_data": SEALED, "filename": "a.pdf"}]}),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "body"), PAPERS.values(), ids=PAPERS)
def test_a_document_counts_the_same_however_long_it_is(dialect: str, body: Json) -> None:  # M6.3
    assert 15_000 < estimate(dialect, body) < 25_000


def test_a_long_scan_is_kept_from_models_that_have_room_for_it() -> None:
    scan = "A" * 10_000_000
    source = {"type": "base64", "media_type": "application/pdf", "data": scan}
    assert 50_000 < estimate(*turns({"type": "document", "source": source})) < 100_000


SMALL = {
    "picture": (said({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 900_000}}), 900),
    "pictures of an answer": (
        chat({"role": "assistant", "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 900_000}}]}),
        200,
    ),
    "picture of a source": (
        turns({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 900_000}}),
        900,
    ),
    "picture in a document": (
        turns({"type": "document", "source": {"type": "content", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 900_000}}]}}),
        3_200,
    ),
    "inline picture": (parts({"inlineData": {"mimeType": "image/png", "data": "A" * 900_000}}), 900),
    "input_image": (
        items({"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64," + "A" * 900_000}]}),
        900,
    ),
    "generated picture": (items({"type": "image_generation_call", "id": "i", "result": "A" * 900_000}), 100),
    "film": (said({"type": "video_url", "video_url": {"url": "data:video/mp4;base64," + "A" * 2_560_000}}), 10_100),
    "sound": (said({"type": "input_audio", "input_audio": {"data": "A" * 256_000, "format": "wav"}}), 1_600),
    "who asks": (chat(user="u" * 900_000, metadata={"of": "m" * 500}), 20),
    "document elsewhere": (
        turns({"type": "document", "source": {"type": "url", "url": "https://a/" + "b" * 3000}}), 3_100,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "most"), SMALL.values(), ids=SMALL)
def test_pictures_and_films_are_taken_for_text(asked: tuple[str, Json], most: int) -> None:
    assert estimate(*asked) <= most


ORDINARY = {
    "chat": chat(
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_" + "a" * 24, "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_" + "a" * 24, "content": "x" * 300},
        temperature=0.7, top_p=1, max_tokens=100, stream=True, stream_options={"include_usage": True}, user="someone",
    ),
    "messages": turns({"type": "text", "text": "b" * 500, "cache_control": {"type": "ephemeral"}}, metadata={"user_id": "u" * 64}),
    "gemini": parts(generationConfig={"temperature": 0.2, "maxOutputTokens": 100}),
    "responses": items({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "b" * 200, "annotations": []}]}),
    "completions": ("completions", {"model": "m", "prompt": "hi", "max_tokens": 5, "temperature": 0}),
}  # fmt: skip


@pytest.mark.parametrize(("dialect", "body"), ORDINARY.values(), ids=ORDINARY)
def test_an_ordinary_body_is_counted_by_its_names_alone(dialect: str, body: Json) -> None:
    assert shape(dialect, body).rest == NO_REST


def test_escapes_are_taken_for_more_text_than_they_are() -> None:
    text = 'print("今天")\n' * 5_000
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    assert b"\\u" in json.dumps(body).encode()
    assert shape("openai_chat", body).rest == NO_REST


def test_an_agents_conversation_is_taken_for_much_longer_than_it_is() -> None:
    call = {"type": "tool_use", "id": "toolu_" + "a" * 24, "name": "Read", "input": {"path": "/a/b/c.py"}}
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": [{"type": "text", "text": "line\n" * 200}]}
    turn = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    found = shape("anthropic_messages", {"model": "m", "max_tokens": 9, "messages": turn * 50})
    assert found.rest.text < 0.05 * (found.utf8 + found.tool_bytes)


def test_what_an_answer_is_predicted_to_be_is_no_input_but_may_be_output() -> None:
    dialect, body = chat(prediction={"type": "content", "content": LONG})
    found = shape(dialect, body)
    assert tokens.input_tokens(found) < 50
    output = next(signal.value for signal in tokens.find(found) if signal.name == "output")
    assert int(output) >= LEAST
