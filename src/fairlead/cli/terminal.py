"""The way of every word to a terminal: no character that a terminal obeys gets there.

Names, tags, tasks and errors come from clients, providers and files. What would move the cursor, change colours or the
reading direction, or end a line is spelled as an escape (`\\x1b`, `\\u202e`, `\\n`), so that it can be seen and does
nothing. Everything the commands print goes through here; tables and lines by way of `tables`.
"""

from __future__ import annotations

import io
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")
"""Controls of both sets, marks of direction, line ends by other names, what has no width; halves of characters, which
no output can carry."""
SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Output(io.FileIO):
    """Standard output that remembers why it could not be written: the same error may come of any file."""

    problem: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.problem = error
            raise


def watched(stdout: TextIO | None) -> tuple[TextIO, Output]:
    """The same stream, and what becomes of it. Who closed it before the start wants nothing of it."""
    if not isinstance(stdout, io.TextIOWrapper):
        output = Output(os.devnull, "wb")
        return io.TextIOWrapper(output, "utf-8"), output
    output = Output(stdout.fileno(), "wb", closefd=False)
    found = io.TextIOWrapper(
        io.BufferedWriter(output),
        stdout.encoding,
        stdout.errors,
        line_buffering=stdout.line_buffering,
        write_through=stdout.write_through,
    )
    return found, output


def visible(text: str) -> str:
    """The text as one line on which nothing is obeyed."""
    return OBEYED.sub(_escape, text) if not text.isascii() or not text.isprintable() else text


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return SHORT.get(char) or (f"\\x{ord(char):02x}" if char < "\xa0" else f"\\u{ord(char):04x}")


def lines(text: str) -> str:
    """The same for a text of our own that has several lines."""
    return "\n".join(map(visible, text.split("\n")))


def say(text: str) -> None:
    """To stderr: what is not the answer itself."""
    print(lines(text), file=sys.stderr, flush=True)


def put(text: str) -> None:
    """To stdout: the answer."""
    print(lines(text))


def harmless_json(text: str) -> str:
    """JSON that says the same: its own escapes leave some of these characters out."""
    return OBEYED.sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)
