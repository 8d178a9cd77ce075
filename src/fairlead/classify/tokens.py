"""How many tokens a request is likely to take, without a vocabulary.

Text in the Latin script runs at about four characters a token; scripts that need more bytes a character run at
fewer characters a token. Bytes beyond one a character therefore count extra: two of them (one Chinese or
Japanese character) come to about two thirds of a token. JSON of tool declarations is denser than prose.
"""

from __future__ import annotations

from fairlead.core.call import NO_REST, Shape, Signal

CHARS_PER_TOKEN = 4.0
EXTRA_BYTES_PER_TOKEN = 3.0
TOOL_BYTES_PER_TOKEN = 3.5
BYTES_PER_TOKEN = 3.5
"""For a body nobody has looked into, JSON framing included."""
_TWICE = int(2 * BYTES_PER_TOKEN)
"""Whole numbers are sooner divided."""
PER_TURN = 4
PER_IMAGE = 800
PER_AUDIO = 1500
PER_DOCUMENT = 3000
"""At least: of one in the body as many as its size comes to."""
DOCUMENT_BYTES_PER_TOKEN = 8
DENSE = 2**18
"""Bytes of a document that are taken for pages of text; what is beyond is mostly pictures and typefaces."""
SPARSE_BYTES_PER_TOKEN = 256
"""Of the rest of a document, and of sound and film."""
TYPICAL_OUTPUT = 400
"""Until the output lengths of a model and task have been observed."""


def find(shape: Shape) -> tuple[Signal, ...]:
    room = shape.max_output or 0
    usual = room if 0 < room < TYPICAL_OUTPUT else TYPICAL_OUTPUT
    found = (
        Signal("tokens", "input", input_tokens(shape), 0.8),
        Signal("tokens", "output", usual * shape.answers + int(shape.predicted / BYTES_PER_TOKEN), 0.3),
        Signal("tokens", "output_room", room),
    )
    if shape.longest is None:
        return found
    return (*found, Signal("tokens", "longest_input", input_tokens(shape.longest), 0.8))


def input_tokens(shape: Shape) -> int:
    extra = shape.utf8 - shape.chars
    latin = shape.chars - extra / 2 if extra else shape.chars
    found = (
        max(latin, 0) / CHARS_PER_TOKEN
        + extra / EXTRA_BYTES_PER_TOKEN
        + shape.tool_bytes / TOOL_BYTES_PER_TOKEN
        + shape.turns * PER_TURN
    )
    rest = shape.rest
    if shape.images or shape.audio or shape.documents or rest is not NO_REST:
        found = (
            found
            + shape.images * PER_IMAGE
            + rest.text / BYTES_PER_TOKEN
            + max(shape.audio * PER_AUDIO, rest.recorded / SPARSE_BYTES_PER_TOKEN)
            + max(shape.documents * PER_DOCUMENT, _of_documents(rest.documents, shape.documents))
        )
    return int(found + 1)


def _of_documents(size: int, count: int) -> float:
    dense = min(size, DENSE * max(count, 1))
    return dense / DOCUMENT_BYTES_PER_TOKEN + (size - dense) / SPARSE_BYTES_PER_TOKEN


def from_size(size: int) -> int:
    """The estimate for a body of so many bytes, for calls whose structure nobody needs to know."""
    return 2 * size // _TWICE + 1
