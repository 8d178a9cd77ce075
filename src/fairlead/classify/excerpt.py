"""What the word reader looks at: a bounded piece of the request, whatever its size.

The head of the system prompt, the head of the first user turn, and head and tail of the last one: instructions stand
at the ends. Slices only, so that a text of any length costs the same; nothing outside them can change the answer. A
mark stands before each piece, so that "the first words of the turn" are n-grams like any others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

import msgspec

from fairlead.core.call import Shape

SYSTEM, FIRST, HEAD, TAIL, END = "\x01", "\x02", "\x03", "\x04", "\x05"
MARKS = frozenset((SYSTEM, FIRST, HEAD, TAIL, END))
SPARSE = 120, 80, 300, 140
"""Characters of the system prompt, of the first turn, and of head and tail of the last one."""
LONGEST = sum(SPARSE) + len(MARKS)
"""Characters of an excerpt, marks included."""
DENSE_FROM = "\u2e80"
"""From here on a character says as much as two or three Latin ones do: half as many are read."""
DENSE = 60, 40, 150, 70
DENSE_PROBE = 24

SYSTEM_ROLES = frozenset(("system", "developer"))


class Excerpt(msgspec.Struct, frozen=True):
    text: str
    structure: tuple[int, ...]
    """One number a trait: of a size, how many of its bounds it is above."""


SIZES = (20, 50, 120, 300, 800, 2_000, 5_000, 15_000)
TURNS = (1, 2, 4, 8, 20)
TOOLS = (0, 1, 3, 8)
TRAITS: tuple[tuple[str, int], ...] = (
    ("length of the whole", len(SIZES) + 1),
    ("length of the last turn", len(SIZES) + 1),
    ("turns", len(TURNS) + 1),
    ("tools", len(TOOLS) + 1),
    ("images", 2),
    ("audio", 2),
    ("documents", 2),
    ("JSON asked for", 2),
    ("system prompt", 2),
    ("a tool spoke last", 2),
    ("code fence", 2),
)
"""What is told of the structure, and how many values each trait has."""


def excerpt(shape: Shape, texts: Iterable[tuple[str, str]]) -> Excerpt:
    system = first = last = role = ""
    for role, text in texts:
        if role == "user":
            if text:
                first = first or text
                last = text
        elif role in SYSTEM_ROLES:
            system = system or text
    # A conversation without a user turn (a bare prompt under another role) still has something to read.
    asked = last or system
    sparse = asked.isascii() or max(asked[:DENSE_PROBE]) < DENSE_FROM
    of_system, of_first, head, tail = SPARSE if sparse else DENSE
    size = len(asked)
    whole = asked if size <= head + tail else f"{asked[:head]}{TAIL}{asked[-tail:]}"
    text = f"{HEAD}{whole}{END}"
    if first is not last:
        text = f"{FIRST}{first[:of_first]}{text}"
    if system and last:
        text = f"{SYSTEM}{system[:of_system]}{text}"
    return Excerpt(
        text,
        (
            bisect_left(SIZES, shape.chars),
            bisect_left(SIZES, size),
            bisect_left(TURNS, shape.turns),
            bisect_left(TOOLS, shape.tools),
            shape.images > 0,
            shape.audio > 0,
            shape.documents > 0,
            shape.json_schema or shape.json_object,
            bool(system),
            role in ("tool", "function"),
            "`" in text and "```" in text,  # one character is found several times as fast, where it is
        ),
    )
