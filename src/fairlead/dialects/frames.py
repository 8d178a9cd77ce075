"""Events of a provider's stream that differ by their words alone, read many at once.

Most of a stream says the same around every word. One event that was read in full shows what that is; what stands between
the same front and end again can be nothing but the next words.
"""

from __future__ import annotations

from operator import itemgetter

import msgspec

from fairlead.dialects.neutral import Kind

TRIES = 3
"""Frames of a stream, one after the other, that held for no second event: then there is none."""
BLANK = b"\n\n"
_LITERALS = msgspec.json.Decoder(list[str])


class Frame:
    """An event without its words."""

    __slots__ = ("_between", "_end", "_inner", "front", "kind")

    def __init__(self, kind: Kind, front: bytes, end: bytes) -> None:
        """Neither has the blank line behind the event."""
        self.kind = kind
        self.front = front
        self._end = end
        self._between = end + BLANK + front
        self._inner = itemgetter(slice(len(front), -len(end)))

    def literals(self, block: bytes, at: int) -> tuple[list[bytes], int]:
        """(what each event says from `at` on up to the last of this frame, where that ends); nothing where another event may
        be among them."""
        last = block.rfind(self._end + BLANK, at) + len(self._end)
        events = block[at:last]
        said = list(map(self._inner, events.split(BLANK)))
        # Put together again it shows whether all of them were in the frame.
        if self.front + self._between.join(said) + self._end != events or b'""' in said:
            return [], at
        try:
            # A string holds no line end: where there are as many strings as events, each says one.
            count = len(_LITERALS.decode(b"[%b]" % b",\n".join(said)))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [], at
        if count != len(said) or b"".join(said).find(b"\n") >= 0:
            return [], at
        return said, last + len(BLANK)


class Frames:
    """The frame that a stream's events have now, as its interpreter learns it."""

    __slots__ = ("frame", "learns")

    def __init__(self) -> None:
        self.frame: Frame | None = None
        self.learns = TRIES
        """How many more frames are tried."""

    def learn(self, kind: Kind, event: bytes, literal: bytes) -> None:
        """From an event that says this literal of JSON, as it stands there, and has no effect beside. Only while it `learns`."""
        self.learns -= 1
        at = event.find(literal)
        # Where it stands twice nobody knows which of them is what was said.
        if event.rfind(literal) == at and event.endswith(b"}" + BLANK):
            self.frame = Frame(kind, event[:at], event[at + len(literal) : -len(BLANK)])

    def literals(self, kind: Kind, block: bytes, at: int) -> tuple[list[bytes], int]:
        """As `Frame.literals`, where more of this kind is said."""
        frame = self.frame
        if frame is None or frame.kind != kind or not block.startswith(frame.front, at):
            return [], at
        found = frame.literals(block, at)
        if found[0]:
            self.learns = TRIES
        else:
            self.frame = None
        return found
