"""What goes on behind a text that broke off is told once, whole, and under one number, however it comes in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.record import Usage
from fairlead.dialects import neutral
from fairlead.dialects.continuing import INSTRUCTION, LEAST, LONGEST, Joining, Prolonged, Told, may_continue, repeated
from fairlead.dialects.neutral import Begin, Broken, Close, Delta, End, Event, Finish, Open, Used
from fairlead.dialects.table import DIALECTS

TEXTS = st.text('ab é\n"\\😀', max_size=40)


class Writer:
    """Keeps what it is given."""

    untold: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, event: Event) -> bytes:
        self.events.append(event)
        return b""


class Interpreter:
    """Reads nothing: says what it was made to say, so many events at a time."""

    unread = ()

    def __init__(self, *events: Event) -> None:
        self.events = list(events)

    def read(self, event: bytes) -> list[Event]:
        said, self.events = self.events[: len(event)], self.events[len(event) :]
        return said

    def end(self) -> list[Event]:
        return []


def delta(text: str, index: int = 0, kind: neutral.Kind = "text") -> Delta:
    return Delta(index, kind, json.dumps(text).encode())


def begun(*texts: str, closed: bool = False) -> tuple[Told, Writer]:
    writer = Writer()
    told = Told(writer)
    events: list[Event] = [Begin("a", "m"), Open(0, "text"), *map(delta, texts), *([Close(0)] if closed else [])]
    for event in events:
        told.write(event)
    return told, writer


def whole(*texts: str, start: int = 0) -> list[Event]:
    return [
        Begin("b", "n"),
        Open(start, "text"),
        *(delta(one, start) for one in texts),
        Close(start),
        Finish("end"),
        End(),
    ]


def gone_on(told: Told, *events: Event, at_once: int = 1) -> None:
    joining = Joining(Interpreter(*events), told, told.text())
    for _ in range(len(events)):
        for event in joining.read(b"." * at_once):
            told.write(event)


def text_of(writer: Writer) -> str:
    return "".join(json.loads(event.data) for event in writer.events if isinstance(event, Delta))


@given(TEXTS.filter(str.strip), TEXTS, TEXTS, st.integers(1, 9), st.integers(1, 5))
def test_a_text_depends_on_how_its_continuation_is_torn(
    told: str, again: str, more: str, size: int, at_once: int
) -> None:
    """`again`: sometimes the end of what was told, so that there is something to leave out."""
    tail = told[-len(again) :] if again else ""
    continued = tail + more
    pieces = [continued[at : at + size] for at in range(0, len(continued), size)]
    state, writer = begun(told)
    gone_on(state, *whole(*pieces), at_once=at_once)
    assert text_of(writer) == told + continued[repeated(told, continued) :]
    kinds = [type(event).__name__ for event in writer.events if not isinstance(event, Delta)]
    assert kinds == ["Begin", "Open", "Close", "Finish", "End"]


@given(TEXTS, TEXTS)
def test_what_is_left_out_was_not_told_or_is_less_than_there_is(told: str, more: str) -> None:
    size = repeated(told, more)
    assert told.endswith(more[:size])
    assert size == 0 or size >= LEAST or size == len(told)
    longer = [at for at in range(size + 1, len(more) + 1) if at >= LEAST and told.endswith(more[:at])]
    assert longer == [] or size == len(told)


@pytest.mark.parametrize(
    ("events", "kinds"),
    [
        (whole("two"), ["Delta", "Close", "Finish", "End"]),
        ([*whole()[:2], Finish("end")], ["Close", "Finish"]),
        ([Open(0, "thinking"), delta("hm", 0, "thinking"), Close(0), *whole("two", start=1)], ["Delta", "Close", "Finish", "End"]),
        ([Open(0, "tool", "c", "f"), Close(0), Finish("tool_use")], ["Close", "Open", "Close", "Finish"]),
        ([*whole("two")[:-2], Open(1, "text"), delta("three", 1), Close(1), Finish("end")], ["Delta", "Close", "Open", "Delta", "Close", "Finish"]),
        ([Begin("b", "n"), Finish("content_filter")], ["Broken"]),
        ([Open(0, "refusal"), delta("no", 0, "refusal"), Close(0), Finish("refusal")], ["Broken"]),
        ([Broken("overloaded")], ["Broken"]),
    ],
)  # fmt: skip
def test_what_else_comes_is_told_out_of_place(events: list[Event], kinds: list[str]) -> None:
    told, writer = begun("one")
    gone_on(told, *events)
    assert [type(event).__name__ for event in writer.events[3:]] == kinds
    opened = [event.index for event in writer.events if isinstance(event, Open)]
    closed = [event.index for event in writer.events if isinstance(event, Close)]
    assert sorted(set(opened)) == sorted(opened)
    assert closed == opened or kinds == ["Broken"]


def test_behind_a_block_that_had_ended_the_next_has_its_number() -> None:
    told, writer = begun("one", closed=True)
    gone_on(told, *whole(" two"))
    assert [event.index for event in writer.events if isinstance(event, Open | Delta | Close)] == [0, 0, 0, 1, 1, 1]


def test_one_that_says_nothing_leaves_its_mark() -> None:
    """The next to go on finds things as they were told."""
    told, writer = begun("one", closed=True)
    before = len(writer.events)
    gone_on(told, Begin("b", "n"), Open(0, "text"), Used(Usage(1, 2)))
    assert [type(event) for event in writer.events[before:]] == [Used]
    gone_on(told, *whole(" two"))
    assert text_of(writer) == "one two"


def test_usage_is_that_of_the_last_attempt_alone() -> None:
    told, writer = begun("one")
    told.before = Usage(10, 5, estimated=True)
    told.write(Used(Usage(20, 3, cached_input=4)))
    assert writer.events[-1] == Used(Usage(30, 8, cached_input=4, estimated=True))


@pytest.mark.parametrize(
    "events",
    [
        [],
        [delta("  \n")],
        [delta("one"), Close(0), Open(1, "tool", "c", "f")],
        [delta("one"), Close(0), Open(1, "thinking")],
        [delta("one"), Close(0), Open(1, "refusal")],
        [Delta(0, "text", b'"half \\ud83d"')],
        [delta("x" * (LONGEST + 1))],
    ],
)
def test_what_cannot_be_gone_on_with_is(events: list[Event]) -> None:
    told, _ = begun()
    for event in events:
        told.write(event)
    assert told.text() == ""


def test_what_comes_behind_the_end_is_taken_for_told() -> None:
    told, writer = begun("one")
    told.hold()
    told.write(Close(0))
    told.write(delta("two"))
    assert (told.text(), told.open) == ("one", 0)
    told.release()
    assert (told.text(), told.open, len(writer.events)) == ("onetwo", -1, 5)


ASKED: dict[str, dict[str, Any]] = {
    "openai_chat": {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100, "stream": True},
    "openai_responses": {"model": "m", "input": "Hi", "max_output_tokens": 100, "stream": True},
    "anthropic_messages": {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}], "generationConfig": {"maxOutputTokens": 100}},
}


@pytest.mark.parametrize("dialect", ASKED)
def test_the_conversation_goes_on_without_what_was_said(dialect: str) -> None:
    view = DIALECTS[dialect].read_request(json.dumps(ASKED[dialect]).encode(), "m", True)
    assert may_continue(view.neutral())
    asked = Prolonged(view, "x" * 160).neutral()
    assert [turn.role for turn in asked.turns] == ["user", "assistant", "user"]
    assert asked.turns[2].blocks == (neutral.Text(INSTRUCTION),)
    assert asked.max_output == 60
    assert Prolonged(view, "x" * 4000).neutral().max_output == 16
    assert len(view.neutral().turns) == 1, "the request itself was changed"


def test_a_beginning_of_the_callers_own_becomes_a_turn_beside_it() -> None:
    body = ASKED["anthropic_messages"] | {
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Well,"}]
    }
    view = DIALECTS["anthropic_messages"].read_request(json.dumps(body).encode(), "", False)
    turns = Prolonged(view, " hello").neutral().turns
    assert [turn.role for turn in turns] == ["user", "assistant", "user"]
    assert turns[1].blocks == (neutral.Text("Well,"), neutral.Text(" hello"))
