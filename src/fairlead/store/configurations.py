"""The configurations that were in force, as the ledger has them. They are never taken for old."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec

PREFIX = "config/"
LIST = "SELECT key, content FROM contents WHERE key GLOB 'config/*'"


class Kept(msgspec.Struct, frozen=True):
    """One of them, without its secrets."""

    text: str
    source: str
    at_ms: int
    """When it was first put in force."""
    restorable: bool
    """Whether no secret stood in the text, so that it is still whole."""


class Version(msgspec.Struct, frozen=True):
    """One of them in a list."""

    version: str
    at_ms: int
    source: str
    restorable: bool
    in_force: bool = False


def versions(connection: sqlite3.Connection) -> list[Version]:
    """The latest first."""
    found = [Version(version, one.at_ms, one.source, one.restorable) for version, one in _all(connection)]
    return sorted(found, key=lambda one: one.at_ms, reverse=True)


def find(connection: sqlite3.Connection, version: str) -> Kept | None:
    sql = "SELECT content FROM contents WHERE key = ?"
    row = connection.execute(sql, (PREFIX + version,)).fetchone()
    return None if row is None else msgspec.msgpack.decode(row[0], type=Kept)


def _all(connection: sqlite3.Connection) -> Iterator[tuple[str, Kept]]:
    for key, content in connection.execute(LIST):
        yield key.removeprefix(PREFIX), msgspec.msgpack.decode(content, type=Kept)
