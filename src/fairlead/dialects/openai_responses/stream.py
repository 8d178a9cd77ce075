"""Streamed answers of Responses, from neutral events; reading stands in `interpreter`.

Every item is told when it begins, piece by piece, and once more when it is whole; the last event repeats all of them.
Texts are not decoded on their way, only gathered.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from fairlead.core.record import Usage
from fairlead.dialects import neutral, signatures
from fairlead.dialects.dialect import Asked
from fairlead.dialects.openai_responses import items, response, tools
from fairlead.dialects.openai_responses.interpreter import Interpreter
from fairlead.dialects.openai_responses.tools import Named

__all__ = ["Interpreter", "Writer"]


class _Block:
    """A block that is being written: an item of its own, or a part of a message."""

    __slots__ = (
        "call_id",
        "front",
        "item",
        "kind",
        "name",
        "pieces",
        "place",
        "redacted",
        "signature",
        "sources",
        "sure",
        "tool",
    )

    def __init__(self, kind: neutral.Kind, item: int, name: bytes, place: bytes) -> None:
        self.kind = kind
        self.item = item
        self.name = name
        self.place = place
        """Where it stands, as its events say it."""
        self.front = b""
        """What comes before the number of an event with more of it; empty where all is told at its end."""
        self.pieces: list[bytes] = []
        self.sources: list[bytes] = []
        self.sure: list[bytes] = []
        """Probabilities of its tokens, in lists without their brackets."""
        self.call_id = ""
        self.tool = Named("")
        self.signature = ""
        self.redacted = False

    @property
    def text(self) -> bytes:
        """All of it as one literal."""
        return b'"' + b"".join([piece[1:-1] for piece in self.pieces]) + b'"'


class _Message:
    """The message that is open: texts that follow each other are parts of it."""

    __slots__ = ("item", "name", "parts")

    def __init__(self, item: int, name: bytes) -> None:
        self.item = item
        self.name = name
        self.parts: list[bytes] = []


class Writer:
    untold: frozenset[str] = frozenset()
    __slots__ = ("_blocks", "_frame", "_items", "_message", "_names", "_number", "_request", "_stop", "_usage")

    def __init__(self, asked: Asked) -> None:
        self._request = asked.request_id.encode()
        self._frame = response.Frame(asked)
        self._names = tools.names(asked.view)
        self._items: list[bytes] = []
        """Those that have ended; empty while they have not."""
        self._blocks: dict[int, _Block] = {}
        self._message: _Message | None = None
        self._number = 0
        self._stop: neutral.Stop = "end"
        self._usage: Usage | None = None

    def write(self, event: neutral.Event) -> bytes:
        if type(event) is neutral.Delta:
            return self._delta(event)
        if type(event) is neutral.Run:
            return b"".join([self._delta(one) for one in event.deltas()])
        if isinstance(event, neutral.Open):
            return self._open(event)
        if isinstance(event, neutral.Close):
            return self._close(event.index)
        if isinstance(event, neutral.Sign):
            return self._sign(event)
        if isinstance(event, neutral.Cite):
            return self._cite(event)
        if isinstance(event, neutral.Begin):
            begun = b',"response":' + self._frame.write("in_progress")
            return self._event(b"response.created", begun) + self._event(b"response.in_progress", begun)
        if isinstance(event, neutral.Used):
            self._usage = event.usage
        elif isinstance(event, neutral.Finish):
            self._stop = event.stop
        elif isinstance(event, neutral.Broken):
            failed = self._frame.failed(self._ended(), event.code, event.message)
            return self._event(b"response.failed", b',"response":' + failed)
        elif isinstance(event, neutral.End):
            return self._end()
        return b""

    def _event(self, kind: bytes, rest: bytes) -> bytes:
        """`rest` begins with a comma."""
        number = self._number
        self._number = number + 1
        return b'event: %b\ndata: {"type":"%b","sequence_number":%d%b}\n\n' % (kind, kind, number, rest)

    def _delta(self, event: neutral.Delta) -> bytes:
        block = self._blocks.get(event.index)
        if block is None:
            return b""
        block.pieces.append(event.data)
        if not block.front:
            return b""
        if event.logprobs:
            block.sure.append(event.logprobs[1:-1])
            told = b',%b,"logprobs":%b,"delta":%b' % (block.place, event.logprobs, event.data)
            return self._event(b"response.output_text.delta", told)
        number = self._number
        self._number = number + 1
        return b'%b%d,"delta":%b}\n\n' % (block.front, number, event.data)

    def _new(self, kind: bytes) -> tuple[int, bytes]:
        """(the index, the id) of an item that begins."""
        item = len(self._items)
        self._items.append(b"")
        return item, b"%b_%b_%d" % (kind, self._request, item)

    def _added(self, item: int, written: bytes) -> bytes:
        return self._event(b"response.output_item.added", b',"output_index":%d,"item":%b' % (item, written))

    def _done(self, item: int, written: bytes) -> bytes:
        self._items[item] = written
        return self._event(b"response.output_item.done", b',"output_index":%d,"item":%b' % (item, written))

    # ---- what begins

    def _open(self, event: neutral.Open) -> bytes:
        if event.kind == "text" or event.kind == "refusal":
            return self._open_part(event)
        out = self._end_message()
        return out + (self._open_call(event) if event.kind == "tool" else self._open_thought(event))

    def _open_part(self, event: neutral.Open) -> bytes:
        out = b""
        message = self._message
        if message is None:
            message = self._message = _Message(*self._new(b"msg"))
            out = self._added(message.item, response.message(message.name, (), b"in_progress"))
        part = len(message.parts)
        place = b'"item_id":"%b","output_index":%d,"content_index":%d' % (message.name, message.item, part)
        block = self._blocks[event.index] = _Block(event.kind, message.item, message.name, place)
        if event.kind == "text":
            block.front = _front(b"response.output_text.delta", place + b',"logprobs":[]')
            empty = response.text_part(b'""')
        else:
            block.front = _front(b"response.refusal.delta", place)
            empty = response.refusal_part(b'""')
        message.parts.append(empty)
        return out + self._event(b"response.content_part.added", b",%b,%b" % (place, b'"part":' + empty))

    def _open_call(self, event: neutral.Open) -> bytes:
        tool = self._names.get(event.name) or Named(event.name)
        item, name = self._new(b"ctc" if tool.custom else b"fc")
        place = b'"item_id":"%b","output_index":%d' % (name, item)
        block = self._blocks[event.index] = _Block("tool", item, name, place)
        block.tool = tool
        block.call_id = event.id or f"call_{item}"
        if not tool.custom:
            # What a tool that takes text is given stands inside an object: it is told when that is whole.
            block.front = _front(b"response.function_call_arguments.delta", place)
        return self._added(item, response.call(name, block.call_id, tool, b'""', b"in_progress"))

    def _open_thought(self, event: neutral.Open) -> bytes:
        item, name = self._new(b"rs")
        place = b'"item_id":"%b","output_index":%d,"summary_index":0' % (name, item)
        block = self._blocks[event.index] = _Block("thinking", item, name, place)
        block.front = _front(b"response.reasoning_summary_text.delta", place)
        out = self._added(item, response.reasoning(name, b'""', ""))
        part = response.summary_part(b'""')
        return out + self._event(b"response.reasoning_summary_part.added", b',%b,"part":%b' % (place, part))

    def _sign(self, event: neutral.Sign) -> bytes:
        block = self._blocks.get(event.index)
        if block is None:
            return b""
        origin, signature = signatures.unpack(event.signature)
        if block.kind == "thinking":
            block.signature = items.packed(origin, signature, event.redacted) if origin else signature
        elif block.kind == "tool" and origin:
            item, name = self._new(b"rs")
            packed = items.packed_for_call(origin, signature, block.call_id)
            written = response.reasoning(name, b'""', packed)
            return self._added(item, written) + self._done(item, written)
        return b""

    def _cite(self, event: neutral.Cite) -> bytes:
        block = self._blocks.get(event.index)
        if block is None or block.kind != "text":
            return b""
        cited = neutral.Text(orjson.loads(block.text), citations=(event.citation,))
        told = response.annotated(cited)[1:-1]
        number = len(block.sources)
        block.sources.append(told)
        rest = b',%b,"annotation_index":%d,"annotation":%b' % (block.place, number, told)
        return self._event(b"response.output_text.annotation.added", rest)

    # ---- what ends

    def _close(self, index: int) -> bytes:
        block = self._blocks.pop(index, None)
        if block is None:
            return b""
        if block.kind == "text" or block.kind == "refusal":
            return self._close_part(block)
        if block.kind == "tool":
            return self._close_call(block)
        text = block.text
        part = response.summary_part(text)
        return (
            self._event(b"response.reasoning_summary_text.done", b',%b,"text":%b' % (block.place, text))
            + self._event(b"response.reasoning_summary_part.done", b',%b,"part":%b' % (block.place, part))
            + self._done(block.item, response.reasoning(block.name, text, block.signature))
        )

    def _close_part(self, block: _Block) -> bytes:
        text = block.text
        if block.kind == "text":
            sure = b"[" + b",".join(block.sure) + b"]"
            part = response.text_part(text, b"[" + b",".join(block.sources) + b"]", sure)
            rest = b',%b,"logprobs":%b,"text":%b' % (block.place, sure, text)
            out = self._event(b"response.output_text.done", rest)
        else:
            part = response.refusal_part(text)
            out = self._event(b"response.refusal.done", b',%b,"refusal":%b' % (block.place, text))
        if self._message is not None:
            self._message.parts[int(block.place.rpartition(b":")[2])] = part
        return out + self._event(b"response.content_part.done", b',%b,"part":%b' % (block.place, part))

    def _close_call(self, block: _Block) -> bytes:
        given = block.text
        if block.tool.custom:
            given = response.literal(tools.text_of(orjson.loads(given)))
            out = self._event(b"response.custom_tool_call_input.delta", b',%b,"delta":%b' % (block.place, given))
            out += self._event(b"response.custom_tool_call_input.done", b',%b,"input":%b' % (block.place, given))
        else:
            given = given if len(given) > 2 else b'"{}"'
            rest = b',%b,"name":%b,"arguments":%b' % (block.place, response.literal(block.tool.name), given)
            out = self._event(b"response.function_call_arguments.done", rest)
        written = response.call(block.name, block.call_id, block.tool, given, b"completed")
        return out + self._done(block.item, written)

    def _end_message(self, status: bytes = b"completed") -> bytes:
        message = self._message
        if message is None:
            return b""
        out = b"".join([self._close(at) for at, block in tuple(self._blocks.items()) if block.item == message.item])
        self._message = None
        return out + self._done(message.item, response.message(message.name, message.parts, status))

    def _ended(self) -> Sequence[bytes]:
        return [item for item in self._items if item]

    def _end(self) -> bytes:
        cut = self._stop in response.INCOMPLETE
        out = self._end_message(b"incomplete" if cut else b"completed")
        out += b"".join([self._close(index) for index in tuple(self._blocks)])
        status, whole = self._frame.finished(self._stop, self._ended(), self._usage)
        return out + self._event(b"response." + status.encode(), b',"response":' + whole)


def _front(kind: bytes, place: bytes) -> bytes:
    """An event up to its number, made once a block."""
    return b'event: %b\ndata: {"type":"%b",%b,"sequence_number":' % (kind, kind, place)
