"""What providers stream, however oddly, becomes neutral events; and those become what clients of Chat Completions know."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.record import Usage
from fairlead.dialects import neutral
from fairlead.dialects.dialect import Asked
from fairlead.dialects.neutral import Begin, Broken, Close, Delta, End, Finish, Open, Sign, Used
from fairlead.dialects.openai_chat.native import ChatView, read_request
from fairlead.dialects.openai_chat.stream import ChatInterpreter, ChatWriter
from fairlead.dialects.translating import Translating
from tests.dialects.recordings import STREAMS

HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "up"}


def view(usage: bool = False) -> ChatView:
    options = {"stream_options": {"include_usage": True}} if usage else {}
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True, **options}
    return read_request(json.dumps(body).encode())


def asked(usage: bool = False) -> Asked:
    return Asked("r1", "shown", view(usage), 7)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return b"data: " + json.dumps({**HEAD, "choices": [choice], **more}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def events(*pieces: bytes) -> list[neutral.Event]:
    reader = ChatInterpreter()
    found = [event for piece in pieces for event in reader.read(piece)]
    return found + reader.end()


def inside(*pieces: bytes) -> list[neutral.Event]:
    """Without the begin and the ends."""
    return [event for event in events(*pieces) if not isinstance(event, Begin | Finish | End)]


def calls(*pieces: bytes) -> list[tuple[str, str, Any]]:
    """(id, name, arguments) of the tool calls, each opened and closed once."""
    found: dict[int, list[str]] = {}
    closed = []
    for event in events(*pieces):
        if isinstance(event, Open) and event.kind == "tool":
            assert event.index not in found
            found[event.index] = [event.id, event.name, ""]
        elif isinstance(event, Delta) and event.kind == "tool":
            assert event.index not in closed
            found[event.index][2] += json.loads(event.data)
        elif isinstance(event, Close) and event.index in found:
            closed.append(event.index)
    assert sorted(closed) == sorted(found)
    return [(one[0], one[1], json.loads(one[2])) for one in found.values()]


def call(index: int | None = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {} if index is None else {"index": index}
    if "id" in more:
        found["id"] = more["id"]
    found["function"] = {key: value for key, value in more.items() if key in ("name", "arguments")}
    return found


# ---- reading


UNSIGNED = Sign(0, "fl1.openai_chat.")
"""Whose a thought is that its maker did not sign."""


def test_text_goes_on_as_the_literal_it_came_as() -> None:
    odd = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"\\u00e4\\ud83d\\ude00 \\/ \xe2\x80\xa8"}}]}\n\n'
    assert events(odd, chunk(finish="stop"), DONE) == [
        Begin("c", ""),
        Open(0, "text"),
        Delta(0, "text", b'"\\u00e4\\ud83d\\ude00 \\/ \xe2\x80\xa8"'),
        Close(0),
        Finish("end"),
        End(),
    ]


def test_thoughts_text_and_calls_follow_each_other_as_blocks() -> None:
    assert inside(
        chunk({"role": "assistant", "content": None, "reasoning_content": "a"}),
        chunk({"reasoning_content": "b", "content": ""}),
        chunk({"content": "c"}),
        chunk({"tool_calls": [call(0, id="t1", name="f", arguments="")]}),
        chunk({"tool_calls": [call(0, arguments="{}")]}),
        chunk({}, "tool_calls"),
    ) == [
        Open(0, "thinking"), Delta(0, "thinking", b'"a"'), Delta(0, "thinking", b'"b"'), UNSIGNED, Close(0),
        Open(1, "text"), Delta(1, "text", b'"c"'), Close(1),
        Open(2, "tool", "t1", "f"), Delta(2, "tool", b'"{}"'), Close(2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm", "reasoning_content": None},
        {"reasoning": "hm", "reasoning_content": "hm"},
        {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm", "index": 0}]},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
        {"content": [{"type": "thinking", "thinking": "hm"}]},
    ],
)
def test_thoughts_are_found_wherever_a_provider_puts_them(delta: dict[str, Any]) -> None:  # TRAPS 17
    assert inside(chunk(delta), chunk({"content": "x"}, "stop")) == [
        Open(0, "thinking"), Delta(0, "thinking", b'"hm"'), UNSIGNED, Close(0),
        Open(1, "text"), Delta(1, "text", b'"x"'), Close(1),
    ]  # fmt: skip


def test_signatures_go_on_with_the_name_of_their_maker() -> None:  # TRAPS 14
    told = {"type": "reasoning.text", "signature": "sig", "format": "anthropic-claude-v1"}
    hidden = {"type": "reasoning.encrypted", "data": "blob", "format": None}
    assert inside(
        chunk({"reasoning": "hm"}), chunk({"reasoning_details": [told]}), chunk({"reasoning_details": [hidden]})
    ) == [
        Open(0, "thinking"), Delta(0, "thinking", b'"hm"'), Sign(0, "fl1.openai_chat.anthropic-claude-v1:sig"), Close(0),
        Open(1, "thinking"), Sign(1, "fl1.openai_chat.:blob", True), Close(1),
    ]  # fmt: skip


def test_a_thought_signature_on_a_tool_call_is_googles() -> None:  # TRAPS 15
    one = call(0, id="t", name="f", arguments="{}") | {"extra_content": {"google": {"thought_signature": "sig"}}}
    assert Sign(0, "fl1.gemini.sig") in inside(chunk({"tool_calls": [one]}))


@pytest.mark.parametrize(
    ("name", "deltas"),
    [
        ("in pieces", [call(0, id="a", name="f", arguments=""), call(0, arguments='{"x"'), call(0, arguments=":1}"),
                       call(1, id="b", name="g", arguments='{"y":2}')]),
        ("whole in one", [call(0, id="a", name="f", arguments='{"x":1}'), call(1, id="b", name="g", arguments='{"y":2}')]),
        ("several in a chunk", [[call(0, id="a", name="f", arguments='{"x":1}'), call(1, id="b", name="g", arguments='{"y":2}')]]),
        ("id and name repeated", [call(0, id="a", name="f", arguments='{"x"'), call(0, id="a", name="f", arguments=":1}"),
                                  call(1, id="b", name="g", arguments='{"y"'), call(1, id="b", name="g", arguments=":2}")]),
        ("second while the first is open", [call(0, id="a", name="f", arguments='{"x"'), call(1, id="b", name="g", arguments='{"y"'),
                                            call(0, arguments=":1}"), call(1, arguments=":2}")]),
        ("no index", [call(id="a", name="f", arguments='{"x"'), call(arguments=":1}"), call(id="b", name="g", arguments='{"y":2}')]),
        ("the same index", [call(0, id="a", name="f", arguments='{"x":1}'), call(0, id="b", name="g", arguments='{"y":2}')]),
        ("from one on", [call(1, id="a", name="f", arguments='{"x":1}'), call(2, id="b", name="g", arguments='{"y":2}')]),
        ("name after the id", [call(0, id="a"), call(0, name="f", arguments='{"x":1}'), call(1, id="b", name="g", arguments='{"y":2}')]),
        ("an object", [call(0, id="a", name="f", arguments={"x": 1}), call(1, id="b", name="g", arguments={"y": 2})]),
        ("null between", [call(0, id="a", name="f", arguments=None), call(0, id=None, name=None, arguments='{"x":1}'),
                          call(1, id="b", name="g", arguments='{"y":2}')]),
    ],
)  # fmt: skip
def test_tool_calls_are_told_apart_however_they_come(name: str, deltas: list[Any]) -> None:  # TRAPS 6
    pieces = [chunk({"tool_calls": one if isinstance(one, list) else [one]}) for one in deltas]
    assert calls(*pieces, chunk({}, "tool_calls"), DONE) == [("a", "f", {"x": 1}), ("b", "g", {"y": 2})]


def test_calls_without_index_and_id_are_told_apart_by_their_names() -> None:
    found = calls(
        chunk({"tool_calls": [call(name="f", arguments='{"x":1}')]}),
        chunk({"tool_calls": [call(name="f", arguments='{"x":2}')]}),
        chunk({"tool_calls": [call(name="g", arguments="")]}),
        chunk({"tool_calls": [call(name="g", arguments="")]}),
        chunk({}, "stop"),
    )
    assert [one[1:] for one in found] == [("f", {"x": 1}), ("f", {"x": 2}), ("g", {}), ("g", {})]
    assert len({one[0] for one in found}) == 4


@pytest.mark.parametrize("arguments", ["", None, "absent"])
def test_a_call_without_arguments_has_an_empty_object(arguments: str | None) -> None:  # TRAPS 7
    one = call(0, id="a", name="f") if arguments == "absent" else call(0, id="a", name="f", arguments=arguments)
    assert calls(chunk({"tool_calls": [one]}), chunk({}, "tool_calls"), DONE) == [("a", "f", {})]


def test_the_function_call_of_old_is_a_tool_call() -> None:
    found = calls(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"x":1}'}}),
        chunk({}, "function_call"),
    )
    assert [one[1:] for one in found] == [("f", {"x": 1})]


@pytest.mark.parametrize(
    ("reason", "stop"),
    [
        ("stop", "end"), ("eos", "end"), ("", "end"), ("end_turn", "end"), ("length", "length"), ("max_tokens", "length"),
        ("content_filter", "content_filter"), ("sensitive", "content_filter"), ("tool_calls", "end"),
    ],
)  # fmt: skip
def test_reasons_mean_what_they_mean(reason: str, stop: str) -> None:
    assert events(chunk({"content": "x"}), chunk({}, reason), DONE)[-2:] == [Finish(stop), End()]  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "function_call", "tool_use", "", None])
def test_a_call_was_made_whatever_the_reason_says(reason: str | None) -> None:  # TRAPS 8
    found = events(chunk({"tool_calls": [call(0, id="a", name="f", arguments="{}")]}, reason), DONE)
    assert found[-2:] == [Finish("tool_use"), End()]


def test_usage_is_found_wherever_it_stands() -> None:  # TRAPS 22
    used = {"prompt_tokens": 3, "completion_tokens": 4}
    for piece in (
        chunk({}, "stop", usage=used),
        chunk({}, "stop", x_groq={"id": "x", "usage": used}),
        b"data: " + json.dumps({**HEAD, "choices": [], "usage": used}).encode() + b"\n\n",
    ):
        assert Used(Usage(3, 4)) in events(chunk({"content": "x"}), piece, DONE)


def test_a_finish_is_told_once_and_at_the_end() -> None:
    used = {"prompt_tokens": 3, "completion_tokens": 4}
    found = events(
        chunk({"content": "a"}), chunk({"content": "b"}, "length"), chunk({"content": ""}, "length", usage=used), DONE
    )
    assert found[-4:] == [Used(Usage(3, 4)), Close(0), Finish("length"), End()]


def test_an_end_without_mark_is_whole_where_the_reason_came() -> None:
    assert events(chunk({"content": "a"}), chunk({}, "stop"))[-1] == Finish("end")
    assert not any(isinstance(event, Finish) for event in events(chunk({"content": "a"})))


def test_a_mark_behind_nothing_is_no_answer() -> None:
    assert events(chunk({}), DONE)[-1:] == [End()]
    reader = Translating(ChatInterpreter(), ChatWriter(asked()))
    assert reader.feed(chunk({}) + DONE) + reader.end() == b""
    assert not reader.done


def test_comments_pings_and_empty_chunks_say_nothing() -> None:  # TRAPS 31
    quiet = b'data: {"id":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n'
    assert events(b": OPENROUTER PROCESSING\n\n", b"event: ping\n\n", b"data:\n\n", b"data: \n\n", quiet) == []


@pytest.mark.parametrize("error", [{"message": "busy", "code": 429}, {"error": {"message": "busy", "code": "429"}}])
def test_an_error_in_a_chunk_breaks_the_stream(error: dict[str, Any]) -> None:  # TRAPS 32
    assert Broken("busy", "429") in events(chunk({"content": "a"}), chunk({"content": ""}, None, error=error))
    assert events(b'data: {"error":"busy"}\n\n') == [Broken("busy")]
    assert Broken("the provider broke off its answer", "error") in events(chunk({}, "error"))


@pytest.mark.parametrize(
    "piece",
    [
        b'data: {"choices":[{"delta":{"content":"\xe4"}}]}\n\n',
        b"data: {\n\n",
        b"data: []\n\n",
        b'data: {"choices":5}\n\n',
        b"data: <html>\n\n",
        b"data: {}}\n\n",
    ],
)
def test_what_is_no_chunk_is_said_to_be_none(piece: bytes) -> None:
    with pytest.raises(ValueError):
        ChatInterpreter().read(piece)


def test_other_choices_are_left_out() -> None:
    second = json.dumps({**HEAD, "choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]})
    assert inside(chunk({"content": "yes"}), b"data: " + second.encode() + b"\n\n", chunk({}, "stop")) == [
        Open(0, "text"), Delta(0, "text", b'"yes"'), Close(0),
    ]  # fmt: skip


# ---- writing


def written(*given: neutral.Event, usage: bool = False) -> list[dict[str, Any]]:
    writer = ChatWriter(asked(usage))
    text = b"".join(writer.write(event) for event in given).decode()
    found = []
    for line in text.split("\n\n"):
        if line and line != "data: [DONE]":
            found.append(json.loads(line.removeprefix("data: ")))
    return found


def test_a_stream_is_written_as_clients_know_it() -> None:
    found = written(
        Begin("up", "up"), Open(0, "thinking"), Delta(0, "thinking", b'"hm"'), Close(0),
        Open(1, "text"), Delta(1, "text", b'"a\\u00e4"'), Close(1),
        Open(2, "tool", "t1", "f"), Open(3, "tool", "t2", "g"), Delta(3, "tool", b'"{}"'), Delta(2, "tool", b'"{\\"x\\":1}"'),
        Close(2), Close(3), Used(Usage(3, 4)), Finish("tool_use"), End(),
    )  # fmt: skip
    assert {one["id"] for one in found} == {"chatcmpl-r1"}
    assert {(one["model"], one["created"], one["object"]) for one in found} == {("shown", 7, "chat.completion.chunk")}
    assert all("usage" not in one for one in found)
    choices = [one["choices"][0] for one in found]
    assert all(one["logprobs"] is None and one["index"] == 0 for one in choices)
    assert [one["delta"] for one in choices] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"reasoning_content": "hm"},
        {"content": "aä"},
        {"tool_calls": [{"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "t2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x":1}'}}]},
        {},
    ]
    assert [one["finish_reason"] for one in choices] == [None] * 7 + ["tool_calls"]


def test_usage_is_told_in_a_chunk_of_its_own_to_those_who_asked() -> None:  # TRAPS 22
    told = (
        Begin("u", "u"),
        Open(0, "text"),
        Delta(0, "text", b'"a"'),
        Close(0),
        Used(Usage(9, 4, 2, 1, 0, 3)),
        Finish("end"),
        End(),
    )
    found = written(*told, usage=True)
    assert all(one["usage"] is None for one in found[:-1])
    assert found[-1]["choices"] == []
    usage = found[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (9, 4, 13)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 2
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 3


def test_the_end_mark_is_written_for_an_end_only() -> None:
    writer = ChatWriter(asked())
    assert b"[DONE]" not in writer.write(Finish("end"))
    assert writer.write(End()) == DONE


def test_a_refusal_with_words_stops_and_one_without_is_filtered() -> None:  # TRAPS 28
    spoken = written(Open(0, "refusal"), Delta(0, "refusal", b'"no"'), Finish("refusal"))
    assert spoken[0]["choices"][0]["delta"] == {"refusal": "no"}
    assert spoken[1]["choices"][0]["finish_reason"] == "stop"
    assert written(Finish("refusal"))[0]["choices"][0]["finish_reason"] == "content_filter"


def test_a_signature_is_told_together_with_its_thought() -> None:
    found = written(
        Open(0, "thinking"), Delta(0, "thinking", b'"a"'), Delta(0, "thinking", b'"\\u00e4"'), Sign(0, "fl1.x.s"), Close(0),
        Open(1, "thinking"), Sign(1, "fl1.x.t", True), Close(1),
        Open(2, "tool", "c", "f"), Sign(2, "fl1.gemini.u"), Close(2),
    )  # fmt: skip
    deltas = [one["choices"][0]["delta"] for one in found]
    assert deltas[2] == {
        "reasoning_details": [{"type": "reasoning.text", "text": "aä", "signature": "fl1.x.s", "index": 0}]
    }
    assert deltas[3] == {"reasoning_details": [{"type": "reasoning.encrypted", "data": "fl1.x.t", "index": 1}]}
    # Without its function OpenAI's SDK breaks off at the piece.
    signed = {"index": 0, "function": {}, "extra_content": {"google": {"thought_signature": "fl1.gemini.u"}}}
    assert deltas[5]["tool_calls"] == [signed]


# ---- both, on what providers really sent


def told(stream: bytes) -> tuple[str, str, dict[int, list[str]], list[str], dict[str, Any] | None]:
    """What a client puts together: (text, thoughts, calls, finish reasons, usage)."""
    text, thoughts, reasons = "", "", []
    made: dict[int, list[str]] = {}
    usage = None
    for block in stream.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = b"".join(line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:"))
        if not data or data == b"[DONE]":
            continue
        found = json.loads(data)
        usage = found.get("usage") or (found.get("x_groq") or {}).get("usage") or usage
        for choice in found.get("choices") or ():
            delta = choice.get("delta") or {}
            content = delta.get("content") or ""
            for part in [content] if isinstance(content, str) else content:
                if isinstance(part, str):
                    text += part
                elif part["type"] == "text":
                    text += part["text"]
                else:
                    thoughts += "".join(one["text"] for one in part["thinking"])
            thoughts += delta.get("reasoning_content") or delta.get("reasoning") or ""
            for one in delta.get("tool_calls") or ():
                whole = made.setdefault(one["index"], ["", "", ""])
                whole[0] = one.get("id") or whole[0]
                whole[1] = one["function"].get("name") or whole[1]
                whole[2] += one["function"].get("arguments") or ""
            if choice.get("finish_reason"):
                reasons.append(choice["finish_reason"])
    return text, thoughts, made, reasons, usage


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("form", ["as it came", "byte by byte", "CRLF", "without the last line end"])
def test_recorded_streams_say_the_same_afterwards(name: str, form: str) -> None:
    stream = STREAMS[name]
    if form == "CRLF":
        stream = stream.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    elif form == "without the last line end":
        stream = stream.rstrip(b"\n")
    reader = Translating(ChatInterpreter(), ChatWriter(asked(True)))
    step = 1 if form == "byte by byte" else len(stream)
    out = b"".join(reader.feed(stream[at : at + step]) for at in range(0, len(stream), step)) + reader.end()
    assert reader.error == ""
    assert reader.ended
    assert out.endswith(DONE)
    before, after = told(stream), told(out)
    assert after[:3] == before[:3]
    assert len(after[3]) == 1
    if before[4] is not None:
        assert after[4] is not None
        for field in ("prompt_tokens", "completion_tokens"):
            assert after[4][field] >= before[4][field]


def test_an_error_behind_the_finish_does_not_undo_it() -> None:
    cut_short = chunk({"content": "x"}, "length")
    late = b'data: {"choices":[],"error":{"code":400,"message":"Token limit reached"},"usage":%b}\n\n'
    usage = b'{"prompt_tokens":9,"completion_tokens":2}'
    found = events(cut_short, late % usage, DONE)
    assert not any(isinstance(event, Broken) for event in found)
    assert Finish("length") in found
    assert any(isinstance(event, Used) for event in found)
    early = events(chunk({"content": "x"}), late % usage)
    assert isinstance(early[-1], Broken)


@given(st.binary(max_size=80), st.integers(0, 10_000))
def test_bytes_in_the_way_are_an_error_and_never_a_crash(noise: bytes, place: int) -> None:
    stream = chunk({"role": "assistant", "content": "a"}) + chunk(
        {"tool_calls": [call(0, id="t", name="f", arguments="{}")]}
    )
    stream += chunk({}, "tool_calls") + DONE
    at = place % len(stream)
    reader = Translating(ChatInterpreter(), ChatWriter(asked()))
    out = reader.feed(stream[:at] + noise + stream[at:]) + reader.end()
    assert out.endswith(DONE) == reader.ended
    for event in out.removesuffix(DONE).split(b"\n\n")[:-1]:
        assert isinstance(json.loads(event.removeprefix(b"data: ")), dict)
    if not noise:
        assert reader.ended
