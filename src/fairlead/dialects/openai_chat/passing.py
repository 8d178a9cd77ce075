"""The streamed answers of Chat Completions: what has to be seen of them while they pass."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import json, sse
from fairlead.dialects.issued import ISSUES
from fairlead.dialects.json import EMPTY, given
from fairlead.dialects.openai_chat.usage import Reported, reported_usage
from fairlead.dialects.passing import Passing
from fairlead.dialects.weighing import BYTES, spoken_in, unescaped
from fairlead.errors import RequestError


class _Delta(Struct, gc=False):
    content: Raw | UnsetType = UNSET
    reasoning_content: Raw | UnsetType = UNSET
    reasoning: Raw | UnsetType = UNSET
    refusal: Raw | UnsetType = UNSET
    tool_calls: Raw | UnsetType = UNSET
    audio: Raw | UnsetType = UNSET
    images: Raw | UnsetType = UNSET
    reasoning_details: Raw | UnsetType = UNSET
    function_call: Raw | UnsetType = UNSET


class _Choice(Struct, gc=False):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(Reported, gc=False):
    choices: list[_Choice] | None = None


_CHUNK = msgspec.json.Decoder(_Chunk)
_CHUNKS = msgspec.json.Decoder(list[_Chunk])
_USAGE_NULL = (b',"usage":null', b', "usage": null', b',"usage": null')
_MARKS = (b'"finish_reason":"', b'"finish_reason": "', b'"usage":{', b'"usage": {', b'"error"')
"""What the last events of a stream hold, as it is usually spelled."""
WINDOW = 4096
"""Bytes at the end in which those marks are looked for before all of the tail is read."""


class StreamReader(Passing):
    """With `strip` the client did not ask for usage but the provider was asked: the usage chunk is taken out, and so
    are the `usage: null`s."""

    __slots__ = ("_answers", "_finished", "strip")
    issues = ISSUES["openai_chat"]

    def __init__(self, strip: bool, answers: int = 1) -> None:
        super().__init__()
        self.strip = strip
        self._answers = answers
        self._finished: set[int] = set()

    def ends(self, block: bytes) -> bool:
        return sse.has_mark(block)

    def shown(self, event: bytes) -> bytes:
        return _without_usage(event) if self.strip and b'"usage"' in event else event

    def shown_block(self, block: bytes) -> bytes:
        if self.strip and b'"usage"' in block:
            for spelling in _USAGE_NULL:
                block = block.replace(spelling, b"")
            if b'"usage"' in block:
                return b"".join([self.shown(event) for event in sse.split(block)])
        return block

    def telling(self, tail: bytes) -> int:
        return _telling(tail)

    def look(self, event: bytes) -> None:
        data = sse.data(event)
        if data is None:
            return
        if not data.startswith(b"{"):
            bare = data.strip()
            if bare == b"[DONE]":
                self.done = True
                return
            if not bare:
                return
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.error = self.error or "the provider sent an event that is not the JSON it should be"
            return
        if chunk.usage is not UNSET or chunk.x_groq is not UNSET:
            self.usage = reported_usage(chunk) or self.usage
        if chunk.error is not UNSET and given(chunk.error) and not self.done:
            self.error = "the provider reported an error in the stream"
            return
        for choice in chunk.choices or ():
            said = 0 if choice.delta is None else _content(choice.delta)
            if said:
                self.said += said
                self.seen += 1
                self.committed = True
            if choice.finish_reason is not None:
                self.committed = True
                self._finished.add(choice.index)
                self.done = len(self._finished) >= self._answers

    def weigh(self, event: bytes) -> int:
        try:
            return _said(_CHUNK.decode(sse.data(event) or b"{}"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return 0

    def weigh_block(self, block: bytes) -> int:
        """As one list, where all its events are spelled as usual: a text cannot hold what stands between two of them."""
        try:
            return sum(map(_said, _CHUNKS.decode(b"[%b]" % block[6:-2].replace(b"\n\ndata: ", b","))))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return super().weigh_block(block)


def _said(chunk: _Chunk) -> int:
    said = 0
    for choice in chunk.choices or ():
        if choice.delta is not None:
            said += _content(choice.delta)
    return said


def _telling(tail: bytes) -> int:
    """Where the first event begins that tells how the stream ended; 0 if it is not known and all has to be read."""
    window = max(len(tail) - WINDOW, 0)
    found = [at for mark in _MARKS if (at := tail.find(mark, window)) >= 0]
    if not found:
        return 0
    first = min(found)
    line = tail.rfind(b"\n\n", 0, first)
    # Only what stands behind it could be nearer: before it lies most of the stream.
    other = tail.rfind(b"\n\r\n", max(line, 0), first)
    return other + 3 if other >= 0 else line + 2 if line >= 0 else 0


def _content(delta: _Delta) -> int:
    """About the bytes of what a delta says; 0 where it says nothing. A thought may be told by several names."""
    said = _weight(delta.content)
    if not said or delta != _Delta(delta.content):
        said += max(_weight(delta.reasoning_content), _weight(delta.reasoning), _weight(delta.reasoning_details))
        said += sum(map(_weight, (delta.tool_calls, delta.refusal, delta.audio, delta.images, delta.function_call)))
    return said


def _weight(value: Raw | UnsetType) -> int:
    if value is UNSET:
        return 0
    raw = bytes(value)
    if raw[:1] == b'"':
        return unescaped(raw) - 2
    return 0 if raw in EMPTY else max(spoken_in(raw), BYTES)


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
