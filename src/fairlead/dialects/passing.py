"""The same dialect on both sides: a stream passes untouched, and only what must be seen of it is looked at.

A dialect's own reader says what to look for in one event (`look`) and how its streams end (`ends`).

How much was said can be told all along (`estimate`), by the bytes of content in every event. They are weighed when somebody
asks, or when the tail grows too long; where the provider tells what the whole answer took, the last ones never are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import msgspec

from fairlead.core.record import Usage
from fairlead.core.tools import Calls
from fairlead.dialects import sse
from fairlead.dialects.issued import Issues
from fairlead.dialects.weighing import BYTES

TAIL = 16384
"""Bytes of a stream's end that are kept, at least; at most it is twice as much."""
ENDINGS = 2
"""Events without content that most streams end with."""
HELD_LIMIT = 16 * 2**20
"""What one event, or all before the first content, may come to."""


class Passing(ABC):
    """Holds a stream back until there is content, then lets it through untouched, keeping only the tail, where usage,
    the end mark and late errors stand."""

    __slots__ = (
        "_held", "_held_size", "_opened", "_splitter", "_tail", "_tail_size", "_weighed", "committed", "done", "ended", "error",
        "events", "fault", "issued", "said", "seen", "usage",
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
        self.fault = b""
        """The event that told of it."""
        self.usage: Usage | None = None
        self.events = 0
        """Events passed on, of those that were weighed."""
        self.said = 0
        """About the bytes of content in them."""
        self.seen = 0
        """Events with content among those that were looked into."""
        self.issued: set[str] | None = None
        """The ids it gave that its provider goes on owning; None for none so far."""
        self._splitter = sse.Splitter()
        self._held: list[bytes] = []
        self._held_size = 0
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._weighed = 0
        """How many of the blocks in it were weighed."""
        self._opened = 0
        """About the bytes of content in the event that had the first."""

    # What a dialect says.

    @abstractmethod
    def look(self, event: bytes) -> None:
        """Look into one event for content, usage, an error, the end."""

    @abstractmethod
    def ends(self, block: bytes) -> bool:
        """Whether the dialect's end mark is in a block of whole events."""

    @abstractmethod
    def weigh(self, event: bytes) -> int:
        """About the bytes of content in one event, wherever in the stream it stands."""

    def weigh_block(self, block: bytes) -> int:
        """The same of whole events in one block."""
        return sum(map(self.weigh, sse.split(block)))

    def told(self) -> bool:
        """Whether usage, if it came, is that of the whole answer."""
        return self.done

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
        block = self._splitter.feed_block(piece)
        if self.committed:
            if self._splitter.size:
                self._bound(0)
            return self._behind(block) if block else b""
        at = 0
        while at < len(block):
            end = sse.first_end(block, at)
            opening = self._event(block[at:end])
            at = end
            if opening:
                # Behind the first content nothing needs to be looked at one by one.
                self._bound(0)
                return opening + self._behind(block[at:]) if at < len(block) else opening
        self._bound(self._held_size)
        return b""

    def _behind(self, block: bytes) -> bytes:
        """Whole events behind the first content. What is not whole waits for its end, so that nothing is ever cut in two."""
        if not self.ended and self.ends(block):
            self.ended = True
        self._tail.append(block)
        size = self._tail_size = self._tail_size + len(block)
        if size > 2 * TAIL and not self.ended:
            self._weigh()
            self._shorten()
        return self.shown_block(block)

    def _weigh(self) -> None:
        """How much was said since the last time, and which ids were given."""
        block = b"".join(self._tail[self._weighed :])
        self._weighed = len(self._tail)
        self.events += block.count(b"\ndata:") + block.startswith(b"data:")
        self.said += self.weigh_block(block)
        self.take_down(block)

    def _shorten(self) -> None:
        """Only the last blocks are kept, or the end of the last one. All of them were weighed."""
        tail = self._tail
        old = 0
        while self._tail_size - len(tail[old]) > TAIL:
            self._tail_size -= len(tail[old])
            old += 1
        del tail[:old]
        if len(tail[0]) > 2 * TAIL:
            begin = max(tail[0].rfind(end, 0, -TAIL) + len(end) for end in (b"\n\n", b"\n\r\n"))
            if begin > 3:
                tail[0] = tail[0][begin:]
                self._tail_size -= begin
        self._weighed = len(tail)

    def _bound(self, held: int) -> None:
        if held + self._splitter.size > HELD_LIMIT:
            self.error = self.error or f"the provider sent {HELD_LIMIT >> 20} MiB without one whole event of content"

    def _look(self, event: bytes) -> None:
        self.look(event)
        if self.error and not self.fault:
            self.fault = event

    def _event(self, event: bytes) -> bytes:
        self._look(event)
        self.take_down(event)
        if self.ends(event):
            self.ended = True
        event = self.shown(event)
        if not self.committed:
            self._held.append(event)
            self._held_size += len(event)
            return b""
        self.events += 1
        self._opened = self._opened or self.said
        if self._held:
            event = b"".join(self._held) + event
            self._held.clear()
            self._held_size = 0
        return event

    def take_down(self, block: bytes) -> None:
        """The ids in whole events, and what else a dialect keeps of them: a mark is never torn in them, however the pieces came."""
        if self.issues is None:
            return
        for mark in self.issues.marks:
            if block.find(mark) >= 0:  # `in` raises and drops an exception first
                self.issued = self.issued or set()
                self.issues.of_events(block, self.issued)
                return

    def end(self) -> bytes:
        """The stream is over: reads the tail, and gives up what is still held back."""
        rest = self._splitter.take()
        said, early = self.said, self.usage
        self._forget_usage()
        if self._tail:
            tail = b"".join(self._tail)
            begin = self.telling(tail)
            for event in sse.split(tail[begin:]):
                self._look(event)
            if self.usage is None:
                for event in sse.split(tail[:begin]):
                    self._look(event)
            self.said = said  # what the tail says is weighed, not looked at
            if self.usage is None or not self.usage.output or not self.told():
                self._weigh()
            else:
                self.take_down(b"".join(self._tail[self._weighed :]))
            self._tail.clear()
            self._weighed = 0
        last = self._event(rest) if rest else b""
        # What came before most of what was said, or counts nothing of it, is not what the answer took.
        late = self.usage is not None or self.said == self._opened
        self.usage = self.usage or early
        if self.usage is not None and not (late and self.usage.output and self.told()):
            self.usage = at_least(self.usage, self.estimate)
        return last

    def _forget_usage(self) -> None:
        """What came before the tail; the tail may tell it anew."""
        self.usage = None

    @property
    def calls(self) -> Calls:
        """Tools of the provider's own that were seen to be used, where usage never came."""
        return ()

    @property
    def estimate(self) -> int:
        """About the tokens delivered: one an event at least, more where they hold more."""
        if self._weighed < len(self._tail):
            self._weigh()
        return max(self.seen, self.events - ENDINGS, self.said // BYTES)


def at_least(usage: Usage, output: int) -> Usage:
    """What was told of an answer that is not whole, or what it came to until then, whichever is more."""
    if output <= usage.output:
        return usage
    return msgspec.structs.replace(usage, output=output, estimated=True)
