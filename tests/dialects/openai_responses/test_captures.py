"""What real clients and recorded exchanges ask of Responses, said to every dialect. # M1.5"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fairlead.dialects import neutral
from fairlead.dialects.dialect import Target
from fairlead.dialects.openai_responses.native import read_request
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest
from tests.dialects.openai_responses.recordings import CAPTURES, EXCHANGES, REQUESTS, view

KINDS = {
    "openai_chat": "openai",
    "openai_responses": "openai_responses",
    "anthropic_messages": "anthropic",
    "gemini": "gemini",
}
KEPT_ELSEWHERE = {name for name, one in EXCHANGES.items() if "conversation" in (one["request"]["body"] or ())}
"""Requests that lean on a conversation which the provider keeps."""
TALKS = sorted(REQUESTS.keys() - KEPT_ELSEWHERE)
REFUSED = {
    "2693c7": ("openai_chat", "anthropic_messages", "gemini"),  # code_interpreter, which its provider runs
    "0dbb26": ("openai_chat", "anthropic_messages", "gemini"),  # an image that only its provider has
    "6ff3d8": ("openai_chat", "gemini"),  # a document by its address
    "0c8cdd": ("gemini",),  # an image by its address
    "2e670f": ("anthropic_messages",),  # instructions and nothing else
}
"""Recorded requests that a dialect has no words for, by the end of their names."""


def written(name: str, dialect: str) -> tuple[neutral.Request, neutral.Request, dict[str, Any]]:
    """(what was asked, what a provider of the dialect is asked, what was lost)."""
    asked = read_request(REQUESTS[name]).neutral()
    losses = Losses(dialect)
    body = DIALECTS[dialect].write_request(asked, Target(asked.model, KINDS[dialect], 100_000), losses)
    return asked, DIALECTS[dialect].read_request(body, asked.model, asked.stream).neutral(), dict(losses.found)


def calls(request: neutral.Request) -> list[str]:
    return [block.name for turn in request.turns for block in turn.blocks if isinstance(block, neutral.ToolCall)]


@pytest.mark.parametrize("name", sorted(KEPT_ELSEWHERE))
def test_a_conversation_that_a_provider_keeps_is_taken_as_empty(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_request(REQUESTS[name]).neutral()
    assert (caught.value.param, caught.value.code) == ("conversation", "not_translatable")


@pytest.mark.parametrize("dialect", KINDS)
@pytest.mark.parametrize("name", CAPTURES)
def test_what_a_real_client_asks_is_refused(name: str, dialect: str) -> None:  # TRAPS 11
    asked, told, losses = written(name, dialect)
    assert not [rule for rule in losses if rule.startswith("foreign_")]
    assert [tool.name for tool in told.tools] == [tool.name for tool in asked.tools]
    assert calls(told) == calls(asked)


@pytest.mark.parametrize("dialect", KINDS)
@pytest.mark.parametrize("name", TALKS)
def test_a_recorded_request_brings_a_crash(name: str, dialect: str) -> None:
    if dialect in REFUSED.get(name.rpartition("__")[2], ()):
        with pytest.raises(BadRequest):
            written(name, dialect)
    else:
        asked, told, _ = written(name, dialect)
        assert calls(told) == calls(asked)


def plain(request: neutral.Request) -> neutral.Request:
    """Without differences that mean nothing: strictness that is off, the view of thoughts that are not wanted, an
    empty result in two spellings."""
    reasoning = request.reasoning
    if reasoning is not None and reasoning.effort == "none":
        reasoning = replace(reasoning, visible=None)
    turns = tuple(replace(turn, blocks=tuple(map(_plain, turn.blocks))) for turn in request.turns)
    tools = tuple(replace(tool, strict=bool(tool.strict)) for tool in request.tools)
    return replace(request, turns=turns, tools=tools, reasoning=reasoning)


def _plain(block: neutral.Block) -> neutral.Block:
    if isinstance(block, neutral.ToolResult) and not block.content:
        return replace(block, content=(neutral.Text(""),))
    return block


@pytest.mark.parametrize("name", TALKS)
def test_what_is_written_here_is_read_otherwise(name: str) -> None:
    asked, told, losses = written(name, "openai_responses")
    if losses:
        assert losses.keys() <= {"thinking", "empty_turn"}
        assert calls(told) == calls(asked)
    else:
        assert plain(told) == plain(asked)


# ---- what only Codex sends


CUSTOM = {
    "type": "custom",
    "name": "apply_patch",
    "description": "Patch.",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: LINE"},
}
FUNCTION = {"type": "function", "name": "run", "parameters": {"type": "object", "properties": {}}, "strict": False}
CODEX = {
    "input": [
        {
            "type": "additional_tools",
            "role": "developer",
            "tools": [{"type": "namespace", "name": "box", "tools": [CUSTOM, FUNCTION]}, {"type": "tool_search"}],
        },
        {"type": "configuration_update", "reasoning": {"effort": "high"}},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "patch it"}]},
        {"type": "custom_tool_call", "call_id": "c1", "name": "apply_patch", "namespace": "box", "input": "*** \"x\""},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
        {"type": "function_call", "call_id": "c2", "name": "run", "namespace": "box", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]},
        {"type": "tool_search_call", "id": "ts_1", "arguments": {"query": "q", "limit": 3}, "status": "completed"},
        {"type": "tool_search_output", "tools": []},
    ],
    "tools": [{"type": "web_search", "external_web_access": True}],
    "reasoning": {"effort": "low"},
}  # fmt: skip


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "gemini"])
def test_what_only_one_agent_sends_is_refused_elsewhere(dialect: str) -> None:  # TRAPS 11
    asked = view(**CODEX).neutral()
    assert asked.reasoning is not None
    assert asked.reasoning.effort == "high"
    losses = Losses(dialect)
    body = DIALECTS[dialect].write_request(asked, Target("m", KINDS[dialect], 100_000), losses)
    told = DIALECTS[dialect].read_request(body, "m", False).neutral()
    assert [tool.name for tool in told.tools] == ["box__apply_patch", "box__run"]
    assert "start: LINE" in told.tools[0].description
    made = [block for turn in told.turns for block in turn.blocks if isinstance(block, neutral.ToolCall)]
    assert [(call.name, call.arguments.replace(" ", "")) for call in made] == [
        ("box__apply_patch", '{"input":"***\\"x\\""}'),
        ("box__run", "{}"),
    ]
    for rule in ("custom_tool.box__apply_patch", "spare_tool.web_search", "spare_tool.tool_search"):
        assert rule in losses.found, rule


def test_what_only_one_agent_sends_is_lost_on_the_way_to_its_own_dialect() -> None:
    asked = view(**CODEX).neutral()
    losses = Losses("openai_responses")
    body = DIALECTS["openai_responses"].write_request(asked, Target("m", "openai_responses"), losses)
    assert losses.found == {}
    told = read_request(body).neutral()
    assert plain(replace(told, tools=())) == plain(replace(asked, tools=()))
    assert [(tool.name, bool(tool.freeform)) for tool in told.tools] == [
        ("box__apply_patch", True),
        ("box__run", False),
    ]


def test_strict_takes_what_is_lost() -> None:
    asked = view(**CODEX).neutral()
    with pytest.raises(BadRequest):
        DIALECTS["openai_chat"].write_request(asked, Target("m", "openai"), Losses("openai_chat", strict=True))


def test_an_image_that_only_its_provider_has_is_left_out() -> None:
    """Results hold no block that only one dialect knows: it follows them, behind the last one."""
    kept = {"type": "input_image", "file_id": "file-1", "detail": "auto"}
    asked = view(
        input=[
            {"role": "user", "content": "look"},
            {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "b", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "x"}, kept]},
            {"type": "function_call_output", "call_id": "b", "output": [kept]},
            {"role": "user", "content": "go on"},
        ]
    ).neutral()
    kinds = [[type(block).__name__ for block in turn.blocks] for turn in asked.turns]
    assert kinds[1:] == [["ToolCall", "ToolCall"], ["ToolResult", "ToolResult"], ["Foreign", "Foreign"], ["Text"]]
    for dialect in ("openai_chat", "anthropic_messages", "gemini"):
        with pytest.raises(BadRequest) as refused:
            DIALECTS[dialect].write_request(asked, Target("m", "openai", 100), Losses(dialect))
        assert refused.value.code == "not_translatable"
    losses = Losses("openai_responses")
    body = DIALECTS["openai_responses"].write_request(asked, Target("m", "openai_responses"), losses)
    assert body.count(b"file-1") == 2
    assert plain(read_request(body).neutral()).turns == plain(asked).turns
    assert losses.found == {}
