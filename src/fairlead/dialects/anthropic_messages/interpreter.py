"""Streamed answers read into neutral events. Texts stay the JSON string literals they came as.

What only Anthropic knows (a server's own tools, sources without an address, events of a later day) is left out, and named
(`unread`). Sources may be told before the words that rest on them: they wait for the end of their block.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import neutral, signatures, sse
from fairlead.dialects.anthropic_messages import blocks
from fairlead.dialects.anthropic_messages.answer import STOPS, StopDetails
from fairlead.dialects.anthropic_messages.native import DIALECT
from fairlead.dialects.anthropic_messages.usage import RawUsage, later, raw_usage, usage_of
from fairlead.dialects.frames import Frames


class _Delta(Struct):
    type: str = ""
    text: Raw | UnsetType = UNSET
    thinking: Raw | UnsetType = UNSET
    partial_json: Raw | UnsetType = UNSET
    signature: str | None = None
    citation: Raw | UnsetType = UNSET
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class _Block(Struct):
    type: str = ""
    id: str | None = None
    name: str | None = None
    text: Raw | UnsetType = UNSET
    thinking: Raw | UnsetType = UNSET
    signature: str | None = None
    data: str | None = None
    input: Raw | UnsetType = UNSET
    citations: Raw | UnsetType = UNSET


class _Message(Struct):
    id: str | None = None
    model: str | None = None
    usage: Raw | UnsetType = UNSET


class _Error(Struct):
    type: str | None = None
    message: str | None = None


class _Event(Struct):
    type: str = ""
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Raw | UnsetType = UNSET
    error: _Error | None = None


class _Kind(Struct):
    type: str = ""


_EVENT = msgspec.json.Decoder(_Event)
_KIND = msgspec.json.Decoder(_Kind)


class _Open:
    """A block of the provider's that is open: its neutral index and kind, and whether arguments came."""

    __slots__ = ("cited", "filled", "given", "index", "kind")

    def __init__(self, index: int, kind: neutral.Kind, given: bytes = b"") -> None:
        self.index = index
        self.kind: neutral.Kind = kind
        self.cited: list[neutral.Citation] = []
        self.filled = False
        self.given = given
        """Arguments that came whole with the block's start."""


