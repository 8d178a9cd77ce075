"""Streamed answers of Responses, from and to neutral events. Texts that stream are not decoded on their way, only
gathered: the events that end an item repeat all of it."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.dialects import neutral, signatures, sse
from fairlead.dialects.dialect import Asked
from fairlead.dialects.openai_responses import answer
from fairlead.dialects.openai_responses.native import NAME, read_usage
from fairlead.dialects.openai_responses.request import custom_tools

DELTAS: dict[str, neutral.Kind] = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "thinking",
    "response.reasoning_text.delta": "thinking",
    "response.function_call_arguments.delta": "tool",
}
EMPTY = b'""'


class _Incomplete(Struct):
    reason: str | None = None


class _Error(Struct):
    message: str | None = None
    code: str | None = None


class _Response(Struct):
    id: str = ""
    model: str = ""
    created_at: float | None = None
    usage: Raw | UnsetType = UNSET
    error: _Error | None = None
    incomplete_details: _Incomplete | None = None


class _Item(Struct):
    type: str = ""
    id: str | None = None
    call_id: str = ""
    name: str = ""
    arguments: str | None = None
    input: str | None = None
    encrypted_content: str | None = None


class _Event(Struct):
    type: str = ""
    delta: Raw | UnsetType = UNSET
    output_index: int = 0
    content_index: int | None = None
    summary_index: int | None = None
    item: _Item | None = None
    response: _Response | None = None
    message: str | None = None
    code: str | None = None


_EVENT = msgspec.json.Decoder(_Event)


class _Open:
    """A block that is being read."""

    __slots__ = ("index", "kind", "part", "said")

    def __init__(self, index: int, kind: neutral.Kind, part: int) -> None:
        self.index = index
        self.kind = kind
        self.part = part
        self.said = False


class Interpreter:
    __slots__ = ("_called", "_next", "_open", "_refused")

    def __init__(self) -> None:
        self._next = 0
        self._open: dict[int, _Open] = {}
        """By the index of the output item."""
        self._called = False
        self._refused = False

    def read(self, event: bytes) -> list[neutral.Event]:
        data = sse.data(event)
        if data is None or not data.strip() or data.strip() == b"[DONE]":
            return []
        try:
            found = _EVENT.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise ValueError(str(problem)) from None
        kind = DELTAS.get(found.type)
        if kind is not None:
            return self._delta(found, kind)
        out: list[neutral.Event] = []
        if found.type == "response.created" and found.response is not None:
            response = found.response
            out.append(neutral.Begin(response.id, response.model, int(response.created_at or 0)))
        elif found.type == "response.output_item.added" and found.item is not None:
            if found.item.type in ("function_call", "custom_tool_call"):
                self._begin(found, "tool", out, found.item.call_id, found.item.name)
                self._called = True
        elif found.type == "response.output_item.done" and found.item is not None:
            self._item_done(found, found.item, out)
        elif found.type in ("response.completed", "response.incomplete"):
            self._finish(found, out)
        elif found.type in ("response.failed", "error"):
            error = None if found.response is None else found.response.error
            words = found.message or (None if error is None else error.message) or "the provider failed"
            out.append(neutral.Broken(words, found.code or ("" if error is None else error.code or "")))
        return out

    def end(self) -> list[neutral.Event]:
        return []

    def _delta(self, found: _Event, kind: neutral.Kind) -> list[neutral.Event]:
        if found.delta is UNSET:
            return []
        literal = bytes(found.delta)
        if literal == EMPTY or literal == b"null":
            return []
        if literal[:1] != b'"' or not _utf8(literal):
            raise ValueError(f"{kind} that is no text")
        out: list[neutral.Event] = []
        part = found.content_index or found.summary_index or 0
        opened = self._open.get(found.output_index)
        if opened is None or opened.kind != kind or opened.part != part:
            opened = self._begin(found, kind, out, "", "")
        opened.said = True
        self._refused = self._refused or kind == "refusal"
        out.append(neutral.Delta(opened.index, kind, literal))
        return out

    def _begin(self, found: _Event, kind: neutral.Kind, out: list[neutral.Event], ident: str, name: str) -> _Open:
        self._close(found.output_index, out)
        opened = _Open(self._next, kind, found.content_index or found.summary_index or 0)
        self._next += 1
        self._open[found.output_index] = opened
        out.append(neutral.Open(opened.index, kind, ident, name))
        return opened

    def _close(self, output_index: int, out: list[neutral.Event]) -> None:
        opened = self._open.pop(output_index, None)
        if opened is not None:
            out.append(neutral.Close(opened.index))

    def _item_done(self, found: _Event, item: _Item, out: list[neutral.Event]) -> None:
        opened = self._open.get(found.output_index)
        if item.type in ("function_call", "custom_tool_call"):
            if opened is None:
                opened = self._begin(found, "tool", out, item.call_id, item.name)
                self._called = True
            if not opened.said:
                arguments = item.arguments or "{}"
                if item.type == "custom_tool_call":
                    arguments = orjson.dumps({"input": item.input or ""}).decode()
                out.append(neutral.Delta(opened.index, "tool", orjson.dumps(arguments)))
        elif item.type == "reasoning" and item.encrypted_content:
            redacted = opened is None
            if opened is None:
                opened = self._begin(found, "thinking", out, "", "")
            signature = item.encrypted_content
            packed = signature if signatures.unpack(signature)[0] else signatures.pack(NAME, signature)
            out.append(neutral.Sign(opened.index, packed, redacted))
        self._close(found.output_index, out)

    def _finish(self, found: _Event, out: list[neutral.Event]) -> None:
        for index in list(self._open):
            self._close(index, out)
        response = found.response
        reason = ""
        if response is not None:
            usage = read_usage(response.usage)
            if usage is not None:
                out.append(neutral.Used(usage))
            reason = "" if response.incomplete_details is None else response.incomplete_details.reason or ""
        stop: neutral.Stop = "tool_use" if self._called else "refusal" if self._refused else "end"
        if found.type == "response.incomplete":
            stop = "content_filter" if reason == "content_filter" else "length"
        out.append(neutral.Finish(stop))
        out.append(neutral.End())


def _utf8(literal: bytes) -> bool:
    if literal.isascii():
        return True
    try:
        literal.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Block:
    """A block that is being written: an item of its own, or a part of a message."""

    __slots__ = ("call_id", "front", "ident", "item", "kind", "name", "part", "pieces", "signature")

    def __init__(self, kind: neutral.Kind, ident: str, item: int, part: int, call_id: str, name: str) -> None:
        self.kind = kind
        self.ident = ident
        self.item = item
        self.part = part
        self.call_id = call_id
        self.name = name
        self.signature = ""
        self.pieces: list[bytes] = []
        self.front = b""

    @property
    def text(self) -> str:
        return str(orjson.loads(b'"' + b"".join(piece[1:-1] for piece in self.pieces) + b'"')) if self.pieces else ""


class Writer:
    __slots__ = ("_asked", "_blocks", "_custom", "_frame", "_items", "_message", "_number", "_stop", "_usage")

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._frame = answer.frame(asked)
        self._custom = custom_tools(asked.view)
        self._items: list[dict[str, Any] | None] = []
        """Those that have ended; None while they have not."""
        self._blocks: dict[int, _Block] = {}
        self._message: tuple[int, list[dict[str, Any]]] | None = None
        """(its number, its parts) of the message that is open."""
        self._number = 0
        self._stop: neutral.Stop = "end"
        self._usage: Usage | None = None

    def write(self, event: neutral.Event) -> bytes:
        if isinstance(event, neutral.Delta):
            return self._delta(event)
        if isinstance(event, neutral.Begin):
            begun = {"response": self._frame}
            return self._event("response.created", begun) + self._event("response.in_progress", begun)
        if isinstance(event, neutral.Open):
            return self._open(event)
        if isinstance(event, neutral.Sign):
            origin, signature = signatures.unpack(event.signature)
            block = self._blocks.get(event.index)
            if block is not None:
                block.signature = signature if origin == NAME else event.signature
        elif isinstance(event, neutral.Close):
            return self._close(event.index)
        elif isinstance(event, neutral.Used):
            self._usage = event.usage
        elif isinstance(event, neutral.Finish):
            self._stop = event.stop
        elif isinstance(event, neutral.End):
            return self._end()
        elif isinstance(event, neutral.Broken):
            error = {"code": event.code or "server_error", "message": event.message}
            return self._event("response.failed", {"response": {**self._frame, "status": "failed", "error": error}})
        return b""

    def _event(self, kind: str, fields: dict[str, Any]) -> bytes:
        number = self._number
        self._number += 1
        told = {"type": kind, "sequence_number": number, **fields}
        return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(told) + b"\n\n"

    def _open(self, event: neutral.Open) -> bytes:
        request_id = self._asked.request_id
        if event.kind in ("text", "refusal"):
            return self._open_part(event)
        out = self._end_message()
        number = len(self._items)
        self._items.append(None)
        front = {"tool": "fc", "thinking": "rs"}[event.kind]
        block = _Block(event.kind, f"{front}_{request_id}_{number}", number, 0, event.id, event.name)
        self._blocks[event.index] = block
        if event.kind == "tool":
            custom = event.name in self._custom
            item = answer.called(block.ident, event.id, event.name, "", self._custom) | {"status": "in_progress"}
            kind = b"response.custom_tool_call_input.delta" if custom else b"response.function_call_arguments.delta"
            # A freeform tool's text is inside an object: it is told when that is whole.
            block.front = b"" if custom else self._front(kind, block, b"")
        else:
            item = answer.reasoned(block.ident, "", "")
            block.front = self._front(b"response.reasoning_summary_text.delta", block, b'"summary_index":0,')
        out += self._event("response.output_item.added", {"output_index": number, "item": item})
        if event.kind == "thinking":
            part = {"type": "summary_text", "text": ""}
            fields = {"item_id": block.ident, "output_index": number, "summary_index": 0, "part": part}
            out += self._event("response.reasoning_summary_part.added", fields)
        return out

    def _open_part(self, event: neutral.Open) -> bytes:
        out = b""
        if self._message is None:
            number = len(self._items)
            self._items.append(None)
            self._message = number, []
            item = answer.message(f"msg_{self._asked.request_id}_{number}", [], "in_progress")
            out = self._event("response.output_item.added", {"output_index": number, "item": item})
        number, parts = self._message
        ident = f"msg_{self._asked.request_id}_{number}"
        block = _Block(event.kind, ident, number, len(parts), "", "")
        self._blocks[event.index] = block
        text = event.kind == "text"
        kind = b"response.output_text.delta" if text else b"response.refusal.delta"
        more = b'"content_index":%d,' % block.part
        block.front = self._front(kind, block, more + (b'"logprobs":[],' if text else b""))
        parts.append(_part(event.kind, ""))
        return out + self._event("response.content_part.added", _place(block) | {"part": _part(event.kind, "")})

    def _front(self, kind: bytes, block: _Block, more: bytes) -> bytes:
        """An event up to its number and its text, made once a block."""
        ident, item = block.ident.encode(), b"%d" % block.item
        start = b"event: " + kind + b'\ndata: {"type":"' + kind + b'","item_id":"' + ident + b'","output_index":' + item
        return start + b"," + more + b'"sequence_number":'

    def _delta(self, event: neutral.Delta) -> bytes:
        block = self._blocks.get(event.index)
        if block is None:
            return b""
        block.pieces.append(event.data)
        if not block.front:
            return b""
        number = self._number
        self._number += 1
        return b'%b%d,"delta":%b}\n\n' % (block.front, number, event.data)

    def _close(self, index: int) -> bytes:
        block = self._blocks.pop(index, None)
        if block is None:
            return b""
        text = block.text
        place = {"item_id": block.ident, "output_index": block.item}
        if block.kind in ("text", "refusal"):
            assert self._message is not None
            self._message[1][block.part] = part = _part(block.kind, text)
            told = {"text": text, "logprobs": []} if block.kind == "text" else {"refusal": text}
            kind = "output_text" if block.kind == "text" else "refusal"
            out = self._event(f"response.{kind}.done", _place(block) | told)
            return out + self._event("response.content_part.done", _place(block) | {"part": part})
        if block.kind == "tool":
            item = answer.called(block.ident, block.call_id, block.name, text, self._custom)
            out = self._call_done(block, place, item)
        else:
            item = answer.reasoned(block.ident, text, block.signature)
            part = {"type": "summary_text", "text": text}
            out = self._event("response.reasoning_summary_text.done", place | {"summary_index": 0, "text": text})
            out += self._event("response.reasoning_summary_part.done", place | {"summary_index": 0, "part": part})
        self._items[block.item] = item
        return out + self._event("response.output_item.done", {"output_index": block.item, "item": item})

    def _call_done(self, block: _Block, place: dict[str, Any], item: dict[str, Any]) -> bytes:
        if item["type"] == "custom_tool_call":
            out = self._event("response.custom_tool_call_input.delta", place | {"delta": item["input"]})
            return out + self._event("response.custom_tool_call_input.done", place | {"input": item["input"]})
        done = place | {"name": block.name, "arguments": item["arguments"]}
        return self._event("response.function_call_arguments.done", done)

    def _end_message(self) -> bytes:
        if self._message is None:
            return b""
        number, parts = self._message
        self._message = None
        item = self._items[number] = answer.message(f"msg_{self._asked.request_id}_{number}", parts)
        return self._event("response.output_item.done", {"output_index": number, "item": item})

    def _end(self) -> bytes:
        out = b"".join([self._close(index) for index in list(self._blocks)]) + self._end_message()
        whole = dict(self._frame)
        whole["output"] = [item for item in self._items if item is not None]
        answer.finish(whole, self._stop, self._usage, self._asked.created)
        kind = "response.incomplete" if whole["status"] == "incomplete" else "response.completed"
        return out + self._event(kind, {"response": whole})


def _place(block: _Block) -> dict[str, Any]:
    return {"item_id": block.ident, "output_index": block.item, "content_index": block.part}


def _part(kind: neutral.Kind, text: str) -> dict[str, Any]:
    if kind == "text":
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "refusal", "refusal": text}
