"""Questions and answers of every dialect in the words of the gates."""

from __future__ import annotations

import json

import msgspec
import pytest

from fairlead.core.call import Call, Caller, Facts, Wishes
from fairlead.core.gates.verdict import MOST_CONTEXT, MOST_TEXT, Called
from fairlead.dialects import neutral
from fairlead.dialects.dialect import Asked, Target
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translate import Losses
from fairlead.gateway.answers import READABLE, asked_of, given_of

SCHEMA = json.dumps({"type": "object", "properties": {"city": {"type": "string"}}}).encode()
REQUEST = neutral.Request(
    model="m",
    turns=(
        neutral.Turn("system", (neutral.Text("Answer in English."),)),
        neutral.Turn("user", (neutral.Text("What is in the file?"),)),
        neutral.Turn("assistant", (neutral.ToolCall("c1", "look", '{"city": "Oslo"}'),)),
        neutral.Turn("user", (neutral.ToolResult("c1", (neutral.Text("It holds 42 rows."),), "look"),)),
        neutral.Turn("user", (neutral.Text("And in words?"),)),
    ),
    tools=(neutral.Tool("look", parameters=SCHEMA),),
    tool_choice="required",
    max_output=500,
)
ANSWER = neutral.Answer(
    id="a",
    model="m",
    blocks=(neutral.Text("Forty-two “rows”.\n"), neutral.ToolCall("c2", "look", '{"city":"Rome"}')),
    stop="tool_use",
)


def call_of(dialect: str, request: neutral.Request = REQUEST, stream: bool = False) -> Call:
    request = msgspec.structs.replace(request, stream=stream)
    body = DIALECTS[dialect].write_request(request, Target("m", "openai"), Losses(dialect))
    view = DIALECTS[dialect].read_request(body, "m", stream)
    return Call("r", "generate", dialect, "m", stream, body, view, Caller("k"), Wishes(), Facts(0))


def asked_by(call: Call) -> Asked:
    return Asked(call.id, "m", call.view, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", sorted(READABLE))
def test_a_question_is_read_otherwise_than_it_was_asked(dialect: str) -> None:  # M1.6
    asked = asked_of(call_of(dialect), "chat")
    assert (asked.task, asked.system, asked.said) == ("chat", "Answer in English.", "And in words?")
    assert "It holds 42 rows." in asked.context
    assert asked.sourced
    assert asked.must_call
    assert [tool.name for tool in asked.tools] == ["look"]
    assert json.loads(asked.tools[0].parameters)["properties"] == {"city": {"type": "string"}}
    assert asked.max_output == 500


@pytest.mark.parametrize("dialect", sorted(READABLE))
def test_a_whole_answer_is_read_otherwise_than_it_was_given(dialect: str) -> None:  # M1.6
    call = call_of(dialect)
    given = given_of(call, DIALECTS[dialect].write_answer(ANSWER, asked_by(call)))
    assert given.text == "Forty-two “rows”.\n"
    assert [(one.name, json.loads(one.arguments)) for one in given.calls] == [("look", {"city": "Rome"})]
    assert given.end in ("end", "tool_use")


@pytest.mark.parametrize("dialect", sorted(READABLE))
def test_a_streamed_answer_is_read_otherwise_than_a_whole_one(dialect: str) -> None:  # M4.4
    call = call_of(dialect, stream=True)
    write = DIALECTS[dialect].writer(asked_by(call)).write
    events = [
        neutral.Begin("a", "m"),
        neutral.Open(0, "text"),
        neutral.Delta(0, "text", '"Forty-two “ro'.encode() + b'"'),
        neutral.Delta(0, "text", '"ws”.\\n"'.encode()),
        neutral.Close(0),
        neutral.Open(1, "tool", "c2", "look"),
        neutral.Delta(1, "tool", b'"{\\"city\\":"'),
        neutral.Delta(1, "tool", b'"\\"Rome\\"}"'),
        neutral.Close(1),
        neutral.Finish("tool_use"),
        neutral.End(),
    ]
    body = b"".join(write(event) for event in events)
    given = given_of(call, b": a comment\n\n" + body if dialect != "gemini" else body)
    assert given.text == "Forty-two “rows”.\n"
    assert [(one.name, json.loads(one.arguments)) for one in given.calls] == [("look", {"city": "Rome"})]


@pytest.mark.parametrize("dialect", sorted(READABLE))
def test_an_answer_that_was_cut_or_refused_reads_like_one_that_ended(dialect: str) -> None:  # M4.3
    call = call_of(dialect)
    for stop, end in (("length", "length"), ("content_filter", "blocked")):
        answer = neutral.Answer(id="a", model="m", blocks=(neutral.Text("Fo"),), stop=stop)  # type: ignore[arg-type]
        assert given_of(call, DIALECTS[dialect].write_answer(answer, asked_by(call))).end in (end, "refused")


def test_what_is_said_of_each_token_is_lost() -> None:  # M4.3
    call = call_of("openai_chat")
    told = [{"token": "A", "logprob": -0.5, "bytes": [65], "top_logprobs": [{"token": "A", "logprob": -0.5, "bytes": [65]}, {"token": "B", "logprob": -0.75, "bytes": [66]}]}]  # fmt: skip
    answer = msgspec.structs.replace(
        ANSWER, blocks=(neutral.Text("A"),), stop="end", logprobs=json.dumps(told).encode()
    )
    given = given_of(call, DIALECTS["openai_chat"].write_answer(answer, asked_by(call)))
    assert (given.logprobs, given.margins) == ((-0.5,), (0.25,))


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"choices": []}', b"\xff"])
def test_what_is_no_answer_is_taken_for_one(body: bytes) -> None:
    with pytest.raises(ValueError):
        given_of(call_of("openai_chat"), body)


def test_a_question_or_an_answer_without_end_is_kept_whole() -> None:
    long = msgspec.structs.replace(
        REQUEST, turns=tuple(neutral.Turn("user", (neutral.Text("x" * 100_000),)) for _ in range(9)), tools=()
    )
    asked = asked_of(call_of("openai_chat", long), "")
    assert sum(map(len, asked.context)) <= MOST_CONTEXT
    call = call_of("openai_chat")
    answer = msgspec.structs.replace(ANSWER, blocks=(neutral.Text("y" * 900_000),), stop="end")
    given = given_of(call, DIALECTS["openai_chat"].write_answer(answer, asked_by(call)))
    assert len(given.text) <= MOST_TEXT + 1
    assert given.calls == () != (Called("look", ""),)
