"""Streams in Anthropic's dialect that pass: what is seen of them, and that they stay as they are."""

from __future__ import annotations

import json

import pytest

from fairlead.core.record import Usage
from fairlead.dialects.anthropic_messages import DIALECT
from fairlead.dialects.anthropic_messages.passing import StreamReader
from tests.dialects.anthropic_messages.recordings import STREAMS, asked, event

START = event(
    "message_start", message={"usage": {"input_tokens": 7, "cache_read_input_tokens": 90, "output_tokens": 1}}
)
TEXT = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
HELLO = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"})
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5})
STOP = event("message_stop")


@pytest.mark.parametrize("crlf", [False, True])
@pytest.mark.parametrize("name", STREAMS)
def test_recorded_streams_pass_untouched_at_any_split(name: str, crlf: bool) -> None:  # TRAPS 21, 31
    ends = [
        json.loads(line[5:])
        for line in STREAMS[name].decode().split("\n")
        if "message_delta" in line[:60] and "data" in line[:5]
    ]
    stream = STREAMS[name].replace(b"\n", b"\r\n") if crlf else STREAMS[name]
    for step in (1, 5, len(stream)):
        reader = StreamReader()
        out = b"".join(reader.feed(stream[at : at + step]) for at in range(0, len(stream), step)) + reader.end()
        assert out == stream
        assert (reader.done, reader.ended, reader.committed, reader.error) == (True, True, True, "")
        assert reader.usage is not None
        assert not reader.usage.estimated
        assert reader.usage.output == ends[-1]["usage"]["output_tokens"]


def test_usage_is_put_together_from_start_and_end() -> None:  # TRAPS 21
    reader = DIALECT.passing(asked().view, True)
    assert reader.feed(START + TEXT) == b""
    assert not reader.committed
    assert reader.feed(HELLO + END + STOP) == START + TEXT + HELLO + END + STOP
    reader.end()
    assert reader.usage == Usage(97, 5, 90)


def test_a_long_answer_keeps_the_usage_of_its_start() -> None:
    reader = StreamReader()
    many = START + TEXT + HELLO * 2000
    out = reader.feed(many) + reader.feed(END + STOP) + reader.end()
    assert out == many + END + STOP
    assert reader.usage == Usage(97, 5, 90)


def test_a_cut_stream_is_not_done_and_its_output_is_estimated() -> None:  # TRAPS 32
    reader = StreamReader()
    reader.feed(START + TEXT + HELLO * 50)
    reader.end()
    assert (reader.done, reader.ended) == (False, False)
    assert reader.usage is not None
    assert reader.usage.estimated
    assert reader.usage.input == 97
    assert reader.usage.output >= 50


def test_an_end_that_tells_no_usage_leaves_the_output_to_an_estimate() -> None:  # F17
    reader = StreamReader()
    reader.feed(START + TEXT + HELLO * 50 + event("message_delta", delta={"stop_reason": "end_turn"}) + STOP)
    reader.end()
    assert reader.done
    assert reader.usage is not None
    assert (reader.usage.input, reader.usage.estimated) == (97, True)
    assert reader.usage.output >= 50


def test_an_error_in_the_stream_is_seen_early_and_late() -> None:  # TRAPS 32
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    early = StreamReader()
    assert early.feed(error) == b""
    assert "error" in early.error
    assert not early.committed
    late = StreamReader()
    assert late.feed(START + TEXT + HELLO)
    assert late.feed(error) == error
    late.end()
    assert "error" in late.error
    assert not late.done


def test_words_in_a_text_are_no_end_mark() -> None:
    reader = StreamReader()
    said = event("content_block_delta", index=0, delta={"type": "text_delta", "text": '"message_stop" "message_delta"'})
    reader.feed(START + TEXT + HELLO)
    reader.feed(said)
    for word in ("message_stop", "message_delta"):
        reader.feed(event("content_block_delta", index=0, delta={"type": "text_delta", "text": word}))
    assert not reader.ended
    reader.feed(END + STOP)
    reader.end()
    assert reader.ended
    assert reader.done
    assert reader.usage == Usage(97, 5, 90)
