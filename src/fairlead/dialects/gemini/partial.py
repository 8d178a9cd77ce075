"""Arguments of a call that come in pieces (Vertex, `streamFunctionCallArguments`), gathered into one object.

Each piece names its place as a JSON path (`$.places[0].name`); pieces of a string at the same place are joined.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import orjson
from msgspec import Struct

_STEP = re.compile(r"""\.([^.\[\]]+)|\[(\d{1,4})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""")
MOST_STEPS = 64


class Piece(Struct):
    jsonPath: str = ""
    stringValue: str | None = None
    numberValue: float | int | None = None
    boolValue: bool | None = None
    nullValue: str | None = None
    willContinue: bool | None = None

    def value(self) -> str | float | bool | None:
        if self.stringValue is not None:
            return self.stringValue
        if self.boolValue is not None:
            return self.boolValue
        return self.numberValue


class Gathered:
    """The arguments of one call so far."""

    __slots__ = ("_root",)

    def __init__(self, whole: bytes = b"") -> None:
        begun = orjson.loads(whole) if whole else {}
        self._root: dict[str, Any] = begun if isinstance(begun, dict) else {}

    def add(self, piece: Piece) -> None:
        steps = path(piece.jsonPath)
        if not steps:
            return
        place: Any = self._root
        for step, following in pairwise(steps):
            place = _within(place, step, [] if isinstance(following, int) else {})
        value = piece.value()
        before = _held(place, steps[-1])
        if isinstance(before, str) and isinstance(value, str):
            value = before + value
        elif value is None and piece.nullValue is None and before is not None:
            return
        _put(place, steps[-1], value)

    def arguments(self) -> bytes:
        try:
            return orjson.dumps(self._root)
        except TypeError:
            raise ValueError("the arguments of a call are nested too deeply") from None


def path(text: str) -> list[str | int]:
    """The steps of a JSON path. Raises ValueError for one that is not of names and numbers only."""
    at = 1 if text.startswith("$") else 0
    if at == 0:
        text = "." + text
    steps: list[str | int] = []
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or len(steps) == MOST_STEPS:
            raise ValueError(f"the path {text[:80]!r} of an argument cannot be followed")
        name, number, single, double = found.groups()
        steps.append(int(number) if number is not None else _plain(name, single, double))
        at = found.end()
    return steps


def _plain(name: str | None, single: str | None, double: str | None) -> str:
    if name is not None:
        return name
    return re.sub(r"\\(.)", r"\1", single if single is not None else double or "")


def _held(place: Any, step: str | int) -> Any:
    if isinstance(place, dict):
        return place.get(step)
    if isinstance(place, list) and isinstance(step, int) and step < len(place):
        return place[step]
    return None


def _put(place: dict[str, Any] | list[Any], step: str | int, value: Any) -> None:
    match place, step:
        case dict(), _:
            place[str(step)] = value
        case list(), int():
            place.extend([None] * (step + 1 - len(place)))
            place[step] = value
        case _:
            raise ValueError("the pieces of an argument contradict each other")


def _within(place: Any, step: str | int, fresh: Any) -> Any:
    held = _held(place, step)
    if not isinstance(held, dict | list):
        held = fresh
        _put(place, step, held)
    return held
