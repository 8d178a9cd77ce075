"""What was asked and what was answered, in the words of the gates: read off a request and an answer of any dialect."""

from __future__ import annotations

from typing import cast

import orjson

from fairlead.core.call import Call
from fairlead.core.gates.verdict import MOST_CONTEXT, MOST_TEXT, Asked, Called, End, Form, Given, Tool
from fairlead.dialects import neutral, sse
from fairlead.dialects.dialect import View
from fairlead.dialects.table import DIALECTS

READABLE = frozenset(("openai_chat", "openai_responses", "anthropic_messages", "gemini"))
"""Dialects whose answers can be read."""
ENDS: dict[neutral.Stop, End] = {
    "end": "end",
    "stop_sequence": "end",
    "length": "length",
    "context": "length",
    "tool_use": "tool_use",
    "content_filter": "blocked",
    "refusal": "refused",
    "pause": "pause",
}

SOURCES = (neutral.Document, neutral.ToolResult)


def asked_of(call: Call, task: str) -> Asked:
    request = cast(View, call.view).neutral()
    system: list[str] = []
    context: list[str] = []
    room = MOST_CONTEXT
    for turn in reversed(request.turns):
        for block in reversed(turn.blocks):
            for text in reversed(_texts(block)):
                if room > 0:
                    (system if turn.role == "system" else context).append(text[:room])
                    room -= len(text)
    context.reverse()
    system.reverse()
    form: Form = "" if request.format is None else "schema" if request.format.schema else "json"
    return Asked(
        task=task,
        system="\n".join(system),
        context=tuple(context),
        sourced=any(isinstance(block, SOURCES) for turn in request.turns for block in turn.blocks),
        said=_last_of_user(request),
        form=form,
        schema=b"" if request.format is None else request.format.schema,
        tools=tuple(Tool(tool.name, tool.parameters) for tool in request.tools if not tool.freeform),
        must_call=request.tool_choice in ("required", "tool"),
        tool=request.tool_name if request.tool_choice == "tool" else "",
        foreign_tools=bool(request.foreign_tools) or any(tool.freeform for tool in request.tools),
        max_output=request.max_output or 0,
    )


def _last_of_user(request: neutral.Request) -> str:
    for turn in reversed(request.turns):
        if turn.role == "user":
            said = [block.text for block in turn.blocks if isinstance(block, neutral.Text)]
            if said:
                return "\n".join(said)[:MOST_TEXT]
    return ""


def _texts(block: neutral.Block) -> list[str]:
    if isinstance(block, neutral.Text):
        return [block.text]
    if isinstance(block, neutral.Document):
        return [block.text] if block.text else []
    if isinstance(block, neutral.ToolResult):
        return [text for part in block.content for text in _texts(part)]
    if isinstance(block, neutral.ToolCall):
        return [block.arguments]
    return []


def given_of(call: Call, body: bytes) -> Given:
    """Raises ValueError for what is no proper answer."""
    return _given(_streamed(call.dialect, body)) if call.stream else read_answer(call.dialect, body)


def read_answer(dialect: str, body: bytes) -> Given:
    """A whole answer. Raises ValueError for what is no proper one."""
    return _given(DIALECTS[dialect].read_answer(body))


def _given(answer: neutral.Answer) -> Given:
    text = "".join(block.text for block in answer.blocks if isinstance(block, neutral.Text | neutral.Refusal))
    if len(text) > MOST_TEXT:
        text = f"{text[: MOST_TEXT // 2]}\n{text[-MOST_TEXT // 2 :]}"
    refused = any(isinstance(block, neutral.Refusal) for block in answer.blocks)
    logprobs, margins = _sureness(answer.logprobs)
    return Given(
        text,
        tuple(Called(block.name, block.arguments) for block in answer.blocks if isinstance(block, neutral.ToolCall)),
        "refused" if refused else ENDS[answer.stop],
        logprobs,
        margins,
    )


def _sureness(told: bytes) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not told:
        return (), ()
    tokens = orjson.loads(told)
    logprobs: list[float] = []
    margins: list[float] = []
    for token in tokens:
        logprob = float(token["logprob"])
        logprobs.append(logprob)
        others = [float(one["logprob"]) for one in token.get("top_logprobs") or () if one["token"] != token["token"]]
        if others:
            margins.append(logprob - max(others))
    return tuple(logprobs), tuple(margins)


def _streamed(dialect: str, body: bytes) -> neutral.Answer:
    """All events of a stream as one answer."""
    interpreter = DIALECTS[dialect].interpreter()
    blocks: dict[int, tuple[neutral.Open, list[str]]] = {}
    stop: neutral.Stop = "end"
    logprobs: list[bytes] = []
    events: list[neutral.Event] = []
    splitter = sse.Splitter()
    for piece in (*splitter.feed(body), splitter.take()):
        if piece:
            events += interpreter.read(piece)
    events += interpreter.end()
    for event in events:
        if isinstance(event, neutral.Open):
            blocks[event.index] = event, []
        elif isinstance(event, neutral.Delta):
            blocks[event.index][1].append(orjson.loads(event.data))
            if event.logprobs:
                logprobs.append(event.logprobs.strip()[1:-1])
        elif isinstance(event, neutral.Finish):
            stop = event.stop
        elif isinstance(event, neutral.Broken):
            raise ValueError(event.message)  # noqa: TRY004 - what is wrong is the answer
    made: list[neutral.Block] = []
    for opened, pieces in blocks.values():
        text = "".join(pieces)
        if opened.kind == "text":
            made.append(neutral.Text(text))
        elif opened.kind == "refusal":
            made.append(neutral.Refusal(text))
        elif opened.kind == "tool":
            made.append(neutral.ToolCall(opened.id, opened.name, text or "{}"))
    told = b"[" + b",".join(one for one in logprobs if one) + b"]" if logprobs else b""
    return neutral.Answer(id="", model="", blocks=tuple(made), stop=stop, logprobs=told)
