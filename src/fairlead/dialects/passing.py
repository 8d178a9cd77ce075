"""The same dialect on both sides: a stream passes untouched, and only what must be seen of it is looked at.

A dialect's own reader says what to look for in one event (`look`) and how its streams end (`ends`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import ClassVar

from fairlead.core.record import Usage
from fairlead.dialects import sse
from fairlead.dialects.issued import Issues

TAIL = 16384
ENDINGS = 2
"""Events without content that most streams end with."""
HELD_LIMIT = 16 * 2**20
"""What one event, or all before the first content, may come to."""


class Passing(ABC):
    """Holds a stream back until there is content, then lets it through untouched, keeping only the tail, where usage,
    the end mark and late errors stand."""

    __slots__ = (
        "_held", "_held_size", "_splitter", "_tail", "_tail_size", "committed", "done", "ended", "error", "events", "issued", "said", "seen", "usage",
    )  # fmt: skip

    issues: ClassVar[Issues | None] = None
    """Which ids of the provider's own its events may give."""

    def __init__(self) -> None:
        self.committed = False
        """There is content worth giving to the client."""
        self.done = False
        """The answer is whole."""
        self.ended = False
        """The provider's end mark has come: nothing behind it matters."""
        self.error = ""
        self.usage: Usage | None = None
        self.events = 0
        """Events passed on."""
        self.said = 0
        """Bytes of content in the events looked into, and (`seen`) how many events with content those were."""
        self.seen = 0
        self.issued: set[str] | None = None
        """The ids it gave that its provider goes on owning; None for none so far."""
        self._splitter = sse.Splitter()
        self._held: list[bytes] = []
        self._held_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0

    # What a dialect says.

    @abstractmethod
    def look(self, event: bytes) -> None:
        """Look into one event for content, usage, an error, the end."""

    @abstractmethod
    def ends(self, block: bytes) -> bool:
        """Whether the dialect's end mark is in a block of whole events."""

    def shown(self, event: bytes) -> bytes:
        """The event as the client is to see it."""
        return event

    def shown_block(self, block: bytes) -> bytes:
        """The same for whole events in one block, behind the first content."""
        return block

    def telling(self, tail: bytes) -> int:
        """Where in the tail the events begin that tell how the stream ended."""
        return 0

    # What all have in common.

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
        block = self._splitter.feed_block(piece)
        self._bound(0)
        if block:
            self.ended = self.ended or self.ends(block)
            self._keep(block)
            self.events += block.count(b"\ndata:") + block.startswith(b"data:")
            self._take_down(block)
            return self.shown_block(block)
        return block

    def _bound(self, held: int) -> None:
        if held + self._splitter.size > HELD_LIMIT:
            self.error = self.error or f"the provider sent {HELD_LIMIT >> 20} MiB without one whole event of content"

    def _event(self, event: bytes) -> bytes:
        self.look(event)
        self._take_down(event)
        if self.ends(event):
            self.ended = True
        event = self.shown(event)
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

    def _take_down(self, block: bytes) -> None:
        """The ids in whole events: a mark is never torn in them, however the pieces came."""
        if self.issues is None:
            return
        for mark in self.issues.marks:
            if mark in block:
                self.issued = self.issued or set()
                self.issues.of_events(block, self.issued)
                return

    def _keep(self, block: bytes) -> None:
        if len(block) > 2 * TAIL:
            begin = max(block.rfind(end, 0, -TAIL) + len(end) for end in (b"\n\n", b"\n\r\n"))
            block = block[begin:] if begin > 3 else block
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
            begin = self.telling(tail)
            for event in sse.split(tail[begin:]):
                self.look(event)
            if self.usage is None:
                for event in sse.split(tail[:begin]):
                    self.look(event)
        return self._event(rest) if rest else b""

    @property
    def estimate(self) -> int:
        """About the tokens delivered: one an event at least, more where the last events held more."""
        events = max(self.seen, self.events - ENDINGS)
        return events if not self.seen else max(events, events * self.said // (4 * self.seen))
