"""The lines of a batch's file: what each asks, of whom, or why it asks nothing.

    {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {...}}    as for OpenAI's batches
    {"custom_id": "a", "params": {...}}                                                   as for Anthropic's
    {"messages": [...]}                                                                   a chat
    {"prompt": "..."}                                                                     one question

Bodies that are given whole are sent as they are; only a model that is not named is put in.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from fairlead.core.choice import AUTO

CHAT, MESSAGES, EMBEDDINGS = "/v1/chat/completions", "/v1/messages", "/v1/embeddings"
PATHS = (CHAT, MESSAGES, "/v1/responses", "/v1/completions", EMBEDDINGS, "/v1/moderations")
GEMINI = "/v1beta/models/"
VERBS = (":generateContent", ":embedContent", ":batchEmbedContents")
NAMES = ("custom_id", "id")
"""What a line may be called by: it is no part of a body that stands beside it."""
LONGEST = 32 << 20
"""Bytes of a line."""


class Ask(NamedTuple):
    line: int
    """Counted from 1, as an editor does."""
    name: str
    path: str
    body: bytes
    headers: dict[str, str]
    mark: int
    """Of all that is asked: 64 bits."""
    added: bool
    """Whether `headers` hold wishes that the line did not have."""


class Wrong(NamedTuple):
    line: int
    name: str
    mark: int
    why: str


class Terms(NamedTuple):
    """What holds for lines that say nothing of it."""

    model: str = AUTO
    policy: str = ""
    wishes: tuple[tuple[str, str], ...] = ()
    """Headers for those that leave the choice open."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of every line."""


class _Line(msgspec.Struct):
    custom_id: str | int | None = None
    id: str | int | None = None
    method: str = "POST"
    url: str = CHAT
    body: Raw = Raw()
    params: Raw = Raw()
    messages: Raw = Raw()
    prompt: str | None = None


class _Body(msgspec.Struct):
    """What counts here of what is sent."""

    model: str | None = None
    stream: bool | None = None
    fairlead: dict[str, Any] | None = None


_read_line = msgspec.json.Decoder(_Line).decode
_read_body = msgspec.json.Decoder(_Body).decode
_read_object = msgspec.json.Decoder(dict[str, Raw]).decode


def count(path: Path) -> tuple[int, int]:
    """(lines of the file, those that are not blank)."""
    lines = blank = 0
    with path.open("rb") as file:
        for line in file:
            lines += 1
            blank += line.isspace()
    return lines, lines - blank


def asks(path: Path, terms: Terms) -> Iterator[Ask | Wrong]:
    with path.open("rb") as file:
        number = 0
        while whole := file.readline(LONGEST + 1):
            number += 1
            if len(whole) > LONGEST and not whole.endswith(b"\n"):
                while (rest := file.readline(LONGEST)) and not rest.endswith(b"\n"):
                    continue
                yield Wrong(number, "", _mark(whole), f"it is longer than {LONGEST >> 20} MB")
            elif line := whole.strip(b"\xef\xbb\xbf \t\r\n" if number == 1 else None):
                yield asked(number, line, terms)


def asked(number: int, line: bytes, terms: Terms) -> Ask | Wrong:
    name = f"line-{number}"
    try:
        given = _read_line(line)
        called = given.custom_id if given.custom_id is not None else given.id
        name = name if called is None else str(called)
        path, body = _sent(given, line)
        if not path.startswith(GEMINI):
            body = _with_model(body, terms.model)
        found = _read_body(body)
    except (msgspec.DecodeError, ValueError, UnicodeDecodeError) as problem:
        return Wrong(number, name, _mark(line), str(problem))
    if found.stream:
        return Wrong(number, name, _mark(line), "answers of a batch are whole: leave `stream` out")
    headers, added = _headers(found, path, terms)
    mark = _mark(path.encode(), terms.policy.encode(), body)
    return Ask(number, name, path, body, headers, mark, added)


def _sent(given: _Line, line: bytes) -> tuple[str, bytes]:
    """(path, body). Raises ValueError."""
    if given.method.upper() != "POST":
        raise ValueError(f"method is {given.method[:20]!r}; only POST asks a model")
    if body := bytes(given.body):
        if given.url not in PATHS and not (given.url.startswith(GEMINI) and given.url.endswith(VERBS)):
            raise ValueError(f"url is {given.url[:100]!r}; it has to be one of {', '.join(PATHS)}")
        return given.url, body
    if body := bytes(given.params):
        return MESSAGES, body
    fields = _read_object(line)
    for name in (*NAMES, "prompt"):
        fields.pop(name, None)
    if given.prompt is not None and "messages" not in fields:
        fields["messages"] = Raw(msgspec.json.encode([{"role": "user", "content": given.prompt}]))
    if "messages" not in fields:
        raise ValueError(
            'expected {"custom_id": ..., "url": ..., "body": {...}}, {"messages": [...]} or {"prompt": "..."}'
        )
    return CHAT, msgspec.json.encode(fields)


def _with_model(body: bytes, model: str) -> bytes:
    fields = _read_object(body)
    if "model" in fields:
        return body
    return b"%b%b%b" % (
        b'{"model":',
        msgspec.json.encode(model),
        b"," + body.lstrip()[1:] if fields else b"}",
    )


def _headers(found: _Body, path: str, terms: Terms) -> tuple[dict[str, str], bool]:
    own = found.fairlead or {}
    headers = dict(terms.headers)
    if "latency_class" not in own:
        headers["x-fairlead-latency-class"] = "batch"
    if (found.model or AUTO) != AUTO or own.get("policy"):
        return headers, False
    if terms.policy:
        headers["x-fairlead-policy"] = terms.policy
    elif not own and path != EMBEDDINGS:
        headers.update(terms.wishes)
        return headers, bool(terms.wishes)
    return headers, False


def _mark(*parts: bytes) -> int:
    found = blake2b(digest_size=8)
    for part in parts:
        found.update(b"%d:" % len(part))
        found.update(part)
    return int.from_bytes(found.digest())
