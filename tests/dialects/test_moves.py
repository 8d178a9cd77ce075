"""A conversation that moves from one provider to another and back keeps its meaning."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.core.record import Usage
from fairlead.dialects.dialect import Asked, Target
from fairlead.dialects.neutral import Answer, Image, Request, Text, Thinking, Tool, ToolCall, ToolResult, Turn
from fairlead.dialects.repair import merged, repaired
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from tests.dialects.conversations import IMAGES, TEXTS, disorderly, orderly

KINDS = {
    "openai_chat": "openai",
    "openai_responses": "openai_responses",
    "anthropic_messages": "anthropic",
    "gemini": "gemini",
}
SPOKEN = sorted(KINDS.keys() & DIALECTS.keys())
PAIRS = list(permutations(SPOKEN, 2))
TOOLS = tuple(
    Tool(name, "d", b'{"type":"object","properties":{"a":{"type":"string"}}}')
    for name in ("get_weather", "read", "apply-patch", "search_2")
)


def through(request: Request, dialect: str, losses: Losses | None = None) -> Request:
    """Written for a provider of the dialect, and read again as a client's of it."""
    target = Target("m-1", KINDS[dialect], 100_000)
    body = DIALECTS[dialect].write_request(request, target, Losses(dialect) if losses is None else losses)
    return DIALECTS[dialect].read_request(body, "m-1", False).neutral()


def request_of(turns: tuple[Turn, ...]) -> Request:
    return Request(model="m-1", turns=turns, tools=TOOLS, max_output=1000)


def meaning(turns: tuple[Turn, ...]) -> list[tuple[Any, ...]]:
    """What is said, by whom and in which order; a result is known by its call, not by its id."""
    found: list[tuple[Any, ...]] = []
    numbers: dict[str, int] = {}
    for turn in merged(turns):
        for block in turn.blocks:
            if isinstance(block, Text):
                if found and found[-1][:2] == (turn.role, "text"):
                    found[-1] = (turn.role, "text", found[-1][2] + block.text)
                else:
                    found.append((turn.role, "text", block.text))
            elif isinstance(block, Image):
                found.append((turn.role, "image", block.media_type, block.data))
            elif isinstance(block, ToolCall):
                numbers[block.id] = len(numbers)
                found.append((turn.role, "call", numbers[block.id], block.name, orjson.loads(block.arguments)))
            elif isinstance(block, ToolResult):
                said = "".join(part.text for part in block.content if isinstance(part, Text))
                found.append((turn.role, "result", numbers[block.id], said))
            else:
                found.append((turn.role, type(block).__name__))
    return found


@pytest.mark.parametrize("dialect", SPOKEN)
@settings(max_examples=60)
@given(orderly())
def test_what_is_written_for_a_provider_is_read_as_it_was_meant(dialect: str, turns: tuple[Turn, ...]) -> None:
    losses = Losses(dialect)
    assert meaning(through(request_of(turns), dialect, losses).turns) == meaning(turns)
    assert losses.found == {}


@pytest.mark.parametrize(("here", "there"), PAIRS)
@settings(max_examples=40)
@given(orderly())
def test_a_thread_that_moves_and_comes_back_keeps_its_meaning(here: str, there: str, turns: tuple[Turn, ...]) -> None:
    begun = through(request_of(turns), here)
    moved = through(begun, there)
    back = through(moved, here)
    assert meaning(moved.turns) == meaning(turns)
    assert meaning(back.turns) == meaning(turns)
    assert [tool.name for tool in back.tools] == [tool.name for tool in TOOLS]


@pytest.mark.parametrize(("here", "there"), list(product(SPOKEN, SPOKEN)))
@settings(max_examples=25)
@given(disorderly())
def test_a_history_out_of_order_is_put_right_once(here: str, there: str, turns: tuple[Turn, ...]) -> None:
    turns = (*turns, Turn("user", (Text("<go on>"),)))
    begun = through(request_of(turns), here)
    losses = Losses("x")
    assert len(repaired(begun.turns, losses)) == len(begun.turns)
    assert losses.found == {}
    moved = through(begun, there)
    calls = [block.name for turn in turns for block in turn.blocks if isinstance(block, ToolCall)]
    for request in (begun, moved):
        assert [block.name for turn in request.turns for block in turn.blocks if isinstance(block, ToolCall)] == calls


