"""How an answer ended is read off it in every dialect, and what few bytes decide first never hides an odd end."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.record import Usage
from fairlead.dialects.dialect import Asked
from fairlead.dialects.endings import MAY_BE_ODD, ending_of
from fairlead.dialects.neutral import Answer, Block, Refusal, Stop, Text, Thinking, ToolCall
from fairlead.dialects.openai_chat.native import read_request
from fairlead.dialects.table import DIALECTS

ASKED = Asked("req_1", "m", cast(Any, read_request(b'{"model":"m","messages":[{"role":"user","content":"x"}]}')), 1)
STOPS: tuple[Stop, ...] = (
    "end",
    "stop_sequence",
    "length",
    "tool_use",
    "content_filter",
    "refusal",
    "pause",
    "context",
)
CALL = ToolCall("call_1", "f", '{"a": 1}')
TORN = ToolCall("call_1", "f", '{"a": "b')


def answer(*blocks: Block, stop: Stop = "end") -> Answer:
    return Answer(id="a", model="m", blocks=blocks, stop=stop, usage=Usage(5, 5))


@pytest.mark.parametrize(
    ("given", "ending"),
    [
        (answer(Text("Hello.")), ""),
        (answer(Text("Hel"), stop="length"), ""),
        (answer(stop="length"), ""),
        (answer(CALL, stop="tool_use"), ""),
        (answer(Text("So:"), CALL, stop="tool_use"), ""),
        (answer(Text("Hel"), stop="content_filter"), "blocked"),
        (answer(stop="content_filter"), "blocked"),
        (answer(Text("Not that."), stop="refusal"), "refused"),
        (answer(Refusal("Not that.")), "refused"),
        (answer(), "empty"),
        (answer(Text("  ")), "empty"),
        (answer(Thinking("Well ...")), "empty"),
        (answer(TORN, stop="length"), "truncated"),
        (answer(CALL, TORN, stop="length"), "truncated"),
        (answer(TORN, stop="tool_use"), ""),
        (answer(CALL, stop="length"), ""),
    ],
)
def test_an_end_is_taken_for_another(given: Answer, ending: str) -> None:  # M4.2
    assert ending_of(given) == ending


words = st.sampled_from(
    [
        "",
        " ",
        "Hello.",
        'He said "stop" and "length".',
        '"content":null',
        "content_filter",
        '"refusal"',
        '"parts": "STOP"',
    ]
)
blocks = st.one_of(
    st.builds(Text, words),
    st.builds(Thinking, words),
    st.builds(Refusal, words.filter(bool)),
    st.sampled_from([CALL, TORN]),
)


@given(st.sampled_from(sorted(MAY_BE_ODD)), st.lists(blocks, max_size=3), st.sampled_from(STOPS), st.booleans())
def test_a_quick_look_hides_an_odd_end(dialect: str, said: list[Block], stop: Stop, spaced: bool) -> None:  # M4.2
    body = DIALECTS[dialect].write_answer(answer(*said, stop=stop), ASKED)
    if spaced:
        body = json.dumps(json.loads(body)).encode()
    try:
        found = DIALECTS[dialect].read_answer(body)
    except ValueError:
        return  # no answer at all, which is told elsewhere
    usual = DIALECTS[dialect].usual
    if ending_of(found):
        assert MAY_BE_ODD[dialect](body)
        assert usual is None or usual(body) is None


@pytest.mark.parametrize("dialect", sorted(MAY_BE_ODD))
@pytest.mark.parametrize("spaced", [False, True])
def test_an_ordinary_answer_is_read_twice(dialect: str, spaced: bool) -> None:
    body = DIALECTS[dialect].write_answer(answer(Text("Hello there."), stop="end"), ASKED)
    if spaced:
        body = json.dumps(json.loads(body)).encode()
    assert not MAY_BE_ODD[dialect](body)
    usual = DIALECTS[dialect].usual
    assert usual is None or usual(body) == DIALECTS[dialect].account(body)[0]
