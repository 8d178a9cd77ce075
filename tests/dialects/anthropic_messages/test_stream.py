"""Streamed answers read from Anthropic's dialect and written in it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from fairlead.core.record import Usage
from fairlead.dialects import neutral, sse
from fairlead.dialects.anthropic_messages.answer import read_answer, write_answer
from fairlead.dialects.anthropic_messages.blocks import read_content
from fairlead.dialects.anthropic_messages.stream import Interpreter, Writer
from fairlead.dialects.neutral import Begin, Broken, Close, Delta, End, Event, Finish, Open, Sign, Used
from fairlead.dialects.translating import Translating
from tests.dialects.anthropic_messages.recordings import STREAMS, asked, event, events_of

START = event("message_start", message={"id": "msg_1", "model": "c", "usage": {"input_tokens": 7, "output_tokens": 1}})
DONE = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}) + event("message_stop")


def read(stream: bytes) -> list[Event]:
    interpreter = Interpreter()
    return [found for one in sse.split(stream) for found in interpreter.read(one)] + interpreter.end()


def started(index: int, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta=fields)


def stopped(index: int) -> bytes:
    return event("content_block_stop", index=index)


def written(*events: Event) -> list[dict[str, Any]]:
    writer = Writer(asked())
    return events_of(b"".join(writer.write(one) for one in events))


def message_of(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message as a client puts it together; blocks have to follow each other, one open at a time."""
    message: dict[str, Any] = {}
    current: dict[str, Any] | None = None
    arguments = ""
    for one in events:
        kind = one["type"]
        if kind == "message_start":
            assert not message
            message = dict(one["message"], content=[])
        elif kind == "content_block_start":
            assert current is None
            assert one["index"] == len(message["content"])
            current, arguments = dict(one["content_block"]), ""
        elif kind == "content_block_delta":
            assert current is not None
            assert one["index"] == len(message["content"])
            change = one["delta"]
            if change["type"] == "text_delta":
                current["text"] += change["text"]
            elif change["type"] == "thinking_delta":
                current["thinking"] += change["thinking"]
            elif change["type"] == "signature_delta":
                current["signature"] = change["signature"]
            else:
                arguments += change["partial_json"]
        elif kind == "content_block_stop":
            assert current is not None
            if current["type"] == "tool_use":
                current["input"] = json.loads(arguments or "{}")
            message["content"].append(current)
            current = None
        elif kind == "message_delta":
            assert current is None
            message |= one["delta"]
            message["usage"] |= one["usage"]
    return message


# ---- reading


def test_usage_of_the_end_replaces_that_of_the_start() -> None:  # TRAPS 21
    repeated = event(
        "message_delta",
        delta={"stop_reason": "end_turn"},
        usage={"input_tokens": 7, "cache_read_input_tokens": 3, "output_tokens": 5},
    )
    events = read(START + repeated + event("message_stop"))
    assert events == [
        Begin("msg_1", "c"),
        Used(Usage(7, 1, estimated=True)),
        Used(Usage(10, 5, 3)),
        Finish("end"),
        End(),
    ]


def test_a_second_start_is_no_second_answer() -> None:  # TRAPS 21
    events = read(START + started(0, type="text", text="") + START + delta(0, type="text_delta", text="x") + DONE)
    assert [one for one in events if isinstance(one, Begin)] == [Begin("msg_1", "c")]
    assert Delta(0, "text", b'"x"') in events


def test_a_call_without_arguments_is_given_an_empty_object() -> None:  # TRAPS 7
    stream = (
        START
        + started(0, type="tool_use", id="t", name="f", input={})
        + delta(0, type="input_json_delta", partial_json="")
        + stopped(0)
        + started(1, type="tool_use", id="u", name="g", input={"a": 1})
        + stopped(1)
        + DONE
    )
    assert read(stream)[2:8] == [
        Open(0, "tool", "t", "f"),
        Delta(0, "tool", b'"{}"'),
        Close(0),
        Open(1, "tool", "u", "g"),
        Delta(1, "tool", rb'"{\"a\":1}"'),
        Close(1),
    ]


