"""A stream passes as it came, whatever the splits; only what was asked for on the caller's behalf is taken out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.record import Usage
from fairlead.dialects import passing, sse
from fairlead.dialects.openai_chat.passing import StreamReader
from tests.dialects.recordings import STREAMS


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c", "choices": choices, **more}, separators=(",", ":")).encode() + b"\n\n"


ROLE = chunk({"role": "assistant", "content": ""})
HELLO = chunk({"content": "hello"})
STOP = chunk({}, "stop")
USED = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
USAGE = chunk(usage=USED)
DONE = b"data: [DONE]\n\n"
GOOD = ROLE + HELLO + STOP + USAGE + DONE


def run(pieces: Iterable[bytes], strip: bool = False) -> tuple[bytes, StreamReader]:
    reader = StreamReader(strip)
    out = [reader.feed(piece) for piece in pieces]
    out.append(reader.end())
    return b"".join(out), reader


def splits(stream: bytes, sample: int = 150) -> Iterator[list[bytes]]:
    """At every byte where the stream is short, at some of them where it is long, and into single bytes."""
    places: Iterable[int] = range(len(stream))
    if len(stream) > 4000:
        places = sorted(Random(7).sample(range(len(stream)), sample))
    for at in places:
        yield [stream[:at], stream[at:]]
    cuts = [0, *sorted(Random(8).sample(range(1, len(stream)), 40)), len(stream)]
    yield [stream[a:b] for a, b in pairwise(cuts)]
    yield [stream[at : at + 1] for at in range(len(stream))]


def events(stream: bytes) -> list[Any]:
    """What a client makes of a stream."""
    found = (sse.data(event) for event in sse.Splitter().feed(stream))
    return [data.decode() if data == b"[DONE]" else json.loads(data) for data in found if data is not None]


def reported(stream: bytes) -> tuple[int, int] | None:
    """(prompt, completion) by the last usage in the stream, read the plain way."""
    last = None
    for event in events(stream):
        if isinstance(event, dict):
            last = event.get("usage") or (event.get("x_groq") or {}).get("usage") or last
    return None if last is None else (last["prompt_tokens"], last["completion_tokens"])


def without_usage(found: list[Any]) -> list[Any]:
    kept = []
    for event in found:
        if isinstance(event, dict):
            if event.get("usage") and not event.get("choices"):
                continue
            event = {key: value for key, value in event.items() if key != "usage"}
        kept.append(event)
    return kept


# ---- recorded streams


@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_passes_byte_for_byte_at_every_split(name: str) -> None:
    stream = STREAMS[name]
    for pieces in splits(stream):
        out, reader = run(pieces)
        assert out == stream
        assert (reader.done, reader.error) == (True, "")
        used = reader.usage
        assert (None if used is None else (used.input, used.output)) == reported(stream)


@pytest.mark.parametrize("name", STREAMS)
def test_usage_is_taken_out_of_a_recorded_stream_and_nothing_else(name: str) -> None:
    stream = STREAMS[name]
    wanted = without_usage(events(stream))
    whole, _ = run([stream], strip=True)
    assert events(whole) == wanted
    untouched = [event for event in sse.Splitter().feed(stream) if b'"usage"' not in event]
    assert all(event in whole for event in untouched)
    for pieces in splits(stream, 60):
        out, reader = run(pieces, strip=True)
        assert out == whole
        assert (reader.done, reader.error) == (True, "")
        used = reader.usage
        assert (None if used is None else (used.input, used.output)) == reported(stream)


@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_reads_the_same_with_crlf(name: str) -> None:
    stream = STREAMS[name].replace(b"\n", b"\r\n")
    for strip in (False, True):
        out, reader = run([stream[:777], stream[777:]], strip)
        assert (reader.done, reader.error) == (True, "")
        assert (None if reader.usage is None else (reader.usage.input, reader.usage.output)) == reported(STREAMS[name])
        if strip:
            assert events(out) == without_usage(events(STREAMS[name]))
            assert b"\n" not in out.replace(b"\r\n", b"")
        else:
            assert out == stream


# ---- held back until there is content


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x"},
        {"content": [{"type": "thinking", "thinking": []}]},
        {"reasoning_content": "x"},
        {"reasoning": "x"},
        {"reasoning_details": [{"type": "reasoning.text"}]},
        {"refusal": "no"},
        {"tool_calls": [{"index": 0, "function": {"name": "f"}}]},
        {"function_call": {"name": "f"}},
        {"audio": {"id": "a"}},
        {"images": [{"type": "image_url"}]},
    ],
)
@pytest.mark.parametrize("strip", [False, True])
def test_content_of_every_kind_lets_the_stream_go(delta: dict[str, Any], strip: bool) -> None:
    reader = StreamReader(strip)
    assert reader.feed(b": OPENROUTER PROCESSING\n\n" + ROLE) == b""
    assert not reader.committed
    assert reader.feed(chunk(delta)) == b": OPENROUTER PROCESSING\n\n" + ROLE + chunk(delta)
    assert reader.committed


@pytest.mark.parametrize(
    "event",
    [
        ROLE,
        chunk(),
        chunk(prompt_filter_results=[{"prompt_index": 0}]),
        chunk({"content": None}),
        chunk({"content": "", "reasoning": None, "tool_calls": [], "refusal": None}),
        b": keep-alive\n\n",
        b"data: \n\n",
        b'data: {"choices":null}\n\n',
        b'data: {"choices":[{"delta":null}]}\n\n',
        USAGE,
    ],
)
@pytest.mark.parametrize("strip", [False, True])
def test_what_is_no_content_is_held_back(event: bytes, strip: bool) -> None:
    reader = StreamReader(strip)
    assert reader.feed(event) == b""
    assert (reader.committed, reader.error) == (False, "")
    assert reader.feed(HELLO).endswith(HELLO)


def test_an_answer_that_ends_without_content_is_an_answer() -> None:
    out, reader = run([ROLE, STOP, DONE])
    assert out == ROLE + STOP + DONE
    assert reader.done


@pytest.mark.parametrize("strip", [False, True])
def test_nothing_is_withheld_once_there_is_content(strip: bool) -> None:
    reader = StreamReader(strip)
    reader.feed(ROLE + HELLO)
    for _ in range(5):
        assert reader.feed(HELLO) == HELLO


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_only_whole_events_are_passed_so_that_a_cut_leaves_no_torn_one(strip: bool, end: bytes) -> None:  # FAULTS 5
    stream = (ROLE + HELLO * 3).replace(b"\n\n", end + end)
    for at in range(len(stream)):
        reader = StreamReader(strip)
        out = reader.feed(stream[:at])
        assert out == b"" or out.endswith(end + end)
        assert out + reader.feed(stream[at:]) == stream


@pytest.mark.parametrize("strip", [False, True])
def test_an_endless_event_amid_the_answer_is_an_error_too(
    strip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # FAULTS 15
    monkeypatch.setattr(passing, "HELD_LIMIT", 2**20)
    reader = StreamReader(strip)
    reader.feed(ROLE + HELLO + b"data: ")
    for _ in range(20):
        reader.feed(b"x" * 2**16)
    assert reader.error


# ---- errors and ends


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"error":{"message":"no","code":500}}\n\n',
        b'event: error\r\ndata: {"error":{"message":"no"}}\r\n\r\n',
        chunk({"content": ""}, "error", error={"code": 502, "message": "provider returned error"}),
        b"data: <html>Bad gateway</html>\n\n",
        b'data: {"choices":[{"delta":{"content":"x"}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
@pytest.mark.parametrize("strip", [False, True])
def test_an_error_before_content_is_seen_and_nothing_let_go(event: bytes, strip: bool) -> None:  # FAULTS 6, 16
    for at in range(0, len(event), max(1, len(event) // 50)):
        reader = StreamReader(strip)
        out = reader.feed(ROLE) + reader.feed(event[:at]) + reader.feed(event[at:])
        assert reader.error
        assert out == b""


@pytest.mark.parametrize("strip", [False, True])
def test_an_error_after_content_is_seen(strip: bool) -> None:
    out, reader = run([ROLE + HELLO, HELLO, b'data: {"error":{"message":"no"}}\n\n'], strip)
    assert "error" in reader.error
    assert out.startswith(ROLE + HELLO + HELLO)


@pytest.mark.parametrize("strip", [False, True])
def test_a_null_error_is_none(strip: bool) -> None:
    assert run([chunk({"content": "x"}, error=None), STOP, DONE], strip)[1].error == ""


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize("end", [b"", b"data: {", b'data: {"choices":[{"delta":{"content":"a', b": bye\n\n"])
def test_a_stream_that_breaks_off_is_not_taken_for_whole(strip: bool, end: bytes) -> None:  # FAULTS 5
    _, reader = run([ROLE, HELLO, HELLO, end], strip)
    assert not reader.done


@pytest.mark.parametrize("strip", [False, True])
def test_the_end_is_found_without_its_last_line_end(strip: bool) -> None:
    stream = ROLE + HELLO + b"data: [DONE]"
    for pieces in splits(stream):
        out, reader = run(pieces, strip)
        assert out == stream
        assert reader.done


def test_content_without_its_last_line_end_is_let_go_at_the_end() -> None:
    assert run([ROLE, HELLO.rstrip()])[0] == ROLE + HELLO.rstrip()


def test_a_text_that_speaks_of_events_and_errors_is_only_text() -> None:
    talk = chunk({"content": '"error": data: {"usage":null} [DONE]\n\ndata: x, "finish_reason":"stop"'})
    for strip in (False, True):
        for pieces in splits(ROLE + talk * 40 + STOP + DONE):
            out, reader = run(pieces, strip)
            assert out == ROLE + talk * 40 + STOP + DONE
            assert (reader.done, reader.error) == (True, "")
        assert not run([ROLE + talk * 3], strip)[1].done


@pytest.mark.parametrize("strip", [False, True])
def test_a_tail_torn_anywhere_is_no_error(strip: bool) -> None:
    """Only the last kilobytes are kept; they may begin within an event, at bytes that look like the start of one."""
    talk = chunk({"content": 'data: {"error":1} ' * 400})
    for cut in range(7, 60):
        stream = ROLE + HELLO + talk * 6 + STOP + USAGE + DONE
        first = len(ROLE + HELLO) + cut
        pieces = [stream[:first], *(stream[at : at + 1000] for at in range(first, len(stream), 1000))]
        _, reader = run(pieces, strip)
        assert (reader.error, reader.done) == ("", True)
        assert reader.usage == Usage(12, 3)


@pytest.mark.parametrize("strip", [False, True])
def test_an_endless_event_is_an_error_before_it_fills_the_memory(
    strip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # FAULTS 15
    monkeypatch.setattr(passing, "HELD_LIMIT", 2**20)
    for one in (b"x" * 2**16, b": ping\n\n" * 2**13):
        reader = StreamReader(strip)
        reader.feed(b"data: " if one[:1] == b"x" else b"")
        fed = 0
        while not reader.error:
            reader.feed(one)
            fed += len(one)
            assert fed < 2**21


# ---- usage


@pytest.mark.parametrize("null", [b',"usage":null', b', "usage": null', b',"usage": null'])
def test_the_null_usage_of_every_chunk_is_taken_out(null: bytes) -> None:
    first = HELLO.replace(b'"id":"c"', b'"id":"c"' + null)
    last = HELLO.replace(b"}]}", b"}]" + null + b"}")
    assert run([first + last + DONE], strip=True)[0] == HELLO + HELLO + DONE
    assert run([first + last + DONE])[0] == first + last + DONE


def test_usage_in_first_place_and_in_a_nested_object_is_told_apart() -> None:
    front = b'data: {"usage":null,"choices":[{"delta":{"content":"x"}}]}\n\n'
    assert run([front], strip=True)[0] == b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
    nested = b'data: {"choices":[{"delta":{"content":"x"}}],"x":{"a":1,"usage":null},"usage":null}\n\n'
    assert run([nested], strip=True)[0] == nested.replace(b',"usage":null}\n', b"}\n")


def test_usage_beside_content_is_taken_out_of_the_chunk_and_the_chunk_stays() -> None:
    last = b': c\nid: 4\ndata: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}], "usage" : {"prompt_tokens":1,"completion_tokens":2}}\n\n'
    out, reader = run([last + DONE], strip=True)
    assert out == b': c\nid: 4\ndata: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n' + DONE
    assert reader.usage == Usage(1, 2)


def test_an_event_over_several_lines_loses_its_usage_too() -> None:
    last = (
        b'data: {"choices":[{"delta":{"content":"x"}}],\ndata: "usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    )
    out, reader = run([last], strip=True)
    assert events(out) == [{"choices": [{"delta": {"content": "x"}}]}]
    assert reader.usage == Usage(1, 2)


@pytest.mark.parametrize("strip", [False, True])
@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": 1},
        {"prompt_tokens": "12", "completion_tokens": 3},
        {"prompt_tokens": 10**30, "completion_tokens": 3},
        "unknown",
        [],
    ],
)
def test_unusable_usage_is_no_usage_and_no_error(usage: Any, strip: bool) -> None:  # FAULTS 17
    _, reader = run([ROLE, HELLO, STOP, chunk(usage=usage), DONE], strip)
    assert (reader.usage, reader.error, reader.done) == (None, "", True)
    assert reader.events > 0


@pytest.mark.parametrize("strip", [False, True])
def test_usage_sent_twice_counts_once_and_the_last_holds(strip: bool) -> None:  # FAULTS 17
    sofar = chunk({"content": "x"}, usage={"prompt_tokens": 12, "completion_tokens": 1})
    assert run([ROLE, sofar, sofar, STOP, USAGE, DONE], strip)[1].usage == Usage(12, 3)


# ---- whole, and how much of it


def answered(index: int, finish: str | None = None, **delta: str) -> bytes:
    return (
        b"data: %b\n\n"
        % json.dumps(
            {"choices": [{"index": index, "delta": delta, "finish_reason": finish}]}, separators=(",", ":")
        ).encode()
    )


@pytest.mark.parametrize(
    ("answers", "finished", "done"),
    [(1, [0], True), (2, [0], False), (2, [1, 1], False), (2, [0, 1], True), (3, [2, 0], False), (3, [2, 0, 1], True)],
)
def test_without_an_end_mark_a_stream_is_whole_when_each_of_its_answers_is(
    answers: int, finished: list[int], done: bool
) -> None:
    reader = StreamReader(False, answers)
    reader.feed(b"".join(answered(index, content="a") for index in range(answers)))
    for index in finished:
        reader.feed(answered(index, "stop"))
    reader.end()
    assert (reader.done, reader.error) == (done, "")


@pytest.mark.parametrize("field", ["content", "reasoning_content", "refusal"])
@pytest.mark.parametrize("size", [4, 40, 400, 4000])
def test_an_estimate_goes_by_the_bytes_said_not_by_the_number_of_events(size: int, field: str) -> None:
    said = 40_000
    _, reader = run([chunk({field: "a" * size}) for _ in range(said // size)] + [STOP, DONE])
    assert reader.usage is None
    assert said / 4 <= reader.estimate <= 1.3 * said / 4


@pytest.mark.parametrize("strip", [False, True])
def test_usage_whose_details_are_odd_still_counts(strip: bool) -> None:
    for details in ("none", 7, [1], {"cached_tokens": "7"}):
        odd = chunk(usage={**USED, "prompt_tokens_details": details, "completion_tokens_details": details})
        assert run([ROLE, HELLO, STOP, odd, DONE], strip)[1].usage == Usage(12, 3)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    st.lists(TEXTS, min_size=1, max_size=8),
    st.lists(st.integers(1, 900), max_size=8),
    st.booleans(),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_any_texts_in_any_pieces_arrive_whole(
    texts: list[str], cuts: list[int], strip: bool, end: bytes
) -> None:  # FAULTS 8
    plain = (ROLE + b"".join(chunk({"content": text}) for text in texts) + STOP + DONE).replace(b"\n\n", end + end)
    billed = (ROLE + b"".join(chunk({"content": text}, usage=None) for text in texts) + STOP + USAGE + DONE).replace(
        b"\n\n", end + end
    )
    at = sorted({0, len(billed), *(cut for cut in cuts if cut < len(billed))})
    out, reader = run([billed[a:b] for a, b in pairwise(at)], strip)
    assert out == (plain if strip else billed)
    assert reader.usage == Usage(12, 3)
    assert reader.done
