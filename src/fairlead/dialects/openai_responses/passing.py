"""The streamed answers of Responses: what has to be seen of them while they pass.

The event that ends a stream repeats the whole answer, and usage stands in it alone.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.tools import Calls
from fairlead.dialects import hosted, sse
from fairlead.dialects.issued import ISSUES
from fairlead.dialects.json import EMPTY
from fairlead.dialects.openai_responses.native import read_usage, whole_usage
from fairlead.dialects.passing import Passing
from fairlead.dialects.weighing import BYTES, OF_MEDIA, unescaped

SILENT = frozenset({"message", "reasoning"})
"""Items that say nothing by beginning; every other is a call of a tool, which is content."""
_LAST = rb"response\.(?:completed|incomplete|failed|cancelled)"
_END = re.compile(rb"(?:^|[\r\n])(?:event: ?" + _LAST + rb'[\r\n]|data: ?\{"type": ?"' + _LAST + rb'")')
"""The event that ends a stream: a text cannot hold it, for in JSON its line ends are escaped."""
_ERROR = re.compile(rb'(?:^|[\r\n])(?:event: ?error[\r\n]|data: ?\{"type": ?"error")')


class _Response(Struct):
    usage: Raw | UnsetType = UNSET
    output: Raw | UnsetType = UNSET
    tools: Raw | UnsetType = UNSET


class _Item(Struct):
    type: str | None = None


class _Event(Struct):
    type: str = ""
    delta: Raw | UnsetType = UNSET
    partial_image_b64: Raw | UnsetType = UNSET
    response: _Response | None = None
    item: _Item | None = None


_EVENT = msgspec.json.Decoder(_Event)


class StreamReader(Passing):
    __slots__ = ("_items",)
    issues = ISSUES["openai_responses"]

    def __init__(self) -> None:
        super().__init__()
        self._items: list[hosted.Item] = []
        """Calls of tools that were told one by one."""

    def take_down(self, block: bytes) -> None:
        super().take_down(block)
        self._items += hosted.done_items(block)

    @property
    def calls(self) -> Calls:
        return hosted.of_items(self._items) if self._items else ()

    def ends(self, block: bytes) -> bool:
        return b'"response.' in block and _END.search(block) is not None

    def telling(self, tail: bytes) -> int:
        found = _END.search(tail) or _ERROR.search(tail)
        if found is None:
            return 0
        return found.start() + (tail[found.start()] in b"\r\n")

    def look(self, event: bytes) -> None:
        data = sse.data(event)
        if data is None or not data.strip() or data.strip() == b"[DONE]":
            return
        try:
            found = _EVENT.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.error = self.error or "the provider sent an event that is not the JSON it should be"
            return
        kind = found.type
        if kind.endswith(".delta") or found.partial_image_b64 is not UNSET:
            self._content(_said(found))
        elif kind == "response.output_item.added":
            self.committed = self.committed or (found.item is not None and found.item.type not in SILENT)
        elif kind in ("response.completed", "response.incomplete"):
            self.committed = self.done = self.ended = True
            self._count(found.response)
        elif kind in ("response.failed", "response.cancelled", "error"):
            self.error = self.error or "the provider reported an error in the stream"
            self._count(found.response)

    def weigh(self, event: bytes) -> int:
        try:
            return _said(_EVENT.decode(sse.data(event) or b"{}"))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return 0

    def _content(self, said: int) -> None:
        if said:
            self.said += said
            self.seen += 1
            self.committed = True

    def _count(self, response: _Response | None) -> None:
        if response is not None:
            self.usage = whole_usage(read_usage(response.usage), response.output, response.tools) or self.usage


def _said(found: _Event) -> int:
    """About the bytes of what an event says; 0 where it says nothing, or repeats what was said."""
    if found.partial_image_b64 is not UNSET:
        return max(len(found.partial_image_b64) // OF_MEDIA, BYTES)
    if not found.type.endswith(".delta") or found.delta is UNSET or (raw := bytes(found.delta)) in EMPTY:
        return 0
    if found.type == "response.audio.delta":
        return max(len(raw) // OF_MEDIA, BYTES)
    return unescaped(raw) - 2
