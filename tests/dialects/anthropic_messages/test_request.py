"""Requests read from Anthropic's dialect and written in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.dialects import neutral
from fairlead.dialects.anthropic_messages import DIALECT
from fairlead.dialects.anthropic_messages.blocks import safe_id
from fairlead.dialects.dialect import Target
from fairlead.dialects.neutral import Format, Reasoning, Text, Thinking, Tool, ToolCall, ToolResult, Turn
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest
from tests.dialects.anthropic_messages.recordings import REQUESTS, compact

ADAPTIVE = frozenset({"adaptive_thinking", "xhigh_effort", "mid_system"})
BUDGETED = frozenset({"mid_system"})
HI = (Turn("user", (Text("hi"),)),)
MAKER = "anthropic_messages"


def read(**fields: Any) -> neutral.Request:
    body = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "hi"}]} | fields
    return DIALECT.read_request(compact(body), "", False).neutral()


def write(
    turns: tuple[Turn, ...] = HI, flags: frozenset[str] = frozenset(), most: int = 0, **fields: Any
) -> tuple[dict[str, Any], list[str]]:
    losses = Losses(MAKER)
    request = neutral.Request(model="auto", turns=turns, **fields)
    return json.loads(DIALECT.write_request(request, Target("claude", "anthropic", most, flags), losses)), list(
        losses.found
    )


def block(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def in_order(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Results are put in the order of their calls."""
    return tuple(
        Turn(turn.role, tuple(sorted(turn.blocks, key=lambda b: b.id if isinstance(b, ToolResult) else "~")))
        for turn in turns
    )


@pytest.mark.parametrize("name", REQUESTS)
def test_a_real_request_keeps_its_meaning(name: str) -> None:
    view = DIALECT.read_count(REQUESTS[name], "") if DIALECT.read_count else None
    assert view is not None
    request = view.neutral()
    budget = request.reasoning is not None and request.reasoning.budget is not None
    losses = Losses(MAKER)
    body = DIALECT.write_request(request, Target("m", "anthropic", 0, BUDGETED if budget else ADAPTIVE), losses)
    again = DIALECT.read_request(body, "", False).neutral()
    if losses.found:
        assert losses.found.keys() <= {"tool_choice", "field.service_tier"}
        return
    request.model = again.model
    request.turns, again.turns = in_order(request.turns), in_order(again.turns)
    request.max_output = request.max_output or again.max_output
    if request.reasoning is not None and request.temperature == 1:
        request.temperature = None
    assert again == request


# ---- reading


def test_instructions_are_found_wherever_they_stand() -> None:  # TRAPS 1, 2
    request = read(
        system=[
            block("text", text="x-anthropic-billing-header: cc_version=2.1;"),
            block("text", text="front", cache_control={"type": "ephemeral", "ttl": "1h"}),
        ],
        messages=[
            {"role": "user", "content": "a"},
            {"role": "system", "content": [block("text", text="mid")], "output_config": {"effort": "low"}},
        ],
    )
    assert request.turns == (
        Turn("system", (Text("front", "1h"),)),
        Turn("user", (Text("a"),)),
        Turn("system", (Text("mid"),)),
    )
    assert read(system="x-anthropic-billing-header: v").turns == HI


@pytest.mark.parametrize(
    ("fields", "wish"),
    [
        ({}, None),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, Reasoning(effort="none")),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Reasoning(budget=2000, visible=True)),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
            Reasoning(effort="max", visible=False),
        ),
        ({"thinking": {"type": "adaptive", "display": "updates"}}, Reasoning(visible=True)),
        ({"output_config": {"effort": "low"}}, Reasoning(effort="low")),
    ],
)
def test_reasoning_is_read_in_each_spelling(fields: dict[str, Any], wish: Reasoning | None) -> None:  # TRAPS 18
    assert read(**fields).reasoning == wish


def test_tools_are_told_from_those_the_provider_runs() -> None:  # TRAPS 11
    search = block("web_search_20250305", name="web_search", max_uses=3)
    request = read(
        tools=[
            {"name": "a", "description": "d", "input_schema": {"type": "object"}, "eager_input_streaming": True},
            {"name": "b", "type": "custom", "strict": True, "cache_control": {"type": "ephemeral"}},
            {"name": "DeferredToolPlaceholder", "input_schema": {"type": "object"}, "defer_loading": True},
            search,
        ],
        tool_choice=block("tool", name="a", disable_parallel_tool_use=True),
    )
    assert request.tools == (Tool("a", "d", b'{"type":"object"}'), Tool("b", strict=True, cache="5m"))
    assert [(tool.kind, json.loads(tool.raw)) for tool in request.foreign_tools] == [("web_search_20250305", search)]
    assert (request.tool_choice, request.tool_name, request.parallel) == ("tool", "a", False)


