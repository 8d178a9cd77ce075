"""Conversations kept here: items put in front of a request's input, and those that a response adds to it.

Items stay the JSON they came as. What only another provider's dialect can read again (a thought it signed) is taken
out of what passes to a provider of this dialect by `own`; everywhere else reading the items does that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from fairlead.dialects import json, sse
from fairlead.dialects.issued import LOOKED_UP
from fairlead.dialects.signatures import MARK

FINALS = frozenset({"response.completed", "response.incomplete"})
REFERENCE = "item_reference"
_MARK = b'"' + MARK.encode()
_GIVEN = re.compile(r"(?:msg|rs|fc|ctc)_(.+)_\d+")
"""How items are called here: by the request that their response answered."""


class _Input(Struct):
    input: Raw | UnsetType = UNSET


class _Head(Struct):
    type: str | None = None
    encrypted_content: Raw | UnsetType = UNSET


class _Reference(Struct):
    type: str = ""
    id: str = ""


class _Known(Struct):
    type: object = None
    id: object = UNSET
    content: Raw | UnsetType = UNSET
    encrypted_content: Raw | UnsetType = UNSET
    approval_request_id: object = None


class ItemHead(NamedTuple):
    """How an item of a request's input is called, and whether it is anything without its name."""

    has_id: bool
    name: str
    """Empty where the id is no text."""
    needed: bool
    """Only who gave it that name, or the one it approves of, can tell the rest of it."""
    refers: bool
    """It is nothing but a name."""
    approved: str


NAMELESS = ItemHead(False, "", False, False, "")


class _Name(Struct):
    id: object = None


class _Final(Struct):
    type: str = ""
    response: Raw | UnsetType = UNSET


class _Output(Struct):
    output: list[Raw] | None = None


_INPUT = msgspec.json.Decoder(_Input)
_ITEMS = msgspec.json.Decoder(list[Raw])
_HEAD = msgspec.json.Decoder(_Head)
_REFERENCE = msgspec.json.Decoder(_Reference)
_KNOWN = msgspec.json.Decoder(_Known)
_NAME = msgspec.json.Decoder(_Name)
_FINAL = msgspec.json.Decoder(_Final)
_OUTPUT = msgspec.json.Decoder(_Output)


def input_items(body: bytes) -> list[bytes]:
    """Each item of a request's input as JSON, messages with their type; a plain text is a user's message."""
    given = _INPUT.decode(body).input
    raw = b"null" if given is UNSET else bytes(given)
    if raw[:1] == b'"':
        return [b'{"type":"message","role":"user","content":[{"type":"input_text","text":' + raw + b"}]}"]
    return [_named(bytes(item)) for item in _ITEMS.decode(raw)] if raw[:1] == b"[" else []


def _named(item: bytes) -> bytes:
    if _HEAD.decode(item).type is None:
        return json.splice(item, {"type": b'"message"'})
    return item


def with_history(body: bytes, items: Sequence[bytes]) -> bytes:
    """The request with what was said before in front of its input, and no longer leaning on an earlier response."""
    return with_input(json.without(body, "previous_response_id"), (*items, *input_items(body)))


def with_input(body: bytes, items: Iterable[bytes]) -> bytes:
    return json.splice(body, {"input": b"[" + b",".join(items) + b"]"})


def referred(item: bytes) -> tuple[str, str]:
    """(the id of the item that this one only names, empty for any other; the response it came with, empty where the id
    was not given here)."""
    try:
        found = _REFERENCE.decode(item)
    except msgspec.ValidationError:
        return "", ""
    if found.type != REFERENCE:
        return "", ""
    return found.id, response_of(found.id)


def item_head(item: bytes) -> ItemHead:
    try:
        found = _KNOWN.decode(item)
    except msgspec.ValidationError:
        return NAMELESS
    kind, name, approved = found.type, found.id, found.approval_request_id
    refers = kind == REFERENCE or (kind == "message" and found.content is UNSET)
    unsaid = kind == "reasoning" and not json.given(found.encrypted_content)
    name = name if isinstance(name, str) else ""
    approved = approved if isinstance(approved, str) else ""
    needed = bool(name) and (refers or kind in LOOKED_UP or (unsaid and not response_of(name)))
    return ItemHead(found.id is not UNSET, name, needed or bool(approved), refers, approved)


def response_of(name: str) -> str:
    """The response that an item came with, where its id was given here."""
    given = _GIVEN.fullmatch(name)
    return "" if given is None else f"resp_{given[1]}"


def by_name(items: Iterable[bytes]) -> dict[str, bytes]:
    return {name: item for item in items if isinstance(name := _NAME.decode(item).id, str) and name}


def names_elsewhere(items: Iterable[bytes]) -> Iterator[str]:
    """The ids of items that were not given here."""
    for item in items:
        name = _NAME.decode(item).id
        if isinstance(name, str) and name and _GIVEN.fullmatch(name) is None:
            yield name


def item_of(items: Iterable[bytes], name: str) -> bytes:
    """The item of that id; empty where there is none."""
    return next((item for item in items if _NAME.decode(item).id == name), b"")


def going_on(piece: bytes, previous: str) -> bytes:
    """Whole events of a stream, or an answer's body, with the id of the response that was gone on with."""
    if b'"previous_response_id"' not in piece:
        return piece
    if piece[:1] == b"{":
        return _said(piece, previous)
    return b"".join(_event_said(event, previous) for event in sse.split(piece))


def _event_said(event: bytes, previous: str) -> bytes:
    data = sse.data(event)
    if data is None or data[:1] != b"{":
        return event
    found = json.spans(data).get("response")
    if found is None or data[found[1] : found[1] + 1] != b"{":
        return event
    return event.replace(data, json.splice(data, {"response": _said(data[found[1] : found[2]], previous)}))


def _said(response: bytes, previous: str) -> bytes:
    return json.splice(response, {"previous_response_id": msgspec.json.encode(previous)})


def own(body: bytes) -> bytes:
    """The request without thoughts that another dialect's provider signed: its own providers would refuse them."""
    if _MARK not in body:
        return body
    return with_input(body, (item for item in input_items(body) if not _signed_elsewhere(item)))


def _signed_elsewhere(item: bytes) -> bool:
    head = _HEAD.decode(item)
    return head.type == "reasoning" and head.encrypted_content is not UNSET and _MARK in bytes(head.encrypted_content)


def final_response(data: bytes) -> bytes:
    """The whole response, if this event brings it; else empty."""
    try:
        found = _FINAL.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    return bytes(found.response) if found.type in FINALS and found.response is not UNSET else b""


def output_items(answer_body: bytes) -> list[bytes]:
    """The items that an answer gave, as JSON: of a whole response, or of the event that ends a stream."""
    try:
        output = _OUTPUT.decode(final_response(answer_body) or answer_body).output
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [bytes(item) for item in output or ()]
