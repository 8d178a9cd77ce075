"""Streamed answers of Responses, from and to neutral events."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from fairlead.core.record import Usage
from fairlead.dialects import neutral
from fairlead.dialects.neutral import Begin, Broken, Close, Delta, End, Finish, Open, Sign, Used
from fairlead.dialects.openai_responses.answer import read_answer, write_answer
from fairlead.dialects.openai_responses.native import ResponsesView
from fairlead.dialects.openai_responses.stream import Interpreter, Writer
from fairlead.dialects.translating import Translating
from tests.dialects.openai_responses.recordings import STREAMS, asked, compact, event, events_of, said, view

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
BEGUN = event("response.created", response={"id": "resp_1", "model": "m", "created_at": 5})
USAGE = {"input_tokens": 3, "output_tokens": 4}
DONE = event("response.completed", response={"status": "completed", "output": [], "usage": USAGE})


def read(*events: bytes) -> list[neutral.Event]:
    interpreter = Interpreter()
    return [found for one in events for found in interpreter.read(one)]


def write(*events: neutral.Event, given: ResponsesView | None = None) -> list[dict[str, Any]]:
    writer = Writer(asked(given))
    found = events_of(b"".join(writer.write(one) for one in (Begin("x", "y"), *events)))
    for one in found:
        EVENT.validate_python(one)
    return found


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [one["type"].removeprefix("response.") for one in events]


def text(
    index: int, *pieces: str, kind: neutral.Kind = "text", tool: tuple[str, str] = ("", "")
) -> list[neutral.Event]:
    return [Open(index, kind, *tool), *(Delta(index, kind, orjson.dumps(piece)) for piece in pieces), Close(index)]


# ---- reading


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 333])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_recorded_stream_says_something_else(name: str, size: int, ends: bytes) -> None:  # TRAPS 31
    stream = STREAMS[name].replace(b"\n", ends)
    reader = Translating(Interpreter(), Writer(asked()))
    out = b"".join(reader.feed(stream[at : at + size]) for at in range(0, len(stream), size)) + reader.end()
    assert (reader.done, reader.ended, reader.error) == (True, True, "")
    recorded = json.loads(STREAMS[name].rpartition(b"data: ")[2])["response"]
    found = events_of(out)
    for one in found:
        EVENT.validate_python(one)
    assert found[-1]["type"] == "response.completed"
    assert said(found[-1]["response"]["output"]) == said(recorded["output"])
    assert reader.usage == read_answer(compact(recorded)).usage


def test_events_are_read_as_others() -> None:
    added, done = "response.output_item.added", "response.output_item.done"
    call = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": ""}
    found = read(
        BEGUN,
        event(added, output_index=0, item={"type": "reasoning", "id": "rs_1", "summary": []}),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="one"),
        event("response.reasoning_summary_text.delta", output_index=0, summary_index=1, delta="two"),
        event(done, output_index=0, item={"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}),
        event(added, output_index=1, item={"type": "message", "content": []}),
        event("response.output_text.delta", output_index=1, content_index=0, delta="né", obfuscation="xyz"),
        event("response.refusal.delta", output_index=1, content_index=1, delta="no"),
        event(done, output_index=1, item={"type": "message", "content": [{"type": "output_text", "text": "né"}]}),
        event(added, output_index=2, item=call),
        event(added, output_index=3, item={**call, "call_id": "c2", "namespace": "ns"}),
        event("response.function_call_arguments.delta", output_index=2, delta='{"a":1}'),
        event(done, output_index=2, item=call),
        event(done, output_index=3, item=call),
        DONE,
    )  # fmt: skip
    assert found == [
        Begin("resp_1", "m", 5),
        Open(0, "thinking"),
        Delta(0, "thinking", b'"one"'),
        Delta(0, "thinking", b'"\\n\\n"'),
        Delta(0, "thinking", b'"two"'),
        Sign(0, "fl1.openai_responses.gAAA"),
        Close(0),
        Open(1, "text"),
        Delta(1, "text", '"né"'.encode()),
        Close(1),
        Open(2, "refusal"),
        Delta(2, "refusal", b'"no"'),
        Close(2),
        Open(3, "tool", "c1", "f"),
        Open(4, "tool", "c2", "ns__f"),
        Delta(3, "tool", b'"{\\"a\\":1}"'),
        Close(3),
        Delta(4, "tool", b'"{}"'),
        Close(4),
        Used(Usage(3, 4)),
        Finish("tool_use"),
        End(),
    ]


def test_what_was_never_streamed_is_lost() -> None:
    message = {"type": "message", "content": [{"type": "output_text", "text": "a"}]}
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "x"}
    output = [{"type": "reasoning", "summary": [{"text": "t"}]}, message, custom]
    last = event("response.completed", response={"output": output})
    items = [event("response.output_item.done", output_index=at, item=item) for at, item in enumerate(output)]
    for stream in ((BEGUN, last), (BEGUN, *items, last)):
        found = read(*stream)
        assert [one.data for one in found if isinstance(one, Delta)] == [b'"t"', b'"a"', b'"{\\"input\\":\\"x\\"}"']
        assert found[-2:] == [Finish("tool_use"), End()]


@pytest.mark.parametrize(
    ("last", "message", "code"),
    [
        (event("response.failed", response={"error": {"message": "no", "code": "x"}}), "no", "x"),
        (event("error", message="no", code=7), "no", "7"),
        (event("error", error={"message": "no", "code": "x"}), "no", "x"),
        (event("error", message={"odd": 1}), "the provider gave no reason", ""),
    ],
)
def test_an_error_in_the_stream_is_not_told(last: bytes, message: str, code: str) -> None:  # TRAPS 32
    assert read(BEGUN, last)[-1] == Broken(message, code)


@pytest.mark.parametrize(
    "odd",
    [
        b": ping\n\n",
        b"data: \n\n",
        b"data: [DONE]\n\n",
        event("response.hologram", output_index="three"),
        event("response.output_text.delta", delta=None),
        event("response.function_call_arguments.delta", output_index=9, delta="{}"),
        event("response.output_text.annotation.added", annotation={}),
    ],
)
def test_what_is_not_known_stops_the_stream(odd: bytes) -> None:
    assert read(BEGUN, odd) == read(BEGUN)


@pytest.mark.parametrize(
    "wrong",
    [
        b"data: {\n\n", b"data: 7\n\n", event("response.output_text.delta", delta=7), b'data: {"type":"x","a":"\xff"}\n\n',
        event("response.output_item.done", output_index="three", item={}),
    ],
)  # fmt: skip
def test_what_is_no_event_is_read(wrong: bytes) -> None:
    with pytest.raises(ValueError):
        read(BEGUN, wrong)


def test_a_cut_stream_looks_whole() -> None:  # TRAPS 32
    reader = Translating(Interpreter(), Writer(asked()))
    out = reader.feed(BEGUN + event("response.output_text.delta", delta="a")) + reader.end()
    assert not reader.ended
    assert kinds(events_of(out))[-1] == "output_text.delta"


# ---- writing


def test_a_stream_is_written_as_another() -> None:
    found = write(
        *text(0, "hm", kind="thinking")[:-1], Sign(0, "fl1.anthropic_messages.sig"), Close(0), *text(1, "a", "b"),
        *text(2, "c"), *text(3, '{"a"', ":1}", kind="tool", tool=("c1", "f")), Used(Usage(3, 4)), Finish("tool_use"), End(),
    )  # fmt: skip
    assert kinds(found) == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.done",
        "reasoning_summary_part.done", "output_item.done",
        "output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done",
        "content_part.done", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "output_item.done",
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    whole = found[-1]["response"]
    assert [one["item"] for one in found if one["type"] == "response.output_item.done"] == whole["output"]
    assert [one["output_index"] for one in found if one["type"] == "response.output_item.added"] == [0, 1, 2]
    assert [one["content_index"] for one in found if one["type"] == "response.content_part.added"] == [0, 1]
    answer = neutral.Answer(
        id="x", model="y", stop="tool_use", usage=Usage(3, 4),
        blocks=(
            neutral.Thinking("hm", "sig", "anthropic_messages"), neutral.Text("ab"), neutral.Text("c"),
            neutral.ToolCall("c1", "f", '{"a":1}'),
        ),
    )  # fmt: skip
    assert whole == json.loads(write_answer(answer, asked()))


def test_calls_beside_each_other_are_mixed_up() -> None:  # TRAPS 6
    found = write(
        Open(0, "tool", "c1", "f"), Open(1, "tool", "c2", "g"), Delta(1, "tool", b'"{"'), Delta(0, "tool", b'"[]"'),
        Delta(1, "tool", b'"}"'), Close(0), Close(1), Finish("tool_use"), End(),
    )  # fmt: skip
    told = [(one["output_index"], one["item_id"], one["delta"]) for one in found if "delta" in one]
    assert told == [(1, "fc_r1_1", "{"), (0, "fc_r1_0", "[]"), (1, "fc_r1_1", "}")]
    assert said(found[-1]["response"]["output"])[1] == [("c1", "f", "[]"), ("c2", "g", "{}")]


def test_a_text_tool_is_told_as_a_function() -> None:
    given = view(tools=[{"type": "custom", "name": "patch"}])
    pieces = ('{"inp', 'ut":"a\\nb"}')
    found = write(*text(0, *pieces, kind="tool", tool=("c1", "patch")), Finish("tool_use"), End(), given=given)
    assert kinds(found)[3:6] == ["custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done"]
    assert [one["delta"] for one in found if "delta" in one] == ["a\nb"]
    item = found[-1]["response"]["output"][0]
    assert (item["type"], item["id"], item["call_id"], item["input"]) == ("custom_tool_call", "ctc_r1_0", "c1", "a\nb")


def test_a_calls_signature_is_lost() -> None:  # TRAPS 15
    found = write(
        Open(0, "tool", "c1", "f"), Delta(0, "tool", b'"{}"'), Sign(0, "fl1.gemini.sig"), Close(0), Finish("tool_use"), End()
    )  # fmt: skip
    call, sign = found[-1]["response"]["output"]
    assert sign["encrypted_content"] == "fl1.gemini+call=c1.sig"
    back = view(input=[{"role": "user", "content": "x"}, call, sign]).neutral().turns[1].blocks
    assert back == (neutral.ToolCall("c1", "f", "{}", "sig", "gemini"),)


@pytest.mark.parametrize(("stop", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_a_cut_answer_ends_as_a_whole_one(stop: neutral.Stop, reason: str) -> None:  # TRAPS 19
    found = write(*text(0, "a"), Finish(stop), End())
    assert kinds(found)[-2:] == ["output_item.done", "incomplete"]
    assert found[-2]["item"]["status"] == "incomplete"
    assert found[-1]["response"]["incomplete_details"] == {"reason": reason}


def test_a_broken_stream_looks_whole() -> None:
    found = write(*text(0, "a"), Broken("gone", "server_error"))
    assert kinds(found)[-1] == "failed"
    assert found[-1]["response"]["error"] == {"code": "server_error", "message": "gone"}


def test_a_refusal_is_told_as_text() -> None:  # TRAPS 28
    found = write(*text(0, "no", kind="refusal"), Finish("refusal"), End())
    assert kinds(found)[4:7] == ["refusal.delta", "refusal.done", "content_part.done"]
    assert found[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]


def test_characters_in_two_halves_are_broken() -> None:
    found = write(Open(0, "text"), Delta(0, "text", b'"\\ud83d"'), Delta(0, "text", b'"\\ude00"'), Close(0), Finish("end"), End())  # fmt: skip
    assert found[-1]["response"]["output"][0]["content"][0]["text"] == "😀"


WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
BLOCKS = st.lists(
    st.tuples(st.sampled_from(["text", "thinking", "refusal", "tool"]), st.lists(WORDS, min_size=1, max_size=3)), max_size=5
)  # fmt: skip


@settings(max_examples=150)
@given(BLOCKS)
def test_what_is_written_is_read_as_something_else(blocks: list[tuple[neutral.Kind, list[str]]]) -> None:
    events: list[neutral.Event] = [Begin("x", "y")]
    for index, (kind, pieces) in enumerate(blocks):
        events += text(index, *pieces, kind=kind, tool=(f"c{index}", "f") if kind == "tool" else ("", ""))
    events += [Used(Usage(3, 4)), Finish("end"), End()]
    writer = Writer(asked())
    stream = b"".join(writer.write(one) for one in events)
    for one in events_of(stream):
        EVENT.validate_python(one)
    told: list[list[str]] = []
    for found in read(*[part + b"\n\n" for part in stream.split(b"\n\n")[:-1]]):
        if isinstance(found, Open):
            told.append([found.kind, ""])
        elif isinstance(found, Delta):
            told[-1][1] += orjson.loads(found.data)
    wanted = [[kind, "".join(pieces) or ("{}" if kind == "tool" else "")] for kind, pieces in blocks]
    assert told == [one for one in wanted if one[1]]