def test_media_are_read_where_others_can_know_them() -> None:  # TRAPS 10, 26
    file = block("image", source={"type": "file", "file_id": "f"})
    content = [
        block("image", source={"type": "base64", "media_type": "image/png", "data": "AA=="}),
        block("image", source={"type": "url", "url": "https://x/y.png"}),
        block("document", source={"type": "base64", "media_type": "application/pdf", "data": "AA=="}, title="T"),
        block("document", source={"type": "text", "media_type": "text/plain", "data": "words"}, context="about it"),
        block("document", source={"type": "content", "content": [block("text", text="a"), block("text", text="b")]}),
        file,
        block("container_upload", file_id="f"),
    ]
    found = read(messages=[{"role": "user", "content": content}]).turns[0].blocks
    assert found[:6] == (
        neutral.Image("image/png", "AA=="),
        neutral.Image(url="https://x/y.png"),
        neutral.Document("application/pdf", "AA==", name="T"),
        Text("about it"),
        neutral.Document("text/plain", text="words"),
        neutral.Document("text/plain", text="a\n\nb"),
    )
    assert [(b.kind, json.loads(b.raw)) for b in found[6:] if isinstance(b, neutral.Foreign)] == [
        ("source.file", file),
        ("container_upload", content[6]),
    ]


def test_what_a_tool_found_stays_readable_for_others() -> None:
    found = block("search_result", source="s", title="t", content=[block("text", text="x")])
    result = block("tool_result", tool_use_id="t", content=[block("text", text="see"), found], is_error=True)
    turn = read(messages=[{"role": "user", "content": [result]}]).turns[0]
    (told,) = turn.blocks
    assert isinstance(told, ToolResult)
    assert told.error
    texts = [part.text for part in told.content if isinstance(part, Text)]
    assert texts[0] == "see"
    assert json.loads(texts[1]) == found


def test_fields_of_anthropics_own_stay_with_it() -> None:
    own = {
        "mcp_servers": [{"type": "url"}],
        "context_management": {"edits": []},
        "container": "c1",
        "cache_control": {"type": "ephemeral"},
    }
    request = read(**own, output_config={"task_budget": {"total": 5}, "effort": "low"}, service_tier="auto")
    assert request.others.keys() == {*own, "output_config.task_budget", "service_tier"}
    found, lost = write(flags=ADAPTIVE, others=request.others, reasoning=request.reasoning)
    assert own.items() <= found.items()
    assert found["output_config"] == {"effort": "low", "task_budget": {"total": 5}}
    assert lost == ["field.service_tier"]
    assert write(others={"context_management": b'[{"type":"compaction"}]'})[1] == ["field.context_management"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0]"),
        ({"tools": [{"name": 5}]}, "tools[0]"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"metadata": {"user_id": 5}}, "metadata"),
        ({"output_config": {"format": 5}}, "output_config.format"),
    ],
)
def test_what_cannot_be_understood_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read(**fields)
    assert caught.value.param == param


# ---- writing: the conversation


def test_later_instructions_move_to_the_front() -> None:
    turns = (Turn("system", (Text("a"),)), *HI, Turn("system", (Text("b"),)), Turn("user", (Text("go"),)))
    found, lost = write(turns)
    assert found["system"] == [block("text", text="a"), block("text", text="b")]
    assert [message["role"] for message in found["messages"]] == ["user"]
    assert lost == ["system_position"]
    kept, lost = write(turns, flags=ADAPTIVE)
    assert (kept["system"], [message["role"] for message in kept["messages"]]) == ("a", ["user", "system", "user"])
    assert lost == []


def test_instructions_alone_are_put_as_a_question() -> None:
    found, lost = write((Turn("system", (Text("tell a joke"),)),))
    assert found["messages"] == [{"role": "user", "content": [block("text", text="tell a joke")]}]
    assert "system" not in found
    assert lost == ["system_position"]


