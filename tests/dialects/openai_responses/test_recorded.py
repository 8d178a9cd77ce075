"""What providers of Responses were recorded to answer, as clients of every dialect get it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from fairlead.core.record import Usage
from fairlead.dialects import neutral
from fairlead.dialects.openai_responses import DIALECT
from fairlead.dialects.openai_responses.native import NAME, account
from fairlead.dialects.openai_responses.passing import StreamReader
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translating import Translating
from tests.dialects.openai_responses.recordings import compact
from tests.dialects.recordings import BESIDE
from tests.dialects.test_moves import SPOKEN
from tests.dialects.test_told import asked, gathered, read_stream


def _recorded() -> Iterator[tuple[str, dict[str, Any]]]:
    """Of every provider, for several speak this dialect."""
    for file in sorted((BESIDE / "fixtures").glob("*/*.json")):
        recorded = json.loads(file.read_text())
        if not isinstance(recorded, dict) or "request" not in recorded:
            continue
        asked_for = recorded["request"]["url"].split("?")[0]
        if asked_for.endswith("/responses") and recorded["response"]["status"] == 200:
            yield f"{file.parent.name}/{file.stem}", recorded["response"]


RECORDED = dict(_recorded())
STREAMS = {name: one["sse"].encode() for name, one in RECORDED.items() if "sse" in one}
ANSWERS = {name: one["json"] for name, one in RECORDED.items() if one.get("json", {}).get("output")}
UNANSWERED = {name: one["json"] for name, one in RECORDED.items() if name not in STREAMS.keys() | ANSWERS.keys()}
"""Responses that still run in the background."""
Said = tuple[str, list[tuple[str, Any]], tuple[int, int]]


def last_of(stream: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stream.rstrip().rpartition(b"data: ")[2])
    return dict(found["response"])


def recorded_as(response: dict[str, Any]) -> Said:
    """(text, calls, tokens in and out) as the recording has them, read without the code under test."""
    text, calls = "", []
    for item in response["output"]:
        if item["type"] == "message":
            text += "".join(part.get("text", "") for part in item["content"])
        elif item["type"] == "function_call":
            calls.append((item["name"], json.loads(item["arguments"] or "{}")))
    return text, calls, (response["usage"]["input_tokens"], response["usage"]["output_tokens"])


def tokens(usage: Usage | None) -> tuple[int, int]:
    assert usage is not None
    return usage.input, usage.output


def spoken(events: list[neutral.Event]) -> list[neutral.Event]:
    """Without thoughts, whose words are not the answer's."""
    return [one for one in events if not isinstance(one, neutral.Delta) or one.kind != "thinking"]


@pytest.mark.parametrize("client", SPOKEN)
@pytest.mark.parametrize("name", ANSWERS)
def test_a_client_gets_another_answer_than_was_recorded(name: str, client: str) -> None:  # TRAPS 20
    told = DIALECTS[client].write_answer(DIALECT.read_answer(compact(ANSWERS[name])), asked(client))
    found = DIALECTS[client].read_answer(told)
    text = "".join(block.text for block in found.blocks if isinstance(block, neutral.Text))
    calls = [
        (block.name, orjson.loads(block.arguments)) for block in found.blocks if isinstance(block, neutral.ToolCall)
    ]
    assert (text, calls, tokens(found.usage)) == recorded_as(ANSWERS[name])


@pytest.mark.parametrize("client", SPOKEN)
@pytest.mark.parametrize("name", STREAMS)
def test_a_client_gets_another_stream_than_was_recorded(name: str, client: str) -> None:  # TRAPS 20, 31
    told = set()
    for stream in (STREAMS[name], STREAMS[name].replace(b"\n", b"\r\n")):
        for size in (1, 777, len(stream)):
            reader = Translating(DIALECT.interpreter(), DIALECTS[client].writer(asked(client)))
            out = b"".join(reader.feed(stream[at : at + size]) for at in range(0, len(stream), size)) + reader.end()
            assert (reader.done, reader.ended, reader.error) == (True, True, "")
            told.add(out)
    assert len(told) == 1
    text, calls, stop, usage, _ = gathered(spoken(read_stream(client, told.pop())))
    assert (text, calls, tokens(usage)) == recorded_as(last_of(STREAMS[name]))
    assert stop == ("tool_use" if calls else "end")


@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_is_cut_and_looks_whole(name: str) -> None:  # TRAPS 32
    stream = STREAMS[name]
    for cut in (stream.rindex(b"event: response."), len(stream) * 2 // 3, len(stream) // 3):
        reader = Translating(DIALECT.interpreter(), DIALECT.writer(asked(NAME)))
        out = reader.feed(stream[:cut]) + reader.end()
        assert not reader.done
        assert b"response.completed" not in out
        passing = StreamReader()
        passing.feed(stream[:cut])
        passing.end()
        assert not passing.done


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 777])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_a_stream_that_passes_loses_its_usage(name: str, size: int, ends: bytes) -> None:
    stream = STREAMS[name].replace(b"\n", ends)
    reader = StreamReader()
    assert b"".join(reader.feed(stream[at : at + size]) for at in range(0, len(stream), size)) + reader.end() == stream
    assert tokens(reader.usage) == recorded_as(last_of(STREAMS[name]))[2]


@pytest.mark.parametrize("name", UNANSWERED)
def test_what_still_runs_is_translated_as_an_answer(name: str) -> None:
    assert UNANSWERED[name]["status"] in ("queued", "in_progress")
    assert account(compact(UNANSWERED[name]))[1] == ""
    with pytest.raises(ValueError, match="no output"):
        DIALECT.read_answer(compact(UNANSWERED[name]))