@pytest.mark.parametrize("dialect", SPOKEN)
@settings(max_examples=25)
@given(st.lists(TEXTS | IMAGES, min_size=1, max_size=4))
def test_no_image_of_a_tools_result_is_lost(dialect: str, content: list[Text | Image]) -> None:
    turns = (
        Turn("user", (Text("look"),)),
        Turn("assistant", (ToolCall("call_1", "read", "{}"),)),
        Turn("user", (ToolResult("call_1", tuple(content), "read"),)),
    )
    found = through(request_of(turns), dialect)
    seen = []
    for turn in found.turns:
        for block in turn.blocks:
            inner = block.content if isinstance(block, ToolResult) else (block,)
            seen += [part.data for part in inner if isinstance(part, Image)]
    assert seen == [part.data for part in content if isinstance(part, Image)]


@pytest.mark.parametrize("dialect", SPOKEN)
def test_another_makers_signature_is_never_sent(dialect: str) -> None:  # TRAPS 14
    thought = Thinking("I think", "signed-by-somebody", "somebody_else")
    turns = (
        Turn("user", (Text("hi"),)),
        Turn("assistant", (thought, Text("hello"))),
        Turn("user", (Text("go on"),)),
    )
    losses = Losses(dialect)
    body = DIALECTS[dialect].write_request(request_of(turns), Target("m-1", KINDS[dialect], 100_000), losses)
    assert b"signed-by-somebody" not in body
    assert "thinking" in losses.found


def as_history(dialect: str, answer: dict[str, Any]) -> bytes:
    """What a client of the dialect sends next: a question, the answer as it got it, the result of its tool call."""
    if dialect == "openai_chat":
        message = answer["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "1"}
        return orjson.dumps({"model": "m-1", "messages": [{"role": "user", "content": "x"}, message, result]})
    if dialect == "anthropic_messages":
        content = answer["content"]
        called = next(block["id"] for block in content if block["type"] == "tool_use")
        said = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": called, "content": "1"}]},
        ]
        return orjson.dumps({"model": "m-1", "max_tokens": 10_000, "messages": said})
    if dialect == "gemini":
        result = {"functionResponse": {"name": "read", "response": {"output": "1"}}}
        said = [
            {"role": "user", "parts": [{"text": "x"}]},
            answer["candidates"][0]["content"],
            {"role": "user", "parts": [result]},
        ]
        return orjson.dumps({"contents": said})
    called = next(item["call_id"] for item in answer["output"] if item["type"] == "function_call")
    result = {"type": "function_call_output", "call_id": called, "output": "1"}
    items = [{"role": "user", "content": "x"}, *answer["output"], result]
    return orjson.dumps({"model": "m-1", "store": False, "input": items})


def asking(dialect: str) -> bytes:
    """A first question in the dialect, which wants to see thoughts and what makes them whole."""
    if dialect == "gemini":
        config = {"thinkingConfig": {"includeThoughts": True}}
        return orjson.dumps({"contents": [{"role": "user", "parts": [{"text": "x"}]}], "generationConfig": config})
    if dialect == "openai_responses":
        return orjson.dumps({"model": "m-1", "input": "x", "store": False, "include": ["reasoning.encrypted_content"]})
    return orjson.dumps({"model": "m-1", "max_tokens": 10_000, "messages": [{"role": "user", "content": "x"}]})


@pytest.mark.parametrize(("maker", "client"), PAIRS)
def test_a_signature_goes_through_a_client_back_to_its_maker_only(maker: str, client: str) -> None:  # TRAPS 14, 16
    signature = {"openai_chat": "form:c2lnbmF0dXJl"}.get(maker, "c2lnbmF0dXJl")
    thought = Thinking("I think", signature, maker, id="rs_1" if maker == "openai_responses" else "")
    call = (
        ToolCall("call_1", "read", "{}", "Y2FsbHNpZw==", "gemini")
        if maker == "gemini"
        else ToolCall("call_1", "read", "{}")
    )
    answer = Answer(id="a", model="m", blocks=(thought, Text("so"), call), stop="tool_use", usage=Usage(1, 1))
    view = DIALECTS[client].read_request(asking(client), "m-1", False)
    shown = orjson.loads(DIALECTS[client].write_answer(answer, Asked("r", "m-1", view, 1)))
    history = DIALECTS[client].read_request(as_history(client, shown), "m-1", False).neutral()
    for target in SPOKEN:
        kind = "openrouter" if target == "openai_chat" else KINDS[target]
        reasoning = replace(history, max_output=10_000, tools=TOOLS)
        body = DIALECTS[target].write_request(reasoning, Target("m-1", kind, 100_000), Losses(target))
        assert (b"c2lnbmF0dXJl" in body) is (target == maker), target
        assert (b"Y2FsbHNpZw==" in body) is (target == maker == "gemini"), target
