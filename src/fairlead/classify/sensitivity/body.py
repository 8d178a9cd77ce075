"""All that a body says: every string in it, whatever field it stands in, so that nothing leaves unread.

A short value keeps its key before it, which often says what it is. JSON within a text is read as JSON, and what covers
its words is taken off. Base64 is left out where nothing says that it is text: it is a picture or a sound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import orjson

from fairlead.classify.sensitivity.covers import DATA, HEAD, covered, is_text, opened, within

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
            elif ";" in value or covered(value):
                yield from within(value)
            if len(value) <= SHORT:
                yield f"{key}: {value}" if key else value
            elif len(value) < BINARY or not _binary(value):
                yield value
        elif isinstance(value, dict):
            waiting += reversed(value.items())
            if not USUAL.issuperset(value):
                yield "\n".join([name for name in value if name not in USUAL])
            if "data" in value:
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
        if _twice(text, inner):
            inner = json.loads(text, object_pairs_hook=_all)
    except (ValueError, RecursionError):
        return None
    return inner


def _twice(text: str, read: object) -> bool:
    """Whether a field may stand twice in an object: of two only one is read, so its colon is missing."""
    try:
        return "\\u003" in text or orjson.dumps(read).count(b":") != text.count(":")
    except orjson.JSONEncodeError:
        # Deeper than it writes, though it has read it.
        return True


def _all(pairs: list[tuple[str, object]]) -> object:
    """An object; where a field stands twice in it, several, for whoever is sent the text reads both."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else [{name: value} for name, value in pairs]


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
    return " " not in text and text.isascii() and not text.encode().translate(None, _BASE64)
