"""Answers of Responses, from and to the neutral form."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import logprobs, neutral
from fairlead.dialects.dialect import Asked
from fairlead.dialects.json import given
from fairlead.dialects.logprobs import Sure
from fairlead.dialects.openai_responses import items, response, tools
from fairlead.dialects.openai_responses.native import FAILED, NAME, read_usage, whole_usage
from fairlead.dialects.openai_responses.tools import Named


class Incomplete(Struct):
    reason: str | None = None


class _Answer(Struct):
    status: str | None = None
    output: list[Raw] | None = None
    usage: Raw | UnsetType = UNSET
    tools: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    incomplete_details: Incomplete | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def read_answer(body: bytes) -> neutral.Answer:
    """Raises ValueError for what is no proper answer, saying why."""
    try:
        found = _ANSWER.decode(body)
        blocks, sure, unread = _read(found.output or ())
        heading = items.heading(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ValueError(f"the provider's answer is not what it should be: {problem}") from None
    if found.status in FAILED or given(found.error):
        raise ValueError("the provider reported that it failed")
    if not blocks and found.status != "incomplete":
        raise ValueError("the provider's answer holds no output")
    return neutral.Answer(
        id=heading[0],
        model=heading[1],
        blocks=tuple(blocks),
        stop=stop_of(
            found.status or "",
            found.incomplete_details,
            any(isinstance(block, neutral.ToolCall) for block in blocks),
            any(isinstance(block, neutral.Refusal) for block in blocks),
        ),
        usage=whole_usage(read_usage(found.usage), Raw(b"[%b]" % b",".join(found.output or ())), found.tools),
        created=heading[2],
        logprobs=logprobs.written(sure),
        unread=tuple(dict.fromkeys(unread)),
    )


def _read(output: Iterable[Raw]) -> tuple[list[neutral.Block], list[Sure], list[str]]:
    """(blocks, probabilities of tokens, what has no place)."""
    blocks: list[neutral.Block] = []
    sure: list[Sure] = []
    unread: list[str] = []
    for raw in output:
        item = bytes(raw)
        if items.kind(item)[0] != "message":
            blocks += items.output(item)
            continue
        for block, told, lost in items.answered(item):
            if not isinstance(block, neutral.Text) or block.text:
                blocks.append(block)
            sure += told
            unread += lost
    return blocks, sure, unread


def stop_of(status: str, details: Incomplete | None, called: bool, refused: bool) -> neutral.Stop:
    if status == "incomplete":
        return "content_filter" if details is not None and details.reason == "content_filter" else "length"
    if called:
        return "tool_use"
    return "refusal" if refused else "end"


def write_answer(answer: neutral.Answer, asked: Asked) -> bytes:
    written = Items(asked, answer.logprobs)
    for block in answer.blocks:
        written.add(block)
    whole = response.Frame(asked)
    return whole.finished(answer.stop, written.done(answer.stop in response.INCOMPLETE), answer.usage)[1]


class Items:
    """Blocks written as items; texts that follow each other are parts of one message."""

    def __init__(self, asked: Asked, logprobs: bytes = b"") -> None:
        self._logprobs = logprobs or b"[]"
        """Told with the first text."""
        self._request = asked.request_id.encode()
        self._names = tools.names(asked.view)
        self._items: list[bytes] = []
        self._parts: list[bytes] = []

    def add(self, block: neutral.Block) -> None:
        if isinstance(block, neutral.Text):
            text = response.literal(block.text)
            self._parts.append(response.text_part(text, response.annotated(block), self._logprobs))
            self._logprobs = b"[]"
            return
        if isinstance(block, neutral.Refusal):
            self._parts.append(response.refusal_part(response.literal(block.text)))
            return
        if isinstance(block, neutral.Thinking):
            self._end()
            encrypted = items.packed(block.origin, block.signature, block.redacted)
            if block.text or encrypted:
                text = response.literal(block.text)
                self._items.append(response.reasoning(self._name(b"rs"), text, encrypted))
        elif isinstance(block, neutral.ToolCall):
            self._end()
            self._call(block)
        elif isinstance(block, neutral.Foreign) and block.dialect == NAME:
            self._end()
            self._items.append(block.raw)

    def done(self, cut: bool = False) -> list[bytes]:
        self._end(b"incomplete" if cut else b"completed")
        return self._items

    def _call(self, call: neutral.ToolCall) -> None:
        if call.signature and call.origin:
            packed = items.packed_for_call(call.origin, call.signature, call.id)
            self._items.append(response.reasoning(self._name(b"rs"), b"", packed))
        tool = self._names.get(call.name) or Named(call.name)
        given = tools.text_of(call.arguments) if tool.custom else call.arguments or "{}"
        name = self._name(b"ctc" if tool.custom else b"fc")
        self._items.append(response.call(name, call.id, tool, response.literal(given), b"completed"))

    def _name(self, kind: bytes) -> bytes:
        return b"%b_%b_%d" % (kind, self._request, len(self._items))

    def _end(self, status: bytes = b"completed") -> None:
        if self._parts:
            self._items.append(response.message(self._name(b"msg"), self._parts, status))
            self._parts = []
