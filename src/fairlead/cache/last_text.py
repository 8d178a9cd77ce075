"""What the user said last, taken out of a request, and all else that the request says with a hole in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

Json = Mapping[str, Any]
HOLE = False
"""Stands where the text was: no text is it."""


class Split(msgspec.Struct, frozen=True):
    text: str
    rest: dict[str, Any]
    before: int
    """Turns before the last."""


def split(dialect: str, said: Json) -> Split | None:
    """None where the last turn is not a user's, or is more than one text."""
    reader = READERS.get(dialect)
    return None if reader is None else reader(said)


def _messages(said: Json) -> Split | None:
    return _turns(said, "messages", "content", ("text",))


def _items(said: Json) -> Split | None:
    if isinstance(said.get("input"), str):
        return _plain(said, "input")
    return _turns(said, "input", "content", ("input_text", "text"))


def _contents(said: Json) -> Split | None:
    return _turns(said, "contents", "parts", (None,))


def _prompt(said: Json) -> Split | None:
    return _plain(said, "prompt")


def _plain(said: Json, field: str) -> Split | None:
    text = said.get(field)
    return Split(text, {**said, field: HOLE}, 0) if isinstance(text, str) and text else None


def _turns(said: Json, field: str, content: str, kinds: tuple[str | None, ...]) -> Split | None:
    turns = said.get(field)
    last = turns[-1] if isinstance(turns, list) and turns else None
    if not isinstance(turns, list) or not isinstance(last, dict) or last.get("role", "user") != "user":
        return None
    told = last.get(content)
    text: object = told
    hollow: object = HOLE
    if isinstance(told, list):
        places = [at for at, part in enumerate(told) if isinstance(part, dict) and "text" in part]
        if len(places) != 1 or told[places[0]].get("type") not in kinds:
            return None
        part = told[places[0]]
        text = part["text"]
        hollow = [*told[: places[0]], {**part, "text": HOLE}, *told[places[0] + 1 :]]
    if not isinstance(text, str) or not text:
        return None
    rest = {**said, field: [*turns[:-1], {**last, content: hollow}]}
    return Split(text, rest, sum(_spoken(turn) for turn in turns[:-1]))


def _spoken(turn: object) -> bool:
    return not isinstance(turn, dict) or turn.get("role") not in ("system", "developer")


READERS: dict[str, Callable[[Json], Split | None]] = {
    "openai_chat": _messages,
    "anthropic_messages": _messages,
    "openai_responses": _items,
    "gemini": _contents,
    "completions": _prompt,
}
"""By dialect."""
