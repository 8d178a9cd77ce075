"""Server-sent events: found in bytes as they arrive, whatever the splits, line ends and comments.

Works on bytes throughout, so that a torn UTF-8 character or a U+2028 is nothing special.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LF, CR = 10, 13
"""As numbers: one is found in bytes several times as fast as bytes of one are."""
_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")


class Splitter:
    """Cuts a byte stream after each blank line. What is not ended yet waits in pieces: a long event is put together
    once, at its end."""

    __slots__ = ("_edge", "_waiting", "size")

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._edge = b""
        """The last three bytes of what waits: more of a blank line cannot be in it."""
        self.size = 0
        """Bytes that wait."""

    def feed(self, piece: bytes) -> list[bytes]:
        """The whole events, each with its blank line, that this piece completes."""
        block = self.feed_block(piece)
        return split(block) if block else []

    def feed_block(self, piece: bytes) -> bytes:
        """The whole events that this piece completes, in one."""
        if self._waiting:
            near = self._edge + piece
            if _END.search(near) is None:
                self._wait(piece, near)
                return b""
            piece = b"".join((*self._waiting, piece))
            self._waiting.clear()
            self.size = 0
        end = piece.rfind(b"\n\n") + 2
        if end > 2 and piece[end - 3] == LF:
            # Of an odd number of line ends in a row the last one belongs to what follows.
            end -= (end - len(piece[:end].rstrip(b"\n"))) % 2
        if end < 2 or CR in piece:
            end = 0
            for found in _END.finditer(piece):
                end = found.end()
        if end == len(piece):
            return piece
        self._wait(piece[end:], piece[end:])
        return piece[:end]

    def take(self) -> bytes:
        """What still waits; afterwards nothing does."""
        rest = b"".join(self._waiting)
        self._waiting.clear()
        self.size = 0
        return rest

    def _wait(self, piece: bytes, near: bytes) -> None:
        self._waiting.append(piece)
        self._edge = near[-3:]
        self.size += len(piece)


def first_end(block: bytes, at: int) -> int:
    """Where the first event ends that is not over there yet, in a block of whole ones."""
    if CR not in block:
        end = block.find(b"\n\n", at) + 2
        return end if end > at else len(block)
    found = _END.search(block, at)
    return len(block) if found is None else found.end()


def split(block: bytes) -> list[bytes]:
    """The events of a block that ends with one."""
    if CR not in block:
        return [event + b"\n\n" for event in block.split(b"\n\n")[:-1]]
    events = []
    at = 0
    for end in _END.finditer(block):
        events.append(block[at : end.end()])
        at = end.end()
    return events


def data(event: bytes) -> bytes | None:
    """The joined `data:` lines of one event; None for comments and other events without data."""
    if (
        event.startswith(b"data:")
        and event.find(b"\n") == len(event) - 2
        and event.endswith(b"\n\n")
        and CR not in event
    ):
        return event[5:-2].removeprefix(b" ")
    if event.startswith(b"event:") and event.endswith(b"\n\n") and event.count(b"\n") == 3 and CR not in event:
        at = event.find(b"\n") + 1
        if event.startswith(b"data:", at):
            return event[at + 5 : -2].removeprefix(b" ")
    lines = [line[5:].removeprefix(b" ") for line in _lines(event) if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


def name(event: bytes) -> bytes:
    """The `event:` field, empty when there is none."""
    for line in _lines(event):
        if line.startswith(b"event:"):
            return line[6:].removeprefix(b" ")
    return b""


def _lines(event: bytes) -> Iterator[bytes]:
    return iter(event.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))


def has_mark(block: bytes) -> bool:
    """Whether one of a block's events is OpenAI's end mark, `data: [DONE]`. Content that says so is no mark: in JSON
    it stands in quotes."""
    at = block.rfind(b"[DONE]")
    if at < 0:
        return False
    line = block[max(at - 7, 0) : at]
    if not line.endswith((b"data:", b"data: ")):
        return False
    before = line.rstrip(b" ")[:-5]
    return block[at + 6 : at + 7] in (b"\n", b"\r", b"") and (not before or before.endswith((b"\n", b"\r")))