def test_indexes_count_only_what_others_know() -> None:  # TRAPS 6
    stream = (
        START
        + started(0, type="server_tool_use", id="s", name="web_search", input={})
        + delta(0, type="input_json_delta", partial_json='{"q":1}')
        + stopped(0)
        + started(1, type="web_search_tool_result", tool_use_id="s", content=[])
        + stopped(1)
        + started(2, type="redacted_thinking", data="R")
        + stopped(2)
        + started(3, type="text", text="")
        + delta(3, type="citations_delta", citation={"type": "char_location"})
        + delta(3, type="text_delta", text="x")
        + stopped(3)
        + DONE
    )
    assert read(stream)[2:8] == [
        Open(0, "thinking"),
        Sign(0, "fl1.anthropic_messages.R", redacted=True),
        Close(0),
        Open(1, "text"),
        Delta(1, "text", b'"x"'),
        Close(1),
    ]


def test_what_is_of_a_later_day_is_skipped() -> None:  # TRAPS 31
    odd = (
        event("ping")
        + event("vibe_check", delta="not an object", index="x")
        + b": a comment\n\n"
        + b"data: \n\n"
        + started(0, type="hologram", text={"a": 1})
        + started(1, type="text", text="")
        + delta(1, type="sparkle_delta", sparkle=1)
        + delta(1, type="text_delta", text=None)
        + stopped(1)
    )
    assert read(START + odd + DONE)[2:4] == [Open(0, "text"), Close(0)]


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {\n\n",
        b"data: 5\n\n",
        b'data: {"type":"content_block_delta","index":"x"}\n\n',
        b'data: {"index":"x","a":' + b"[" * 5000 + b"\n\n",
    ],
)
def test_what_is_no_event_is_an_error(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r"it is|content_block_delta"):
        Interpreter().read(bad)


@pytest.mark.parametrize("torn", [b"\xff", b"\xc3", b"\xed\xa0\x80"])
def test_what_is_no_utf8_never_reaches_the_client(torn: bytes) -> None:  # TRAPS 31
    interpreter = Interpreter()
    interpreter.read(started(0, type="text", text=""))
    said = delta(0, type="text_delta", text="a~b")
    assert interpreter.read(said.replace(b"~", "é".encode())) == [Delta(0, "text", '"aéb"'.encode())]
    with pytest.raises(ValueError, match="utf-8"):
        interpreter.read(said.replace(b"~", torn))


def test_nothing_said_is_lost_where_a_block_never_began() -> None:
    said = read(
        START + delta(0, type="text_delta", text="a") + stopped(0) + delta(0, type="text_delta", text="b") + DONE
    )
    assert [one.data for one in said if isinstance(one, Delta)] == [b'"a"', b'"b"']
    assert [one.index for one in said if isinstance(one, Open)] == [0, 1]
    thought = read(START + delta(3, type="thinking_delta", thinking="c") + DONE)
    assert [(one.kind, one.data) for one in thought if isinstance(one, Delta)] == [("thinking", b'"c"')]
    with pytest.raises(ValueError, match="had not begun"):
        read(START + delta(0, type="input_json_delta", partial_json="{}") + DONE)


def test_an_error_of_the_provider_ends_the_answer() -> None:  # TRAPS 32
    told = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    assert read(told) == [Broken("Overloaded", "overloaded_error")]
    assert isinstance(read(event("error", error="odd"))[0], Broken)


def test_a_cut_stream_tells_what_it_knows_of_usage() -> None:
    text = started(0, type="text", text="") + delta(0, type="text_delta", text="x" * 400)
    assert read(START + text)[-1] == Used(Usage(7, 100, estimated=True))


def test_an_explained_refusal_is_told() -> None:  # TRAPS 28
    end = event(
        "message_delta",
        delta={"stop_reason": "refusal", "stop_details": {"type": "refusal", "explanation": "No."}},
        usage={"output_tokens": 0},
    )
    assert read(START + end)[-4:] == [Open(0, "refusal"), Delta(0, "refusal", b'"No."'), Close(0), Finish("refusal")]