def test_results_of_a_turns_calls_stand_first_in_one_message() -> None:  # TRAPS 3, 5
    calls = (ToolCall("functions.f:0", "f", '{"a":1}'), ToolCall("functions.f:1", "f", ""))
    found, lost = write(
        (
            *HI,
            Turn("assistant", calls),
            Turn("user", (ToolResult("functions.f:0", (Text("one"),)),)),
            Turn("user", (ToolResult("functions.f:1", (Text("two"), neutral.Image("image/png", "AA=="))),)),
            Turn("user", (Text("and?"),)),
        )
    )
    _, said, results = found["messages"]
    ids = [safe_id("functions.f:0"), safe_id("functions.f:1")]
    assert [(call["id"], call["input"]) for call in said["content"]] == [(ids[0], {"a": 1}), (ids[1], {})]
    assert [one.get("tool_use_id") for one in results["content"]] == [*ids, None]
    assert results["content"][0]["content"] == "one"
    assert [part["type"] for part in results["content"][1]["content"]] == ["text", "image"]
    assert lost == []


def test_an_id_is_always_rewritten_the_same_and_never_onto_another() -> None:  # TRAPS 5
    assert safe_id("toolu_01-x") == "toolu_01-x"
    assert safe_id("a:b") == safe_id("a:b") != safe_id("a.b")
    assert safe_id("")
    assert safe_id("é") != safe_id("è")


def test_empty_texts_are_left_out() -> None:  # TRAPS 4
    turns = (
        Turn("user", (Text(""), Text("x"))),
        Turn("assistant", (Text(" "), ToolCall("c", "f", "{}"))),
        Turn("user", (ToolResult("c", (Text(""),)),)),
    )
    messages = write(turns)[0]["messages"]
    assert [len(message["content"]) for message in messages] == [1, 1, 1]
    assert "content" not in messages[2]["content"][0]


def test_a_turn_begun_by_the_assistant_is_gone_on_with_where_that_is_possible() -> None:  # TRAPS 4
    turns = (*HI, Turn("assistant", (Text("The answer is "),)))
    found, lost = write(turns)
    assert found["messages"][-1]["content"][0]["text"] == "The answer is"
    assert lost == []
    found, lost = write(turns, flags=frozenset({"no_prefill"}))
    assert found["messages"][-1]["role"] == "user"
    assert lost == ["last_assistant_turn"]


def test_the_user_speaks_first() -> None:
    found, lost = write((Turn("assistant", (Text("Hello!"),)), *HI))
    assert [message["role"] for message in found["messages"]] == ["user", "assistant", "user"]
    assert lost == ["first_turn"]


def test_only_thoughts_of_its_own_go_to_anthropic() -> None:  # TRAPS 14
    thoughts = (
        Thinking("own", "s", MAKER),
        Thinking("", "r", MAKER, redacted=True),
        Thinking("unsigned", "", MAKER),
        Thinking("other", "g", "gemini"),
        neutral.Foreign("gemini", "code", b"{}"),
        neutral.Foreign(MAKER, "server_tool_use", b'{"type":"server_tool_use","id":"s"}'),
        Text("said"),
    )
    found, lost = write((*HI, Turn("assistant", thoughts), *HI))
    assert found["messages"][1]["content"] == [
        block("thinking", thinking="own", signature="s"),
        block("redacted_thinking", data="r"),
        block("server_tool_use", id="s"),
        block("text", text="said"),
    ]
    assert lost == ["thinking", "foreign_content.code"]


def test_what_a_call_holds_becomes_an_object() -> None:  # TRAPS 9
    turns = (*HI, Turn("assistant", (ToolCall("c", "f", '{"a": '),)), Turn("user", (ToolResult("c", (Text("r"),)),)))
    found, lost = write(turns)
    assert found["messages"][1]["content"][0]["input"] == {"arguments": '{"a": '}
    assert lost == ["tool_arguments.f"]


def test_media_are_written_as_anthropic_takes_them() -> None:  # TRAPS 26
    media = (
        neutral.Image(url="data:image/webp;base64,AAAA"),
        neutral.Image(url="https://x/y.png", detail="high"),
        neutral.Document("text/plain", "aGk="),
        neutral.Document("application/pdf", url="https://x/y.pdf", name="y"),
    )
    found, lost = write((Turn("user", media),))
    assert [one["source"] for one in found["messages"][0]["content"]] == [
        {"type": "base64", "media_type": "image/webp", "data": "AAAA"},
        {"type": "url", "url": "https://x/y.png"},
        {"type": "text", "media_type": "text/plain", "data": "hi"},
        {"type": "url", "url": "https://x/y.pdf"},
    ]
    assert lost == ["image_detail"]
    for one in (neutral.Image(url="gs://x"), neutral.Document("audio/ogg", "AA=="), neutral.Audio("wav", "AA==")):
        with pytest.raises(BadRequest) as caught:
            write((Turn("user", (one,)),))
        assert caught.value.code == "not_translatable"


