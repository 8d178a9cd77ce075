"""Hints for prompt caches: only where they are switched on, the caller gave none, and something is to be gained."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from fairlead.core.call import Call, Caller, Facts, Wishes
from fairlead.core.model import Channel, Price, Rates
from fairlead.dialects.table import DIALECTS
from fairlead.providers import hints

LONG = "All of our rules. " * 400
SHORT = "Be kind."
MARK = {"type": "ephemeral"}
CHEAP = Rates(1_000_000, 2_000_000, cached_input=100_000)


def channel(rates: Rates | None = CHEAP) -> Channel:
    prices = () if rates is None else (Price("row", rates),)
    return Channel("m@p", "p", "m", "p", "up", prices=prices)


def put_in(
    said: dict[str, Any],
    dialect: str = "anthropic_messages",
    session: str = "",
    rates: Rates | None = CHEAP,
    tenant: str = "acme",
) -> Any:
    body = json.dumps({"model": "m", "max_tokens": 9, **said}).encode()
    view = DIALECTS[dialect].read_request(body, "m", False)
    call = Call(
        "req_1", "generate", dialect, "m", False, body, view, Caller("k", tenant), Wishes(session=session), Facts(1)
    )
    found = hints.put_in(body, dialect, call, channel(rates))
    return json.loads(found) if found != body else None


def turns(count: int, text: str = "Hello") -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[number % 2], "content": text} for number in range(count)]


def test_a_long_prefix_that_comes_again_is_not_marked() -> None:  # M5.4
    told = put_in({"system": LONG, "messages": turns(1)}, session="s")
    assert told["system"] == [{"type": "text", "text": LONG, "cache_control": MARK}]
    assert told["messages"] == turns(1)


def test_a_conversation_pays_for_all_its_turns_again() -> None:  # M5.4
    told = put_in({"system": SHORT, "messages": turns(5, LONG)})
    assert told["system"] == SHORT
    assert told["messages"][:-1] == turns(4, LONG)
    assert told["messages"][-1]["content"] == [{"type": "text", "text": LONG, "cache_control": MARK}]


def test_tools_without_a_system_are_not_marked() -> None:  # M5.4
    tools = [{"name": f"t{number}", "description": LONG, "input_schema": {"type": "object"}} for number in range(2)]
    told = put_in({"tools": tools, "messages": turns(1)})
    assert told["tools"] == [tools[0], {**tools[1], "cache_control": MARK}]


def test_a_tools_result_is_not_marked() -> None:  # M5.4
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": LONG}
    messages = [*turns(1), {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    assert put_in({"messages": messages})["messages"][-1]["content"] == [{**result, "cache_control": MARK}]


@pytest.mark.parametrize(
    "said",
    [
        {"system": SHORT, "messages": turns(1)},
        {"system": LONG, "messages": turns(1)},
        {"system": [{"type": "text", "text": LONG, "cache_control": MARK}], "messages": turns(5)},
        {
            "messages": [
                *turns(2, LONG),
                {"role": "user", "content": [{"type": "thinking", "thinking": "x", "signature": "s"}]},
            ]
        },
    ],
    ids=("short", "asked once", "marked by the caller", "a block that takes no mark"),
)
def test_something_is_marked_that_gains_nothing(said: dict[str, Any]) -> None:  # M5.4
    assert put_in(said) is None


@pytest.mark.parametrize(
    "rates", [None, Rates(1_000_000, 2_000_000), msgspec.structs.replace(CHEAP, cached_input=1_000_000)]
)
def test_a_mark_is_paid_for_where_reading_again_is_no_cheaper(rates: Rates | None) -> None:  # M5.4
    assert put_in({"system": LONG, "messages": turns(5)}, rates=rates) is None


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses"])
def test_a_session_is_told_by_its_name_or_not_at_all(dialect: str) -> None:  # M5.4
    said: dict[str, Any] = {"messages": turns(1)} if dialect == "openai_chat" else {"input": "Hello"}
    key = put_in(said, dialect, "my-session")["prompt_cache_key"]
    assert key.startswith("fl-")
    assert "my-session" not in key
    assert "acme" not in key
    assert put_in(said, dialect, "my-session")["prompt_cache_key"] == key
    assert put_in(said, dialect, "another")["prompt_cache_key"] != key
    assert put_in(said, dialect, "my-session", tenant="other")["prompt_cache_key"] != key
    assert put_in(said, dialect) is None
    assert put_in({**said, "prompt_cache_key": "own"}, dialect, "my-session") is None


def test_the_rest_of_a_body_is_written_anew() -> None:  # M5.4
    body = json.dumps(
        {"model": "m", "max_tokens": 9, "system": LONG, "messages": turns(1), "temperature": 0.5}
    ).encode()
    body = body.replace(b"0.5", b"0.50")
    view = DIALECTS["anthropic_messages"].read_request(body, "", False)
    call = Call(
        "req_1", "generate", "anthropic_messages", "m", False, body, view, Caller("k"), Wishes(session="s"), Facts(1)
    )
    assert hints.put_in(body, "anthropic_messages", call, channel()).endswith(b'"temperature": 0.50}')
    assert hints.put_in(body, "gemini", call, channel()) is body
