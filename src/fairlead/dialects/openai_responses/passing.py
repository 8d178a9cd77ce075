"""The streamed answers of Responses: what has to be seen of them while they pass."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import sse
from fairlead.dialects.openai_chat.native import EMPTY
from fairlead.dialects.openai_responses.native import read_usage
from fairlead.dialects.passing import Passing

CONTENT = frozenset(
    (
        "response.output_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.custom_tool_call_input.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.audio.delta",
        "response.image_generation_call.partial_image",
    )
)
TERMINAL = (b"event: response.completed", b"event: response.incomplete", b"event: response.failed")


class _Response(Struct):
    usage: Raw | UnsetType = UNSET
    status: str | None = None


class _Event(Struct):
    type: str = ""
    delta: Raw | UnsetType = UNSET
    response: _Response | UnsetType = UNSET
    item: Raw | UnsetType = UNSET


_EVENT = msgspec.json.Decoder(_Event)


class StreamReader(Passing):
    __slots__ = ()

    def ends(self, block: bytes) -> bool:
        return any(mark in block for mark in TERMINAL)

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
        if kind in CONTENT:
            if found.delta is UNSET or bytes(found.delta) not in EMPTY:
                self.committed = True
                self.said += 0 if found.delta is UNSET else len(found.delta) - 2
                self.seen += 1
        elif kind == "response.output_item.added" and found.item is not UNSET:
            self.committed = self.committed or b'_call"' in bytes(found.item)
        elif kind in ("response.completed", "response.incomplete"):
            self.committed = self.done = self.ended = True
            if isinstance(found.response, _Response):
                self.usage = read_usage(found.response.usage) or self.usage
        elif kind in ("response.failed", "error"):
            self.error = "the provider reported an error in the stream"
            if isinstance(found.response, _Response):
                self.usage = read_usage(found.response.usage) or self.usage
