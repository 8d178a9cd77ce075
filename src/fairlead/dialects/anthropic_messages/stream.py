"""Streamed answers, to and from neutral events (reading: see `interpreter`).

A message's blocks follow each other, one open at a time. Neutral tool calls may be open together: those behind the
first wait until it is closed. How the answer ended is told at its end, together with its usage.
"""

from __future__ import annotations

import msgspec

from fairlead.core.record import Usage
from fairlead.dialects import citations, neutral, signatures
from fairlead.dialects.anthropic_messages import blocks
from fairlead.dialects.anthropic_messages.answer import REASONS, message_id
from fairlead.dialects.anthropic_messages.interpreter import Interpreter
from fairlead.dialects.anthropic_messages.native import DIALECT
from fairlead.dialects.anthropic_messages.usage import usage_json
from fairlead.dialects.dialect import Asked

__all__ = ["Interpreter", "Writer"]

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_OPEN = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%s}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":'
_CLOSE = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
_KINDS: dict[str, bytes] = {
    "text": b'"text_delta","text":',
    "refusal": b'"text_delta","text":',
    "thinking": b'"thinking_delta","thinking":',
    "tool": b'"input_json_delta","partial_json":',
}
_BEGUN: dict[str, bytes] = {
    "text": b'{"type":"text","text":""}',
    "refusal": b'{"type":"text","text":""}',
    "thinking": b'{"type":"thinking","thinking":"","signature":""}',
}
UNSIGNED = signatures.pack("unsigned", "")
"""In place of the signature of a thought that has none: its maker is nobody who would want it back."""


class _Block:
    """A block that is not yet closed towards the client. What comes before its turn waits in `events`."""

    __slots__ = ("events", "id", "index", "kind", "name", "signature")

    def __init__(self, event: neutral.Open) -> None:
        self.index = event.index
        self.kind = event.kind
        self.id = event.id
        self.name = event.name
        self.signature = ""
        """Of a tool's call: told behind it."""
        self.events: list[neutral.Delta | neutral.Cite | neutral.Sign | neutral.Close] = []


