"""Streams of Gemini become neutral events and the other way round, whatever the splits."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from fairlead.core.record import Usage
from fairlead.dialects import signatures, sse
from fairlead.dialects.gemini import parts
from fairlead.dialects.gemini.answer import read_answer
from fairlead.dialects.gemini.native import read_usage
from fairlead.dialects.gemini.partial import Gathered, Piece, path
from fairlead.dialects.gemini.stream import Interpreter, Writer
from fairlead.dialects.neutral import Begin, Broken, Close, Delta, End, Event, Finish, Open, Sign, Used
from fairlead.dialects.translating import Translating
from tests.dialects.gemini.recordings import STREAMS, asked


def chunk(parts_: list[dict[str, Any]] | None, finish: str | None = None, **more: Any) -> bytes:
    candidate: dict[str, Any] = {"index": 0}
    if parts_ is not None:
        candidate["content"] = {"parts": parts_, "role": "model"}
    if finish:
        candidate["finishReason"] = finish
    return (
        b"data: "
        + json.dumps({"candidates": [candidate], "responseId": "r1", "modelVersion": "g"} | more).encode()
        + b"\r\n\r\n"
    )


def reads(*chunks: bytes) -> list[Event]:
    interpreter = Interpreter()
    found = [event for one in chunks for event in interpreter.read(one)]
    return found + interpreter.end()


def writes(*events: Event, **generation: Any) -> list[dict[str, Any]]:
    writer = Writer(asked(**generation))
    out = b"".join(writer.write(event) for event in events)
    assert not out or out.endswith(b"\r\n\r\n")
    return [json.loads(data) for event in sse.split(out) if (data := sse.data(event)) is not None]


def parts_of(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for one in chunks for part in one["candidates"][0]["content"]["parts"]]


USED = {"promptTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 1, "totalTokenCount": 7}


def test_blocks_last_while_parts_of_a_kind_follow_each_other() -> None:
    found = reads(
        chunk([{"text": "hm", "thought": True}]),
        chunk([{"text": "m", "thought": True}]),
        chunk([{"text": "so", "thoughtSignature": "c2ln"}]),
        chunk([{"text": " it is"}], usageMetadata=USED),
        chunk([{"text": ""}], "STOP"),
    )
    assert found == [
        Begin("r1", "g"),
        Open(0, "thinking"),
        Delta(0, "thinking", b'"hm"'),
        Delta(0, "thinking", b'"m"'),
        Close(0),
        Open(1, "text"),
        Delta(1, "text", b'"so"'),
        Delta(1, "text", b'" it is"'),
        Close(1),
        Open(2, "thinking"),
        Sign(2, signatures.pack("gemini", "c2ln"), redacted=True),
        Close(2),
        Used(Usage(4, 3, 0, 0, 0, 1)),
        Finish("end"),
    ]


def test_calls_come_whole_and_with_their_signature() -> None:  # TRAPS 6, 7, 8, 15
    call = {"functionCall": {"name": "f", "args": {"a": "ü"}}, "thoughtSignature": "c2ln"}
    found = reads(chunk([{"text": "x"}, call, {"functionCall": {"name": "g", "id": "own"}}], "STOP"))
    assert found[3:] == [
        Close(0),
        Open(1, "tool", "call_r1_0", "f"),
        Delta(1, "tool", orjson.dumps(json.dumps({"a": "ü"}))),
        Sign(1, signatures.pack("gemini", "c2ln")),
        Close(1),
        Open(2, "tool", "own", "g"),
        Delta(2, "tool", b'"{}"'),
        Close(2),
        Finish("tool_use"),
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_arguments_in_pieces_are_gathered_even_where_the_last_one_is_missing(terminal: bool) -> None:  # TRAPS 8
    pieces: list[dict[str, Any]] = [
        {"name": "f", "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.city", "stringValue": "Par", "willContinue": True}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.city", "stringValue": "is"}, {"jsonPath": "$.days[0].n", "numberValue": 2}], "willContinue": True},
        {"partialArgs": [{"jsonPath": "$.days[1]['o.k']", "boolValue": False}], "willContinue": True},
    ]  # fmt: skip
    if terminal:
        pieces.append({})
    found = reads(*(chunk([{"functionCall": piece}]) for piece in pieces), chunk([{"text": "done"}], "STOP"))
    (delta,) = (event for event in found if isinstance(event, Delta) and event.kind == "tool")
    assert json.loads(json.loads(delta.data)) == {"city": "Paris", "days": [{"n": 2}, {"o.k": False}]}
    assert [event.index for event in found if isinstance(event, Open)] == [0, 1]
    assert found[-1] == Finish("tool_use")


def test_paths_of_pieces() -> None:
    assert path("$.a[0]['b.c'].d") == ["a", 0, "b.c", "d"]
    assert path('a["x\\"y"]') == ["a", 'x"y']
    for bad in ("$..a", "$.a[*]", "$[?(@.x)]", "$.a[99999999]"):
        with pytest.raises(ValueError, match="path"):
            path(bad)
    gathered = Gathered(b'{"a":[1]}')
    gathered.add(Piece("$.a[2]", numberValue=3))
    gathered.add(Piece("$.b", nullValue="NULL_VALUE"))
    assert gathered.arguments() == b'{"a":[1,null,3],"b":null}'


def test_a_blocked_prompt_finishes_by_the_filter() -> None:  # TRAPS 19
    blocked = {"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "no"}}
    found = reads(b"data: " + json.dumps(blocked).encode() + b"\n\n")
    assert found[1:] == [Open(0, "refusal"), Delta(0, "refusal", b'"no"'), Close(0), Finish("content_filter")]
    assert reads(chunk(None, "SAFETY"))[1:] == [Finish("content_filter")]


def test_an_error_in_the_stream_is_told() -> None:  # TRAPS 32, 33
    error = b'{"error":{"code":503,"message":"full","status":"UNAVAILABLE"}}'
    assert reads(b"data: " + error + b"\r\n\r\n") == [Broken("full", "UNAVAILABLE")]
    assert reads(b"data: [" + error + b"]\r\n\r\n") == [Broken("full", "UNAVAILABLE")]


def test_a_stream_without_a_finish_reason_does_not_finish() -> None:  # TRAPS 32
    found = reads(chunk([{"text": "a"}], usageMetadata=USED))
    assert found[-2:] == [Close(0), Used(Usage(4, 3, 0, 0, 0, 1))]


def test_what_failed_or_makes_no_sense_is_an_error_and_the_rest_is_skipped() -> None:
    for bad in (chunk(None, "MALFORMED_FUNCTION_CALL"), b"data: {\r\n\r\n", b'data: {"candidates":{}}\r\n\r\n'):
        with pytest.raises(ValueError, match=r"."):
            reads(bad)
    with pytest.raises(ValueError, match="behind"):
        reads(chunk([{"text": "a"}], "STOP"), chunk([{"text": "b"}]))
    odd = chunk([{"text": None}, {"text": 5}, {"executableCode": {}}, {}], new={"x": 1}, usageMetadata=None)
    assert reads(b": ping\n\n", b"event: x\n\n", odd) == [Begin("r1", "g")]
    second = chunk([{"text": "other"}]).replace(b'"index": 0', b'"index": 1')
    assert reads(second) == [Begin("r1", "g")]


# ---- writing


def test_text_goes_on_as_it_came() -> None:
    chunks = writes(
        Begin("a-1", "up"),
        Open(0, "text"),
        Delta(0, "text", b'"a\\u2028\\""'),
        Close(0),
        Used(Usage(9, 3)),
        Finish("length"),
        End(),
    )
    assert parts_of(chunks) == [{"text": 'a\u2028"'}, {"text": ""}]
    assert [one["candidates"][0].get("finishReason") for one in chunks] == [None, "MAX_TOKENS"]
    assert all((one["responseId"], one["modelVersion"]) == ("a-1", "gemini-3.8-flash") for one in chunks)
    assert ["usageMetadata" in one for one in chunks] == [False, True]


def test_calls_are_written_once_they_are_whole() -> None:
    events: list[Event] = [
        Open(0, "tool", "x", "f"),
        Open(1, "tool", "y", "g"),
        Delta(0, "tool", b'"{\\"a\\":"'),
        Delta(1, "tool", b'"{\\"b\\":1"'),
        Delta(0, "tool", b'"1}"'),
        Sign(0, signatures.pack("gemini", "c2ln")),
        Close(1),
        Close(0),
        Open(2, "tool", "z", "h"),
        Close(2),
    ]
    assert parts_of(writes(*events)) == [
        {"functionCall": {"id": "y", "name": "g", "args": {"_raw": '{"b":1'}}},
        {"functionCall": {"id": "x", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"id": "z", "name": "h", "args": {}}},
    ]


def test_what_is_nested_too_deeply_is_an_error_of_the_provider() -> None:
    whole = chunk([{"text": "a"}])
    for before in (b"", whole):
        reader = Translating(Interpreter(), Writer(asked()))
        reader.feed(before)
        reader.feed(b'data: {"x":' + b"[" * 5000 + b"\n\n")
        assert "nested too deeply" in reader.error


def test_thoughts_are_for_those_who_asked_unless_a_signature_binds_them() -> None:
    events = (Open(0, "thinking"), Delta(0, "thinking", b'"hm"'), Close(0))
    assert writes(*events) == []
    assert parts_of(writes(*events, thinkingConfig={"include_thoughts": True})) == [{"text": "hm", "thought": True}]
    signed = (events[0], events[1], Sign(0, signatures.pack("anthropic_messages", "sig")), events[2])
    text, signature = parts_of(writes(*signed))
    assert text == {"text": "hm", "thought": True}
    assert parts.own_signature(signature["thoughtSignature"]) == ("anthropic_messages", "sig")


# ---- recordings


def through(stream: bytes, size: int) -> tuple[bytes, Translating]:
    view = asked(thinkingConfig={"includeThoughts": True})
    reader = Translating(Interpreter(), Writer(view))
    out = b"".join(reader.feed(stream[at : at + size]) for at in range(0, len(stream), size))
    return out + reader.end(), reader


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_streams_say_the_same_at_every_split(name: str) -> None:  # TRAPS 31
    stream = STREAMS[name]
    recorded = [json.loads(data) for event in sse.split(stream) if (data := sse.data(event)) is not None]
    told = [part for one in recorded for part in one["candidates"][0].get("content", {}).get("parts", [])]
    texts = ["".join(p.get("text", "") for p in told if bool(p.get("thought")) is thought) for thought in (False, True)]
    calls = [(p["functionCall"]["name"], p["functionCall"].get("args", {})) for p in told if "functionCall" in p]
    for one in (stream, stream.replace(b"\r\n", b"\n")):
        for size in (1, len(stream), *Random(5).sample(range(2, 500), 2)):
            out, reader = through(one, size)
            assert (reader.error, reader.done, reader.committed) == ("", True, True)
            assert reader.usage == read_usage(Raw(json.dumps(recorded[-1]["usageMetadata"]).encode()))
            chunks = [json.loads(data) for event in sse.split(out) if (data := sse.data(event)) is not None]
            shown = parts_of(chunks)
            assert [
                "".join(p.get("text", "") for p in shown if bool(p.get("thought")) is t) for t in (False, True)
            ] == texts
            assert [
                (p["functionCall"]["name"], p["functionCall"]["args"]) for p in shown if "functionCall" in p
            ] == calls
            assert chunks[-1]["usageMetadata"]["totalTokenCount"] == reader.usage.input + reader.usage.output


@pytest.mark.parametrize("name", STREAMS)
def test_the_official_sdk_reads_what_is_written(name: str) -> None:
    types = pytest.importorskip("google.genai.types")
    out, _ = through(STREAMS[name], 100)
    shown = [types.GenerateContentResponse.model_validate_json(data) for e in sse.split(out) if (data := sse.data(e))]
    assert shown[-1].candidates[0].finish_reason.value == "STOP"
    assert shown[-1].usage_metadata.total_token_count > 0


@given(
    st.lists(
        st.one_of(
            st.fixed_dictionaries({"text": st.text(max_size=8)}, optional={"thought": st.booleans(), "thoughtSignature": st.just("c2ln")}),
            st.fixed_dictionaries({"functionCall": st.fixed_dictionaries({"name": st.just("f")}, optional={"args": st.just({"a": 1})})}),
        ),
        max_size=6,
    ),
    st.integers(1, 60),
)  # fmt: skip
def test_a_stream_holds_what_the_whole_answer_holds(told: list[dict[str, Any]], size: int) -> None:
    stream = b"".join(chunk([part]) for part in told) + chunk([{"text": ""}], "STOP")
    out, reader = through(stream, size)
    assert reader.error == ""
    written = parts_of([json.loads(data) for event in sse.split(out) if (data := sse.data(event)) is not None])

    def content(parts_: list[dict[str, Any]]) -> list[object]:
        body = {"candidates": [{"content": {"parts": parts_}, "finishReason": "STOP"}], "responseId": "r1"}
        texts: dict[bool, str] = {True: "", False: ""}
        calls = []
        for part in parts_:
            if "text" in part:
                texts[bool(part.get("thought"))] += part["text"]
            else:
                calls.append((part["functionCall"]["name"], part["functionCall"].get("args", {})))
        return [texts, calls, read_answer(json.dumps(body).encode()).stop]

    assert content(written) == content(told)


@given(st.binary(max_size=80) | st.sampled_from([chunk([{"text": "a"}]), chunk([{"functionCall": {"name": "f"}}], "STOP")]), st.integers(0, 200), st.binary(max_size=3))  # fmt: skip
def test_no_event_however_odd_ends_in_anything_but_an_error(event: bytes, at: int, noise: bytes) -> None:
    reader = Translating(Interpreter(), Writer(asked()))
    reader.feed(b"data: " + event[:at] + noise + event[at:] + b"\r\n\r\n")
    reader.end()
