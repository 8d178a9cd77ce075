"""A stream of Gemini passes as it came, and is whole when it told its finish reason."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from msgspec import Raw

from fairlead.core.record import Usage
from fairlead.dialects.gemini.native import read_usage
from fairlead.dialects.gemini.passing import StreamReader
from tests.dialects.gemini.recordings import STREAMS


def chunk(parts: list[dict[str, Any]], finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
    if finish:
        candidate["finishReason"] = finish
    return b"data: " + json.dumps({"candidates": [candidate], **more}).encode() + b"\r\n\r\n"


USED = {"promptTokenCount": 4, "candidatesTokenCount": 2, "thoughtsTokenCount": 1, "totalTokenCount": 7}
GOOD = chunk([{"text": "a"}]) + chunk([{"text": "b"}]) + chunk([{"text": ""}], "STOP", usageMetadata=USED)


def run(stream: bytes, size: int, answers: int = 1) -> tuple[bytes, StreamReader]:
    reader = StreamReader(answers)
    out = b"".join(reader.feed(stream[at : at + size]) for at in range(0, len(stream), size))
    return out + reader.end(), reader


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_a_stream_passes_untouched_at_every_split(size: int) -> None:
    out, reader = run(GOOD, size)
    assert out == GOOD
    assert (reader.done, reader.committed, reader.error, reader.usage) == (True, True, "", Usage(4, 3, 0, 0, 0, 1))


def test_a_stream_without_a_finish_reason_was_cut() -> None:  # TRAPS 32
    _, reader = run(chunk([{"text": "a"}]) + chunk([{"text": "b"}], usageMetadata=USED), 50)
    assert not reader.done
    assert reader.usage == Usage(4, 3, 0, 0, 0, 1)


def test_nothing_goes_on_before_there_is_content() -> None:
    reader = StreamReader()
    assert reader.feed(chunk([], usageMetadata=USED) + chunk([{"text": ""}])) == b""
    assert reader.feed(chunk([{"functionCall": {"name": "f"}}])).count(b"data:") == 3


def test_a_blocked_prompt_is_a_whole_answer() -> None:
    _, reader = run(b'data: {"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"}}\r\n\r\n', 9)
    assert reader.done
    assert reader.committed


def test_every_candidate_has_to_finish() -> None:
    first = chunk([{"text": "a"}], "STOP") + chunk([{"text": "b"}], index=1)
    assert not run(first, 40, answers=2)[1].done
    assert run(first + chunk([{"text": ""}], "STOP", 1), 40, answers=2)[1].done


def test_an_error_in_the_stream_is_seen() -> None:
    stream = chunk([{"text": "a"}]) + b'data: {"error":{"code":503,"status":"UNAVAILABLE"}}\r\n\r\n'
    _, reader = run(stream, 64)
    assert "error" in reader.error
    assert run(b"data: {nonsense\r\n\r\n", 5)[1].error


@pytest.mark.parametrize("name", STREAMS)
def test_recorded_streams_pass(name: str) -> None:
    stream = STREAMS[name]
    last = json.loads(stream.rstrip().rpartition(b"data: ")[2])
    for size in (1, len(stream), *Random(3).sample(range(2, 400), 3)):
        out, reader = run(stream, size)
        assert out == stream
        assert reader.done
        assert reader.usage == read_usage(Raw(json.dumps(last["usageMetadata"]).encode()))
