"""The streamed answers of Gemini: what has to be seen of them while they pass.

A stream has no end mark: it is whole once every candidate told its finish reason, or the prompt was blocked.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.core.tools import Calls
from fairlead.dialects import hosted, sse
from fairlead.dialects.gemini.native import Feedback, read_usage
from fairlead.dialects.issued import ISSUES
from fairlead.dialects.json import EMPTY, given
from fairlead.dialects.passing import Passing
from fairlead.dialects.weighing import BYTES, OF_MEDIA, unescaped


class _Part(Struct):
    text: Raw | UnsetType = UNSET
    functionCall: Raw | UnsetType = UNSET
    inlineData: Raw | UnsetType = UNSET
    executableCode: Raw | UnsetType = UNSET
    codeExecutionResult: Raw | UnsetType = UNSET
    thoughtSignature: Raw | UnsetType = UNSET


class _Content(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct):
    content: _Content | None = None
    finishReason: str | None = None
    groundingMetadata: Raw | UnsetType = UNSET
    index: int | None = None


class _Chunk(Struct):
    candidates: list[_Candidate] | None = None
    promptFeedback: Feedback | None = None
    usageMetadata: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


_CHUNK = msgspec.json.Decoder(_Chunk)
_MARKS = (b'"finishReason"', b'"promptFeedback"', b'"error"')
"""What the last events of a stream hold."""
WINDOW = 8192
"""Bytes at the end in which those marks are looked for before all of the tail is read."""


class StreamReader(Passing):
    __slots__ = ("_answers", "_finished", "_grounding")
    issues = ISSUES["gemini"]

    def __init__(self, answers: int = 1) -> None:
        super().__init__()
        self._answers = answers
        self._finished: set[int] = set()
        self._grounding: dict[int, Raw] = {}
        """Of each candidate the latest: a later chunk tells all of it again."""

    def take_down(self, block: bytes) -> None:
        super().take_down(block)
        if hosted.GROUNDING_MARK in block:
            for event in sse.split(block):
                self._take_grounding(event)

    def _take_grounding(self, event: bytes) -> None:
        if hosted.GROUNDING_MARK not in event:
            return
        try:
            chunk = _CHUNK.decode(sse.data(event) or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        for number, candidate in enumerate(chunk.candidates or ()):
            if isinstance(candidate.groundingMetadata, Raw) and given(candidate.groundingMetadata):
                self._grounding[number if candidate.index is None else candidate.index] = candidate.groundingMetadata

    @property
    def calls(self) -> Calls:
        return hosted.of_groundings(self._grounding.values()) if self._grounding else ()

    def end(self) -> bytes:
        rest = super().end()
        if self.usage is not None:
            self.usage = hosted.with_calls(self.usage, self.calls)
        return rest

    def ends(self, block: bytes) -> bool:
        return False

    def telling(self, tail: bytes) -> int:
        if self._answers > 1:
            return 0
        window = max(len(tail) - WINDOW, 0)
        found = [at for mark in _MARKS if (at := tail.find(mark, window)) >= 0]
        if not found:
            return 0
        lines = tail.rfind(b"\n\n", 0, min(found)), tail.rfind(b"\n\r\n", 0, min(found))
        return max(lines[0] + 2 if lines[0] >= 0 else 0, lines[1] + 3 if lines[1] >= 0 else 0)

    def look(self, event: bytes) -> None:
        data = sse.data(event)
        if data is None or not data.strip():
            return
        try:
            chunk = _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.error = self.error or "the provider sent an event that is not the JSON it should be"
            return
        self.usage = read_usage(chunk.usageMetadata) or self.usage
        if given(chunk.error):
            self.error = "the provider reported an error in the stream"
            return
        if chunk.promptFeedback is not None and chunk.promptFeedback.blockReason:
            self.committed = self.done = True
        for number, candidate in enumerate(chunk.candidates or ()):
            said = _said(candidate.content)
            if said:
                self.said += said
                self.seen += 1
                self.committed = True
            if candidate.finishReason is not None:
                self.committed = True
                self._finished.add(number if candidate.index is None else candidate.index)
                self.done = len(self._finished) >= self._answers

    def weigh(self, event: bytes) -> int:
        try:
            chunk = _CHUNK.decode(sse.data(event) or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return 0
        return sum(_said(candidate.content) for candidate in chunk.candidates or ())


def _said(content: _Content | None) -> int:
    """About the bytes of what a candidate says; 0 where it says nothing."""
    said = 0
    if content is not None:
        for part in content.parts or ():
            for value in (part.text, part.functionCall, part.executableCode, part.codeExecutionResult):
                if value is not UNSET and (raw := bytes(value)) not in EMPTY:
                    said += unescaped(raw) - 2
            for media in (part.inlineData, part.thoughtSignature):
                if media is not UNSET:
                    said += max(len(media) // OF_MEDIA, BYTES)
    return said
