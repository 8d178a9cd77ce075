"""Server-sent events: found in bytes as they arrive, whatever the splits, line ends and comments.

Works on bytes throughout, so that a torn UTF-8 character or a U+2028 is nothing special.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\r\n\n|\n\r\n")


class Splitter:
    """Cuts a byte stream after each blank line; what is not ended yet waits in `rest`."""

    __slots__ = ("rest",)

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """The whole events, each with its blank line, that this piece completes."""
        data = self.rest + piece if self.rest else piece
        if b"\r" not in data:
            *events, self.rest = data.split(b"\n\n")
            return [event + b"\n\n" for event in events]
        events = []
        at = 0
        # Nothing but the last three bytes of the rest can be part of a blank line: a long event is not searched again.
        for end in _END.finditer(data, max(len(self.rest) - 3, 0)):
            events.append(data[at : end.end()])
            at = end.end()
        self.rest = data[at:]
        return events

    def feed_block(self, piece: bytes) -> bytes:
        """The whole events that this piece completes, in one."""
        data = self.rest + piece if self.rest else piece
        end = data.rfind(b"\n\n") + 2
        if end < 2 or b"\r" in data:
            ends = [found.end() for found in _END.finditer(data, max(len(self.rest) - 3, 0))]
            end = ends[-1] if ends else 0
        self.rest = data[end:]
        return data[:end]


def data(event: bytes) -> bytes | None:
    """The joined `data:` lines of one event; None for comments and other events without data."""
    if event.startswith(b"data:") and event.endswith(b"\n\n") and event.count(b"\n") == 2 and b"\r" not in event:
        return event[5:-2].removeprefix(b" ")
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
