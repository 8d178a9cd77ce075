"""All that a body says: every string in it, whatever field it stands in, so that nothing leaves unread.

A short value keeps its key before it, which often says what it is. JSON within a text is read as JSON, and what covers
its words is taken off. Base64 is left out where nothing says that it is text: it is a picture or a sound.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from fairlead.classify.sensitivity.covers import DATA, HEAD, is_text, opened, within

BINARY = 1024
"""From so many characters without a space or a sign that base64 lacks, a string is binary data."""
PART = b"\r\n--"
SHORT = 256
LEAST_NUMBER = 10**8
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
TYPES = ("media_type", "mimeType", "mime_type")
"""Fields that say what the `data` beside them is."""
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
                text = part.decode("utf-8", "replace")
                yield from within(text)
                yield text
        return
    waiting = [("", value)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            inner = _inner(value) if "\\" in value else None
            if inner is not None:
                waiting.append((key, inner))
            else:
                yield from within(value)
            if len(value) <= SHORT:
                yield f"{key}: {value}" if key else value
            elif len(value) < BINARY or not _binary(value):
                yield value
        elif isinstance(value, dict):
            waiting += reversed(value.items())
            named = [name for name in value if name not in USUAL]
            if named:
                yield "\n".join(named)
            yield from _attached(value)
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


def _attached(value: dict[str, object]) -> Iterator[str]:
    """The text of a file whose type stands beside it."""
    data = value.get("data")
    if isinstance(data, str) and any(is_text(said) for name in TYPES if isinstance(said := value.get(name), str)):
        yield from opened(data)


def _binary(text: str) -> bool:
    if text.startswith(DATA):
        comma = text.find(",", 0, HEAD)
        if ";" not in text[:comma]:
            return False
        text = text[comma + 1 :]
    return _plain(text[:BINARY]) and _plain(text)


def _plain(text: str) -> bool:
    return text.isascii() and not text.encode().translate(None, _BASE64)