@pytest.mark.parametrize("crlf", [False, True])
@pytest.mark.parametrize("name", STREAMS)
def test_recorded_streams_come_back_whole_at_any_split(name: str, crlf: bool) -> None:  # TRAPS 31
    told = message_of([json.loads(line[5:]) for line in STREAMS[name].decode().split("\n") if line.startswith("data:")])
    stream = STREAMS[name].replace(b"\n", b"\r\n") if crlf else STREAMS[name]
    results = set()
    for step in (1, 5, len(stream)):
        reader = Translating(Interpreter(), Writer(asked()))
        out = b"".join(reader.feed(stream[at : at + step]) for at in range(0, len(stream), step)) + reader.end()
        assert (reader.done, reader.ended, reader.error) == (True, True, "")
        assert reader.usage is not None
        assert reader.usage.output == told["usage"]["output_tokens"]
        results.add(out)
    assert len(results) == 1
    found = message_of(events_of(results.pop()))
    known = [
        block for block in told["content"] if block["type"] in ("text", "thinking", "tool_use", "redacted_thinking")
    ]
    assert [{k: v for k, v in block.items() if k != "caller"} for block in found["content"]] == [
        {k: v for k, v in block.items() if k not in ("caller", "citations")} for block in known
    ]
    assert (found["stop_reason"], found["id"]) == (told["stop_reason"], told["id"])
    for part in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
        assert found["usage"][part] == (told["usage"].get(part) or 0)


# ---- writing


def test_a_whole_stream_has_the_events_clients_wait_for() -> None:
    events = written(
        Begin("x", "up"),
        Open(0, "text"),
        Delta(0, "text", b'"a\\u2028b"'),
        Close(0),
        Finish("stop_sequence", "END"),
        Used(Usage(9, 4, 2, 1, 0, 3)),
        End(),
    )
    assert [one["type"] for one in events] == [
        "message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert events[0]["message"]["model"] == "m"
    assert events[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "stop_sequence", "stop_sequence": "END", "stop_details": None, "container": None},
        "usage": {
            "input_tokens": 6,
            "cache_creation_input_tokens": 1,
            "cache_read_input_tokens": 2,
            "output_tokens": 4,
            "output_tokens_details": {"thinking_tokens": 3},
            "server_tool_use": None,
        },
    }


def test_nothing_looks_whole_before_the_end() -> None:  # TRAPS 32
    kinds = [one["type"] for one in written(Begin("x", "up"), Open(0, "text"), Delta(0, "text", b'"a"'), Finish("end"))]
    assert not {"message_delta", "message_stop"} & set(kinds)


def test_calls_that_are_open_together_follow_each_other() -> None:  # TRAPS 6
    message = message_of(
        written(
            Begin("x", "up"),
            Open(0, "tool", "call:0", "f"),
            Delta(0, "tool", rb'"{\"a\""'),
            Open(1, "tool", "c1", "g"),
            Delta(1, "tool", b'"{}"'),
            Close(1),
            Open(2, "tool", "c2", "h"),
            Delta(2, "tool", rb'"{\"b\":"'),
            Delta(0, "tool", b'":1}"'),
            Close(0),
            Delta(2, "tool", b'"2}"'),
            Finish("tool_use"),
            End(),
        )
    )
    assert [(call["name"], call["input"]) for call in message["content"]] == [
        ("f", {"a": 1}),
        ("g", {}),
        ("h", {"b": 2}),
    ]
    assert ":" not in message["content"][0]["id"]
    assert message["stop_reason"] == "tool_use"


