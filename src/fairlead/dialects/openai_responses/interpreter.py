"""Streamed answers of Responses read into neutral events. Texts stay the JSON string literals they came as.

What only this dialect has (a server's own tools, sources without an address, events of a later day) is left out, and
named (`unread`).
"""

from __future__ import annotations

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import citations, logprobs, neutral, signatures, sse
from fairlead.dialects.json import given
from fairlead.dialects.openai_responses import items
from fairlead.dialects.openai_responses.answer import Incomplete, stop_of
from fairlead.dialects.openai_responses.native import read_usage, whole_usage

DELTAS: dict[str, neutral.Kind] = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "thinking",
    "response.reasoning_text.delta": "thinking",
    "response.reasoning.delta": "thinking",
    "response.function_call_arguments.delta": "tool",
}
_NAMED = {b"event: %b\ndata: {" % name.encode(): kind for name, kind in DELTAS.items()}
NOTHING = (b"", b"null", b'""')
ESSENTIAL = frozenset(
    {"response.output_item.added", "response.output_item.done", "response.completed", "response.incomplete"}
)
CALLS = ("function_call", "custom_tool_call")


class _Error(Struct):
    message: str | None = None
    code: str | int | None = None


class _Response(Struct):
    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    usage: Raw | UnsetType = UNSET
    tools: Raw | UnsetType = UNSET
    error: _Error | None = None
    incomplete_details: Incomplete | None = None
    output: list[Raw] | None = None


class _Event(Struct):
    type: str = ""
    delta: Raw | UnsetType = UNSET
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    item: Raw | UnsetType = UNSET
    response: Raw | UnsetType = UNSET
    annotation: Raw | UnsetType = UNSET
    logprobs: Raw | UnsetType = UNSET
    error: _Error | None = None
    message: str | None = None
    code: str | int | None = None


class _Delta(Struct):
    """Of an event whose name tells what it is."""

    delta: Raw | UnsetType = UNSET
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    logprobs: Raw | UnsetType = UNSET


class _Item(Struct):
    type: str | None = None


_DELTA = msgspec.json.Decoder(_Delta)
_EVENT = msgspec.json.Decoder(_Event)
_ITEM = msgspec.json.Decoder(_Item)
_RESPONSE = msgspec.json.Decoder(_Response)
_ANNOTATION = msgspec.json.Decoder(citations.Annotation)


class _Open:
    """A block that is being read: where it stands in the provider's answer, and whether it said anything."""

    __slots__ = ("index", "kind", "part", "said")

    def __init__(self, index: int, kind: neutral.Kind, part: int) -> None:
        self.index = index
        self.kind = kind
        self.part = part
        self.said = False


