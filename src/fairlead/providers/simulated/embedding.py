"""Vectors of simulated embedding models: words hashed into directions, so that texts that share words lie close.

Pure: the same text gives the same vector. Vectors have length 1; fewer `dimensions` are the first of them, made as long again.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Annotated, Any, Literal

import msgspec

from fairlead.providers.simulated import prose
from fairlead.providers.simulated.ask import Refusal
from fairlead.providers.simulated.behaviour import SimulatedModel

MOST_INPUTS = 2048
MARKS = 8
"""Numbers of a vector that a word moves."""

Tokens = Annotated[list[int], msgspec.Meta(min_length=1)]


class _Body(msgspec.Struct):
    model: Annotated[str, msgspec.Meta(min_length=1)]
    input: str | Annotated[list[Any], msgspec.Meta(min_length=1, max_length=MOST_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1)] | None = None


_BODY = msgspec.json.Decoder(_Body)


class Asked(msgspec.Struct, frozen=True):
    model: str
    inputs: tuple[str | list[int], ...]
    """Each is a text or a list of tokens."""
    tokens: tuple[int, ...]
    """How many each input has."""
    packed: bool
    """The vectors are wanted as base64."""
    dimensions: int | None


def read(body: bytes) -> Asked:
    try:
        found = _BODY.decode(body)
        given = _inputs(found)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"Invalid request: {error}.", "input") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"We could not parse the JSON body of your request: {error}.") from error
    tokens = tuple(prose.count(one) if isinstance(one, str) else len(one) for one in given)
    return Asked(found.model, tuple(given), tokens, found.encoding_format == "base64", found.dimensions)


def _inputs(body: _Body) -> list[str | list[int]]:
    """A bare list of numbers is one input."""
    given = body.input
    if isinstance(given, str) or isinstance(given[0], int):
        given = [given]
    found = msgspec.convert(given, list[str | Tokens])
    if "" in found:
        raise Refusal(400, "'$.input' holds an empty text.", "input")
    return found


def vector(one: str | list[int], model: SimulatedModel, dimensions: int) -> list[float]:
    size = model.behaviour.embeds
    words = (
        [word.strip().lower() for word in prose.tokens(one)] if isinstance(one, str) else [str(word) for word in one]
    )
    numbers = [0.0] * size
    for word in words:
        digest = hashlib.blake2b(f"{model.seed}:{word}".encode(), digest_size=4 * MARKS).digest()
        for mark in struct.unpack(f"<{MARKS}I", digest):
            at = (mark >> 1) % size
            numbers[at] += 1.0 if mark & 1 else -1.0
    numbers = numbers[:dimensions]
    length = math.sqrt(sum(number * number for number in numbers))
    if not length:
        return [1.0, *([0.0] * (dimensions - 1))]
    return [number / length for number in numbers]


def answer(asked: Asked, model: SimulatedModel) -> bytes:
    size = model.behaviour.embeds
    dimensions = size if asked.dimensions is None else asked.dimensions
    if dimensions > size:
        raise Refusal(400, f"dimensions is {dimensions}; {model.name} makes at most {size}.", "dimensions")
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector(one, model, dimensions), asked.packed)}
        for index, one in enumerate(asked.inputs)
    ]
    tokens = sum(asked.tokens)
    used = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode({"object": "list", "data": data, "model": model.name, "usage": used})


def _encoded(numbers: list[float], packed: bool) -> list[float] | str:
    if not packed:
        return numbers
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