def test_no_more_cache_marks_are_set_than_are_allowed() -> None:
    turns = (Turn("user", tuple(Text(str(n), "1h") for n in range(6))),)
    found, lost = write(turns)
    marks = [one.get("cache_control") for one in found["messages"][0]["content"]]
    assert marks == [{"type": "ephemeral", "ttl": "1h"}] * 4 + [None] * 2
    assert lost == ["cache_marks"]


# ---- writing: the knobs


@pytest.mark.parametrize(
    ("asked", "most", "sent", "lost"),
    [
        (None, 0, 8192, []),
        (None, 64000, 64000, []),
        (128000, 64000, 64000, ["max_output"]),
        (5, 64000, 5, []),
    ],
)
def test_a_limit_is_always_sent(asked: int | None, most: int, sent: int, lost: list[str]) -> None:  # TRAPS 23
    found, losses = write(max_output=asked, most=most)
    assert (found["max_tokens"], losses) == (sent, lost)


@pytest.mark.parametrize(
    ("wish", "flags", "limit", "thinking", "effort", "lost"),
    [
        (Reasoning(effort="high"), "adaptive_thinking", 99, {"type": "adaptive"}, "high", []),
        (Reasoning(effort="minimal"), "adaptive_thinking", 99, {"type": "adaptive"}, "low", ["reasoning_effort"]),
        (Reasoning(effort="xhigh"), "adaptive_thinking", 99, {"type": "adaptive"}, "high", ["reasoning_effort"]),
        (Reasoning(effort="xhigh"), "adaptive_thinking xhigh_effort", 99, {"type": "adaptive"}, "xhigh", []),
        (Reasoning(budget=9000), "adaptive_thinking", 99, {"type": "adaptive"}, "high", ["reasoning_effort"]),
        (
            Reasoning(visible=True),
            "adaptive_thinking",
            99,
            {"type": "adaptive", "display": "summarized"},
            None,
            [],
        ),
        (Reasoning(effort="none"), "adaptive_thinking", 99, {"type": "disabled"}, None, []),
        (Reasoning(budget=2000), "", 8000, {"type": "enabled", "budget_tokens": 2000}, None, []),
        (Reasoning(budget=8000), "", 8000, {"type": "enabled", "budget_tokens": 7999}, None, ["reasoning_effort"]),
        (Reasoning(budget=5), "", 8000, {"type": "enabled", "budget_tokens": 1024}, None, ["reasoning_effort"]),
        (Reasoning(effort="max"), "", 8000, {"type": "enabled", "budget_tokens": 6000}, None, ["reasoning_effort"]),
        (Reasoning(effort="low"), "", 1024, None, None, ["reasoning"]),
        (Reasoning(), "", 8000, None, None, []),
        (Reasoning(effort="high"), "no_thinking", 8000, None, None, ["reasoning"]),
        (Reasoning(effort="none"), "no_thinking", 8000, None, None, []),
    ],
)
def test_reasoning_is_asked_for_as_the_model_takes_it(
    wish: Reasoning, flags: str, limit: int, thinking: dict[str, Any] | None, effort: str | None, lost: list[str]
) -> None:  # TRAPS 18
    found, losses = write(flags=frozenset(flags.split()), max_output=limit, reasoning=wish)
    assert found.get("thinking") == thinking
    assert found.get("output_config", {}).get("effort") == effort
    assert losses == lost


def test_a_budget_cannot_go_on_with_a_turn_thought_by_another() -> None:  # TRAPS 14
    call = ToolCall("c", "f", "{}")
    result = Turn("user", (ToolResult("c", (Text("r"),)),))
    wish = Reasoning(budget=2000)
    found, lost = write((*HI, Turn("assistant", (call,)), result), max_output=8000, reasoning=wish)
    assert "thinking" not in found
    assert lost == ["reasoning"]
    own = (Thinking("t", "s", MAKER), call)
    found, lost = write((*HI, Turn("assistant", own), result), max_output=8000, reasoning=wish)
    assert found["thinking"]["budget_tokens"] == 2000
    assert lost == []


