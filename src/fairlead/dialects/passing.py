"""The same dialect on both sides: a stream passes untouched, and only what must be seen of it is looked at.

A dialect's own reader says what to look for in one event (`look`) and how its streams end (`ends`).

How much was said is known all along (`said`): behind the first content the bytes of every block are counted, less what
the frames of its events take. How long a frame is, is learned from the first content and looked at again now and then.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import ClassVar

import msgspec

from fairlead.core.record import Usage
from fairlead.dialects import sse
from fairlead.dialects.issued import Issues
from fairlead.dialects.weighing import BYTES, unescaped

TAIL = 16384
ENDINGS = 2
"""Events without content that most streams end with."""
HELD_LIMIT = 16 * 2**20
"""What one event, or all before the first content, may come to."""
LARGE_FRAME = 1024
"""Bytes of a frame from which on events are weighed one by one: they hold more than an answer's words, and are not alike."""
USUAL = 64
"""Where events seem to say more than this each, they are looked into: it may be a picture, or a longer frame."""
SAMPLED = 32
"""Events between two looks at the length of a frame; less at the beginning."""


class Passing(ABC):
    """Holds a stream back until there is content, then lets it through untouched, keeping only the tail, where usage,
    the end mark and late errors stand."""

    __slots__ = (
        "_frame", "_held", "_held_size", "_sample_at", "_splitter", "_tail", "_tail_size", "_unlike", "committed", "done",
        "ended", "error", "events", "issued", "said", "seen", "usage",
    )  # fmt: skip

    issues: ClassVar[Issues | None] = None
    """Which ids of the provider's own its events may give."""
    odd: ClassVar[tuple[bytes, ...]] = ()
    """What stands in events that are not like others: a block with one of these is weighed event by event."""
    unlike: ClassVar[tuple[bytes, ...]] = ()
    """What stands in the events of streams in which no two frames are alike."""

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
        """About the bytes of content so far."""
        self.seen = 0
        """Events with content among those that were looked into."""
        self.issued: set[str] | None = None
        """The ids it gave that its provider goes on owning; None for none so far."""
        self._splitter = sse.Splitter()
        self._held: list[bytes] = []
        self._held_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._frame = 0.0
        """Bytes of an event with content beside that content; 0 while it is not known."""
        self._sample_at = 0
        self._unlike = False
        """No two events have frames of one length: each is weighed on its own."""

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
            count = block.count(b"\ndata:") + block.startswith(b"data:")
            self.events += count
            self._weigh(block, count)
            self._take_down(block)
            return self.shown_block(block)
        return block

    def _weigh(self, block: bytes, count: int) -> None:
        beyond = unescaped(block) - count * self._frame
        if self._unlike or not self._frame or beyond > count * USUAL:
            self._weigh_each(block)
            return
        if self._is_odd(block):
            self._weigh_each(block)
            return
        if beyond > 0:
            self.said += int(beyond)
        if self.events >= self._sample_at and count:
            at = block.rfind(b"\n\n", 0, -2)
            event = block[at + 2 :] if at >= 0 else block
            self._learn(event, self.weigh(event))

    def _is_odd(self, block: bytes) -> bool:
        return any(mark in block for mark in self.odd)

    def _weigh_each(self, block: bytes) -> None:
        for event in sse.split(block):
            said = self.weigh(event)
            self.said += said
            if not self._frame and not self._is_odd(event):
                self._learn(event, said)

    def _learn(self, event: bytes, said: int) -> None:
        """How long the frames of events with content are: a moving mean, for identifiers and numbers differ."""
        if not said:
            return
        frame = max(unescaped(event) - said, 1)
        self._frame = self._frame + (frame - self._frame) / 4 if self._frame else frame
        self._sample_at = self.events + min(self.events + 1, SAMPLED)
        self._unlike = frame > LARGE_FRAME or any(mark in event for mark in self.unlike)

    def _bound(self, held: int) -> None:
        if held + self._splitter.size > HELD_LIMIT:
            self.error = self.error or f"the provider sent {HELD_LIMIT >> 20} MiB without one whole event of content"

    def _event(self, event: bytes) -> bytes:
        before = self.said
        self.look(event)
        if self.said > before and not self._is_odd(event):
            self._learn(event, self.said - before)
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
        said = self.said
        if self._tail:
            tail = b"".join(self._tail)
            self._tail.clear()
            begin = self.telling(tail)
            for event in sse.split(tail[begin:]):
                self.look(event)
            if self.usage is None:
                for event in sse.split(tail[:begin]):
                    self.look(event)
            # What the tail says was weighed when it came.
            self.said = said
        last = self._event(rest) if rest else b""
        if self.usage is not None and not self.told():
            self.usage = at_least(self.usage, self.estimate)
        return last

    @property
    def estimate(self) -> int:
        """About the tokens delivered: one an event at least, more where they hold more."""
        return max(self.seen, self.events - ENDINGS, self.said // BYTES)


def at_least(usage: Usage, output: int) -> Usage:
    """What was told of an answer that is not whole, or what it came to until then, whichever is more."""
    if output <= usage.output:
        return usage
    return msgspec.structs.replace(usage, output=output, estimated=True)
