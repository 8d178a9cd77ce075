"""What a body holds beside what its dialect counts by name: no field is free only because nobody here knows it.

Providers bill whatever they put before a model: thoughts of former turns, documents, fields that came up yesterday. So all
that a body says is added up, and what its dialect has counted is taken off. Three things count otherwise than by their
size: pictures, sound and documents (`Media`), whose bytes are no text; names and kinds (`SHORT`), as long as they are
short; and what has a figure of its own, or is for the provider's books only (`APART`).

Nearly every body is little more than what was counted. Only of others it is looked up what the rest is.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import orjson
from msgspec import Struct

from fairlead.core.call import NO_REST, Rest
from fairlead.dialects import json

FRAME = 256
"""Bytes of settings, of names and of marks around them that count nothing."""
LITTLE = 1024
"""By so many bytes nobody need look any closer: an agent's settings, ids and marks come to as much in every request."""
OF_TURN = 128
"""Nor by so many of each turn, for its own frame and those of its parts."""
OF_WHOLE = 4
"""Nor by the 16th part (halved so often) of what was counted: escapes of quotes and of line ends."""
LONGEST_NAME = 64
LONGEST_ADDRESS = 4096


class How(Enum):
    SHORT = "short"
    APART = "apart"


SHORT: Final = How.SHORT
"""What names a thing or says of what kind it is, and is not read out to a model."""
APART: Final = How.APART
"""What is counted elsewhere, or put before no model, whatever its size."""


class Media(Struct, frozen=True):
    """Where pictures, sound, films and documents stand."""

    usual: str
    """What kind it is where it does not say so itself."""
    inside: Place | None = None
    """What such a thing may be made of."""


Place = Mapping[str, "Place"] | Media | How
Places = Mapping[str, Place]
_ADDRESSES = frozenset(("url", "image_url", "file_url", "file_uri", "fileUri", "file_id", "filename"))
_BYTES = frozenset(("data", "file_data"))
_KINDS = ("mimeType", "mime_type", "media_type")
_PAGED = ("application/pdf", "application/msword", "application/octet-stream", "application/vnd.", "application/zip")

_top: Places = {"model": SHORT, "user": APART, "metadata": APART}
_chat_part: Places = {
    "type": SHORT,
    "image_url": Media("image/"),
    "input_audio": Media("audio/"),
    "video_url": Media("video/"),
    "file": Media(""),
}
CHAT: Places = {
    **_top,
    "messages": {"role": SHORT, "tool_call_id": SHORT, "content": _chat_part, "images": _chat_part},
    "prediction": APART,
}
_block: dict[str, Place] = {"type": SHORT, "id": SHORT, "tool_use_id": SHORT, "cache_control": SHORT}
_block |= {"content": _block, "source": Media("text/plain", _block)}
MESSAGES: Places = {**_top, "messages": {"role": SHORT, "content": _block}, "system": _block}
_content: Places = {
    "role": SHORT,
    "parts": dict.fromkeys(("inlineData", "inline_data", "fileData", "file_data"), Media("")),
}
GEMINI: Places = {"labels": APART, **dict.fromkeys(("contents", "systemInstruction", "system_instruction"), _content)}
_part: Places = {
    "type": SHORT,
    "image_url": Media("image/"),
    "input_audio": Media("audio/"),
    "file_data": Media(""),
    "file_url": Media(""),
}
_item: Places = {
    **_part, "role": SHORT, "id": SHORT, "call_id": SHORT, "status": SHORT, "result": Media("image/"), "content": _part, "output": _part,
}  # fmt: skip
RESPONSES: Places = {**_top, "input": _item}
COMPLETIONS: Places = _top
TOKENS: Places = {**_top, "prompt": APART}
"""Of completions whose prompt comes as tokens."""


class _Sums:
    __slots__ = ("documents", "recorded", "size")

    def __init__(self) -> None:
        self.size = self.documents = self.recorded = 0


def rest(body: bytes, counted: int, turns: int, places: Places) -> Rest:
    """Of a body with an object on top, of which so many bytes are counted."""
    if len(body) - counted <= LITTLE + turns * OF_TURN + (counted >> OF_WHOLE):
        return NO_REST
    sums = _Sums()
    _add(sums, json.loads(body), places)
    return Rest(max(0, sums.size - counted - FRAME), sums.documents, sums.recorded)


def _add(sums: _Sums, value: Any, place: Place | None) -> None:
    if isinstance(place, Media):
        _add_media(sums, value, place)
    elif isinstance(place, Mapping) and isinstance(value, list):
        for one in value:
            _add(sums, one, place)
    elif isinstance(place, Mapping) and isinstance(value, dict):
        for name, inner in value.items():
            known = place.get(name)
            if known is None:
                sums.size += len(name) + _size(inner)
            elif known is SHORT:
                size = _size(inner)
                sums.size += size if size > LONGEST_NAME else 0
            elif known is not APART:
                _add(sums, inner, known)
    else:
        sums.size += _size(value)


def _add_media(sums: _Sums, value: Any, place: Media) -> None:
    if isinstance(value, str):
        _add_blob(sums, value, place.usual)
    elif isinstance(value, dict):
        kind = next((value[name] for name in _KINDS if isinstance(value.get(name), str)), place.usual)
        if value.get("type") == "text":
            kind = "text/plain"
        for name, inner in value.items():
            if not isinstance(inner, str):
                _add(sums, inner, place.inside)
            elif name in _BYTES or inner.startswith("data:"):
                _add_blob(sums, inner, kind)
            elif name not in _ADDRESSES or len(inner) > LONGEST_ADDRESS:
                sums.size += len(name) + _size(inner)
    else:
        _add(sums, value, place.inside)


def _add_blob(sums: _Sums, text: str, kind: str) -> None:
    if text.startswith("data:"):
        kind = text[5:LONGEST_NAME].partition(",")[0].partition(";")[0] or kind
    elif text.startswith(("http:", "https:")) and len(text) <= LONGEST_ADDRESS:
        return
    kind = kind.lower()
    if kind.startswith(("audio/", "video/")):
        sums.recorded += len(text)
    elif not kind or kind.startswith(_PAGED):
        sums.documents += len(text)
    elif not kind.startswith("image/"):
        sums.size += _size(text)


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    return len(orjson.dumps(value))
