"""Requests of Responses, from and to the neutral form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from fairlead.dialects import neutral
from fairlead.dialects.dialect import Asked, Target
from fairlead.dialects.neutral import (
    Audio,
    Document,
    Foreign,
    ForeignTool,
    Format,
    Image,
    Reasoning,
    Refusal,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)  # fmt: skip
from fairlead.dialects.openai_responses import DIALECT, native, tools
from fairlead.dialects.openai_responses.native import NAME, read_request
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest
from tests.dialects.openai_responses.recordings import CAPTURES, REQUESTS, compact, view

HI = Turn("user", (Text("hi"),))
TARGET = Target("gpt-5.4", "openai_responses", 100_000, frozenset({"no_sampling"}))


def items(*given: dict[str, Any], **fields: Any) -> Request:
    return view(input=list(given), **fields).neutral()


def write(request: Request, target: Target = TARGET) -> tuple[dict[str, Any], list[str]]:
    losses = Losses(NAME)
    return json.loads(DIALECT.write_request(request, target, losses)), list(losses.found)


def asks(*turns: Turn, **fields: Any) -> Request:
    return Request(model="m", turns=turns or (HI,), **fields)


# ---- reading


@pytest.mark.parametrize("name", REQUESTS)
def test_a_real_request_cannot_be_translated(name: str) -> None:
    given = read_request(REQUESTS[name])
    if b'"conversation":{' in given.body or b'"conversation":"' in given.body or given.previous:
        with pytest.raises(BadRequest):
            given.neutral()
        return
    assert given.neutral().turns


@pytest.mark.parametrize("name", CAPTURES)
def test_a_real_request_written_back_means_something_else(name: str) -> None:
    read = read_request(CAPTURES[name]).neutral()
    losses = Losses(NAME)
    again = read_request(DIALECT.write_request(read, TARGET, losses)).neutral()
    if not losses.found:
        assert again.turns == read.turns
    assert [tool.name for tool in again.tools] == [tool.name for tool in read.tools]
    assert [tool.freeform for tool in again.tools] == [tool.freeform for tool in read.tools]
    assert again.foreign_tools == read.foreign_tools
    assert (again.format, again.reasoning, again.verbosity) == (read.format, read.reasoning, read.verbosity)
    assert again.tool_choice == (read.tool_choice if again.tools else None)


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "gemini"])
@pytest.mark.parametrize("name", CAPTURES)
def test_a_real_request_is_refused_by_another_dialect(name: str, dialect: str) -> None:  # TRAPS 11
    request = read_request(CAPTURES[name]).neutral()
    written = json.loads(DIALECTS[dialect].write_request(request, Target("m", "", 10_000), Losses(dialect)))
    assert bool(written.get("tools")) is bool(request.tools)


def test_instructions_come_in_another_place() -> None:  # TRAPS 1
    found = items(
        {"role": "user", "content": "a"}, {"role": "developer", "content": [{"type": "input_text", "text": "b"}]},
        {"type": "message", "role": "system", "content": "c"}, instructions="first",
    )  # fmt: skip
    assert found.turns == (
        Turn("system", (Text("first"),)),
        Turn("user", (Text("a"),)),
        Turn("system", (Text("b"),)),
        Turn("system", (Text("c"),)),
    )


def test_parts_lose_what_they_hold() -> None:  # TRAPS 26
    found = items(
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "high"},
                {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "auto"},
                {"type": "input_image", "file_id": "file_1"},
                {"type": "input_file", "file_data": "data:application/pdf;base64,BBBB", "filename": "b.pdf"},
                {"type": "input_file", "file_url": "https://example.com/c.pdf"},
                {"type": "input_audio", "input_audio": {"data": "CCCC", "format": "mp3"}},
            ],
        }
    )
    assert found.turns[0].blocks == (
        Image("image/png", "AAAA", detail="high"),
        Image(url="https://example.com/a.png"),
        Foreign(NAME, "content.input_image", b'{"type":"input_image","file_id":"file_1"}'),
        Document("application/pdf", "BBBB", name="b.pdf"),
        Document(url="https://example.com/c.pdf"),
        Audio("mp3", "CCCC"),
    )


def test_an_assistants_items_are_not_one_turn() -> None:
    found = items(
        {"role": "user", "content": "a"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"text": "one"}, {"text": "two"}], "encrypted_content": "gAAA"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "b"}, {"type": "refusal", "refusal": "no"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""},
        {"type": "function_call", "call_id": "c2", "name": "g", "namespace": "ns", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_image", "image_url": "x"}]},
    )
    assert found.turns[1:] == (
        Turn(
            "assistant",
            (
                Thinking("one\n\ntwo", "gAAA", NAME, False, "rs_1"),
                Text("b"),
                Refusal("no"),
                ToolCall("c1", "f", "{}"),
                ToolCall("c2", "ns__g", '{"a":1}'),
            ),
        ),
        Turn("user", (ToolResult("c1", (Text("1"),), "f"), ToolResult("c2", (Image(url="x"),), "ns__g"))),
    )


def test_signatures_lose_their_maker() -> None:  # TRAPS 14, 15
    found = items(
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
        {"type": "reasoning", "summary": [{"text": "t"}], "encrypted_content": "fl1.anthropic_messages.sig"},
        {"type": "reasoning", "summary": [], "encrypted_content": "fl1.anthropic_messages+redacted.data"},
        {"type": "reasoning", "summary": [], "encrypted_content": "fl1.gemini+call=c%2E1.early"},
        {"type": "function_call", "call_id": "c.1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "summary": [], "encrypted_content": "fl1.gemini+call=c2.late"},
        {"type": "reasoning", "summary": []},
    )
    assert found.turns[0].blocks == (
        Thinking("", "gAAA", NAME, True),
        Thinking("t", "sig", "anthropic_messages"),
        Thinking("", "data", "anthropic_messages", True),
        ToolCall("c.1", "f", "{}", "early", "gemini"),
        ToolCall("c2", "f", "{}", "late", "gemini"),
    )


def test_items_of_this_dialect_alone_are_lost() -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    later = {"type": "hologram", "depth": 3}
    found = items({"role": "user", "content": "a"}, search, later)
    assert found.turns[1:] == (
        Turn("assistant", (Foreign(NAME, "web_search_call", compact(search)),)),
        Turn("user", (Foreign(NAME, "hologram", compact(later)),)),
    )
    assert write(found)[0]["input"][1:] == [search, later]


def test_settings_and_tools_in_the_input_are_missed() -> None:  # TRAPS 11
    found = items(
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "f"}]},
        {"role": "user", "content": "a"},
        {"type": "configuration_update", "reasoning": {"effort": "low"}},
        reasoning={"effort": "high"},
    )
    assert [tool.name for tool in found.tools] == ["f"]
    assert found.reasoning == Reasoning("low")
    assert found.turns == (Turn("user", (Text("a"),)),)


def test_kinds_of_tools_are_mixed_up() -> None:  # TRAPS 11
    patch = {
        "type": "custom",
        "name": "patch",
        "description": "Edits.",
        "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"},
    }
    given = [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        patch,
        {"type": "namespace", "name": "ns", "tools": [{"type": "function", "name": "g"}, {"type": "custom", "name": "h"}]},
        {"type": "namespace", "name": "functions", "tools": [{"type": "function", "name": "i"}]},
        {"type": "web_search", "name": {"odd": 1}},
    ]  # fmt: skip
    found = view(tools=given).neutral()
    assert [tool.name for tool in found.tools] == ["f", "patch", "ns__g", "ns__h", "i"]
    assert found.tools[0] == Tool("f", "d", b'{"type":"object"}', True)
    assert found.tools[1].parameters == tools.TEXT_PARAMETERS
    assert found.tools[1].description == "Edits.\n\nThe input has to follow this lark grammar:\nstart: X"
    assert json.loads(found.tools[1].freeform) == patch
    assert [tool.kind for tool in found.foreign_tools] == ["web_search"]
    names = tools.names(view(tools=given))
    assert names == {
        "patch": tools.Named("patch", "", True),
        "ns__g": tools.Named("g", "ns"),
        "ns__h": tools.Named("h", "ns", True),
    }
    long = tools.flat_name("n" * 40, "g" * 40)
    assert len(long) == tools.LONGEST_NAME
    assert long != tools.flat_name("n" * 40, "g" * 41)


def test_a_choice_of_tools_is_another() -> None:  # TRAPS 12
    given = [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}]
    for choice, mode, name, left in (
        ("required", "required", "", 2),
        ({"type": "function", "name": "g"}, "tool", "g", 2),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            "required",
            "",
            1,
        ),
    ):
        found = view(tools=given, tool_choice=choice).neutral()
        assert (found.tool_choice, found.tool_name, len(found.tools)) == (mode, name, left)
    for wrong in ("sometimes", {"type": "mcp", "server_label": "x"}, {"type": "function"}):
        with pytest.raises(BadRequest, match="tool_choice"):
            view(tools=given, tool_choice=wrong).neutral()


def test_fields_are_read_as_others() -> None:
    found = view(
        max_output_tokens=20, temperature=0.5, top_p=0.9, parallel_tool_calls=False, user="u", metadata={"a": "b"},
        include=["reasoning.encrypted_content", "web_search_call.action.sources"], store=False, truncation="disabled",
        text={"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True}, "verbosity": "low"},
        reasoning={"effort": "low", "summary": "auto"}, stream_options={"include_obfuscation": False}, hologram=1,
    ).neutral()  # fmt: skip
    assert (found.max_output, found.temperature, found.top_p, found.parallel, found.user) == (20, 0.5, 0.9, False, "u")
    assert found.format == Format(b'{"a":1}', "n", "", True)
    assert (found.verbosity, found.reasoning) == ("low", Reasoning("low", visible=True))
    assert found.others == {
        "metadata": b'{"a":"b"}', "hologram": b"1", "include": b'["web_search_call.action.sources"]',
    }  # fmt: skip
    assert view(reasoning={"context": "all_turns"}).neutral().reasoning is None
    assert view(include=["message.output_text.logprobs"]).neutral().logprobs
    assert view(text={"format": {"type": "json_object"}}).neutral().format == Format()


@pytest.mark.parametrize(
    "fields", [{"conversation": "conv_1"}, {"prompt": {"id": "p"}}, {"previous_response_id": "resp_1"}]
)
def test_what_another_keeps_is_passed_over(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        view(**fields).neutral()
    assert (caught.value.param, caught.value.code) == (next(iter(fields)), "not_translatable")


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": 7},
        {"role": "user", "content": [7]},
        {"type": "function_call", "call_id": 7, "name": "f"},
        {"type": "function_call_output", "call_id": "c", "output": {}},
        {"type": "reasoning", "summary": "x"},
    ],
)
def test_a_wrong_item_is_not_named(item: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        items({"role": "user", "content": "a"}, item)
    assert caught.value.param == "input[1]"


# ---- writing


def test_a_conversation_is_written_as_another() -> None:
    thought = Thinking("I think", "gAAA", NAME, False, "rs_1")
    turns = (
        Turn("system", (Text("be kind"),)),
        Turn("user", (Text("look"), Image("image/png", "AAAA", detail="low"), Document("application/pdf", "BBBB"))),
        Turn("assistant", (thought, Text("so"), ToolCall("c1", "f", '{"a":1}'))),
        Turn("user", (ToolResult("c1", (Text("bad"),), "f", True), Text("and?"))),
    )
    body, lost = write(asks(*turns))
    assert body["input"] == [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be kind"}]},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
                {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,BBBB"},
            ],
        },
        {
            "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "I think"}],
            "encrypted_content": "gAAA",
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": [{"type": "input_text", "text": "Error:"}, {"type": "input_text", "text": "bad"}],
        },
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and?"}]},
    ]  # fmt: skip
    assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])
    assert lost == ["tool_result_error"]


def test_a_thought_that_would_be_refused_is_sent() -> None:  # TRAPS 14, 16
    for thought in (Thinking("t", "s", "anthropic_messages"), Thinking("t", "", NAME), Thinking("t")):
        body, lost = write(asks(HI, Turn("assistant", (thought, Text("a"))), HI))
        assert lost == ["thinking"]
        assert [item["type"] for item in body["input"]] == ["message"] * 3
    alone = Turn("assistant", (Text("a"), Thinking("t", "s", NAME)))
    assert write(asks(HI, alone, HI))[1] == ["thinking"]


def test_a_text_tool_does_not_come_back_as_one() -> None:
    patch = {"type": "custom", "name": "patch"}
    given = [
        {"role": "user", "content": "a"},
        {"type": "custom_tool_call", "call_id": "c1", "name": "patch", "input": 'say "x"'},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "done"},
    ]
    read = items(*given, tools=[patch], tool_choice={"type": "custom", "name": "patch"})
    assert read.turns[1].blocks == (ToolCall("c1", "patch", '{"input":"say \\"x\\""}'),)
    body, lost = write(read)
    assert body["input"][1:] == given[1:]
    assert (body["tools"], body["tool_choice"], lost) == ([patch], {"type": "custom", "name": "patch"}, [])
    losses = Losses("anthropic_messages")
    DIALECTS["anthropic_messages"].write_request(read, Target("m", "anthropic", 1000), losses)
    assert losses.found == {"custom_tool.patch": "approximated"}


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "gemini"])
def test_tools_that_agents_do_without_are_refused(dialect: str) -> None:  # TRAPS 11
    for kind in ("web_search", "tool_search", "image_generation", "local_shell"):
        losses = Losses(dialect)
        DIALECTS[dialect].write_request(view(tools=[{"type": kind}]).neutral(), Target("m", "", 1000), losses)
        assert losses.found == {f"foreign_tool.{kind}": "dropped"} or list(losses.found.values()) == ["dropped"]
    for kind in ("code_interpreter", "mcp", "file_search"):
        with pytest.raises(BadRequest, match=kind):
            DIALECTS[dialect].write_request(view(tools=[{"type": kind}]).neutral(), Target("m", ""), Losses(dialect))


@pytest.mark.parametrize("kind", ["compaction", "item_reference"])
def test_a_conversation_goes_on_without_what_was_said(kind: str) -> None:
    request = items({"type": kind, "id": "x", "encrypted_content": "gAAA"}, {"role": "user", "content": "a"})
    with pytest.raises(BadRequest, match=kind):
        DIALECTS["openai_chat"].write_request(request, Target("m", "openai"), Losses("openai_chat"))
    assert write(request)[0]["input"][0]["type"] == kind


def test_tools_are_written_with_the_wrong_strictness() -> None:
    own = ForeignTool(NAME, "mcp", b'{"type":"mcp","server_label":"x"}')
    body, lost = write(asks(tools=(Tool("f"), Tool("g", "d", b'{"a":1}', True)), foreign_tools=(own,), parallel=False))
    assert body["tools"] == [
        {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "function", "name": "g", "description": "d", "parameters": {"a": 1}, "strict": True},
        {"type": "mcp", "server_label": "x"},
    ]
    assert (body["parallel_tool_calls"], lost) == (False, [])
    with pytest.raises(BadRequest, match="bash_20250124"):
        write(asks(foreign_tools=(ForeignTool("anthropic_messages", "bash_20250124", b"{}"),)))


def test_what_the_target_cannot_say_is_lost_in_silence() -> None:
    request = asks(
        Turn("user", (Text("hi", cache="5m"),)), Turn("assistant", (Text("I"),)), temperature=0.5, top_k=3, stop=("x",), seed=1,
        presence_penalty=1.0, max_output=3, reasoning=Reasoning(budget=3000, visible=True), format=Format(), others={"logit_bias": b"{}"},
    )  # fmt: skip
    body, lost = write(request)
    assert set(lost) == {
        "cache_marks", "last_assistant_turn", "sampling", "top_k", "stop", "seed", "penalties", "max_output",
        "reasoning_effort", "json_object", "field.logit_bias",
    }  # fmt: skip
    assert body["max_output_tokens"] == 16
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert body["text"] == {"format": {"type": "json_object"}}
    assert "temperature" not in body
    with pytest.raises(BadRequest):
        write(asks(answers=2))
    with pytest.raises(BadRequest):
        write(asks(Turn("user", (Audio("wav", "AA"),))))


def test_an_older_model_is_asked_to_reason() -> None:
    body, lost = write(asks(reasoning=Reasoning("high"), temperature=0.5), Target("gpt-4o", "openai_responses"))
    assert "reasoning" not in body
    assert "include" not in body
    assert (body["temperature"], lost) == (0.5, ["reasoning"])


def test_ids_and_documents_are_too_much_for_the_target() -> None:  # TRAPS 5
    name = "c" * 80
    text = Document("text/plain", "aGk=", name="a.txt")
    turns = (HI, Turn("assistant", (ToolCall(name, "f", "{}"),)), Turn("user", (ToolResult(name, (text,)),)))
    call, result = write(asks(*turns))[0]["input"][1:]
    assert call["call_id"] == result["call_id"]
    assert len(call["call_id"]) == 64
    assert result["output"] == [{"type": "input_text", "text": "a.txt:\nhi"}]


def test_a_request_read_from_neutral_differs() -> None:
    request = asks(HI, tools=(Tool("f", "d", b'{"type":"object"}', False),), tool_choice="tool", tool_name="f", user="u", verbosity="low", max_output=50, stream=True)  # fmt: skip
    body = DIALECT.write_request(request, structs.replace(TARGET, model="m"), Losses(NAME))
    assert read_request(body).neutral() == request


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
            True,
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": [], "additionalProperties": False},
            None,
        ),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, None),
    ],
)
def test_a_tool_that_does_not_say_is_held_to_a_schema_that_says_all(
    schema: dict[str, Any], strict: bool | None
) -> None:
    tool = {"type": "function", "name": "f", "parameters": schema}
    body = json.dumps({"model": "m", "input": "x", "tools": [tool]}).encode()
    (found,) = read_request(body).neutral().tools
    assert found.strict is strict


@pytest.mark.parametrize("tools", ['["x", null, 5]', '[{"type": 5}]', '[{"type": "function"}]'])
def test_a_writer_bears_tools_that_are_none(tools: str) -> None:
    view = read_request(b'{"model":"m","input":"x","tools":%b}' % tools.encode())
    assert DIALECT.writer(Asked("req_1", "m", view, 0)).write(neutral.Begin("x", "m"))


def test_what_a_response_goes_on_with_is_said_in_each_event_that_holds_it() -> None:
    event = b'event: response.created\ndata: {"type":"response.created","response":{"id":"r","previous_response_id":null}}\n\n'
    text = b'data: {"type":"response.output_text.delta","delta":"\\"previous_response_id\\":null"}\n\n'
    assert native.going_on(event + text, 'a"b') == event.replace(b"null", b'"a\\"b"') + text
    assert native.going_on(b'{"id":"r","previous_response_id":null}', "a") == b'{"id":"r","previous_response_id":"a"}'
    assert native.going_on(text, "a") == text
