"""What is written for a provider of Chat Completions is what it takes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.dialects import neutral
from fairlead.dialects.dialect import Target
from fairlead.dialects.neutral import (
    Document,
    Format,
    Image,
    Reasoning,
    Request,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)  # fmt: skip
from fairlead.dialects.openai_chat.native import read_request
from fairlead.dialects.openai_chat.request import write_request
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest
from tests.dialects.recordings import captured_requests

HI = {"role": "user", "content": "hi"}


def write(request: Request, kind: str = "openai", *flags: str, **target: Any) -> tuple[dict[str, Any], dict[str, str]]:
    losses = Losses("openai_chat")
    body = write_request(request, Target(target.pop("model", "up"), kind, flags=frozenset(flags), **target), losses)
    return json.loads(body), dict(losses.found)


def request(*said: Turn, **fields: Any) -> Request:
    return Request(model="m", turns=said or (Turn("user", (Text("hi"),)),), **fields)


def messages(*said: Turn, kind: str = "openai") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = write(request(*said), kind)[0]["messages"]
    return found


def user(*said: neutral.Block) -> Turn:
    return Turn("user", said)


def assistant(*said: neutral.Block) -> Turn:
    return Turn("assistant", said)


def test_results_follow_their_calls_and_media_follow_the_results() -> None:  # TRAPS 10
    said = (
        user(Text("look")), assistant(Text("ok"), ToolCall("a", "shot", '{"x":1}')),
        user(ToolResult("a", (Text("seen"), Image("image/png", "AAAA")), "shot", error=True), Text("and?")),
    )  # fmt: skip
    body, lost = write(request(*said))
    assert body["messages"][1]["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "shot", "arguments": '{"x":1}'}}
    ]
    tool, after = body["messages"][2:]
    assert (tool["role"], tool["tool_call_id"]) == ("tool", "a")
    assert [part["text"] for part in tool["content"]] == ["Error:", "seen"]
    assert [part["type"] for part in after["content"]] == ["text", "image_url", "text"]
    assert lost == {"tool_result_media": "approximated", "tool_result_error": "approximated"}


def test_text_alone_is_a_string_and_much_of_it_is_joined_for_simple_servers() -> None:
    two = user(Text("a"), Text("b"))
    assert messages(user(Text("a")))[0]["content"] == "a"
    assert [part["text"] for part in messages(two)[0]["content"]] == ["a", "b"]
    assert messages(two, kind="deepseek")[0]["content"] == "a\n\nb"


def test_an_assistant_without_words_has_null_content() -> None:
    found = messages(user(Text("x")), assistant(ToolCall("a", "f", "")), user(ToolResult("a", (Text("1"),))))
    assert found[1]["content"] is None
    assert found[1]["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize("kind", ["deepseek", "moonshot", "zhipu"])
def test_reasoning_goes_back_to_those_who_want_their_own(kind: str) -> None:
    said = (
        user(Text("x")), assistant(Thinking("mine", origin="openai_chat"), ToolCall("a", "f", "{}")), user(ToolResult("a", (Text("1"),))),
        assistant(Thinking("not needed", origin="openai_chat"), Text("y")), user(Text("z")),
    )  # fmt: skip
    body, lost = write(request(*said), kind)
    assert body["messages"][1]["reasoning_content"] == "mine"
    assert "reasoning_content" not in body["messages"][3]
    assert lost == {}
    body, lost = write(request(*said), "openai")
    assert "mine" not in json.dumps(body)
    assert lost == {"thinking": "dropped"}


def test_reasoning_details_go_back_with_their_format() -> None:
    thought = Thinking("hm", "anthropic-claude-v1:sig", "openai_chat")
    hidden = Thinking("", ":blob", "openai_chat", True, "rs")
    foreign = Thinking("other", "s", "anthropic_messages")
    body, lost = write(
        request(user(Text("x")), assistant(thought, hidden, foreign, Text("y")), user(Text("z"))), "openrouter"
    )
    assert body["messages"][1]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "blob", "id": "rs", "index": 1},
    ]
    assert lost == {"thinking": "dropped"}


def test_ids_are_cut_to_what_a_provider_takes_on_both_sides() -> None:  # TRAPS 5
    for kind, limit in (("openai", 40), ("mistral", 9)):
        for name in ("toolu_" + "x" * 60, "call/with:odd signs", "abc"):
            said = (user(Text("x")), assistant(ToolCall(name, "f", "{}")), user(ToolResult(name, (Text("1"),))))
            found = messages(*said, kind=kind)
            written = found[1]["tool_calls"][0]["id"]
            assert found[2]["tool_call_id"] == written
            assert len(written) <= limit
            assert kind != "mistral" or (len(written) == 9 and written.isalnum())
    long = ["y" * 50 + end for end in "ab"]
    calls = messages(user(Text("x")), assistant(*(ToolCall(one, "f", "{}") for one in long)))[1]["tool_calls"]
    assert calls[0]["id"] != calls[1]["id"]


@pytest.mark.parametrize(
    ("wish", "kind", "fields", "lost"),
    [
        (Reasoning("high"), "openai", {"reasoning_effort": "high"}, False),
        (Reasoning("max"), "openai", {"reasoning_effort": "xhigh"}, True),
        (Reasoning(budget=4000), "openai", {"reasoning_effort": "low"}, True),
        (Reasoning(), "openai", {}, False),
        (Reasoning("minimal"), "groq", {"reasoning_effort": "low"}, True),
        (Reasoning(budget=4000), "openrouter", {"reasoning": {"max_tokens": 4000}}, False),
        (Reasoning("none"), "deepseek", {"thinking": {"type": "disabled"}}, False),
        (Reasoning("low"), "deepseek", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, True),
        (Reasoning("none"), "zhipu", {"thinking": {"type": "disabled"}}, False),
        (Reasoning(), "zhipu", {"thinking": {"type": "enabled"}}, False),
        (Reasoning("low"), "zhipu", {"thinking": {"type": "enabled"}}, True),
        (Reasoning(budget=9), "dashscope", {"enable_thinking": True, "thinking_budget": 9}, False),
        (Reasoning("none"), "dashscope", {"enable_thinking": False}, False),
    ],
)
def test_reasoning_is_asked_for_in_the_providers_spelling(
    wish: Reasoning, kind: str, fields: dict[str, Any], lost: bool
) -> None:  # TRAPS 18
    body, losses = write(request(reasoning=wish), kind)
    knobs = ("reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget")
    assert {key: body[key] for key in knobs if key in body} == fields
    assert ("reasoning_effort" in losses) is lost


def test_a_model_without_reasoning_is_not_asked_for_any() -> None:
    body, lost = write(request(reasoning=Reasoning("high")), model="gpt-4o-mini")
    assert "reasoning_effort" not in body
    assert lost == {"reasoning": "dropped"}


def test_a_reasoning_model_is_given_no_sampling() -> None:  # TRAPS 24
    wishes = request(temperature=0.2, top_p=0.5, presence_penalty=1, stop=("a",), max_output=9)
    body, lost = write(wishes, "openai", "no_sampling", max_tokens_field="max_completion_tokens")
    assert body == {"model": "up", "messages": [HI], "max_completion_tokens": 9}
    assert set(lost) == {"sampling", "penalties", "stop"}
    assert write(request(temperature=1.0), "openai", "no_sampling")[1] == {}
    with pytest.raises(BadRequest):
        write(request(logprobs=True), "openai", "no_sampling")


def test_limits_have_the_providers_name_and_the_models_size() -> None:  # TRAPS 23
    assert write(request(max_output=9), "openai")[0]["max_tokens"] == 9
    body, lost = write(
        request(max_output=128_000), "openai", max_tokens_field="max_completion_tokens", max_output=16_384
    )
    assert body["max_completion_tokens"] == 16_384
    assert lost == {"max_output": "approximated"}


def test_stop_words_are_the_first_four() -> None:  # TRAPS 25
    body, lost = write(request(stop=("a", "", "b", "c", "d", "e")))
    assert body["stop"] == ["a", "b", "c", "d"]
    assert lost == {"stop": "approximated"}
    assert write(request(stop=("a",)))[1] == {}


def test_usage_is_always_asked_for_on_streams() -> None:  # TRAPS 22
    assert write(request(stream=True))[0]["stream_options"] == {"include_usage": True}
    assert "stream_options" not in write(request(stream=True), "mistral")[0]
    assert "stream_options" not in write(request())[0]


def test_a_model_without_instructions_gets_them_as_the_users() -> None:  # TRAPS 1
    body, lost = write(request(Turn("system", (Text("s"),)), user(Text("x"))), "openai", "no_system")
    assert [one["role"] for one in body["messages"]] == ["user", "user"]
    assert lost == {"system_role": "approximated"}
    later = (user(Text("x")), Turn("system", (Text("s"),)), user(Text("y")))
    assert [one["role"] for one in messages(*later, kind="mistral")] == ["system", "user", "user"]
    assert [one["role"] for one in messages(*later)] == ["user", "system", "user"]


def test_the_last_turn_of_an_assistant_is_marked_or_told() -> None:
    said = (user(Text("x")), assistant(Text("once")))
    assert messages(*said, kind="mistral")[-1]["prefix"] is True
    assert write(request(*said))[1] == {"last_assistant_turn": "approximated"}


def test_schemas_are_sent_where_they_are_held_to() -> None:  # TRAPS 27
    form = Format(b'{"type": "object"}', "a name!", "", True)
    body, lost = write(request(format=form))
    assert body["response_format"] == {
        "type": "json_schema", "json_schema": {"name": "a_name_", "schema": {"type": "object"}, "strict": True},
    }  # fmt: skip
    assert lost == {}
    body, lost = write(request(format=form), "deepseek")
    assert body["response_format"] == {"type": "json_object"}
    assert '{"type": "object"}' in body["messages"][0]["content"]
    assert lost == {"schema": "approximated"}
    assert "JSON" in write(request(format=Format()))[0]["messages"][0]["content"]
    assert write(request(user(Text("as json")), format=Format()))[1] == {}


def test_tools_are_sent_with_their_choice() -> None:
    tools = (Tool("f", "d", b'{"type":"object"}', True), Tool("g"))
    body, lost = write(request(tools=tools, tool_choice="tool", tool_name="f", parallel=False), "groq")
    assert body["tools"][0]["function"] == {
        "name": "f",
        "description": "d",
        "parameters": {"type": "object"},
        "strict": True,
    }
    assert body["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert body["parallel_tool_calls"] is False
    assert lost == {}
    assert "parallel_tool_calls" not in write(request(parallel=True, tool_choice="auto"))[0]


def test_what_another_dialect_runs_itself_is_refused_by_name() -> None:  # TRAPS 11
    for dialect, kind in (("anthropic_messages", "web_search_20250305"), ("openai_chat", "web_search_options")):
        with pytest.raises(BadRequest) as caught:
            write(request(foreign_tools=(neutral.ForeignTool(dialect, kind, b"{}"),)))
        assert kind in caught.value.message


def test_custom_tools_stay_what_they_are() -> None:
    raw = b'{"type":"custom","custom":{"name":"patch"}}'
    said = (user(Text("x")), assistant(ToolCall("a", "patch", "*** Begin")), user(ToolResult("a", (Text("1"),))))
    body, _ = write(request(*said, foreign_tools=(neutral.ForeignTool("openai_chat", "custom", raw),)))
    assert body["messages"][1]["tool_calls"][0] == {
        "id": "a", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"},
    }  # fmt: skip


def test_documents_are_files_or_text_or_refused() -> None:
    pdf = Document("application/pdf", "JVBE", name="a.pdf")
    assert messages(user(pdf))[0]["content"][0]["file"]["file_data"] == "data:application/pdf;base64,JVBE"
    plain = Document("text/plain", base64.b64encode("grüß".encode()).decode(), name="n.txt")
    assert messages(user(plain))[0]["content"] == "n.txt:\ngrüß"
    for kind, document in (("deepseek", pdf), ("openai", Document(url="https://x.test/a.pdf"))):
        with pytest.raises(BadRequest):
            messages(user(document), kind=kind)


def test_cache_marks_are_sent_where_they_are_known() -> None:
    said = user(Text("x", "1h"))
    assert messages(said, kind="openrouter")[0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert write(request(said))[1] == {"cache_marks": "dropped"}


def test_fields_of_others_are_sent_only_where_they_mean_the_same() -> None:
    others = {"store": b"false", "include": b"[]", "service_tier": b'"standard_only"', "metadata": b'{"a":"b"}'}
    body, lost = write(request(others=others))
    assert (body["store"], body["metadata"]) == (False, {"a": "b"})
    assert lost == {"field.include": "dropped", "field.service_tier": "dropped"}
    assert set(write(request(others=others), "groq")[1]) == {f"field.{name}" for name in others}


@pytest.mark.parametrize("kind", ["openai", "groq"])
@given(arguments=st.text(st.characters(codec="utf-8"), max_size=20))
def test_arguments_a_model_wrote_badly_break_nothing(kind: str, arguments: str) -> None:  # TRAPS 9
    said = (user(Text("x")), assistant(ToolCall("a", "f", arguments)), user(ToolResult("a", (Text("1"),))))
    found = messages(*said, kind=kind)[1]["tool_calls"][0]["function"]["arguments"]
    if kind == "groq":
        assert isinstance(json.loads(found), dict)
    else:
        assert found == (arguments or "{}")


# ---- what clients really send


CAPTURED = dict(captured_requests())


@pytest.mark.parametrize("name", CAPTURED)
def test_captured_requests_keep_their_meaning_when_written_anew(name: str) -> None:
    begun = read_request(json.dumps(CAPTURED[name]).encode()).neutral()
    losses = Losses("openai_chat")
    again = read_request(write_request(begun, Target(begun.model, "openai"), losses)).neutral()
    assert begun.turns
    if not losses.found:
        assert again == begun
    for kind in ("deepseek", "mistral", "openrouter", "vllm"):
        write_request(begun, Target(begun.model, kind), Losses("openai_chat"))
