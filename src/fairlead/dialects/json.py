"""JSON bodies: decoded once, and changed by splicing so that what the caller wrote stays byte for byte.

A splice is allowed only where it is certain what it changes: `spans` walks the top level of the body and yields
the exact place of every value. Duplicate keys, which parsers resolve silently and differently, are refused: those of
a request wherever they stand, by `check`, so that nobody is shown another text here than the provider reads.
"""

from __future__ import annotations

import json as plain_json
import re
from typing import Any, TypeGuard

import msgspec
import orjson
from msgspec import UNSET, Raw, UnsetType

from fairlead.errors import BadRequest

STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""A pattern. What stands between two escapes is passed over at one go, and never gone back to."""
_KEY = re.compile(rb"[ \t\r\n]*(%b)[ \t\r\n]*:[ \t\r\n]*" % STRING)
_NEXT = re.compile(rb"[ \t\r\n]*([,}])")
_OPEN = re.compile(rb"[ \t\r\n]*\{")
_CLOSED = re.compile(rb"[ \t\r\n]*\{[ \t\r\n]*\}[ \t\r\n]*")
_LIKE_ESCAPED_COLON = rb"\u003"
_ESCAPED_COLON = re.compile(rb"\\u003[aA]")
_TOP = msgspec.json.Decoder(dict[str, Raw])
_STRING = msgspec.json.Decoder(str)
EMPTY = (b"", b"null", b"[]", b'""', b"{}")
"""Values that say nothing."""
MOST_FIELDS = 1000
LONGEST_FIELD = 256
LARGE = 2**20
MOST_NESTED = 300_000
"""Objects and lists of a large body. One takes three bytes to write, and twenty times that to hold."""
LARGEST_NAMED = 2**18
"""The largest body in which it is looked up which field stands twice; of a larger one it is said that one does."""
LONGEST_STEP = 80
LONGEST_PATH = 200


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


def check(body: bytes, known: frozenset[str]) -> tuple[dict[str, Any], bool]:
    """Refuse what receivers would read differently: a key that stands twice in any object, or one on top that is one
    of the `known` in another case, which some take for the same. An object on top is assumed, and returned decoded; and
    whether all of its keys are known.

    Raises ValueError for what is no JSON, and RecursionError for what is nested too deeply.
    """
    if len(body) > LARGE and body.count(b"{") + body.count(b"[") > MOST_NESTED:
        raise BadRequest(f"The body has more than {MOST_NESTED:,} objects and lists.", code="too_many_fields")
    said: dict[str, Any] = orjson.loads(body)
    familiar = known.issuperset(said)  # it is, mostly; and no dialect has MOST_FIELDS
    if not familiar:
        check_names(said, known)
    try:
        written = orjson.dumps(said)
    except TypeError:
        raise RecursionError from None
    if written != body and _colons(body) != bare_colons(written):
        raise _twice(body)
    return said, familiar


def may_escape_colons(body: bytes) -> bool:
    """Whether there may be colons in its strings that do not stand there as they are. Where it says no, there is none."""
    return body.find(_LIKE_ESCAPED_COLON) >= 0


def loads(body: bytes) -> dict[str, Any]:
    """A body with an object on top, decoded. A number beyond a double is refused, wherever it stands: receivers read it
    differently, or not at all."""
    said: dict[str, Any] = orjson.loads(body)
    return said


def check_names(said: dict[str, Any], known: frozenset[str]) -> None:
    """What `check` does for the fields on top."""
    for key in said:
        if key not in known and key.lower() in known:
            raise BadRequest(
                f"{key!r} is {key.lower()!r} in other letters; write it in lower case.", code="unknown_field"
            )
    if len(said) > MOST_FIELDS:
        raise BadRequest(f"The body has more than {MOST_FIELDS:,} fields.", code="too_many_fields")


def _colons(body: bytes) -> int:
    """How many colons a decoder meets, in strings and behind keys. A decoder drops all but one of equal keys, and the
    colons of the others with them; what it says, written again, has as many colons only if it dropped none."""
    found = bare_colons(body)
    if body.find(b"\\") >= 0 and _ESCAPED_COLON.search(body):
        plain = body.replace(rb"\\", b"")
        found += plain.count(rb"\u003a") + plain.count(rb"\u003A")
    return found


def bare_colons(body: bytes) -> int:
    """How many stand there as they are."""
    return len(body) - len(body.replace(b":", b""))  # in half the time of `count`


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written, with all that it holds twice."""


def _twice(body: bytes) -> BadRequest:
    path = _place(body) if len(body) <= LARGEST_NAMED else ""
    if not path:
        return BadRequest(
            "A field stands twice in an object of the body; each may be given once.", code="duplicate_field"
        )
    return BadRequest(
        f'"{path}" stands twice in the body; each field may be given once.', param=path, code="duplicate_field"
    )


def _place(body: bytes) -> str:
    """Where the first field stands that is there twice. A path is put together at the end only: the names on the way
    to many things may be long."""
    waiting: list[tuple[Any, Any]] = [(None, plain_json.loads(body, object_pairs_hook=_Pairs, parse_int=float))]
    while waiting:
        here, value = waiting.pop()
        inner = enumerate(value) if not isinstance(value, _Pairs) else value
        keys: set[str] = set()
        below = []
        for step, held in inner:
            if isinstance(step, str):
                if step in keys:
                    return _path((here, step))
                keys.add(step)
            if isinstance(held, list):
                below.append(((here, step), held))
        waiting += reversed(below)
    return ""


def _path(place: Any) -> str:
    steps: list[str] = []
    while place is not None:
        place, step = place
        steps.append(f".{step[:LONGEST_STEP]}" if isinstance(step, str) else f"[{step}]")
    return "".join(reversed(steps))[1:][:LONGEST_PATH]


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