def test_signatures_reach_the_client_and_come_back() -> None:  # TRAPS 14, 15
    message = message_of(
        written(
            Begin("x", "up"),
            Open(0, "thinking"),
            Delta(0, "thinking", b'"hm"'),
            Sign(0, "fl1.anthropic_messages.own"),
            Close(0),
            Open(1, "thinking"),
            Sign(1, "fl1.gemini.red", redacted=True),
            Close(1),
            Open(2, "thinking"),
            Delta(2, "thinking", b'"unsigned"'),
            Close(2),
            Open(3, "tool", "c", "f"),
            Delta(3, "tool", b'"{}"'),
            Sign(3, "fl1.gemini.sig"),
            Close(3),
            Finish("tool_use"),
            End(),
        )
    )
    content = read_content(json.dumps(message["content"]).encode())
    assert content == (
        neutral.Thinking("hm", "own", "anthropic_messages"),
        neutral.Thinking("", "red", "gemini", redacted=True),
        neutral.Thinking("unsigned", "", "unsigned"),
        neutral.ToolCall("c", "f", "{}", "sig", "gemini"),
    )
    answer = structs.replace(read_answer(json.dumps(message).encode()), blocks=content)
    assert json.loads(write_answer(answer, asked()))["content"] == message["content"]


def test_a_refusal_is_a_text_with_its_reason() -> None:  # TRAPS 28
    message = message_of(
        written(Begin("x", "u"), Open(0, "refusal"), Delta(0, "refusal", b'"No."'), Close(0), Finish("end"), End())
    )
    assert (message["content"], message["stop_reason"]) == ([{"type": "text", "text": "No."}], "refusal")


BLOCKS = st.lists(
    st.tuples(st.sampled_from(["text", "thinking", "tool"]), st.lists(st.text(min_size=1), max_size=4)), max_size=6
)


@settings(max_examples=150)
@given(BLOCKS, st.integers(0, 2**32))
def test_any_answer_survives_being_written_and_read(found: list[tuple[str, list[str]]], seed: int) -> None:
    """Tool calls that follow each other are mixed, as some providers do."""
    random = Random(seed)
    events: list[Event] = [Begin("x", "up")]
    at = 0
    while at < len(found):
        group = [at]
        while found[at][0] == "tool" and group[-1] + 1 < len(found) and found[group[-1] + 1][0] == "tool":
            group.append(group[-1] + 1)
        rows = []
        for index in group:
            kind, pieces = found[index]
            texts = [json.dumps({"a": "".join(pieces)})] if kind == "tool" else pieces
            row: list[Event] = [Delta(index, kind, json.dumps(text).encode()) for text in texts]  # type: ignore[arg-type]
            rows.append([Open(index, kind, f"c{index}", "f"), *row, Close(index)])  # type: ignore[arg-type]
            events.append(rows[-1].pop(0))
        while rows := [row for row in rows if row]:
            events.append(random.choice(rows).pop(0))
        at = group[-1] + 1
    message = message_of(written(*events, Finish("end"), End()))
    said = [
        (
            block["type"].removesuffix("_use"),
            block.get("text") or block.get("thinking") or block.get("input", {}).get("a", ""),
        )
        for block in message["content"]
    ]
    expected = [(kind, "".join(pieces)) for kind, pieces in found if kind != "thinking" or pieces]
    assert said == expected


NOISE = st.binary(max_size=60) | st.sampled_from([b'{"type":', b'"index":', b"null", b"}", b"\n\n", b"data: ", b"[]"])


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 3000), NOISE), min_size=1, max_size=4), st.integers(0, 5))
def test_no_torn_or_mixed_stream_brings_a_crash(edits: list[tuple[int, bytes]], cut: int) -> None:
    stream = (
        START
        + started(0, type="thinking", thinking="", signature="")
        + delta(0, type="thinking_delta", thinking="hm")
        + delta(0, type="signature_delta", signature="s")
        + stopped(0)
        + started(1, type="tool_use", id="t", name="f", input={})
        + delta(1, type="input_json_delta", partial_json='{"a":1}')
        + stopped(1)
        + DONE
    )
    for at, noise in edits:
        at %= len(stream)
        stream = stream[:at] + noise + stream[at + cut :]
    reader = Translating(Interpreter(), Writer(asked()))
    out = reader.feed(stream) + reader.end()
    if reader.ended and not reader.error:
        assert events_of(out)[-1] == {"type": "message_stop"}
