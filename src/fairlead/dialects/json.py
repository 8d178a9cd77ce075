"""JSON bodies: decoded once, and changed by splicing so that what the caller wrote stays byte for byte.

A splice is allowed only where it is certain what it changes: `spans` walks the top level of the body and yields
the exact place of every value. It refuses duplicate keys, which parsers resolve silently and differently.
"""

from __future__ import annotations

import re
from typing import TypeGuard

import msgspec
from msgspec import UNSET, Raw, UnsetType

from fairlead.errors import BadRequest

_KEY = re.compile(rb'[ \t\r\n]*("(?:[^"\\]|\\.)*")[ \t\r\n]*:[ \t\r\n]*')
_NEXT = re.compile(rb"[ \t\r\n]*([,}])")
_OPEN = re.compile(rb"[ \t\r\n]*\{")
_CLOSED = re.compile(rb"[ \t\r\n]*\{[ \t\r\n]*\}[ \t\r\n]*")
_TOP = msgspec.json.Decoder(dict[str, Raw])
_STRING = msgspec.json.Decoder(str)
EMPTY = (b"", b"null", b"[]", b'""', b"{}")
"""Values that say nothing."""
MOST_FIELDS = 1000
LONGEST_FIELD = 256


def given(raw: Raw | UnsetType) -> TypeGuard[Raw]:
    """Whether a field says anything."""
    return raw is not UNSET and bytes(raw) not in EMPTY


def is_object(body: bytes) -> bool:
    """Whether the body is whole, valid JSON with an object on top."""
    try:
        _TOP.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def check(body: bytes, known: frozenset[str]) -> None:
    """Refuse a top level that receivers would read differently: a key that stands twice, or that is one of the
    `known` in another case, which some take for the same. Valid JSON with an object on top is assumed.

    Between n keys and values an object needs 4n + 1 bytes of quotes, colons, commas and braces. A body with spaces,
    escapes in keys, or a key the decoder dropped for its double has more; only then `spans` has to look.
    """
    values = _TOP.decode(body)
    if not known.issuperset(values):
        for key in values:
            if key not in known and key.lower() in known:
                raise BadRequest(
                    f"{key!r} is {key.lower()!r} in other letters; write it in lower case.", code="unknown_field"
                )
    if len(values) > MOST_FIELDS:
        raise BadRequest(f"The body has more than {MOST_FIELDS:,} fields.", code="too_many_fields")
    if sum(map(len, values)) + sum(map(len, values.values())) + 4 * len(values) + 1 != len(body):
        spans(body)


def spans(body: bytes) -> dict[str, tuple[int, int, int]]:
    """Top-level key -> (start of the key, start of its value, end of the value).

    Valid JSON with an object on top is assumed (decode first). The decoder keeps the last of two equal keys at
    the place of the first, so any duplicate makes the walk meet a value or key it does not expect.
    """
    values = _TOP.decode(body)
    found: dict[str, tuple[int, int, int]] = {}
    opened = _OPEN.match(body)
    if opened is None or _CLOSED.fullmatch(body):
        return found
    at = opened.end()
    if len(values) > MOST_FIELDS:
        raise BadRequest(f"An object has more than {MOST_FIELDS:,} fields.", code="too_many_fields")
    for key, raw in values.items():
        if len(key) > LONGEST_FIELD:
            raise BadRequest(f"The name of a field is longer than {LONGEST_FIELD} characters.", code="bad_field")
        match = _KEY.match(body, at)
        if match is None or _STRING.decode(match.group(1)) != key:
            raise _duplicate(body, at)
        value = bytes(raw)
        start = match.end()
        end = start + len(value)
        if not body.startswith(value, start):
            raise _duplicate(body, at)
        found[key] = (match.start(1), start, end)
        closing = _NEXT.match(body, end)
        if closing is None:
            raise _duplicate(body, at)
        at = closing.end()
    if body[at - 1 : at] != b"}":
        raise _duplicate(body, at)
    return found


def _duplicate(body: bytes, at: int) -> BadRequest:
    match = _KEY.match(body, at)
    key = match.group(1)[:80].decode("utf-8", "replace") if match else "a key"
    return BadRequest(f"{key} stands twice in the body; each field may be given once.", code="duplicate_field")


def splice(body: bytes, changes: dict[str, bytes]) -> bytes:
    """Set top-level keys to the given JSON values: in place where the key is there, at the front where it is not."""
    places = spans(body)
    edits = []
    fresh = []
    for key, value in changes.items():
        place = places.get(key)
        if place is None:
            fresh.append(b'"' + key.encode() + b'":' + value)
        else:
            edits.append((place[1], place[2], value))
    pieces = []
    at = 0
    if fresh:
        opened = body.index(b"{") + 1
        pieces += [body[:opened], b",".join(fresh), b"," if places else b""]
        at = opened
    for start, end, value in sorted(edits):
        pieces += [body[at:start], value]
        at = end
    pieces.append(body[at:])
    return b"".join(pieces)


def without(body: bytes, key: str) -> bytes:
    """The body with one top-level key taken out."""
    places = spans(body)
    place = places.get(key)
    if place is None:
        return body
    keys = sorted(places.values())
    where = keys.index(place)
    if where + 1 < len(keys):
        return body[: place[0]] + body[keys[where + 1][0] :]
    if where:
        return body[: keys[where - 1][2]] + body[place[2] :]
    return body[: place[0]] + body[place[2] :]
