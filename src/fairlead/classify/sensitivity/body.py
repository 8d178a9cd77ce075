"""All that a body says: every string in it, whatever field it stands in, so that nothing leaves unread.

A short value keeps its key before it, which often says what it is. JSON within a text is read as JSON. Base64 is left out: it is a picture or a sound.
"""

from __future__ import annotations

import re
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
AT_ONCE = 65_536
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrt])")
USUAL = frozenset(
    (
        "arguments", "content", "contents", "data", "file_data", "fileData", "function", "id", "image_url", "inlineData",
        "input", "messages", "model", "name", "parts", "role", "source", "text", "tools", "type", "url",
    )
)  # fmt: skip
"""Names of fields that say nothing; any other is read too."""


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
            if "\\" in value:
                inner = _inner(value)
                if inner is not None:
                    waiting.append((key, inner))
                else:
                    yield from _unescaped(value)
            if len(value) <= SHORT:
                yield f"{key}: {value}" if key else value
            elif len(value) < BINARY or not _binary(value):
                yield value
        elif isinstance(value, dict):
            waiting += reversed(value.items())
            named = [name for name in value if name not in USUAL]
            if named:
                yield "\n".join(named)
        elif isinstance(value, list):
            waiting += [(key, each) for each in reversed(value)]
        elif isinstance(value, int | float) and abs(value) >= LEAST_NUMBER:
            yield f"{key}: {abs(value):.0f}" if isinstance(value, float) else f"{key}: {abs(value)}"


def _inner(text: str) -> object | None:
    """What a text of JSON says, as the arguments and results of tools do: its escapes would hide words."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        inner: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return inner


def _unescaped(text: str) -> Iterator[str]:
    """Escapes that stand in other text, read as what they stand for."""
    if _ESCAPE.search(text) is None:
        return
    for start in range(0, len(text), AT_ONCE):
        yield _ESCAPE.sub(_character, text[start : start + AT_ONCE + HEAD])


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else "\n"


def _binary(text: str) -> bool:
    if text.startswith("data:"):
        text = text[text.find(",", 0, HEAD) + 1 :]
    return text.isascii() and not text.encode().translate(None, _BASE64)
