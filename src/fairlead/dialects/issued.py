"""Ids that a provider gives in an answer and goes on owning: containers, files its tools made, spoken answers, caches.

One row a dialect. Its marks are looked for in the bytes of every answer, so nothing else is ever done where none of
them stands. Then the answer is read, at the places where such ids are: what a model says, and what it hands to a tool,
is never taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import orjson

from fairlead.dialects import sse

LONGEST = 512
"""Characters of an id."""
MOST = 256
"""Ids taken down of one answer."""
LOOKED_UP = (
    "code_interpreter_call",
    "computer_call",
    "file_search_call",
    "image_generation_call",
    "mcp_approval_request",
    "mcp_call",
    "mcp_list_tools",
)
"""Items of Responses that their provider wants back by their ids. Every other holds all there is to it."""
_CAPITAL = re.compile("[A-Z]")


class Issues(msgspec.Struct, frozen=True):
    marks: tuple[bytes, ...]
    given: re.Pattern[bytes]
    """A mark with a value behind it: many providers send the field with null."""
    ids: Callable[[Any], Iterator[object]]
    """Of a whole answer, or of one event of a stream."""

    def marked(self, piece: bytes) -> bool:
        for mark in self.marks:
            if piece.find(mark) >= 0:
                return self.given.search(piece) is not None
        return False

    def of_answer(self, body: bytes) -> frozenset[str]:
        return frozenset(self._named(body)) if self.marked(body) else frozenset()

    def of_events(self, block: bytes, known: set[str]) -> None:
        """Adds those of whole events to the known ones."""
        if self.given.search(block) is None:
            return
        for event in sse.split(block):
            data = sse.data(event) if self.given.search(event) else None
            for name in self._named(data or b""):
                if len(known) < MOST:
                    known.add(name)

    def _named(self, data: bytes) -> Iterator[str]:
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        for _, name in zip(range(MOST), self.ids(found), strict=False):
            if isinstance(name, str) and 0 < len(name) <= LONGEST:
                yield name


def inner(given: object, *fields: str) -> Any:
    """What stands in a field of objects within each other; None where one of them is not there."""
    for field in fields:
        given = given.get(field) if isinstance(given, dict) else None
    return given


def each(given: object) -> Iterator[dict[str, Any]]:
    """The objects of a list, or the one that stands in its place."""
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, dict):
            yield one


def spelt(given: object, field: str) -> Iterator[Any]:
    """What stands in a field of Google's, under either of its names."""
    snake = _CAPITAL.sub(lambda found: "_" + found[0].lower(), field)
    for name in (field, snake):
        if isinstance(given, dict) and given.get(name) is not None:
            yield given[name]


def listed(given: object) -> list[object]:
    """The entries of a list, or the one that stands in its place."""
    return given if isinstance(given, list) else [given]


def is_kept(address: object) -> bool:
    """Whether the address of a file is one that only the owner of an account may read: all but what is on the web."""
    if not isinstance(address, str) or not address:
        return False
    try:
        parts = urlsplit(address.strip())
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return True
    on_the_web = parts.scheme.lower() in ("http", "https") and "." in host
    return not on_the_web or host == "googleapis.com" or host.endswith(".googleapis.com")


def _chat(given: Any) -> Iterator[object]:
    for choice in each(inner(given, "choices")):
        yield inner(choice, "message", "audio", "id")
        yield inner(choice, "delta", "audio", "id")


def _responses(given: Any) -> Iterator[object]:
    response = inner(given, "response") or given
    yield inner(response, "conversation", "id")
    for item in each(inner(response, "output") or inner(given, "item")):
        if item.get("type") in LOOKED_UP:
            yield item.get("id")
        yield item.get("container_id")
        yield inner(item, "environment", "container_id")
        for part in each(item.get("content")):
            yield from _cited(part.get("annotations"))
    yield from _cited(inner(given, "part", "annotations"))
    yield from _cited(inner(given, "annotation"))


def _cited(annotations: object) -> Iterator[object]:
    """A file that was searched was put there by somebody; one of a container was made for this answer."""
    for one in each(annotations):
        if one.get("type") == "container_file_citation":
            yield one.get("container_id")
            yield one.get("file_id")


def _anthropic(given: Any) -> Iterator[object]:
    message = inner(given, "message") or given
    yield inner(message, "container", "id")
    yield inner(given, "delta", "container", "id")
    for block in (*each(inner(message, "content")), *each(inner(given, "content_block"))):
        for result in each(block.get("content")):
            for output in each(result.get("content")):
                if str(output.get("type")).endswith("code_execution_output"):
                    yield output.get("file_id")


def _gemini(given: Any) -> Iterator[object]:
    for chunk in each(given):
        yield chunk.get("cachedContent")
        for candidate in each(chunk.get("candidates")):
            for part in each(inner(candidate, "content", "parts")):
                for file in spelt(part, "fileData"):
                    for address in spelt(file, "fileUri"):
                        if is_kept(address):
                            yield address


ISSUES: dict[str, Issues] = {
    # Without its quotes a word is found several times as fast: few letters of events end like it.
    "openai_chat": Issues((b"audio",), re.compile(rb'"audio"\s*:\s*\{'), _chat),
    "openai_responses": Issues(
        (b'"container_id"', b'"conversation"', b'ter_call"', b'e_search_call"', b'generation_call"', b'"mcp_'),
        re.compile(
            rb'"container_id"\s*:\s*"|"conversation"\s*:\s*\{|"type"\s*:\s*"(?:%b)"' % "|".join(LOOKED_UP).encode()
        ),
        _responses,
    ),
    "anthropic_messages": Issues(
        (b'"container"', b'"file_id"'), re.compile(rb'"container"\s*:\s*\{|"file_id"\s*:\s*"'), _anthropic
    ),
    "gemini": Issues(
        (b'"fileUri"', b'"file_uri"', b'"cachedContent"'),
        re.compile(rb'"(?:fileUri|file_uri|cachedContent)"\s*:\s*"'),
        _gemini,
    ),
}
