"""Events that are read many at once say what they say when they are read one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.dialects import frames, neutral
from fairlead.dialects.frames import Frames
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translating import Translating
from tests.dialects.test_answers import SPOKEN, asked

FRONT, END = b'data: {"text":', b"}\n\n"


def framed(*literals: bytes) -> bytes:
    return b"".join([FRONT + literal + END for literal in literals])


def learned(literal: bytes = b'"a"') -> Frames:
    found = Frames()
    found.learn("text", framed(literal), literal)
    return found


@pytest.mark.parametrize("literal", [b'"b"', b'"\\"}\\n\\n\\\\"', '"ü🙂"'.encode(), b'"}"', b'"\\u00fc"', b'"a"'])
def test_words_are_not_found_between_front_and_end(literal: bytes) -> None:
    block = b": ping\n\n" + framed(literal, b'"c"', literal) + b"data: [DONE]\n\n"
    assert learned().literals("text", block, 8) == ([literal, b'"c"', literal], len(block) - 14)


@pytest.mark.parametrize(
    "odd",
    [b"null", b"7", b'""', b'"\\x"', b'"\xff"', b'"\x01"', b'"\\ud83d"', b'"b","text":"c"', b'"b', b"",
     b'"b"\n', b'"b"\n\n', b'"b"}\n\ndata: {"text":"c"'],
)  # fmt: skip
def test_what_is_no_text_passes_for_one(odd: bytes) -> None:
    for block in (framed(odd), framed(b'"b"', odd), framed(odd, b'"b"')):
        said, end = learned().literals("text", block, 0)
        assert (said, end) == ([], 0) or odd.endswith(b'"c"')
        assert b"".join(said).count(b'"') == 2 * len(said)


@pytest.mark.parametrize("other", [b": ping\n\n", b'data: {"text":"b"} \n\n', b'data: {"texts":"b"}\n\n', b"\n\n"])
def test_another_event_among_them_is_lost(other: bytes) -> None:
    block = framed(b'"b"') + other + framed(b'"c"')
    assert learned().literals("text", block, 0) == ([], 0)


def test_a_literal_that_stands_twice_is_taken_for_either() -> None:
    found = Frames()
    found.learn("text", b'data: {"model":"a","text":"a"}\n\n', b'"a"')
    assert found.literals("text", b'data: {"model":"b","text":"a"}\n\n', 0) == ([], 0)


def test_a_stream_whose_events_are_never_alike_is_tried_for_ever() -> None:
    found = Frames()
    for number in range(frames.TRIES):
        event = b'data: {"number":%d,"text":"a"}\n\n' % number
        assert found.literals("text", event, 0) == ([], 0)
        found.learn("text", event, b'"a"')
    assert not found.learns


def chunk(delta: dict[str, Any], **more: object) -> bytes:
    said = {"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": None, **more}]}
    return b"data: %b\n\n" % json.dumps(said).encode()


def block_delta(index: int, kind: str, field: str, text: str) -> bytes:
    said = {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: text}}
    return b"event: content_block_delta\ndata: %b\n\n" % json.dumps(said).encode()


def event(**said: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(said["type"]).encode(), json.dumps(said).encode())


TEXTS = st.sampled_from(["", "a", "b", " word", '"', "\\", "}\n\n", "ü", "🙂", "\ud83d", "content", "text"])
SAYING = {
    "openai_chat": st.one_of(
        TEXTS.map(lambda text: chunk({"content": text})),
        TEXTS.map(lambda text: chunk({"reasoning_content": text, "content": None})),
        TEXTS.map(lambda text: chunk({"refusal": text})),
        TEXTS.map(lambda text: chunk({"content": text}, logprobs={"content": [{"token": "a", "logprob": -1}]})),
        TEXTS.map(lambda text: chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": text}}]})),
        TEXTS.map(lambda text: chunk({"content": "a", "annotations": [{"url": "https://a", "title": text}]})),
        st.sampled_from([b": ping\n\n", chunk({}), chunk({"content": "z"}, finish_reason="stop"), b"data: {\n\n"]),
    ),
    "anthropic_messages": st.one_of(
        st.builds(block_delta, st.integers(0, 1), st.just("text_delta"), st.just("text"), TEXTS),
        st.builds(block_delta, st.integers(0, 1), st.just("thinking_delta"), st.just("thinking"), TEXTS),
        st.builds(block_delta, st.integers(2, 2), st.just("input_json_delta"), st.just("partial_json"), TEXTS),
        st.sampled_from(
            [
                event(type="ping"),
                event(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
                event(type="content_block_start", index=1, content_block={"type": "thinking", "thinking": ""}),
                event(type="content_block_start", index=2, content_block={"type": "tool_use", "id": "t", "name": "f"}),
                event(type="content_block_stop", index=0),
                event(type="content_block_stop", index=1),
            ]
        ),
    ),
}


DONE = {
    "openai_chat": chunk({}, finish_reason="stop") + b"data: [DONE]\n\n",
    "anthropic_messages": event(type="message_delta", delta={"stop_reason": "end_turn"}) + event(type="message_stop"),
}


class _OneByOne:
    """An interpreter that tells no runs."""

    def __init__(self, dialect: str) -> None:
        self._interpreter = DIALECTS[dialect].interpreter()

    @property
    def unread(self) -> Any:
        return self._interpreter.unread

    def read(self, event: bytes) -> list[neutral.Event]:
        return self._interpreter.read(event)

    def run(self, block: bytes, at: int) -> tuple[neutral.Run | None, int]:
        return None, at

    def end(self) -> list[neutral.Event]:
        return self._interpreter.end()


def reader(dialect: str, client: str, *, runs: bool) -> Translating:
    interpreter = DIALECTS[dialect].interpreter() if runs else _OneByOne(dialect)
    return Translating(interpreter, DIALECTS[client].writer(asked(client)))


BEGUN = {
    "openai_chat": chunk({"role": "assistant", "content": ""}),
    "anthropic_messages": event(type="message_start", message={"id": "m", "model": "m"}),
}


@pytest.mark.parametrize("client", SPOKEN)
@pytest.mark.parametrize("dialect", SAYING)
@given(data=st.data())
def test_a_stream_read_many_at_once_is_told_otherwise(dialect: str, client: str, data: st.DataObject) -> None:
    # Each event may come again: runs are what is looked for.
    told = data.draw(st.lists(st.tuples(SAYING[dialect], st.integers(1, 3)), max_size=12))
    pieces = [BEGUN[dialect], *(one * times for one, times in told)]
    size = data.draw(st.integers(1, 400))
    stream = b"".join(pieces) + DONE[dialect]
    cut = [stream[at : at + size] for at in range(0, len(stream), size)] if size < 300 else [stream]
    quick, slow = (reader(dialect, client, runs=runs) for runs in (True, False))
    for piece in cut:
        assert quick.feed(piece) == slow.feed(piece)
        assert (quick.said, quick.deltas, quick.committed) == (slow.said, slow.deltas, slow.committed)
    assert quick.end() == slow.end()
    for field in ("done", "ended", "error", "fault", "usage", "stop"):
        assert getattr(quick, field) == getattr(slow, field)


@pytest.mark.parametrize("dialect", SPOKEN)
@pytest.mark.parametrize("kind", ["text", "thinking", "refusal", "tool"])
def test_a_run_is_written_otherwise_than_its_deltas(dialect: str, kind: neutral.Kind) -> None:
    written = []
    run = neutral.Run(0, kind, [b'"{"', b'"}"'])
    for events in ([run], run.deltas()):
        writer = DIALECTS[dialect].writer(asked(dialect))
        around = neutral.Begin("a", "m"), neutral.Open(0, kind, "t", "f")
        written.append(
            [
                b"".join(map(writer.write, around)),
                b"".join(map(writer.write, events)),
                b"".join(map(writer.write, (neutral.Close(0), neutral.Finish("end"), neutral.End()))),
            ]
        )
    assert written[0] == written[1]


@pytest.mark.parametrize("dialect", SAYING)
def test_alike_events_are_read_one_by_one(dialect: str) -> None:
    """Otherwise all of the above would hold, and nothing be won."""
    said = [f" word{number}" for number in range(50)]
    if dialect == "openai_chat":
        stream = b"".join(chunk({"content": text}) for text in said)
    else:
        stream = b"".join(block_delta(0, "text_delta", "text", text) for text in said)
    interpreter = DIALECTS[dialect].interpreter()
    read: list[bytes] = []

    class Counting(_OneByOne):
        def read(self, event: bytes) -> list[neutral.Event]:
            read.append(event)
            return interpreter.read(event)

        def run(self, block: bytes, at: int) -> tuple[neutral.Run | None, int]:
            return interpreter.run(block, at)

    out = Translating(Counting(dialect), DIALECTS["openai_chat"].writer(asked("openai_chat"))).feed(
        BEGUN[dialect] + stream
    )
    assert out.count(b'"content":" word') == 50
    assert len(read) <= 4
