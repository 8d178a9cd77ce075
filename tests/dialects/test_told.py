"""Answers told in any dialect, at once or as a stream, are read again as what they were."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.core.record import Usage
from fairlead.dialects import neutral, sse
from fairlead.dialects.dialect import Asked
from fairlead.dialects.neutral import Answer, Begin, Close, Delta, End, Finish, Open, Refusal, Text, ToolCall, Used
from fairlead.dialects.table import DIALECTS
from fairlead.dialects.translating import Translating
from tests.dialects.conversations import ARGUMENTS, NAMES, WORDS
from tests.dialects.test_moves import PAIRS, SPOKEN, asking

CALLS = st.builds(ToolCall, st.just(""), NAMES, ARGUMENTS)
SAID = st.tuples(st.lists(WORDS.map(Text), max_size=2), st.lists(CALLS, max_size=3)).map(
    lambda found: (*found[0], *(neutral.ToolCall(f"call_{at}", c.name, c.arguments) for at, c in enumerate(found[1])))
)
USAGES = st.builds(Usage, st.integers(1, 999), st.integers(1, 999)).flatmap(
    lambda usage: st.builds(
        Usage,
        st.just(usage.input),
        st.just(usage.output),
        st.integers(0, usage.input),
        st.just(0),
        st.just(0),
        st.just(0),
    )
)


def asked(dialect: str) -> Asked:
    body = orjson.loads(asking(dialect)) | ({} if dialect == "gemini" else {"stream": True})
    if dialect == "openai_chat":
        body["stream_options"] = {"include_usage": True}
    return Asked("r", "m-1", DIALECTS[dialect].read_request(orjson.dumps(body), "m-1", True), 1)


def stop_of(blocks: tuple[neutral.Block, ...]) -> neutral.Stop:
    return "tool_use" if any(isinstance(block, ToolCall) for block in blocks) else "end"


def pieces(text: str, size: int) -> list[bytes]:
    return [orjson.dumps(text[at : at + size]) for at in range(0, len(text), size)]


def events_of(blocks: tuple[neutral.Block, ...], usage: Usage, size: int, tangled: bool) -> list[neutral.Event]:
    """The blocks as a stream; `tangled` opens all tool calls before their arguments come in turn; they close in order."""
    events: list[neutral.Event] = [Begin("up", "up", 1)]
    calls: list[list[neutral.Event]] = []
    for index, block in enumerate(blocks):
        if isinstance(block, Text):
            events.append(Open(index, "text"))
            events += [Delta(index, "text", piece) for piece in pieces(block.text, size)]
            events.append(Close(index))
        elif isinstance(block, ToolCall):
            events_of_call: list[neutral.Event] = [Open(index, "tool", block.id, block.name)]
            events_of_call += [Delta(index, "tool", piece) for piece in pieces(block.arguments, size)]
            calls.append([*events_of_call, Close(index)])
    if tangled:
        longest = max((len(call) - 1 for call in calls), default=0)
        events += [call[at] for at in range(longest) for call in calls if at < len(call) - 1]
        events += [call[-1] for call in calls]
    else:
        events += [event for call in calls for event in call]
    return [*events, Used(usage), Finish(stop_of(blocks)), End()]


def gathered(events: list[neutral.Event]) -> tuple[str, list[tuple[str, Any]], str, Usage | None, bool]:
    """(text, calls, stop, usage, whether it ended) that a stream told."""
    text, stop, usage, ended = "", "", None, False
    calls: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, Open) and event.kind == "tool":
            calls[event.index] = [event.name, ""]
        elif isinstance(event, Delta):
            if event.kind == "tool":
                calls[event.index][1] += orjson.loads(event.data)
            else:
                text += orjson.loads(event.data)
        elif isinstance(event, Used):
            usage = event.usage
        elif isinstance(event, Finish):
            stop = event.stop
        elif isinstance(event, End):
            ended = True
    return text, [(name, orjson.loads(arguments)) for name, arguments in calls.values()], stop, usage, ended


def read_stream(dialect: str, stream: bytes) -> list[neutral.Event]:
    reader = DIALECTS[dialect].interpreter()
    splitter = sse.Splitter()
    events = [event for block in splitter.feed(stream) for event in reader.read(block)]
    assert splitter.take() == b""
    return [*events, *reader.end()]


def meant(blocks: tuple[neutral.Block, ...]) -> tuple[str, list[tuple[str, Any]], str]:
    text = "".join(block.text for block in blocks if isinstance(block, Text))
    calls = [(block.name, orjson.loads(block.arguments)) for block in blocks if isinstance(block, ToolCall)]
    return text, calls, stop_of(blocks)


@pytest.mark.parametrize("dialect", SPOKEN)
@settings(max_examples=60)
@given(SAID, USAGES)
def test_a_whole_answer_is_read_as_it_was_written(
    dialect: str, blocks: tuple[neutral.Block, ...], usage: Usage
) -> None:
    written = DIALECTS[dialect].write_answer(
        Answer(id="a", model="m", blocks=blocks or (Text("<>"),), stop=stop_of(blocks), usage=usage), asked(dialect)
    )
    found = DIALECTS[dialect].read_answer(written)
    assert (*meant(found.blocks)[:2], found.stop) == meant(blocks or (Text("<>"),))
    assert found.usage == usage


@pytest.mark.parametrize("dialect", SPOKEN)
@settings(max_examples=60)
@given(SAID, USAGES, st.integers(1, 9), st.booleans())
def test_a_stream_is_read_as_it_was_written(
    dialect: str, blocks: tuple[neutral.Block, ...], usage: Usage, size: int, tangled: bool
) -> None:  # TRAPS 6, 20, 21
    blocks = blocks or (Text("<>"),)
    writer = DIALECTS[dialect].writer(asked(dialect))
    stream = b"".join(writer.write(event) for event in events_of(blocks, usage, size, tangled))
    text, calls, stop, used, _ = gathered(read_stream(dialect, stream))
    assert (text, calls, stop) == meant(blocks)
    assert used == usage


@pytest.mark.parametrize(("maker", "client"), PAIRS)
@settings(max_examples=30)
@given(SAID, USAGES, st.integers(1, 9), st.integers(1, 40), st.booleans())
def test_a_stream_says_the_same_in_another_dialect(
    maker: str, client: str, blocks: tuple[neutral.Block, ...], usage: Usage, size: int, step: int, crlf: bool
) -> None:  # TRAPS 31
    blocks = blocks or (Text("<>"),)
    writer = DIALECTS[maker].writer(asked(maker))
    stream = b"".join(writer.write(event) for event in events_of(blocks, usage, size, False))
    if crlf:
        stream = stream.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    between = Translating(DIALECTS[maker].interpreter(), DIALECTS[client].writer(asked(client)))
    out = b"".join(between.feed(stream[at : at + step]) for at in range(0, len(stream), step)) + between.end()
    assert between.error == ""
    assert between.done
    assert between.usage == usage
    text, calls, stop, used, _ = gathered(read_stream(client, out))
    assert (text, calls, stop) == meant(blocks)
    assert used == usage


@pytest.mark.parametrize(("maker", "client"), PAIRS)
def test_a_stream_that_breaks_off_is_never_made_whole(maker: str, client: str) -> None:  # TRAPS 32
    said = (Text("a long text in pieces"), ToolCall("call_1", "read", '{"a":"b"}'))
    writer = DIALECTS[maker].writer(asked(maker))
    written = [writer.write(event) for event in events_of(said, Usage(3, 4), 3, False)]
    before_finish = b"".join(written[:-3])
    between = Translating(DIALECTS[maker].interpreter(), DIALECTS[client].writer(asked(client)))
    out = between.feed(before_finish) + between.end()
    assert not between.ended
    assert not any(isinstance(event, End) for event in read_stream(client, out))
    assert between.error or not between.done


@pytest.mark.parametrize("dialect", SPOKEN)
@pytest.mark.parametrize("stop", ["end", "length", "content_filter", "refusal"])
def test_why_it_ended_is_told(dialect: str, stop: neutral.Stop) -> None:  # TRAPS 19, 28
    blocks: tuple[neutral.Block, ...] = (Refusal("no"),) if stop == "refusal" else (Text("a"),)
    answer = Answer(id="a", model="m", blocks=blocks, stop=stop, usage=Usage(1, 1))
    found = DIALECTS[dialect].read_answer(DIALECTS[dialect].write_answer(answer, asked(dialect)))
    assert found.stop == stop or (stop, found.stop) in {("refusal", "content_filter"), ("content_filter", "refusal")}
