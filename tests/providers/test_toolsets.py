"""What a request lets a provider run by itself, in every dialect's words. # M6.3"""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.core.model import Fee, Price, Rates
from fairlead.providers.terms import asked
from fairlead.providers.toolsets import USUAL, Use, bounded, fees, uses
from fairlead.providers.wire import Outbound, head

FUNCTION = {"type": "function", "name": "web_search", "parameters": {"type": "object"}}
ASKED: dict[str, tuple[str, dict[str, Any], list[Use]]] = {
    "nothing": ("openai_responses", {}, []),
    "functions": ("openai_responses", {"tools": [FUNCTION, {"type": "custom", "name": "x"}, {"type": "mcp"}]}, []),
    "chat functions": ("openai_chat", {"tools": [{"type": "function", "function": {"name": "web_search"}}]}, []),
    "claude's callers'": (
        "anthropic_messages",
        {"tools": [{"name": "web_search"}, {"type": "bash_20250124"}, {"type": "custom", "name": "x"}]},
        [],
    ),
    "responses": (
        "openai_responses",
        {"tools": [FUNCTION, {"type": "web_search_2025_08_26"}, {"type": "web_search"}, {"type": "file_search"}]},
        [Use("web_search", USUAL), Use("file_search", USUAL)],
    ),
    "responses, bounded": (
        "openai_responses",
        {"tools": [{"type": "web_search_preview"}], "max_tool_calls": 3},
        [Use("web_search_preview", 3, True)],
    ),
    "responses, never": (
        "openai_responses", {"tools": [{"type": "web_search"}], "max_tool_calls": 0}, [Use("web_search", 0, True)]
    ),
    "claude's": (
        "anthropic_messages",
        {"tools": [{"type": "web_search_20250305", "max_uses": 5}, {"type": "code_execution_20250825"}]},
        [Use("web_search", 5, True), Use("code_execution", USUAL)],
    ),
    "claude's with code that is free": (
        "anthropic_messages",
        {"tools": [{"type": "web_search_20260209"}, {"type": "code_execution_20260120"}]},
        [Use("web_search", USUAL)],
    ),
    "gemini's, in both spellings": (
        "gemini",
        {"tools": [{"google_search": {}, "functionDeclarations": []}, {"urlContext": {}}, {"googleMaps": {"x": 1}}]},
        [Use("web_search", USUAL), Use("url_context", USUAL), Use("maps", USUAL)],
    ),
    "openrouter's": (
        "openai_chat",
        {"tools": [{"type": "openrouter:web_search", "parameters": {"max_uses": 1}}]},
        [Use("web_search", 1, True)],
    ),
    "a model that searches": ("openai_chat", {"web_search_options": {}}, [Use("web_search", 1, True)]),
    "one nobody knows": ("anthropic_messages", {"tools": [{"type": "advisor_20260301"}]}, [Use("advisor", USUAL)]),
    "gemini's only one": ("gemini", {"tools": {"google_search": {}}}, [Use("web_search", USUAL)]),
    "claude's, in figures that are none": (
        "anthropic_messages",
        {"tools": [{"type": "web_search_20250305", "max_uses": "1000"}, {"type": "web_fetch_20250910", "max_uses": -5}]},
        [Use("web_search", USUAL), Use("web_fetch", USUAL)],
    ),
    "claude's, bounded where nobody looks": (
        "anthropic_messages",
        {"tools": [{"type": "web_search_20250305", "parameters": {"max_uses": 0}}, {"type": "code_execution", "max_uses": 0}],
         "max_tool_calls": 0},
        [Use("web_search", USUAL), Use("code_execution", USUAL)],
    ),
    "responses, bounded where nobody looks": (
        "openai_responses", {"tools": [{"type": "web_search", "max_uses": 0}]}, [Use("web_search", USUAL)]
    ),
    "claude's, twice": (
        "anthropic_messages",
        {"tools": [{"type": "web_search_20250305", "max_uses": 0}, {"type": "web_search_20260209", "max_uses": 1000}]},
        [Use("web_search", 1000, True)],
    ),
    "responses, twice": (
        "openai_responses", {"tools": [{"type": "web_search"}] * 2, "max_tool_calls": 3}, [Use("web_search", 3, True)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_a_tool_is_overlooked_or_a_callers_own_is_charged_for(name: str) -> None:
    dialect, request, expected = ASKED[name]
    found = asked(json.dumps(request).encode())
    assert (() if found is None else uses(found, dialect)) == tuple(expected)


@pytest.mark.parametrize("tools", [{"type": "web_search"}, ["web_search"], "web_search", 5])
def test_tools_that_nobody_can_read_cost_nothing(tools: object) -> None:
    found = asked(json.dumps({"tools": tools}).encode())
    assert found is not None
    assert uses(found, "openai_responses") is None


@pytest.mark.parametrize("figure", [None, "1000", 1000.0, -5, True])
def test_a_limit_that_is_no_count_is_sent_as_it_stands(figure: object) -> None:
    body = {"tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": figure}]}
    sent = Outbound(head("POST", "/x", b""), json.dumps(body).encode())
    changed = bounded(sent, "anthropic_messages", (Use("web_search", USUAL),))
    assert json.loads(changed.body)["tools"][0]["max_uses"] == USUAL


def test_what_tools_may_come_to_is_another_sum() -> None:
    price = Price("p", Rates(0, 0), fees=(Fee("web_search", 7), Fee("maps", 100, "request"), Fee("web_fetch", 0)))
    assert fees((Use("web_search", 3), Use("maps", 9), Use("web_fetch", 9)), price) == 121
    assert fees((Use("web_search", 3), Use("x_search", 1)), price) == Use("x_search", 1)
    yuan = Price("p", Rates(0, 0), "CNY", exchange=500_000_000, fees=(Fee("web_search", 8),))
    assert fees((Use("web_search", 3),), yuan) == 12


@pytest.mark.parametrize("dialect", ["openai_responses", "anthropic_messages", "gemini", "openai_chat"])
def test_a_limit_changes_more_than_itself(dialect: str) -> None:
    tools: list[dict[str, Any]] = [
        {"name": "own", "input_schema": {}},
        {"type": "web_search_20250305", "name": "web_search"},
    ]
    body = json.dumps({"model": "m", "tools": tools}).encode()
    sent = Outbound(head("POST", "/x", b""), body)
    given = bounded(sent, dialect, (Use("web_search", 3, True),))
    assert given is sent
    changed = json.loads(bounded(sent, dialect, (Use("web_search", USUAL),)).body)
    expected: dict[str, dict[str, Any]] = {
        "openai_responses": {"max_tool_calls": USUAL, "tools": tools},
        "anthropic_messages": {"tools": [tools[0], {**tools[1], "max_uses": USUAL}]},
    }
    assert changed == {"model": "m", **expected.get(dialect, {"tools": tools})}
