"""The lines of a batch's file: what each asks, of whom, or why it asks nothing.

    {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {...}}    as for OpenAI's batches
    {"custom_id": "a", "params": {...}}                                                   as for Anthropic's
    {"messages": [...]}                                                                   a chat
    {"prompt": "..."}                                                                     one question

Bodies that are given whole are sent as they are; only a model that is not named is put in.
"""

from __future__ import annotations

import codecs
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote, unquote

import msgspec
from msgspec import Raw

from fairlead.core.choice import AUTO
from fairlead.errors import FairleadError

CHAT, MESSAGES, EMBEDDINGS = "/v1/chat/completions", "/v1/messages", "/v1/embeddings"
PATHS = (CHAT, MESSAGES, "/v1/responses", "/v1/completions", EMBEDDINGS, "/v1/moderations")
GEMINI = "/v1beta/models/"
OF_GEMINI = re.compile(r"/v1beta/models/[^\s\x00-\x20\x7f?#]{1,500}:(generateContent|embedContent|batchEmbedContents)")
"""Nothing that a path ends at, or a request's first line: behind it another question could stand."""
ASKS = "generateContent"
"""The one of Gemini's verbs that is answered in words."""
KEPT = "/:%!$&'()*+,;=@~"
"""Of a path, beside letters and digits of ASCII."""
STDIN = Path("/dev/stdin")
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
NAMES = ("custom_id", "id")
"""What a line may be called by: it is no part of a body that stands beside it."""
LONGEST = 32 << 20
"""Bytes of a line, and of what is sent."""
TOO_LONG = f"it is longer than {LONGEST >> 20} MB"


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


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file that is asked, which is read twice: what can be read but once, a pipe say, is copied."""
    with (STDIN if path == Path("-") else path).open("rb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            yield _text(file, path)
            return
        with tempfile.TemporaryFile() as copy:
            shutil.copyfileobj(file, copy)
            yield _text(copy, path)


def _text(file: BinaryIO, path: Path) -> BinaryIO:
    file.seek(0)
    if file.read(2) in UTF_16:
        raise FairleadError(f"{path}: the file is not UTF-8 text; save it as UTF-8")
    return file


def count(file: BinaryIO) -> tuple[int, int]:
    """(lines of the file, those that are not blank)."""
    lines = blank = 0
    for line in _lines(file):
        lines += 1
        blank += line.isspace()
    return lines, lines - blank


def asks(file: BinaryIO, terms: Terms, lines: int) -> Iterator[Ask | Wrong]:
    """So many lines: what is written behind them while a run lasts is asked by the next."""
    for number, whole in enumerate(islice(_lines(file), lines), 1):
        if len(whole) > LONGEST and not whole.endswith(b"\n"):
            yield Wrong(number, f"line-{number}", _mark(whole), TOO_LONG)
        elif line := whole.strip(b"\xef\xbb\xbf \t\r\n" if number == 1 else None):
            yield asked(number, line, terms)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Of one that is too long, the beginning."""
    file.seek(0)
    while line := file.readline(LONGEST + 1):
        yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST)


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
    if len(body) > LONGEST:
        return Wrong(number, name, _mark(line), TOO_LONG)
    headers, added = _headers(found, path, terms)
    mark = _mark(path.encode(), terms.policy.encode(), body)
    return Ask(number, name, path, body, headers, mark, added)


def _sent(given: _Line, line: bytes) -> tuple[str, bytes]:
    """(path, body). Raises ValueError."""
    if given.method.upper() != "POST":
        raise ValueError(f"method is {given.method[:20]!r}; only POST asks a model")
    if body := bytes(given.body):
        if given.url not in PATHS and not OF_GEMINI.fullmatch(given.url):
            raise ValueError(f"url is {given.url[:100]!r}; it has to be one of {', '.join(PATHS)}")
        return quote(given.url, safe=KEPT), body
    if body := bytes(given.params):
        return MESSAGES, body
    if given.url != CHAT:
        raise ValueError(f"url is {given.url[:100]!r}; what is asked there has to stand under `body`")
    fields = _read_object(line)
    for name in (*NAMES, "method", "url", "prompt"):
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
    model, verb = found.model, ASKS
    if path.startswith(GEMINI):
        model, _, verb = unquote(path.removeprefix(GEMINI)).rpartition(":")
    if (model or AUTO) != AUTO or own.get("policy"):
        return headers, False
    if terms.policy:
        headers["x-fairlead-policy"] = terms.policy
    elif not own and path != EMBEDDINGS and verb == ASKS:
        headers.update(terms.wishes)
        return headers, bool(terms.wishes)
    return headers, False


def _mark(*parts: bytes) -> int:
    found = blake2b(digest_size=8)
    for part in parts:
        found.update(b"%d:" % len(part))
        found.update(part)
    return int.from_bytes(found.digest())
