"""How many tokens a request is likely to take, without a vocabulary.

Text in the Latin script runs at about four characters a token; scripts that need more bytes a character run at
fewer characters a token. Bytes beyond one a character therefore count extra: two of them (one Chinese or
Japanese character) come to about two thirds of a token. JSON of tool declarations is denser than prose.
"""

from __future__ import annotations

from fairlead.core.call import Shape, Signal

CHARS_PER_TOKEN = 4.0
EXTRA_BYTES_PER_TOKEN = 3.0
TOOL_BYTES_PER_TOKEN = 3.5
BYTES_PER_TOKEN = 3.5
"""For a body nobody has looked into, JSON framing included."""
PER_TURN = 4
PER_IMAGE = 800
PER_AUDIO = 1500
PER_DOCUMENT = 3000
TYPICAL_OUTPUT = 400
"""Until the output lengths of a model and task have been observed."""


def find(shape: Shape) -> tuple[Signal, ...]:
    room = shape.max_output or 0
    usual = room if 0 < room < TYPICAL_OUTPUT else TYPICAL_OUTPUT
    found = (
        Signal("tokens", "input", input_tokens(shape), 0.8),
        Signal("tokens", "output", usual * shape.answers, 0.3),
        Signal("tokens", "output_room", room),
    )
    if shape.longest is None:
        return found
    return (*found, Signal("tokens", "longest_input", input_tokens(shape.longest), 0.8))


def input_tokens(shape: Shape) -> int:
    extra = shape.utf8 - shape.chars
    latin = shape.chars - extra / 2 if extra else shape.chars
    return int(
        max(latin, 0) / CHARS_PER_TOKEN
        + extra / EXTRA_BYTES_PER_TOKEN
        + shape.tool_bytes / TOOL_BYTES_PER_TOKEN
        + shape.turns * PER_TURN
        + shape.images * PER_IMAGE
        + shape.audio * PER_AUDIO
        + shape.documents * PER_DOCUMENT
        + 1
    )


def from_size(size: int) -> int:
    """The estimate for a body of so many bytes, for calls whose structure nobody needs to know."""
    return int(size / BYTES_PER_TOKEN) + 1
