"""What the dialects' `replay` modules have in common: the events of a stream, read and written.

A replay module tells of one dialect whether an answer is whole and proper, and turns one form of it into the other:

    proper(answer)              whether it is neither cut short nor refused, blocked or empty
    streamed(answer, options)   the stream that would have told it; None where that cannot be known
    gathered(stream)            the answer a stream told, and whether it is all that would have been told whole
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from fairlead.dialects import sse

Json = dict[str, Any]


def events(stream: bytes) -> Iterator[bytes]:
    """The data of each event."""
    for event in sse.split(stream):
        data = sse.data(event)
        if data is not None:
            yield data


def chunks(stream: bytes) -> list[Json] | None:
    """Of a stream that ends with OpenAI's mark; None where it does not, or tells an error."""
    found: list[Json] = []
    for data in events(stream):
        if data.strip() == b"[DONE]":
            return found
        chunk = orjson.loads(data)
        if not isinstance(chunk, dict) or "error" in chunk:
            return None
        found.append(chunk)
    return None


def put_together(stream: bytes, add: Callable[[Json, Json], bool]) -> tuple[Json, bool] | None:
    """As `gathered` of OpenAI's streams: `add` puts what a chunk tells of a choice into that choice, and says whether all
    of it found its place."""
    told = chunks(stream)
    if told is None:
        return None
    frame: Json = {}
    choices: dict[int, Json] = {}
    exact = True
    for chunk in told:
        for name, value in chunk.items():
            if name not in ("choices", "obfuscation") and (value is not None or name not in frame):
                frame[name] = value
        for one in chunk.get("choices") or ():
            index = one.get("index", 0)
            exact = add(choices.setdefault(index, {"index": index}), one) and exact
    frame["choices"] = [choices[index] for index in sorted(choices)]
    return frame, exact and bool(frame.get("usage"))


def written(said: object) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(said)


def named(kind: str, said: object) -> bytes:
    """With the kind as the event's name."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(said))
