"""The streamed answers of Anthropic's Messages: what has to be seen of them while they pass.

Usage comes twice: with `message_start`, and with `message_delta` as the total so far. Only the second is whole.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.tools import Calls
from fairlead.dialects import hosted, sse
from fairlead.dialects.anthropic_messages.usage import RawUsage, later, raw_usage, usage_of
from fairlead.dialects.issued import ISSUES
from fairlead.dialects.json import given
from fairlead.dialects.passing import Passing
from fairlead.dialects.weighing import unescaped

_STOPS = (b'"type":"message_stop"', b'"type": "message_stop"')
_ERROR = b"event: error"
NEAR = 256
"""Bytes at the end of a block in which its last event is looked for."""


class _Delta(Struct):
    text: Raw | UnsetType = UNSET
    thinking: Raw | UnsetType = UNSET
    partial_json: Raw | UnsetType = UNSET
    signature: Raw | UnsetType = UNSET
    stop_reason: str | None = None
    container: Raw | UnsetType = UNSET


class _Block(Struct):
    type: str = ""


class _Message(Struct):
    usage: Raw | UnsetType = UNSET


class _Event(Struct):
    type: str = ""
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Raw | UnsetType = UNSET


_EVENT = msgspec.json.Decoder(_Event)


class StreamReader(Passing):
    __slots__ = ("_begun", "_found", "_whole")
    issues = ISSUES["anthropic_messages"]

    def __init__(self) -> None:
        super().__init__()
        self._found: RawUsage | None = None
        """What the start told, then with what the end told."""
        self._whole = False
        """The usage of the whole answer has come."""
        self._begun: list[str] = []
        """Tools of the provider's own."""

    def take_down(self, block: bytes) -> None:
        super().take_down(block)
        self._begun += hosted.begun_tools(block)

    @property
    def calls(self) -> Calls:
        return hosted.of_names(self._begun) if self._begun else ()

    def ends(self, block: bytes) -> bool:
        near = block[-NEAR:]
        last = near[near.rfind(b"data:") :]
        return _STOPS[0] in last or _STOPS[1] in last

    def telling(self, tail: bytes) -> int:
        at = tail.rfind(b'"message_delta"')
        error = tail.rfind(_ERROR)
        if at < 0 and error < 0:
            return 0
        first = min(found for found in (at, error) if found >= 0)
        lines = tail.rfind(b"\n\n", 0, first), tail.rfind(b"\n\r\n", 0, first)
        return max(lines[0] + 2 if lines[0] >= 0 else 0, lines[1] + 3 if lines[1] >= 0 else 0)

    def look(self, event: bytes) -> None:
        data = sse.data(event)
        if data is None or not data.strip():
            return
        try:
            found = _EVENT.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.error = self.error or "the provider sent an event that is not the JSON it should be"
            return
        kind = found.type
        if kind == "content_block_delta" and found.delta is not None:
            self._content(found.delta)
        elif kind == "content_block_start" and found.content_block is not None:
            # A text or a thought begins empty; whatever else begins says something.
            self.committed = self.committed or found.content_block.type not in ("text", "thinking")
        elif kind == "message_start" and found.message is not None:
            self._count(found.message.usage)
        elif kind == "message_delta":
            self._count(found.usage)
            contained = found.delta is not None and given(found.delta.container)
            self.usage = usage_of(self._found, contained) or self.usage
            self._whole = self.usage is not None and (self._whole or raw_usage(found.usage) is not None)
            self.committed = self.committed or (found.delta is not None and found.delta.stop_reason is not None)
        elif kind == "message_stop":
            self.done = self.committed = True
        elif kind == "error":
            self.error = self.error or "the provider reported an error in the stream"

    def weigh(self, event: bytes) -> int:
        try:
            found = _EVENT.decode(sse.data(event) or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return 0
        return 0 if found.delta is None else sum(_said(found.delta))

    def told(self) -> bool:
        return self._whole

    def end(self) -> bytes:
        rest = super().end()
        begun = usage_of(self._found)
        if self.usage is None and begun is not None and self.committed:
            # Cut before the end told: what went in is known, what came out is estimated.
            output = max(begun.output, self.estimate)
            self.usage = msgspec.structs.replace(begun, output=output, estimated=True, calls=self.calls)
        return rest

    def _content(self, delta: _Delta) -> None:
        for said in _said(delta):
            self.said += said
            self.seen += 1
            self.committed = True

    def _count(self, raw: Raw | UnsetType) -> None:
        found = raw_usage(raw)
        if found is not None:
            self._found = later(self._found, found)


def _said(delta: _Delta) -> list[int]:
    """The bytes of what a delta says."""
    values = (delta.text, delta.thinking, delta.partial_json, delta.signature)
    return [unescaped(bytes(value)) - 2 for value in values if isinstance(value, Raw) and len(value) > 2]