@pytest.mark.parametrize(
    ("fields", "flags", "sent", "lost"),
    [
        ({"temperature": 1.7}, "", {"temperature": 1.0}, ["temperature"]),
        ({"temperature": 0.5, "top_k": 4}, "", {"temperature": 0.5, "top_k": 4}, []),
        ({"temperature": 0.5, "top_p": 0.5}, "", {"temperature": 0.5}, ["sampling.top_p"]),
        ({"temperature": 0.5, "top_p": 1.0}, "", {"temperature": 0.5}, []),
        ({"top_p": 0.5}, "", {"top_p": 0.5}, []),
        (
            {"temperature": 0.5, "top_p": 0.5, "top_k": 4},
            "no_sampling",
            {},
            ["sampling.temperature", "sampling.top_p", "sampling.top_k"],
        ),
        ({"temperature": 1.0, "top_p": 1.0}, "no_sampling", {}, []),
        (
            {"temperature": 0.2, "reasoning": Reasoning(effort="low")},
            "adaptive_thinking",
            {},
            ["sampling.temperature"],
        ),
    ],
)
def test_sampling_is_sent_where_it_is_taken(
    fields: dict[str, Any], flags: str, sent: dict[str, Any], lost: list[str]
) -> None:  # TRAPS 24
    found, losses = write(flags=frozenset(flags.split()), **fields)
    assert {name: found[name] for name in ("temperature", "top_p", "top_k") if name in found} == sent
    assert losses == lost


def test_tools_and_their_choice_are_written() -> None:  # TRAPS 12, 13
    tools = (Tool("a"), Tool("b", "d", b'{"properties":{"x":{"type":"string","minLength":2}}}', strict=True))
    found, lost = write(tools=tools, tool_choice="required", parallel=False)
    assert found["tools"][0] == {"name": "a", "input_schema": {"type": "object", "properties": {}}}
    assert found["tools"][1]["strict"]
    assert found["tools"][1]["input_schema"] == {
        "type": "object",
        "properties": {"x": {"type": "string"}},
        "additionalProperties": False,
    }
    assert found["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert lost == ["schema_keywords.minLength"]
    assert write(tools=tools[:1], tool_choice="none", parallel=True)[0]["tool_choice"] == {"type": "none"}
    assert write(tools=tools[:1], tool_choice="tool", tool_name="a")[0]["tool_choice"] == {"type": "tool", "name": "a"}
    assert "tool_choice" not in write(tool_choice="none")[0]


def test_tools_called_before_are_declared_though_none_may_be_called() -> None:
    calls = (ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}"))
    results = (ToolResult("c", (Text("r"),)), ToolResult("d", (Text("s"),)))
    found = write((*HI, Turn("assistant", calls), Turn("user", results)))[0]
    assert found["tools"] == [{"name": "f", "input_schema": {"type": "object"}}]
    assert found["tool_choice"] == {"type": "none"}
    assert "tools" not in write()[0]


def test_nobody_who_reasons_is_made_to_call_a_tool() -> None:
    found, lost = write(flags=ADAPTIVE, tools=(Tool("a"),), tool_choice="required", reasoning=Reasoning(effort="low"))
    assert found["tool_choice"] == {"type": "auto"}
    assert lost == ["tool_choice"]


def test_tools_of_other_providers_are_refused_by_name() -> None:  # TRAPS 11
    with pytest.raises(BadRequest, match="code_interpreter"):
        write(foreign_tools=(neutral.ForeignTool("openai_responses", "code_interpreter", b"{}"),))
    own = b'{"type":"web_search_20250305","name":"web_search"}'
    assert write(foreign_tools=(neutral.ForeignTool(MAKER, "web_search_20250305", own),))[0]["tools"] == [
        json.loads(own)
    ]


def test_forms_of_answers_are_enforced_or_asked_for() -> None:  # TRAPS 27
    form = Format(b'{"type":"object","properties":{"a":{"type":"integer","minimum":1}},"additionalProperties":false}')
    found, lost = write(format=form)
    assert found["output_config"]["format"]["schema"]["properties"] == {"a": {"type": "integer"}}
    assert lost == ["schema_keywords.minimum"]
    found, lost = write(format=form, flags=frozenset({"no_structured"}))
    assert '"minimum":1' in found["system"]
    assert lost == ["schema"]
    found, lost = write((Turn("system", (Text("s"),)), *HI), format=Format())
    assert found["system"][0]["text"] == "s"
    assert "JSON" in found["system"][1]["text"]
    assert lost == ["json_object"]


def test_what_has_no_place_is_told() -> None:  # TRAPS 24, 25
    found, lost = write(
        stop=("END", "\n"),
        user="u1",
        seed=4,
        presence_penalty=0.5,
        verbosity="low",
        others={"logit_bias": b"{}", "store": b"true"},
    )
    assert found["stop_sequences"] == ["END"]
    assert found["metadata"] == {"user_id": "u1"}
    assert lost == ["stop", "seed", "penalties", "verbosity", "logit_bias", "field.store"]
    for refused in ({"answers": 2}, {"logprobs": True}):
        with pytest.raises(BadRequest, match="anthropic_messages"):
            write(**refused)
