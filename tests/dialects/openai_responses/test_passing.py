"""Streams of Responses that pass untouched."""

from __future__ import annotations

import json

import pytest

from fairlead.core.record import Usage
from fairlead.dialects import sse
from fairlead.dialects.openai_responses.passing import StreamReader
from tests.dialects.openai_responses.recordings import STREAMS, event

USAGE = {"input_tokens": 3, "output_tokens": 4}
DONE = event("response.completed", response={"status": "completed", "output": [], "usage": USAGE})
TEXT = event("response.output_text.delta", delta="data: event: response.completed\n\n")


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 700, 10**9])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_recorded_stream_does_not_pass_untouched(name: str, size: int, ends: bytes) -> None:
    stream = STREAMS[name].replace(b"\n", ends)
    reader = StreamReader()
    out = b"".join(reader.feed(stream[at : at + size]) for at in range(0, len(stream), size)) + reader.end()
    assert out == stream
    assert (reader.committed, reader.done, reader.ended, reader.error) == (True, True, True, "")
    last = json.loads(sse.data(sse.split(STREAMS[name])[-1]) or b"")["response"]["usage"]
    assert reader.usage is not None
    assert (reader.usage.input, reader.usage.output) == (last["input_tokens"], last["output_tokens"])


def test_a_text_is_taken_for_the_end() -> None:
    reader = StreamReader()
    assert reader.feed(TEXT) == TEXT
    reader.feed(TEXT)
    assert not reader.ended
    reader.end()
    assert not reader.done


def test_what_comes_before_content_is_let_through() -> None:
    reader = StreamReader()
    assert reader.feed(event("response.created", response={"status": "in_progress"})) == b""
    assert reader.feed(event("response.output_item.added", item={"type": "message"})) == b""
    assert reader.feed(event("response.output_text.delta", delta="")) == b""
    assert reader.feed(event("response.output_item.added", item={"type": "web_search_call"})).count(b"event: ") == 4


@pytest.mark.parametrize(
    "last",
    [
        event("response.failed", response={"error": {"code": "server_error"}}),
        event("error", message="gone"),
        b'data: {"type":"error","message":"gone"}\n\n',
        b"data: {\n\n",
    ],
)
def test_an_error_late_in_a_stream_is_missed(last: bytes) -> None:  # TRAPS 32
    reader = StreamReader()
    reader.feed(TEXT + TEXT + last)
    reader.end()
    assert reader.error
    assert not reader.done


def test_usage_without_an_event_line_is_missed() -> None:
    reader = StreamReader()
    reader.feed(TEXT)
    reader.feed(TEXT + DONE.partition(b"\n")[2])
    reader.end()
    assert reader.ended
    assert reader.done
    assert reader.usage == Usage(3, 4)
