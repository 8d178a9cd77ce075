"""The streamed answers of Chat Completions: what has to be seen of them while they pass."""

from __future__ import annotations

from collections import deque

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.record import Usage
from fairlead.dialects import json, sse
from fairlead.dialects.openai_chat import EMPTY, read_usage
from fairlead.errors import RequestError


class _Delta(Struct):
    content: Raw | UnsetType = UNSET
    reasoning_content: Raw | UnsetType = UNSET
    reasoning: Raw | UnsetType = UNSET
    refusal: Raw | UnsetType = UNSET
    tool_calls: Raw | UnsetType = UNSET
    audio: Raw | UnsetType = UNSET
    images: Raw | UnsetType = UNSET
    reasoning_details: Raw | UnsetType = UNSET
    function_call: Raw | UnsetType = UNSET


class _Choice(Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Groq(Struct):
    usage: Raw | UnsetType = UNSET


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    x_groq: _Groq | None = None


_CHUNK = msgspec.json.Decoder(_Chunk)
_USAGE_NULL = (b',"usage":null', b', "usage": null', b',"usage": null')
_MARKS = (b'"finish_reason":"', b'"finish_reason": "', b'"usage":{', b'"usage": {', b'"error"')
"""What the last events of a stream hold, as it is usually spelled."""
_ENDED = (b"data: [DONE]\n\n", b"data:[DONE]\n\n", b"data: [DONE]\r\n\r\n", b"data:[DONE]\r\n\r\n")
WINDOW = 4096
"""Bytes at the end in which those marks are looked for before all of the tail is read."""
TAIL = 16384
HELD_LIMIT = 16 * 2**20
"""What one event, or all before the first content, may come to."""


class StreamReader:
    """Reads a stream while it passes: holds it back until there is content, then lets it through untouched,
    keeping only the tail, where usage, the end mark and late errors stand.

    With `strip` the client did not ask for usage but the provider was asked: then whole events are looked at,
    the usage chunk is taken out and so are the `usage: null`s.
    """

    __slots__ = (
        "_answers", "_finished", "_held", "_held_size", "_said", "_seen", "_splitter", "_tail", "_tail_size", "committed", "done", "ended", "error", "events", "strip", "usage",
    )  # fmt: skip

    def __init__(self, strip: bool, answers: int = 1) -> None:
        self.strip = strip
        self.committed = False
        self.done = False
        """The answer is whole."""
        self.ended = False
        """The provider's end mark has come: nothing behind it matters."""
        self.error = ""
        self.usage: Usage | None = None
        self.events = 0
        """Events passed on."""
        self._answers = answers
        self._finished: set[int] = set()
        self._said = 0
        """Bytes of content in the events looked into, and (`_seen`) how many events with content those were."""
        self._seen = 0
        self._splitter = sse.Splitter()
        self._held: list[bytes] = []
        self._held_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    def feed(self, piece: bytes) -> bytes:
        """What may go on to the client now, in whole events; empty while held back."""
        if self.committed:
            return self._behind(piece)
        splitter = self._splitter
        events = splitter.feed(piece)
        for number, event in enumerate(events, 1):
            opening = self._event(event)
            if opening:
                # Behind the first content nothing needs to be looked at one by one.
                return opening + self._behind(b"".join((*events[number:], splitter.take())))
        self._bound(self._held_size)
        return b""

    def _behind(self, piece: bytes) -> bytes:
        """The whole events that are there by now; the rest waits for its end, so that nothing is ever cut in two."""
        splitter = self._splitter
        block = splitter.feed_block(piece)
        self._bound(0)
        if self.strip and b'"usage"' in block:
            for spelling in _USAGE_NULL:
                block = block.replace(spelling, b"")
            if b'"usage"' in block:
                self.ended = block.endswith(_ENDED)
                return b"".join([self._event(event) for event in sse.split(block)])
        if block:
            self._keep(block)
            self.events += block.count(b"\ndata:") + block.startswith(b"data:")
            if block.endswith(_ENDED):
                self.ended = True
        return block

    def _bound(self, held: int) -> None:
        if held + self._splitter.size > HELD_LIMIT:
            self.error = self.error or f"the provider sent {HELD_LIMIT >> 20} MiB without one whole event of content"

    def _event(self, event: bytes) -> bytes:
        self._read(event)
        if self.strip and b'"usage"' in event:
            event = _without_usage(event)
        if not self.committed:
            self._held.append(event)
            self._held_size += len(event)
            return b""
        self.events += 1
        if self._held:
            event = b"".join(self._held) + event
            self._held.clear()
            self._held_size = 0
        return event

    def _read(self, event: bytes) -> None:
        """Look into one event for content, usage, an error, the end."""
        data = sse.data(event)
        if data is None or not data.strip():
            return
        if data.strip() == b"[DONE]":
            self.done = True
            return
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.error = self.error or "the provider sent an event that is not the JSON it should be"
            return
        usage = read_usage(chunk.usage)
        if usage is None and chunk.x_groq is not None:
            usage = read_usage(chunk.x_groq.usage)
        self.usage = usage or self.usage
        if chunk.error is not UNSET and bytes(chunk.error) not in EMPTY:
            self.error = "the provider reported an error in the stream"
            return
        for choice in chunk.choices or ():
            said = 0 if choice.delta is None else _content(choice.delta)
            if said:
                self._said += said
                self._seen += 1
                self.committed = True
            if choice.finish_reason is not None:
                self.committed = True
                self._finished.add(choice.index)
                self.done = len(self._finished) >= self._answers

    def _keep(self, block: bytes) -> None:
        self._tail.append(block)
        self._tail_size += len(block)
        while self._tail_size - len(self._tail[0]) > TAIL:
            self._tail_size -= len(self._tail.popleft())

    def end(self) -> bytes:
        """The stream is over: reads the tail, and gives up what is still held back."""
        rest = self._splitter.take()
        if self._tail:
            tail = b"".join(self._tail)
            self._tail.clear()
            begin = _telling(tail)
            for event in sse.split(tail[begin:]):
                self._read(event)
            if self.usage is None:
                for event in sse.split(tail[:begin]):
                    self._read(event)
        return self._event(rest) if rest else b""

    @property
    def estimate(self) -> int:
        """About the tokens delivered: one an event at least, more where the last events held more."""
        return self.events if not self._seen else max(self.events, self.events * self._said // (4 * self._seen))


def _telling(tail: bytes) -> int:
    """Where the first event begins that tells how the stream ended; 0 if it is not known and all has to be read."""
    window = max(len(tail) - WINDOW, 0)
    found = [at for mark in _MARKS if (at := tail.find(mark, window)) >= 0]
    if not found:
        return 0
    lines = tail.rfind(b"\n\n", 0, min(found)), tail.rfind(b"\n\r\n", 0, min(found))
    return max(lines[0] + 2 if lines[0] >= 0 else 0, lines[1] + 3 if lines[1] >= 0 else 0)


def _content(delta: _Delta) -> int:
    """About the bytes of what a delta says; 0 where it says nothing."""
    said = 0
    for value in (
        delta.content,
        delta.reasoning_content,
        delta.tool_calls,
        delta.reasoning,
        delta.refusal,
        delta.audio,
        delta.images,
        delta.reasoning_details,
        delta.function_call,
    ):
        if value is not UNSET and (raw := bytes(value)) not in EMPTY:
            said += len(raw) - 2 if raw[:1] == b'"' else 4
    return said


def _without_usage(event: bytes) -> bytes:
    """The event as the client would have got it without asking for usage; empty for the usage chunk itself."""
    if event.count(b'"usage"') == 1:
        for spelling in _USAGE_NULL:
            if spelling in event:
                return event.replace(spelling, b"", 1)
    data = sse.data(event)
    if data is None:
        return event
    try:
        chunk = _CHUNK.decode(data)
        if chunk.usage is UNSET:
            return event
        if not chunk.choices and bytes(chunk.usage) not in EMPTY:
            return b""
        shorter = json.without(data, "usage")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, RequestError):
        return event
    before, whole, after = event.partition(data)
    return before + shorter + after if whole else b"data: " + shorter + b"\n\n"
