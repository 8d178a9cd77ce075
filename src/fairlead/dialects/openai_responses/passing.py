"""The streamed answers of Responses: what has to be seen of them while they pass.

The event that ends a stream repeats the whole answer, and usage stands in it alone.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import sse
from fairlead.dialects.issued import ISSUES
from fairlead.dialects.json import EMPTY
from fairlead.dialects.openai_responses.native import read_usage
from fairlead.dialects.passing import Passing

SILENT = frozenset({"message", "reasoning"})
"""Items that say nothing by beginning; every other is a call of a tool, which is content."""
_LAST = rb"response\.(?:completed|incomplete|failed|cancelled)"
_END = re.compile(rb"(?:^|[\r\n])(?:event: ?" + _LAST + rb'[\r\n]|data: ?\{"type": ?"' + _LAST + rb'")')
"""The event that ends a stream: a text cannot hold it, for in JSON its line ends are escaped."""
_ERROR = re.compile(rb'(?:^|[\r\n])(?:event: ?error[\r\n]|data: ?\{"type": ?"error")')


class _Response(Struct):
    usage: Raw | UnsetType = UNSET


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
    __slots__ = ()
    issues = ISSUES["openai_responses"]

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
            self._content(found.delta if found.delta is not UNSET else found.partial_image_b64)
        elif kind == "response.output_item.added":
            self.committed = self.committed or (found.item is not None and found.item.type not in SILENT)
        elif kind in ("response.completed", "response.incomplete"):
            self.committed = self.done = self.ended = True
            self._count(found.response)
        elif kind in ("response.failed", "response.cancelled", "error"):
            self.error = self.error or "the provider reported an error in the stream"
            self._count(found.response)

    def _content(self, delta: Raw | UnsetType) -> None:
        if delta is not UNSET and (raw := bytes(delta)) not in EMPTY:
            self.said += len(raw) - 2
            self.seen += 1
            self.committed = True

    def _count(self, response: _Response | None) -> None:
        if response is not None:
            self.usage = read_usage(response.usage) or self.usage