class Writer:
    untold = frozenset({"answer_logprobs"})
    __slots__ = (
        "_asked", "_called", "_finish", "_head", "_index", "_live", "_refused", "_signed", "_spoken", "_started", "_usage", "_waiting", "_words",
    )  # fmt: skip

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._started = False
        self._live: _Block | None = None
        self._head = b""
        """How a delta of the live block begins; empty until the client was told that it is open."""
        self._signed = False
        self._spoken = citations.Spoken()
        self._words: list[bytes] = []
        """Of the text that began last."""
        self._waiting: list[_Block] = []
        self._index = 0
        """The client's index of the live block, or of the next one."""
        self._called = False
        self._refused = False
        self._usage: Usage | None = None
        self._finish: neutral.Finish | None = None

    def write(self, event: neutral.Event) -> bytes:
        live = self._live
        if isinstance(event, neutral.Delta):
            if event.kind == "text":
                self._words.append(event.data)
            if live is not None and event.index == live.index:
                if self._head:
                    return b"%b%b}}\n\n" % (self._head, event.data)
                return b"%b%b%b}}\n\n" % (self._opened(live), self._head, event.data)
            return self._later(event)
        if type(event) is neutral.Run:
            return self._run(event)
        if isinstance(event, (neutral.Cite, neutral.Sign, neutral.Close)):
            if live is None or event.index != live.index:
                return self._later(event)
            if isinstance(event, neutral.Cite):
                return self._cite(event)
            if isinstance(event, neutral.Sign):
                return self._sign(live, event)
            return self._close(live) + self._next()
        if isinstance(event, neutral.Open):
            return self._open(event)
        if isinstance(event, neutral.Used):
            self._usage = event.usage
        elif isinstance(event, neutral.Begin):
            return self._start(event.id)
        elif isinstance(event, neutral.Finish):
            self._finish = event
        elif isinstance(event, neutral.End):
            return self._end()
        return b""

    def _run(self, event: neutral.Run) -> bytes:
        live = self._live
        if event.kind == "text":
            self._words += event.data
        if live is None or event.index != live.index:
            return b"".join([self._later(one) for one in event.deltas()])
        opened = b"" if self._head else self._opened(live)
        return b"%b%b%b}}\n\n" % (opened, self._head, (b"}}\n\n" + self._head).join(event.data))

    def _start(self, name: str) -> bytes:
        if self._started:
            return b""
        self._started = True
        encode = msgspec.json.encode
        return (
            b'event: message_start\ndata: {"type":"message_start","message":{"id":%b,"type":"message",'
            b'"role":"assistant","model":%b,"content":[],"stop_reason":null,"stop_sequence":null,'
            b'"stop_details":null,"container":null,"usage":%b}}\n\n%b'
        ) % (
            encode(message_id(name or self._asked.request_id)),
            encode(self._asked.model),
            usage_json(self._usage or Usage()),
            PING,
        )

    # blocks

    def _open(self, event: neutral.Open) -> bytes:
        self._called = self._called or event.kind == "tool"
        self._refused = self._refused or event.kind == "refusal"
        block = _Block(event)
        if event.kind == "text":
            self._words = self._spoken.begin(event.index)
        start = b"" if self._started else self._start("")
        if self._live is not None:
            self._waiting.append(block)
            return start
        self._live = block
        # Whether a thought may be read shows only in what follows.
        return start if event.kind == "thinking" else start + self._opened(block)

    def _opened(self, block: _Block, said: bytes = b"") -> bytes:
        """Tells the client that a block is open."""
        self._head = (_DELTA % self._index) + _KINDS[block.kind]
        if not said and block.kind == "tool":
            said = b'{"type":"tool_use","id":%b,"name":%b,"input":{},"caller":{"type":"direct"}}' % (
                msgspec.json.encode(blocks.safe_id(block.id)),
                msgspec.json.encode(block.name),
            )
        return _OPEN % (self._index, said or _BEGUN[block.kind])

    def _cite(self, event: neutral.Cite) -> bytes:
        told = msgspec.json.encode(citations.location(event.citation, self._spoken.rests(event)))
        return b'%b"citations_delta","citation":%b}}\n\n' % (_DELTA % self._index, told)

    def _sign(self, block: _Block, event: neutral.Sign) -> bytes:
        origin, signature = signatures.unpack(event.signature)
        if block.kind == "tool":
            if origin not in ("", DIALECT):
                block.signature = signatures.pack(origin + signatures.CALL, signature)
            return b""
        if block.kind != "thinking":
            return b""
        self._signed = True
        shown = msgspec.json.encode(signature if origin == DIALECT else event.signature)
        if event.redacted and not self._head:
            return self._opened(block, b'{"type":"redacted_thinking","data":%b}' % shown)
        opened = b"" if self._head else self._opened(block)
        return b'%b%b"signature_delta","signature":%b}}\n\n' % (opened, _DELTA % self._index, shown)

    def _close(self, block: _Block) -> bytes:
        out = b""
        if block.kind == "thinking" and not self._signed and self._head:
            out = self._sign(block, neutral.Sign(block.index, UNSIGNED))
        if self._head:
            out += _CLOSE % self._index
            self._index += 1
        if block.signature:
            data = b'{"type":"redacted_thinking","data":%b}' % msgspec.json.encode(block.signature)
            out += _OPEN % (self._index, data) + _CLOSE % self._index
            self._index += 1
        self._live = None
        self._head = b""
        self._signed = False
        return out

    def _later(self, event: neutral.Delta | neutral.Cite | neutral.Sign | neutral.Close) -> bytes:
        for block in self._waiting:
            if block.index == event.index:
                block.events.append(event)
                break
        return b""

    def _next(self) -> bytes:
        """Blocks whose turn it is now, with what of them has waited."""
        out: list[bytes] = []
        while self._live is None and self._waiting:
            block = self._waiting.pop(0)
            self._live = block
            if block.kind != "thinking":
                out.append(self._opened(block))
            for event in block.events:
                if isinstance(event, neutral.Delta):
                    opened = b"" if self._head else self._opened(block)
                    out.append(b"%b%b%b}}\n\n" % (opened, self._head, event.data))
                elif isinstance(event, neutral.Cite):
                    out.append(self._cite(event))
                elif isinstance(event, neutral.Sign):
                    out.append(self._sign(block, event))
                else:
                    out.append(self._close(block))
                    break
        return b"".join(out)

    # the end

    def _end(self) -> bytes:
        out = [] if self._started else [self._start("")]
        while self._live is not None:
            out.append(self._close(self._live) + self._next())
        finish = self._finish or neutral.Finish("end")
        reason = REASONS["tool_use" if self._called and finish.stop == "end" else finish.stop]
        if self._refused and reason == "end_turn":
            reason = "refusal"
        details = b'{"type":"refusal","category":null,"explanation":null}' if reason == "refusal" else b"null"
        sequence = msgspec.json.encode(finish.stop_sequence) if finish.stop_sequence else b"null"
        out.append(
            b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"%b","stop_sequence":%b,'
            b'"stop_details":%b,"container":null},"usage":%b}\n\n%b'
            % (reason.encode(), sequence, details, _delta_usage(self._usage or Usage()), _STOP)
        )
        return b"".join(out)


def _delta_usage(usage: Usage) -> bytes:
    """All that was used, as the end of a stream tells it."""
    written = usage.cache_write + usage.cache_write_1h
    return (
        b'{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,"output_tokens":%d,'
        b'"output_tokens_details":{"thinking_tokens":%d},"server_tool_use":null}'
    ) % (
        max(usage.input - usage.cached_input - written, 0),
        written,
        usage.cached_input,
        usage.output,
        usage.reasoning,
    )