class Interpreter:
    __slots__ = ("_begun", "_called", "_cited", "_ended", "_next", "_open", "_parts", "_refused", "_seen", "unread")

    def __init__(self) -> None:
        self.unread: dict[str, None] = {}
        self._begun = False
        self._next = 0
        self._open: dict[int, _Open] = {}
        """By the index of the output item."""
        self._seen: set[int] = set()
        """Output items that were told, by their indexes."""
        self._parts: set[int] = set()
        """Parts of the open thought's summary that have begun."""
        self._cited: set[int] = set()
        """Output items whose sources were told piece by piece."""
        self._called = self._refused = self._ended = False

    def read(self, event: bytes) -> list[neutral.Event]:
        at = event.find(b"{") + 1
        named = _NAMED.get(event[:at])
        if named is not None and not self._ended:
            try:
                if not event.isascii():
                    event.decode()
                return self._delta(_DELTA.decode(event[at - 1 :]), named)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                # More than the one line, or no proper JSON.
                pass
        return self._read_slowly(event)

    def _read_slowly(self, event: bytes) -> list[neutral.Event]:
        data = sse.data(event)
        if data is None or self._ended or data[:6] == b"[DONE]":
            return []
        try:
            if not data.isascii():
                # What goes on as it came is not decoded by anyone here.
                data.decode()
            found = _EVENT.decode(data)
            kind = DELTAS.get(found.type)
            return self._rest(found) if kind is None else self._delta(found, kind)
        except msgspec.ValidationError:
            return _odd(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            if not data.strip():
                return []
            raise ValueError(f"it is not what it should be: {problem}") from None

    def run(self, block: bytes, at: int) -> tuple[None, int]:
        """No two events are alike: each has a number."""
        return None, at

    def end(self) -> list[neutral.Event]:
        """Without its last event an answer was cut."""
        return []

    def _delta(self, found: _Event | _Delta, kind: neutral.Kind) -> list[neutral.Event]:
        if found.delta is UNSET or (literal := bytes(found.delta)) in NOTHING:
            return []
        if literal[:1] != b'"':
            raise ValueError(f"{kind} that is no string")
        opened = self._open.get(found.output_index)
        out: list[neutral.Event] = []
        if opened is None or (kind != "tool" and (opened.kind != kind or opened.part != found.content_index)):
            if kind == "tool":
                # Arguments of a call that never began.
                return []
            opened = self._begin(found.output_index, kind, out, part=found.content_index)
        if found.summary_index and kind == "thinking" and opened.said:
            self._between(found, opened, out)
        opened.said = True
        self._refused = self._refused or kind == "refusal"
        said = neutral.Delta(opened.index, opened.kind, literal)
        if given(found.logprobs):
            said.logprobs = self._sure(found.logprobs)
        out.append(said)
        return out

    def _sure(self, raw: Raw) -> bytes:
        try:
            return logprobs.written(logprobs.tokens(raw))
        except msgspec.DecodeError:
            self.unread["answer_logprobs"] = None
            return b""

    def _between(self, found: _Event | _Delta, opened: _Open, out: list[neutral.Event]) -> None:
        """Parts of a summary are paragraphs of one thought."""
        if found.summary_index not in self._parts:
            self._parts.add(found.summary_index)
            out.append(neutral.Delta(opened.index, "thinking", b'"\\n\\n"'))

    def _rest(self, found: _Event) -> list[neutral.Event]:
        kind = found.type
        out: list[neutral.Event] = []
        if kind == "response.output_item.added" and found.item is not UNSET:
            self._added(found.output_index, bytes(found.item), out)
        elif kind == "response.output_item.done" and found.item is not UNSET:
            self._done(found.output_index, bytes(found.item), out)
        elif kind == "response.output_text.annotation.added":
            self._annotation(found, out)
        elif kind in ("response.completed", "response.incomplete"):
            self._finish(kind, _RESPONSE.decode(found.response) if found.response is not UNSET else _Response(), out)
        elif kind in ("response.failed", "response.cancelled", "error"):
            usage = None if found.response is UNSET else read_usage(_RESPONSE.decode(found.response).usage)
            if usage is not None:
                out.append(neutral.Used(usage))
            out.append(_broken(found))
        elif not self._begun and found.response is not UNSET:
            self._begun = True
            begun = _RESPONSE.decode(found.response)
            out.append(neutral.Begin(begun.id or "", begun.model or "", int(begun.created_at or 0)))
        return out

    def _begin(
        self,
        output_index: int,
        kind: neutral.Kind,
        out: list[neutral.Event],
        name: str = "",
        tool: str = "",
        part: int = 0,
    ) -> _Open:
        if kind == "tool":
            self._close(output_index, out)
        else:
            # Only calls may be open beside each other.
            for index in tuple(self._open):
                if index == output_index or self._open[index].kind != "tool":
                    self._close(index, out)
        if kind == "thinking":
            self._parts = {0}
        opened = self._open[output_index] = _Open(self._next, kind, part)
        self._next += 1
        self._seen.add(output_index)
        out.append(neutral.Open(opened.index, kind, name, tool))
        return opened

    def _close(self, output_index: int, out: list[neutral.Event]) -> None:
        opened = self._open.pop(output_index, None)
        if opened is not None:
            if opened.kind == "tool" and not opened.said:
                out.append(neutral.Delta(opened.index, "tool", b'"{}"'))
            out.append(neutral.Close(opened.index))

    def _added(self, output_index: int, raw: bytes, out: list[neutral.Event]) -> None:
        kind = _ITEM.decode(raw).type
        if kind in CALLS:
            self._call(output_index, raw, kind, out)
        elif kind not in ("message", "reasoning"):
            self.unread[f"server_tool.{kind}" if kind else "server_tool"] = None

    def _call(self, output_index: int, raw: bytes, kind: str, out: list[neutral.Event]) -> None:
        call = items.function_call(raw) if kind == "function_call" else items.custom_call(raw)
        self._called = True
        self._begin(output_index, "tool", out, call.id, call.name)

    def _done(self, output_index: int, raw: bytes, out: list[neutral.Event]) -> None:
        found = _ITEM.decode(raw)
        if found.type in CALLS:
            if output_index not in self._open:
                self._call(output_index, raw, found.type, out)
            opened = self._open[output_index]
            if not opened.said:
                call = items.function_call(raw) if found.type == "function_call" else items.custom_call(raw)
                opened.said = True
                out.append(neutral.Delta(opened.index, "tool", orjson.dumps(call.arguments)))
        elif found.type == "reasoning":
            self._thought(output_index, raw, out)
        elif found.type == "message" and output_index not in self._seen:
            self._message(output_index, raw, out)
        elif found.type == "message" and output_index not in self._cited:
            self._cite(output_index, raw, out)
        self._close(output_index, out)

    def _annotation(self, found: _Event, out: list[neutral.Event]) -> None:
        self._cited.add(found.output_index)
        opened = self._open.get(found.output_index)
        try:
            told = [] if found.annotation is UNSET else [_ANNOTATION.decode(found.annotation)]
        except msgspec.DecodeError:
            told = [citations.Annotation()]
        cited, unread = citations.annotated(told)
        if opened is not None and (opened.kind, opened.part) == ("text", found.content_index):
            out += [neutral.Cite(opened.index, one) for one in cited]
        elif cited:
            unread.append("citations")
        self.unread.update(dict.fromkeys(unread))

    def _cite(self, output_index: int, raw: bytes, out: list[neutral.Event]) -> None:
        """The sources of a message's texts where they are told with the whole message only."""
        opened = self._open.get(output_index)
        for number, (block, _, unread) in enumerate(items.answered(raw)):
            self.unread.update(dict.fromkeys(unread))
            cited = block.citations if isinstance(block, neutral.Text) else ()
            if opened is not None and (opened.kind, opened.part) == ("text", number):
                out += [neutral.Cite(opened.index, one) for one in cited]
            elif cited:
                self.unread["citations"] = None

    def _thought(self, output_index: int, raw: bytes, out: list[neutral.Event]) -> None:
        thought = items.thought(raw, answered=True)
        opened = self._open.get(output_index)
        if thought is None:
            return
        silent = opened is None
        if opened is None:
            opened = self._begin(output_index, "thinking", out, thought.id)
            if thought.text:
                silent = False
                out.append(neutral.Delta(opened.index, "thinking", orjson.dumps(thought.text)))
        if thought.signature:
            packed = signatures.pack(thought.origin, thought.signature)
            out.append(neutral.Sign(opened.index, packed, silent))

    def _finish(self, kind: str, response: _Response, out: list[neutral.Event]) -> None:
        self._ended = True
        for index in tuple(self._open):
            self._close(index, out)
        if not self._begun:
            out.append(neutral.Begin(response.id or "", response.model or "", int(response.created_at or 0)))
        if not self._seen:
            # Some servers tell everything at the end only.
            for number, raw in enumerate(response.output or ()):
                self._done(number, bytes(raw), out)
        output = Raw(b"[%b]" % b",".join(response.output or ()))
        usage = whole_usage(read_usage(response.usage), output, response.tools)
        if usage is not None:
            out.append(neutral.Used(usage))
        status = "incomplete" if kind == "response.incomplete" else response.status or ""
        out.append(neutral.Finish(stop_of(status, response.incomplete_details, self._called, self._refused)))
        out.append(neutral.End())

    def _message(self, output_index: int, raw: bytes, out: list[neutral.Event]) -> None:
        """A message that was never streamed."""
        for number, (block, sure, unread) in enumerate(items.answered(raw)):
            self.unread.update(dict.fromkeys(unread))
            if isinstance(block, (neutral.Text, neutral.Refusal)) and block.text:
                refused = isinstance(block, neutral.Refusal)
                self._refused = self._refused or refused
                opened = self._begin(output_index, "refusal" if refused else "text", out, part=number)
                said = orjson.dumps(block.text)
                out.append(neutral.Delta(opened.index, opened.kind, said, logprobs.written(sure)))
                if isinstance(block, neutral.Text):
                    out += [neutral.Cite(opened.index, one) for one in block.citations]


def _odd(data: bytes) -> list[neutral.Event]:
    """An event whose fields are not what they should be: what is not known yet is skipped."""
    try:
        kind = _ITEM.decode(data).type or ""
    except msgspec.DecodeError:
        raise ValueError("it is no object with a type") from None
    if kind in ("error", "response.failed"):
        return [neutral.Broken("the provider gave no reason")]
    if kind in DELTAS or kind in ESSENTIAL:
        raise ValueError(f"{kind} does not hold what it should")
    return []


def _broken(found: _Event) -> neutral.Broken:
    """An error in any of the forms it is told in."""
    error = found.error
    if found.response is not UNSET:
        error = _RESPONSE.decode(found.response).error or error
    message = found.message or (None if error is None else error.message)
    code = found.code if found.code is not None else None if error is None else error.code
    return neutral.Broken(message or "the provider gave no reason", "" if code is None else str(code))
