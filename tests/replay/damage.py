"""Damage done at random to recorded bytes: to single bytes, to JSON values, to the order of events."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**18, 10**30, "", "x", "null", "\u2028", "é" * 3, [], {}, [None], [[]], [{}], {"type": "text"}, {"type": 5},
    {"text": None}, {"": {}}, [""], "data: [DONE]", "\n\n", "end_turn", "stop", "error", "tool_use", "function",
)  # fmt: skip
TOKENS = (
    b"null", b"{}", b"[]", b'"', b"\\", b"\r", b"\n", b"\n\n", b"\r\n\r\n", b"data: [DONE]\n\n", b"data:", b"data: {}\n\n", b": ping\n\n",
    b"event: error\n", b"\xff", b"\xe2\x80", b"\xe2\x80\xa8", b"\\ud800", b"\\u0000", b"\x00", b"\xef\xbb\xbf", b"1e999", b"-0", b"9" * 400,
    b"[" * 3000, b'{"a":' * 1500, b",", b":", b" " * 70, b'{"error":{"message":"x"}}', b"NaN",
)  # fmt: skip
MOST_EVENTS = 24
BLANK = re.compile(rb"\r\n\r\n|\n\n|\r\r")


def events_of(stream: bytes) -> list[bytes]:
    found = []
    at = 0
    for end in BLANK.finditer(stream):
        found.append(stream[at : end.end()])
        at = end.end()
    return [*found, stream[at:]] if at < len(stream) else found


def shortened(stream: bytes, random: Random) -> list[bytes]:
    """The events without some of the many in the middle, which are all alike."""
    events = events_of(stream)
    if len(events) <= MOST_EVENTS:
        return events
    first = random.randint(2, MOST_EVENTS - 6)
    return events[:first] + events[-(MOST_EVENTS - first) :]


def cut(stream: bytes, random: Random) -> tuple[bytes, bytes]:
    """(the stream up to some byte, its whole events)."""
    piece = stream[: random.randrange(1, len(stream))]
    end = max((found.end() for found in BLANK.finditer(piece)), default=0)
    return (piece, piece[:end]) if random.random() < 0.5 else (piece[:end], piece[:end])


def disordered(stream: bytes, random: Random) -> bytes:
    events = shortened(stream, random)
    for _ in range(random.choice((1, 1, 2, 3))):
        _disorder(events, random.randrange(3), random)
    return b"".join(events)


def _disorder(events: list[bytes], way: int, random: Random) -> None:
    if not events:
        return
    at, other = random.randrange(len(events)), random.randrange(len(events))
    if way == 0:
        del events[at]
    elif way == 1:
        events.insert(other, events[at])
    else:
        events[at], events[other] = events[other], events[at]


def damaged_stream(stream: bytes, random: Random) -> bytes:
    events = shortened(stream, random)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        way = random.randrange(6)
        if way < 3:
            _disorder(events, way, random)
        elif events:
            at = random.randrange(len(events))
            events[at] = damaged_bytes(events[at], random) if way == 3 else damaged_event(events[at], random)
    found = b"".join(events)
    if random.random() < 0.1:
        found = damaged_bytes(found, random)
    if random.random() < 0.2:
        found = found.replace(b"\r\n", b"\n").replace(b"\n", random.choice((b"\r\n", b"\r", b"\n")))
    return found


def damaged_event(event: bytes, random: Random) -> bytes:
    """The same event with other data."""
    at = event.find(b"data:") + 5
    try:
        value = json.loads(event[at:])
    except (ValueError, RecursionError):
        return damaged_bytes(event, random)
    return event[:at] + b" " + dumped(changed(value, random)) + b"\n\n"


def damaged_body(body: bytes, random: Random) -> bytes:
    if random.random() < 0.3:
        return damaged_bytes(body, random)
    found = dumped(changed(json.loads(body), random))
    return damaged_bytes(found, random) if random.random() < 0.1 else found


def dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def damaged_bytes(data: bytes, random: Random) -> bytes:
    found = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(found) + 1)
        end = min(len(found), at + random.choice((1, 2, 10, 100)))
        way = random.randrange(5)
        if way == 0 and at < len(found):
            found[at] = random.randrange(256)
        elif way == 1:
            del found[at:end]
        elif way == 2:
            found[at:at] = found[at:end]
        elif way == 3:
            found[at:at] = random.choice(TOKENS)
        else:
            found[at:end] = random.choice(TOKENS)
    return bytes(found)


def changed(value: Any, random: Random) -> Any:
    """The value with one to three of its values others, gone or repeated."""
    holder = [value]
    for _ in range(random.choice((1, 1, 2, 3))):
        at: Any = holder
        key: Any = 0
        while isinstance(at[key], (dict, list)) and at[key] and (at is holder or random.random() < 0.85):
            at = at[key]
            key = random.choice(list(at) if isinstance(at, dict) else range(len(at)))
        chance = random.random()
        if chance < 0.2 and at is not holder:
            del at[key]
        elif chance < 0.3 and isinstance(at, list) and at is not holder:
            at.insert(key, json.loads(json.dumps(at[key])))
        else:
            at[key] = json.loads(json.dumps(random.choice(ODD)))
    return holder[0]
