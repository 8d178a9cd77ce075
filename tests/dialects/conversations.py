"""Conversations made at random, in the neutral form: what a well-behaved client may send, and what it may not."""

from __future__ import annotations

import base64

import orjson
from hypothesis import strategies as st

from fairlead.dialects.neutral import Block, Image, Text, ToolCall, ToolResult, Turn

NAMES = st.sampled_from(["get_weather", "read", "apply-patch", "search_2"])
IDS = st.text("abcdefghijABCDEFGHIJ0123456789", min_size=4, max_size=12).map(lambda text: f"call_{text}")
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30).map(
    # Some dialects take no text that is blank or ends in blanks.
    lambda text: f"<{text}>"
)
TEXTS = WORDS.map(Text)
IMAGES = st.binary(min_size=1, max_size=12).map(
    lambda data: Image(media_type="image/png", data=base64.b64encode(data).decode())
)
ARGUMENTS = st.dictionaries(
    st.text("abcxyz", min_size=1, max_size=4),
    st.one_of(st.integers(-99, 99), WORDS, st.booleans(), st.none()),
    max_size=3,
).map(lambda found: orjson.dumps(found).decode())


@st.composite
def orderly(draw: st.DrawFn) -> tuple[Turn, ...]:
    """A conversation as agents have it: every call with its result, roles in turn, the user last."""
    turns: list[Turn] = []
    if draw(st.booleans()):
        turns.append(Turn("system", (draw(TEXTS),)))
    turns.append(Turn("user", tuple(draw(st.lists(TEXTS | IMAGES, min_size=1, max_size=3)))))
    used: set[str] = set()
    for _ in range(draw(st.integers(0, 3))):
        said: list[Block] = list(draw(st.lists(TEXTS, max_size=1)))
        names = draw(st.lists(NAMES, max_size=3))
        ids = [draw(IDS.filter(lambda name: name not in used)) for _ in names]
        if len(set(ids)) < len(ids):
            ids = [f"{name}_{len(used) + number}" for number, name in enumerate(ids)]
        used.update(ids)
        calls = [ToolCall(tool_id, name, draw(ARGUMENTS)) for tool_id, name in zip(ids, names, strict=True)]
        if not said and not calls:
            said = [draw(TEXTS)]
        turns.append(Turn("assistant", (*said, *calls)))
        answers: list[Block] = [
            ToolResult(call.id, tuple(draw(st.lists(TEXTS, min_size=1, max_size=1)))) for call in calls
        ]
        if draw(st.booleans()) or not answers:
            answers += draw(st.lists(TEXTS | IMAGES, min_size=1, max_size=2))
        turns.append(Turn("user", tuple(answers)))
    return tuple(turns)


FEW_IDS = st.sampled_from(["", "a", "b", "c"])
ANY_BLOCK = st.one_of(
    st.just(Text("")),
    TEXTS,
    IMAGES,
    st.builds(ToolCall, FEW_IDS, NAMES, ARGUMENTS),
    st.builds(ToolResult, FEW_IDS, st.lists(TEXTS | IMAGES, max_size=2).map(tuple), NAMES | st.just("")),
)


def _fitting(role: str, blocks: list[Block]) -> tuple[Block, ...]:
    """Calls are the assistant's, results the user's; whatever else may stand anywhere."""
    out: tuple[type, ...] = {"assistant": (ToolResult,), "user": (ToolCall,)}.get(role, (ToolCall, ToolResult, Image))
    return tuple(block for block in blocks if not isinstance(block, out))


@st.composite
def disorderly(draw: st.DrawFn) -> tuple[Turn, ...]:
    """Anything: results without calls, calls without results, ids twice or not at all, empty turns, any order."""
    turns = []
    for _ in range(draw(st.integers(0, 6))):
        role = draw(st.sampled_from(["user", "assistant", "user", "assistant", "system"]))
        turns.append(Turn(role, _fitting(role, draw(st.lists(ANY_BLOCK, max_size=4)))))
    return tuple(turns)
