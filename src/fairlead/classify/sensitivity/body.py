"""All that a body says: every string in it, whatever field it stands in, so that nothing leaves unread.

A short value keeps its key before it, which often says what it is. Base64 is left out: it is a picture or a sound.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson

BINARY = 1024
"""From so many characters without a space or a sign that base64 lacks, a string is binary data."""
PART = b"\r\n--"
SHORT = 256
LEAST_NUMBER = 10**8
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
HEAD = 256
"""Where the comma of a data URL stands at the latest."""


def strings(body: bytes) -> Iterator[str]:
    """Of JSON all strings and long numbers; of a form, or anything else, the parts that are text."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        for part in body.split(PART):
            if b"\0" not in part[:BINARY]:
                yield part.decode("utf-8", "replace")
        return
    waiting = [("", value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            if len(value) <= SHORT:
                yield f"{key}: {value}" if key else value
            elif len(value) < BINARY or not _binary(value):
                yield value
        elif isinstance(value, dict):
            waiting += reversed(value.items())
        elif isinstance(value, list):
            waiting += [(key, each) for each in reversed(value)]
        elif isinstance(value, int) and value >= LEAST_NUMBER:
            yield f"{key}: {value}"


def _binary(text: str) -> bool:
    if text.startswith("data:"):
        text = text[text.find(",", 0, HEAD) + 1 :]
    return text.isascii() and not text.encode().translate(None, _BASE64)
