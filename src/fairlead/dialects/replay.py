"""Answers that are told again, in the form the caller wants: whole or streamed. By dialect; see `replaying`."""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson
from msgspec import Struct

from fairlead.dialects import legacy_replay
from fairlead.dialects.anthropic_messages import replay as anthropic
from fairlead.dialects.gemini import replay as gemini
from fairlead.dialects.openai_chat import replay as chat
from fairlead.dialects.openai_responses import replay as responses
from fairlead.dialects.replaying import Json

UNLIKE = (KeyError, IndexError, TypeError, ValueError, AttributeError)
"""What reading an answer comes to that is not built as it should be."""


class Replay(Struct, frozen=True):
    proper: Callable[[Json], bool]
    streamed: Callable[[Json, object], bytes | None]
    gathered: Callable[[bytes], tuple[Json, bool] | None]


REPLAYS: dict[str, Replay] = {
    "openai_chat": Replay(chat.proper, chat.streamed, chat.gathered),
    "openai_responses": Replay(responses.proper, responses.streamed, responses.gathered),
    "anthropic_messages": Replay(anthropic.proper, anthropic.streamed, anthropic.gathered),
    "gemini": Replay(gemini.proper, gemini.streamed, gemini.gathered),
    "completions": Replay(legacy_replay.proper, legacy_replay.streamed, legacy_replay.gathered),
}
VAST = re.compile(rb"[0-9]{19}(?<=[\[:, \t\r\n-][0-9]{19})")
"""Whole numbers that may not be read as they are, by how they begin."""
VECTORS = frozenset(("embeddings", "gemini_embeddings"))
"""Dialects whose answers are never streamed, and are proper as they are."""


def is_proper(dialect: str, stream: bool, body: bytes) -> bool:
    """Whether an answer is whole, and neither cut short, refused, blocked nor empty. What cannot be read is not."""
    if dialect in VECTORS:
        return True
    replay = REPLAYS.get(dialect)
    if replay is None:
        return False
    try:
        if not stream:
            return replay.proper(orjson.loads(body))
        found = replay.gathered(body)
        return found is not None and replay.proper(found[0])
    except UNLIKE:
        return False


def as_stream(dialect: str, body: bytes, options: object) -> bytes | None:
    """None where it cannot be known how it would have been told."""
    if VAST.search(body):
        return None
    try:
        return REPLAYS[dialect].streamed(orjson.loads(body), options)
    except UNLIKE:
        return None


def as_whole(dialect: str, stream: bytes) -> bytes | None:
    """None where the stream does not tell all of it."""
    if VAST.search(stream):
        return None
    try:
        found = REPLAYS[dialect].gathered(stream)
    except UNLIKE:
        return None
    return orjson.dumps(found[0]) if found is not None and found[1] else None
