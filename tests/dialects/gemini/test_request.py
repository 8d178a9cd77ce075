"""Requests to and from Gemini keep what they mean, and what Gemini cannot be told is named."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fairlead.dialects import neutral, signatures
from fairlead.dialects.dialect import Target
from fairlead.dialects.gemini import native, parts
from fairlead.dialects.gemini.request import read, write_request
from fairlead.dialects.neutral import (
    Audio,
    Block,
    Document,
    Foreign,
    ForeignTool,
    Format,
    Image,
    Reasoning,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from fairlead.dialects.repair import merged
from fairlead.dialects.translate import Losses
from fairlead.errors import BadRequest
from tests.dialects.gemini.recordings import REQUESTS, model_of

NEW, OLD = Target("gemini-3.8-flash", "gemini"), Target("gemini-2.5-flash", "gemini")
HI = Turn("user", (Text("hi"),))


def reads(body: dict[str, Any], model: str = "gemini-3.8-flash") -> neutral.Request:
    return read(native.read_request(json.dumps(body).encode(), model))


def writes(request: neutral.Request, target: Target = NEW) -> tuple[dict[str, Any], Losses]:
    losses = Losses("gemini")
    written: dict[str, Any] = json.loads(write_request(request, target, losses))
    return written, losses


def asks(*turns: Turn, **more: Any) -> neutral.Request:
    return neutral.Request(model="m", turns=turns or (HI,), **more)


# ---- reading


def test_calls_without_ids_are_matched_by_name_and_order() -> None:  # TRAPS 5
    body = {
        "contents": [
            {"parts": [{"text": "go"}]},
            {
                "role": "model",
                "parts": [{"functionCall": {"name": name, "args": {"n": n}}} for n, name in enumerate("aba")],
            },
            {"role": "user", "parts": [{"functionResponse": {"name": n, "response": {"result": n}}} for n in "aab"]},
        ]
    }
    calls = [block.id for block in reads(body).turns[1].blocks if isinstance(block, ToolCall)]
    results = [(block.id, block.name) for block in reads(body).turns[2].blocks if isinstance(block, ToolResult)]
    assert calls == ["call_0_a", "call_1_b", "call_2_a"]
    assert results == [("call_0_a", "a"), ("call_2_a", "a"), ("call_1_b", "b")]


def test_a_role_may_be_missing_or_function_but_nothing_else() -> None:
    body = {
        "contents": [
            {"parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
            {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
        ]
    }
    assert [turn.role for turn in reads(body).turns] == ["user", "assistant", "user"]
    body["contents"][0]["role"] = "system"
    with pytest.raises(BadRequest, match=r"contents\[0\].role"):
        reads(body)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"result": "sunny"}, ("sunny", False)),
        ({"output": "sunny"}, ("sunny", False)),
        ({"name": "f", "content": "sunny"}, ("sunny", False)),
        ({"error": "no such city"}, ("no such city", True)),
        ({"temp": 3}, ('{"temp":3}', False)),
        ({"result": 3}, ('{"result":3}', False)),
        ({"name": "other", "content": "x"}, ('{"name":"other","content":"x"}', False)),
    ],
)
def test_a_result_is_its_text_where_it_holds_nothing_else(response: dict[str, Any], expected: tuple[str, bool]) -> None:
    body = b'{"contents":[{"parts":[{"functionResponse":{"name":"f","response":%b}}]}]}'
    raw = json.dumps(response, separators=(",", ":")).encode()
    (block,) = read(native.read_request(body % raw, "m")).turns[0].blocks
    assert isinstance(block, ToolResult)
    assert (block.content, block.error) == ((Text(expected[0]),), expected[1])


def test_media_are_read_by_their_type_in_the_alphabet_all_know() -> None:  # TRAPS 26
    data = base64.urlsafe_b64encode(b"\xff\xef\xbe" * 3).decode()
    sent = ["image/png", "audio/mpeg", "application/pdf", "video/mp4"]
    body = {"contents": [{"parts": [{"inline_data": {"mime_type": mime, "data": data}} for mime in sent]}]}
    image, audio, pdf, video = reads(body).turns[0].blocks
    standard = base64.b64encode(b"\xff\xef\xbe" * 3).decode()
    assert image == Image("image/png", standard)
    assert audio == Audio("mp3", standard)
    assert pdf == Document("application/pdf", standard)
    assert video == Document("video/mp4", standard)


def test_schemas_of_google_become_json_schemas() -> None:  # TRAPS 13
    schema = {
        "type": "OBJECT",
        "properties": {
            "type": {"type": "STRING", "nullable": True, "enum": ["a"]},
            "many": {"type": "ARRAY", "items": {"type": "INTEGER"}, "minItems": "1"},
            "nullable": {"anyOf": [{"type": "NUMBER"}], "nullable": True},
        },
        "propertyOrdering": ["type", "many"],
        "required": ["type"],
    }
    body = {
        "contents": [{"parts": [{"text": "x"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}],
    }
    assert json.loads(reads(body).tools[0].parameters) == {
        "type": "object",
        "properties": {
            "type": {"type": ["string", "null"], "enum": ["a", None]},
            "many": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "nullable": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
        "required": ["type"],
    }


@pytest.mark.parametrize("depth", [400, 900, 5000])
def test_schemas_nested_too_deeply_are_refused(depth: int) -> None:
    schema = b'{"items":' * depth + b"{}" + b"}" * depth
    body = b'{"contents":[{"parts":[{"text":"a"}]}],"tools":[{"functionDeclarations":[{"name":"f","parameters":%b}]}]}'
    with pytest.raises(BadRequest, match="deeply"):
        read(native.read_request(body % schema, "m"))


def test_names_that_users_gave_keep_their_spelling() -> None:
    schema = {"type": "object", "properties": {"mime_type": {"type": "string"}, "any_of": {"type": "string"}}}
    args = {"inline_data": 1, "file_uri": {"mime_type": 2}}
    body = {
        "contents": [
            {"parts": [{"text": "x"}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": args}}]},
        ],
        "tools": [{"function_declarations": [{"name": "f", "parameters": schema}]}],
    }
    request = reads(body)
    assert json.loads(request.tools[0].parameters) == schema
    (call,) = request.turns[1].blocks
    assert isinstance(call, ToolCall)
    assert json.loads(call.arguments) == args


@pytest.mark.parametrize(
    ("calling", "choice", "tools"),
    [
        ({"mode": "AUTO"}, ("auto", ""), "abc"),
        ({"mode": "VALIDATED"}, ("auto", ""), "abc"),
        ({"mode": "NONE"}, ("none", ""), "abc"),
        ({"mode": "any"}, ("required", ""), "abc"),
        ({"mode": "ANY", "allowedFunctionNames": ["b"]}, ("tool", "b"), "abc"),
        ({"mode": "ANY", "allowed_function_names": ["b", "c"]}, ("required", ""), "bc"),
    ],
)
def test_tool_choices(calling: dict[str, Any], choice: tuple[str, str], tools: str) -> None:  # TRAPS 12
    body = {
        "contents": [{"parts": [{"text": "x"}]}],
        "tools": [{"functionDeclarations": [{"name": name} for name in "abc"]}],
        "tool_config": {"function_calling_config": calling},
    }
    request = reads(body)
    assert (request.tool_choice, request.tool_name) == choice
    assert "".join(tool.name for tool in request.tools) == tools
    if len(tools) == 3:
        written = writes(request)[0]["toolConfig"]["functionCallingConfig"]
        assert written["mode"] == {"VALIDATED": "AUTO"}.get(calling["mode"].upper(), calling["mode"].upper())


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"thinkingLevel": "HIGH", "includeThoughts": True}, Reasoning("high", visible=True)),
        ({"thinking_budget": 2000}, Reasoning(budget=2000)),
        ({"thinkingBudget": 0}, Reasoning("none")),
        ({"thinkingBudget": -1}, Reasoning()),
    ],
)
def test_amounts_of_thinking_are_read(config: dict[str, Any], expected: Reasoning) -> None:  # TRAPS 18
    body = {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"thinkingConfig": config}}
    assert reads(body).reasoning == expected


def test_what_only_google_knows_is_kept_for_google_and_named_to_others() -> None:
    body = {
        "contents": [{"parts": [{"text": "x"}, {"executableCode": {"language": "PYTHON", "code": "1"}}]}],
        "tools": [{"googleSearch": {}}, {"url_context": {}}],
        "safety_settings": [{"category": "C", "threshold": "T"}],
        "generationConfig": {"mediaResolution": "LOW", "responseModalities": ["TEXT"]},
        "labels": {"team": "a"},
    }
    request = reads(body)
    assert [(tool.dialect, tool.kind) for tool in request.foreign_tools] == [
        ("gemini", "googleSearch"),
        ("gemini", "urlContext"),
    ]
    assert set(request.others) == {"safetySettings", "generationConfig.mediaResolution", "labels"}
    written, losses = writes(request)
    assert losses.found == {}
    assert written["tools"] == [{"googleSearch": {}}, {"urlContext": {}}]
    assert written["safetySettings"] == body["safety_settings"]
    assert written["generationConfig"] == {"mediaResolution": "LOW"}
    assert written["contents"][0]["parts"][1] == {"executableCode": {"language": "PYTHON", "code": "1"}}


# ---- writing


def test_results_of_one_turn_stand_in_one_content_in_order_with_their_names() -> None:  # TRAPS 3
    call = Turn("assistant", (ToolCall("x", "a", "{}"), ToolCall("y", "b", '{"n":1}')))
    results = (Turn("user", (ToolResult("y", (Text("2"),)),)), Turn("user", (ToolResult("x", (Text("1"),)),)))
    written, losses = writes(asks(HI, call, *results, Turn("user", (Text("go on"),))))
    assert losses.found == {}
    *_, model, user = written["contents"]
    assert [part["functionCall"]["name"] for part in model["parts"]] == ["a", "b"]
    assert [(part["functionResponse"]["id"], part["functionResponse"]["name"]) for part in user["parts"][:2]] == [
        ("x", "a"),
        ("y", "b"),
    ]
    assert user["parts"][2] == {"text": "go on"}
    assert user["parts"][0]["functionResponse"]["response"] == {"output": "1"}


def test_calls_of_others_get_the_mark_google_takes_in_place_of_a_signature() -> None:  # TRAPS 15
    call = Turn("assistant", (Text("ok"), ToolCall("x", "a", "{}"), ToolCall("y", "b", "{}")))
    model = writes(asks(HI, call))[0]["contents"][1]["parts"]
    assert model[1]["thoughtSignature"] == parts.UNVALIDATED
    assert "thoughtSignature" not in model[2]
    assert "thoughtSignature" not in json.dumps(writes(asks(HI, call), OLD)[0])
    own = Turn("assistant", (ToolCall("x", "a", "{}", "c2ln", "gemini"),))
    assert writes(asks(HI, own))[0]["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln"
    alien = Turn("assistant", (ToolCall("x", "a", "{}", "sig", "anthropic_messages"),))
    written, losses = writes(asks(HI, alien))
    assert written["contents"][1]["parts"][0]["thoughtSignature"] == parts.UNVALIDATED
    assert losses.found["thinking"] == "dropped"


def test_thoughts_go_back_to_their_maker_only() -> None:  # TRAPS 14
    turn = Turn(
        "assistant",
        (Thinking("mine", "c2ln", "gemini"), Thinking("yours", "s", "anthropic_messages"), Text("so"), Thinking("", "dGV4dA==", "gemini", True)),
    )  # fmt: skip
    written, losses = writes(asks(HI, turn, HI))
    assert written["contents"][1]["parts"] == [
        {"text": "mine", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "so", "thoughtSignature": "dGV4dA=="},
    ]
    assert losses.found == {"thinking": "dropped"}


def test_a_signature_of_another_maker_survives_googles_sdks() -> None:
    shown = parts.shown_signature("anthropic_messages", "sig+/==ü")
    assert base64.b64decode(shown, validate=True).decode() == signatures.pack("anthropic_messages", "sig+/==ü")
    for again in (shown, base64.urlsafe_b64encode(base64.b64decode(shown)).decode(), shown.rstrip("=")):
        assert parts.own_signature(again) == ("anthropic_messages", "sig+/==ü")
    assert parts.own_signature(parts.UNVALIDATED) == ("", "")


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a":1', "5", '{"a":1}}', "nothing"])
def test_arguments_that_are_no_object_are_sent_inside_one(text: str) -> None:  # TRAPS 7, 9
    written, losses = writes(asks(HI, Turn("assistant", (ToolCall("x", "a", text),))))
    args = written["contents"][1]["parts"][0]["functionCall"]["args"]
    assert args == ({"_raw": text} if text else {})
    assert ("tool_arguments.a" in losses.found) is bool(text)


@pytest.mark.parametrize(
    ("model", "reasoning", "config", "lost"),
    [
        ("gemini-3.8-flash", Reasoning("low"), {"thinkingLevel": "LOW"}, False),
        ("gemini-3.8-flash", Reasoning("max"), {"thinkingLevel": "HIGH"}, True),
        ("gemini-3.8-flash", Reasoning("none"), {"thinkingLevel": "MINIMAL"}, True),
        ("gemini-3-pro-preview", Reasoning("medium"), {"thinkingLevel": "HIGH"}, True),
        (
            "gemini-4-argon",
            Reasoning(budget=500, visible=True),
            {"includeThoughts": True, "thinkingLevel": "MINIMAL"},
            True,
        ),
        ("gemini-2.5-flash", Reasoning("none"), {"thinkingBudget": 0}, False),
        ("gemini-2.5-flash", Reasoning("high"), {"thinkingBudget": 24576}, False),
        ("gemini-2.5-flash", Reasoning(budget=99999), {"thinkingBudget": 24576}, True),
        ("gemini-2.5-pro", Reasoning("none"), {"thinkingBudget": 128}, True),
        ("gemini-2.5-flash", Reasoning(visible=True), {"includeThoughts": True}, False),
    ],
)
def test_amounts_of_thinking_are_said_in_the_models_words(
    model: str, reasoning: Reasoning, config: dict[str, Any], lost: bool
) -> None:  # TRAPS 18
    written, losses = writes(asks(reasoning=reasoning), Target(model, "gemini"))
    assert written["generationConfig"]["thinkingConfig"] == config
    assert ("reasoning_effort" in losses.found) is lost


def test_flags_overrule_the_models_name() -> None:
    budget = Target("my-tuned-model", "gemini", flags=frozenset({"thinking_budget"}))
    assert writes(asks(reasoning=Reasoning("low")), budget)[0]["generationConfig"]["thinkingConfig"] == {
        "thinkingBudget": 4096
    }
    none = Target("gemini-2.0-flash", "gemini")
    written, losses = writes(asks(reasoning=Reasoning("low")), none)
    assert "generationConfig" not in written
    assert losses.found == {"reasoning": "dropped"}


def test_structured_output() -> None:  # TRAPS 27
    schema = b'{"type":"object","properties":{"n":{"type":["integer","null"]}}}'
    config = writes(asks(format=Format(schema, "n")))[0]["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": json.loads(schema)}
    assert writes(asks(format=Format()))[0]["generationConfig"] == {"responseMimeType": "application/json"}


def test_older_models_are_told_the_form_where_they_have_tools() -> None:
    request = asks(format=Format(b'{"type":"object"}'), tools=(Tool("t"),))
    written, losses = writes(request, OLD)
    assert "generationConfig" not in written
    assert '{"type":"object"}' in written["systemInstruction"]["parts"][0]["text"]
    assert losses.found == {"form_with_tools": "approximated"}
    written, losses = writes(request)
    assert written["generationConfig"]["responseJsonSchema"] == {"type": "object"}
    assert losses.found == {}


def test_settings_are_said_and_what_cannot_be_is_named() -> None:  # TRAPS 24, 25
    request = asks(
        max_output=9, temperature=1.7, top_p=0.5, top_k=3, seed=4, presence_penalty=0.1, frequency_penalty=0.2,
        stop=("a", "", "b", "c", "d", "e", "f"), user="me", verbosity="low", parallel=False, tools=(Tool("t", strict=True),),
        others={"store": b"true"},
    )  # fmt: skip
    written, losses = writes(request, OLD)
    assert written["generationConfig"] == {
        "maxOutputTokens": 9, "temperature": 1.7, "topP": 0.5, "topK": 3, "seed": 4, "presencePenalty": 0.1,
        "frequencyPenalty": 0.2, "stopSequences": ["a", "b", "c", "d", "e"],
    }  # fmt: skip
    assert set(losses.found) == {"stop", "user", "verbosity", "parallel_tools", "strict_tools", "field.store"}
    assert writes(asks(tools=(Tool("t", strict=True),)))[0]["toolConfig"] == {
        "functionCallingConfig": {"mode": "VALIDATED"}
    }


@pytest.mark.parametrize(
    "request_",
    [
        asks(answers=2),
        asks(logprobs=True, stream=True),
        asks(foreign_tools=(ForeignTool("anthropic_messages", "web_search_20250305", b"{}"),)),
        asks(Turn("user", (Image(url="https://example.com/a.png"),))),
        asks(Turn("user", (Document(url="https://example.com/a.pdf"),))),
    ],
)
def test_what_would_change_the_answer_is_refused(request_: neutral.Request) -> None:
    with pytest.raises(BadRequest) as caught:
        writes(request_)
    assert caught.value.code == "not_translatable"


def test_media_go_by_their_bytes_or_as_googles_own_files() -> None:
    own = "https://generativelanguage.googleapis.com/v1beta/files/abc"
    blocks: tuple[Block, ...] = (
        Image("image/png", "AAAA"),
        Image(url="data:image/gif;base64,BBBB"),
        Image("image/png", url="gs://bucket/a.png"),
        Document(url=own),
        Document(text="words"),
        Audio("wav", "CCCC"),
    )
    assert writes(asks(Turn("user", blocks)))[0]["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"inlineData": {"mimeType": "image/gif", "data": "BBBB"}},
        {"fileData": {"fileUri": "gs://bucket/a.png", "mimeType": "image/png"}},
        {"fileData": {"fileUri": own}},
        {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode(b"words").decode()}},
        {"inlineData": {"mimeType": "audio/wav", "data": "CCCC"}},
    ]


def test_an_image_in_a_result_stays_in_it_where_the_model_can_see_it() -> None:  # TRAPS 10
    turns = (
        HI,
        Turn("assistant", (ToolCall("x", "look", "{}"),)),
        Turn("user", (ToolResult("x", (Text("a"), Image("image/png", "AA"))),)),
    )
    part = writes(asks(*turns))[0]["contents"][2]["parts"][0]["functionResponse"]
    assert part["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "AA"}}]
    written, losses = writes(asks(*turns), OLD)
    assert list(written["contents"][2]["parts"][1]) == ["inlineData"]
    assert losses.found == {"tool_result_media": "approximated"}


def test_instructions_go_in_front() -> None:  # TRAPS 1, 2
    billing = Turn("system", (Text("x-anthropic-billing-header: cc_version=1"), Text("be brief")))
    written, losses = writes(asks(billing, HI, Turn("system", (Text("later"),)), HI))
    assert written["systemInstruction"] == {"parts": [{"text": "be brief"}, {"text": "later"}]}
    assert losses.found == {"system_position": "approximated"}
    assert [content["role"] for content in written["contents"]] == ["user"]


def test_a_request_of_instructions_alone_is_still_one() -> None:
    written, _ = writes(asks(Turn("system", (Text("say hello"),))))
    assert written["contents"][0]["role"] == "user"


def test_foreign_content_is_dropped_by_name() -> None:
    _, losses = writes(asks(Turn("user", (Text("a"), Foreign("anthropic_messages", "server_tool_use", b"{}")))))
    assert losses.found == {"foreign_content.server_tool_use": "dropped"}


# ---- there and back

NOT_WRITTEN = {
    "vertex-gemini/error-400__gemini-3-flash-preview__9c949d",
}
"""An image by its address, and log probabilities."""


@pytest.mark.parametrize("name", REQUESTS)
def test_requests_of_real_clients_keep_their_meaning(name: str) -> None:
    url, body = REQUESTS[name]
    model = model_of(url)
    reader = native.read_count if "countTokens" in url else native.read_request
    request = read(reader(json.dumps(body).encode(), model))
    losses = Losses("gemini")
    if name in NOT_WRITTEN:
        with pytest.raises(BadRequest):
            write_request(request, Target(model, "gemini"), losses)
        return
    written = write_request(request, Target(model, "gemini"), losses)
    again = read(native.read_request(written, model))
    if not losses.found:
        assert again == replace(request, turns=merged(request.turns))


texts = st.text(min_size=1, max_size=20)
objects = st.dictionaries(texts, st.integers(-5, 5) | texts | st.none(), max_size=3).map(json.dumps)
said = st.lists(
    st.one_of(texts.map(Text), st.builds(Image, st.just("image/png"), st.just("AAAA"))), min_size=1, max_size=3
).map(tuple)
answered = st.lists(
    st.one_of(texts.map(Text), st.builds(Thinking, texts, st.just("c2ln"), st.just("gemini"))), min_size=1, max_size=3
).map(tuple)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    number = 0
    for _ in range(draw(st.integers(1, 4))):
        turns.append(Turn("user", draw(said)))
        blocks = draw(answered)
        calls = tuple(
            ToolCall(f"c{number + n}", draw(st.sampled_from(("f", "g"))), draw(objects), *draw(st.sampled_from((("", ""), ("c2ln", "gemini")))))
            for n in range(draw(st.integers(0, 3)))
        )  # fmt: skip
        number += len(calls)
        turns.append(Turn("assistant", blocks + calls))
        if calls:
            results = tuple(
                ToolResult(call.id, (Text(draw(st.one_of(texts, objects))),), call.name, draw(st.booleans()))
                for call in calls
            )
            turns += [Turn("user", results), Turn("assistant", (Text("done"),))]
    return tuple(turns)


@given(conversations())
def test_any_conversation_comes_back_as_it_was(turns: tuple[Turn, ...]) -> None:
    losses = Losses("gemini")
    written = write_request(asks(*turns), NEW, losses)
    assert losses.found == {}
    assert read(native.read_request(written, "m")).turns == merged(turns)