class Interpreter:
    __slots__ = ("_begun", "_estimate", "_foreign", "_found", "_frames", "_next", "_open", "_said", "_whole", "unread")

    def __init__(self) -> None:
        self._begun = False
        self._next = 0
        self._open: dict[int, _Open] = {}
        self._said: _Open | None = None
        """The block that the last delta was of."""
        self._frames = Frames()
        self._foreign: set[int] = set()
        """Blocks that only Anthropic's dialect knows."""
        self._found: RawUsage | None = None
        self._whole = False
        """The usage of the whole answer has come."""
        self._estimate = 0
        self.unread: dict[str, None] = {}

    def read(self, event: bytes) -> list[neutral.Event]:
        data = sse.data(event)
        if data is None:
            return []
        try:
            found = _EVENT.decode(data)
        except msgspec.ValidationError:
            return self._odd(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            if not data.strip():
                return []
            raise ValueError(f"it is not JSON: {problem}") from None
        kind = found.type
        if kind == "content_block_delta":
            events = self._delta(found.index, found.delta)
            if self._frames.learns and len(events) == 1 and isinstance(delta := events[0], neutral.Delta):
                self._said = self._open[found.index]
                self._frames.learn(delta.kind, event, delta.data)
            return events
        if kind == "content_block_start":
            return self._start(found.index, found.content_block)
        if kind == "content_block_stop":
            return self._stop(found.index)
        if kind == "message_start":
            return self._begin(found.message)
        if kind == "message_delta":
            return self._end_of_message(found)
        if kind == "message_stop":
            return [*self._close_all(), neutral.End()]
        if kind == "error":
            error = found.error or _Error()
            return [neutral.Broken(error.message or "the provider gave no reason", error.type or "")]
        return []

    def run(self, block: bytes, at: int) -> tuple[neutral.Run | None, int]:
        open_ = self._said
        if open_ is None:
            return None, at
        literals, end = self._frames.literals(open_.kind, block, at)
        if not literals:
            return None, at
        open_.filled = True
        self._estimate += sum(map(len, literals)) - 2 * len(literals)
        return neutral.Run(open_.index, open_.kind, literals), end

    def end(self) -> list[neutral.Event]:
        if self._whole or self._found is None:
            return []
        usage = usage_of(self._found)
        if usage is None:
            return []
        # Cut before the end told: what went in is known, what came out is estimated.
        output = max(usage.output, self._estimate // 4)
        return [neutral.Used(msgspec.structs.replace(usage, output=output, estimated=True))]

    def _odd(self, data: bytes) -> list[neutral.Event]:
        """An event whose fields are not what they should be: what is not known yet is skipped."""
        try:
            kind = _KIND.decode(data).type
        except (msgspec.DecodeError, RecursionError):
            raise ValueError("it is no object with a type") from None
        if kind == "error":
            return [neutral.Broken("the provider gave no reason")]
        if kind in ("content_block_delta", "content_block_start", "content_block_stop", "message_delta"):
            raise ValueError(f"{kind} does not hold what it should")
        return []

    def _begin(self, message: _Message | None) -> list[neutral.Event]:
        """Some proxies repeat the start; the answer goes on all the same."""
        events: list[neutral.Event] = []
        if not self._begun:
            self._begun = True
            message = message or _Message()
            events.append(neutral.Begin(message.id or "", message.model or ""))
        found = None if message is None else raw_usage(message.usage)
        if found is not None:
            self._found = later(self._found, found)
            usage = usage_of(self._found)
            if usage is not None:
                events.append(neutral.Used(msgspec.structs.replace(usage, estimated=True)))
        return events

    def _start(self, index: int, block: _Block | None) -> list[neutral.Event]:
        if block is None:
            return []
        events = self._stop(index)
        kind = block.type
        if kind == "text":
            events += self._opened(index, "text", block.text)
            self._open[index].cited += blocks.cited(block.citations, self.unread)
        elif kind == "thinking":
            events += self._opened(index, "thinking", block.thinking)
            if block.signature:
                events.append(_signed(self._open[index].index, block.signature))
        elif kind == "tool_use":
            given = b"" if block.input is UNSET else bytes(block.input).strip()
            open_ = _Open(self._next, "tool", b"" if given in (b"{}", b"null") else given)
            self._open[index] = open_
            self._next += 1
            events.append(neutral.Open(open_.index, "tool", block.id or "", block.name or ""))
        elif kind == "redacted_thinking":
            at = self._next
            self._next += 1
            events += [
                neutral.Open(at, "thinking"),
                _signed(at, block.data or "", redacted=True),
                neutral.Close(at),
            ]
        else:
            self._foreign.add(index)
            self.unread[f"server_tool.{kind}" if kind else "server_tool"] = None
        return events

    def _opened(self, index: int, kind: neutral.Kind, text: Raw | UnsetType) -> list[neutral.Event]:
        at = self._next
        self._next += 1
        self._open[index] = _Open(at, kind)
        events: list[neutral.Event] = [neutral.Open(at, kind)]
        literal = bytes(text) if isinstance(text, Raw) else b""
        if len(literal) > 2 and literal.startswith(b'"'):
            events.append(neutral.Delta(at, kind, literal))
        return events

    def _delta(self, index: int, delta: _Delta | None) -> list[neutral.Event]:
        open_ = self._open.get(index)
        if delta is None:
            return []
        if open_ is None:
            return [] if index in self._foreign else self._unopened(index, delta)
        kind = open_.kind
        if delta.citation is not UNSET:
            cited = blocks.cited(b"[" + bytes(delta.citation) + b"]", self.unread)
            if kind == "text":
                open_.cited += cited
            elif cited:
                self.unread["citations"] = None
            return []
        value = delta.text if kind == "text" else delta.partial_json if kind == "tool" else delta.thinking
        if isinstance(value, Raw):
            literal = bytes(value)
            if len(literal) > 2 and literal.startswith(b'"'):
                if not literal.isascii():
                    literal.decode()
                open_.filled = True
                self._estimate += len(literal) - 2
                return [neutral.Delta(open_.index, kind, literal)]
            return []
        if delta.signature and kind == "thinking":
            return [_signed(open_.index, delta.signature)]
        return []

    def _unopened(self, index: int, delta: _Delta) -> list[neutral.Event]:
        """Content of a block whose start never came, or that had ended: nothing said is lost for it."""
        for kind, value in (("text", delta.text), ("thinking", delta.thinking), ("tool", delta.partial_json)):
            if isinstance(value, Raw) and len(value) > 2 and bytes(value).startswith(b'"'):
                if kind == "tool":
                    raise ValueError("arguments of a tool call that had not begun")
                return [
                    *self._opened(index, "text" if kind == "text" else "thinking", UNSET),
                    *self._delta(index, delta),
                ]
        return []

    def _stop(self, index: int) -> list[neutral.Event]:
        open_ = self._open.pop(index, None)
        if open_ is None:
            return []
        if open_ is self._said:
            self._said = None
        events: list[neutral.Event] = []
        if open_.kind == "tool" and not open_.filled:
            given = open_.given or b"{}"
            events.append(neutral.Delta(open_.index, "tool", msgspec.json.encode(given.decode())))
        events += [neutral.Cite(open_.index, one) for one in open_.cited]
        events.append(neutral.Close(open_.index))
        return events

    def _close_all(self) -> list[neutral.Event]:
        return [event for index in tuple(self._open) for event in self._stop(index)]

    def _end_of_message(self, found: _Event) -> list[neutral.Event]:
        events: list[neutral.Event] = []
        usage = raw_usage(found.usage)
        if usage is not None:
            self._found = later(self._found, usage)
            whole = usage_of(self._found)
            if whole is not None:
                self._whole = True
                events.append(neutral.Used(whole))
        delta = found.delta
        if delta is None or delta.stop_reason is None:
            return events
        events += self._close_all()
        stop = STOPS.get(delta.stop_reason, "end")
        if stop == "refusal" and delta.stop_details is not None and delta.stop_details.explanation:
            at = self._next
            self._next += 1
            text = msgspec.json.encode(delta.stop_details.explanation)
            events += [neutral.Open(at, "refusal"), neutral.Delta(at, "refusal", text), neutral.Close(at)]
        events.append(neutral.Finish(stop, delta.stop_sequence or ""))
        return events


def _signed(index: int, signature: str, redacted: bool = False) -> neutral.Sign:
    """In events a signature is packed with its origin: whoever writes it knows whose it is."""
    return neutral.Sign(index, signatures.pack(DIALECT, signature), redacted)
