"""Events are found in bytes whatever the splits, line ends and comments."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.dialects import sse

STREAM = (
    b": a comment\n\n"
    b'data: {"a":1}\n\n'
    b"event: ping\ndata: {}\n\n"
    b"data: one\ndata: two\n\n"
    b'data: {"t":"\xe2\x80\xa8\xe4\xbd\xa0"}\n\n'
    b"id: 7\nretry: 10\ndata:tight\n\n"
    b"data\n\n"
    b"data: [DONE]\n\n"
)
FOUND = [None, b'{"a":1}', b"{}", b"one\ntwo", b'{"t":"\xe2\x80\xa8\xe4\xbd\xa0"}', b"tight", None, b"[DONE]"]


def fed(pieces: list[bytes]) -> list[bytes]:
    splitter = sse.Splitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    rest = splitter.take()
    return [*events, rest] if rest else events


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_line_ends_of_every_kind_give_the_same_events(ending: bytes) -> None:
    assert [sse.data(event) for event in fed([STREAM.replace(b"\n", ending)])] == FOUND


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_no_split_into_two_changes_the_events(ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)
    whole = fed([stream])
    for at in range(len(stream) + 1):
        assert fed([stream[:at], stream[at:]]) == whole
    assert fed([stream[at : at + 1] for at in range(len(stream))]) == whole


LINES = st.sampled_from([b"data: x", b"data:", b"data: {}", b": c", b"event: e", b"", b"id: 1", b"data: \xe2\x80\xa8"])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.lists(st.integers(0, 120), max_size=6))
def test_no_splits_at_all_change_the_events(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(line + end for line, end in lines)
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[a:b] for a, b in pairwise(at)]
    assert b"".join(fed(pieces)) == stream
    assert fed(pieces) == fed([stream])


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: a\ndata: b", b"a\nb"),
        (b"data: a\nid: 1", b"a"),
        (b"data: a\nevent: x\n", b"a"),
        (b"data: a", b"a"),
        (b"data: a\n", b"a"),
        (b"data:  two spaces\n\n", b" two spaces"),
        (b"data:\n\n", b""),
        (b"\ndata: after a stray line\n\n", b"after a stray line"),
        (b"event: x\nid: 1\n\n", None),
        (b"", None),
    ],
)
def test_an_event_that_lacks_its_last_line_end_is_read_all_the_same(event: bytes, data: bytes | None) -> None:
    assert sse.data(event) == data


def test_the_name_of_an_event_is_found_wherever_it_stands() -> None:
    assert sse.name(b"data: 1\r\nevent: error\r\n\r\n") == b"error"
    assert sse.name(b"event:tight\n\n") == b"tight"
    assert sse.name(b"data: event: no\n\n") == b""


@given(st.lists(st.tuples(LINES, ENDS), max_size=12), st.lists(st.integers(0, 120), max_size=6))
def test_blocks_hold_the_same_events_as_one_by_one(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(line + end for line, end in lines)
    at = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    one, many = sse.Splitter(), sse.Splitter()
    blocks, events = b"", []
    for a, b in pairwise(at):
        blocks += one.feed_block(stream[a:b])
        events += many.feed(stream[a:b])
    assert blocks + one.take() == stream
    # A blank line too many may stand at the end of one or at the front of the next.
    assert _bare(sse.Splitter().feed(blocks)) == _bare(events)


def _bare(events: list[bytes]) -> list[bytes]:
    return [bare for event in events if (bare := event.strip(b"\r\n"))]


def test_a_long_event_in_small_pieces_is_not_searched_over_and_over() -> None:
    """A search from the front each time would look at 200 GB here, and never end."""
    splitter = sse.Splitter()
    assert splitter.feed(b"data: ") == []
    for _ in range(2000):
        assert splitter.feed(b"x" * 100) == []
    assert splitter.feed(b"\n") == []
    assert [len(event) for event in splitter.feed(b"\n")] == [200_008]
