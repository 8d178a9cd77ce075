"""Things that a provider keeps under an id of its own: files, containers, caches, vector stores. Whose are they?

A provider knows its account and nobody behind it, so with one account behind several tenants any of them could name
what another one put there. Nothing is put there through fairlead: whose an id is cannot be known, and where there are
several tenants it is nobody's. With one tenant, or no keys at all, everything is theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from fairlead.errors import NotFound
from fairlead.gateway.request import Incoming
from fairlead.gateway.world import World

Found = Iterator[tuple[str, object]]
"""(field, id); what is no text is no id."""
MARKS = (
    b'"file_id"', b'"file_ids"', b'"container"', b'"container_id"', b'"vector_store_ids"', b'"audio"', b"achedContent",
    b"ached_content", b'"fileUri"', b'"file_uri"',
)  # fmt: skip
KEPT = ("https://generativelanguage.googleapis.com/", "gs://")
"""How the addresses of files begin that only an account of Google's may read."""


def check(world: World, incoming: Incoming) -> None:
    body = incoming.body
    if not world.shared or not any(mark in body for mark in MARKS):
        return
    reader = READERS.get(incoming.dialect)
    if reader is None:
        return
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    for field, name in reader(given):
        if isinstance(name, str) and name:
            raise NotFound(
                f"{field} names {name[:100]!r}, which is not known to be yours: what a provider keeps is not shared "
                "between tenants. Send the content itself.",
                param=field,
                code="not_yours",
            )


def _each(given: object) -> Iterator[dict[str, Any]]:
    """The objects of a list, or the one that stands in its place."""
    for one in given if isinstance(given, list) else [given]:
        if isinstance(one, dict):
            yield one


def _inner(given: object, field: str) -> object:
    return given.get(field) if isinstance(given, dict) else None


def _chat(given: Any) -> Found:
    for message in _each(_inner(given, "messages")):
        yield "messages.audio.id", _inner(message.get("audio"), "id")
        for part in _each(message.get("content")):
            yield "messages.content.file.file_id", _inner(part.get("file"), "file_id")


def _responses(given: Any) -> Found:
    for item in _each(_inner(given, "input")):
        yield "input.container_id", item.get("container_id")
        for field in ("content", "output"):
            for part in _each(item.get(field)):
                yield f"input.{field}.file_id", part.get("file_id")
    for tool in _each(_inner(given, "tools")):
        container = tool.get("container")
        yield "tools.container", container
        for field, listed in (
            ("tools.vector_store_ids", tool.get("vector_store_ids")),
            ("tools.container.file_ids", _inner(container, "file_ids")),
        ):
            for name in listed if isinstance(listed, list) else ():
                yield field, name


def _anthropic(given: Any) -> Found:
    container = _inner(given, "container")
    yield "container", _inner(container, "id") if isinstance(container, dict) else container
    for message in _each(_inner(given, "messages")):
        yield from _blocks(message.get("content"))


def _blocks(content: object) -> Found:
    for block in _each(content):
        yield "messages.content.source.file_id", _inner(block.get("source"), "file_id")
        if block.get("type") == "container_upload":
            yield "messages.content.file_id", block.get("file_id")
        if block.get("type") == "tool_result":
            yield from _blocks(block.get("content"))


def _gemini(given: Any) -> Found:
    for field in ("cachedContent", "cached_content"):
        yield field, _inner(given, field)
    for content in _each(_inner(given, "contents")):
        for part in _each(content.get("parts")):
            file = part.get("fileData") or part.get("file_data")
            address = _inner(file, "fileUri") or _inner(file, "file_uri")
            if isinstance(address, str) and address.startswith(KEPT):
                yield "contents.parts.fileData.fileUri", address


READERS: dict[str, Callable[[Any], Found]] = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic_messages": _anthropic,
    "gemini": _gemini,
}
