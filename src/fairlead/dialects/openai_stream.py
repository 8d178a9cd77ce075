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
_TELLING = (b'"usage"', b'"error"', b'"finish_reason":"', b'"finish_reason": "')
"""What a chunk holds that has to be looked into although content has begun."""
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
        "_held", "_held_size", "_splitter", "_tail", "_tail_size", "_torn", "committed", "done", "error", "events", "strip", "usage",
    )  # fmt: skip

    def __init__(self, strip: bool) -> None:
        self.strip = strip
        self.committed = False
        self.done = False
        self.error = ""
        self.usage: Usage | None = None
        self.events = 0
        """Events passed on: about the tokens delivered, for the estimate when usage never comes."""
        self._splitter = sse.Splitter()
        self._held: list[bytes] = []
        self._held_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._torn = False
        """Whether the tail's front was dropped, so that it begins in the midst of an event."""

    def feed(self, piece: bytes) -> bytes:
        """What may go on to the client now; empty while held back."""
        if self.committed and not self.strip:
            self._keep(piece)
            self.events += piece.count(b"data:")
            return piece
        out = []
        for event in self._splitter.feed(piece):
            passed = self._event(event)
            if passed:
                out.append(passed)
        if self.committed and not self.strip:
            # From here on pieces pass unsplit; what was cut off behind the last whole event goes first.
            rest = self._splitter.rest
            out.append(rest)
            self._keep(rest)
            self.events += rest.count(b"data:")
            self._splitter.rest = b""
        elif self._held_size + len(self._splitter.rest) > HELD_LIMIT:
            self.error = self.error or f"the provider sent {HELD_LIMIT >> 20} MiB without one whole event of content"
        return b"".join(out)

    def _event(self, event: bytes) -> bytes:
        if self.strip:
            event = _without_null(event)
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
        if self.committed and not any(mark in data for mark in _TELLING):
            return
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.error = self.error or "the provider sent an event that is not the JSON it should be"
            return
        if chunk.error is not UNSET and bytes(chunk.error) not in EMPTY:
            self.error = "the provider reported an error in the stream"
            return
        usage = read_usage(chunk.usage)
        if usage is None and chunk.x_groq is not None:
            usage = read_usage(chunk.x_groq.usage)
        self.usage = usage or self.usage
        for choice in chunk.choices or ():
            if choice.finish_reason is not None:
                self.done = self.committed = True
            elif choice.delta is not None and not self.committed and _has_content(choice.delta):
                self.committed = True

    def _keep(self, piece: bytes) -> None:
        self._tail.append(piece)
        self._tail_size += len(piece)
        while self._tail_size - len(self._tail[0]) > TAIL:
            self._tail_size -= len(self._tail.popleft())
            self._torn = True

    def end(self) -> bytes:
        """The stream is over: reads the tail, and gives up what is still held back."""
        if self._tail:
            splitter = sse.Splitter()
            events = splitter.feed(b"".join(self._tail))
            self._tail.clear()
            for event in (*events, splitter.rest)[1 if self._torn else 0 :]:
                self._read(event)
        rest = self._splitter.rest
        if rest:
            self._splitter.rest = b""
            return self._event(rest)
        return b""


def _has_content(delta: _Delta) -> bool:
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
        if value is not UNSET and bytes(value) not in EMPTY:
            return True
    return False


def _without_null(event: bytes) -> bytes:
    """The event without the `usage: null` that every chunk carries once usage is asked for."""
    if event.count(b'"usage"') == 1:
        for spelling in _USAGE_NULL:
            if spelling in event:
                return event.replace(spelling, b"", 1)
    return event


def _without_usage(event: bytes) -> bytes:
    """The event as the client would have got it without asking for usage; empty for the usage chunk itself."""
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
