"""The shelf of the exact cache: answers in a file of the state directory, so that a restart keeps them.

What is kept here is in memory as well: the file is read once, when the gateway begins. Losing it loses no more than the
answers it holds, so nobody waits until something is written.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

from fairlead.core.whose import Whose
from fairlead.store.shelf import Shelf

FILE = "cache.db"
TABLE = "cached"

log = logging.getLogger("fairlead.cache")


class CacheShelf(Shelf):
    """In the order in which it is asked for, one thing is done after the other."""

    _begun = False
    """Something was put on it, or soon will have been."""

    @property
    def is_there(self) -> bool:
        return self._begun or super().is_there

    def put(self, whose: Whose, name: str, content: bytes) -> None:
        self._begun = True
        self._soon(lambda: self._write(whose, {name: content}))

    def drop(self, places: Iterable[tuple[str, str]]) -> None:
        """By (tenant, name)."""
        gone = list(places)
        sql = f"DELETE FROM {TABLE} WHERE tenant = ? AND id = ?"
        self._soon(lambda: self._open().executemany(sql, gone))

    async def empty(self) -> int:
        if not self.is_there:
            return 0
        return await self._on_thread(self._empty)

    def _empty(self) -> int:
        connection = self._open()
        gone = connection.execute(f"DELETE FROM {TABLE}").rowcount
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def _soon(self, work: Callable[[], object]) -> None:
        self._begin(work).add_done_callback(_told)

    def _open(self) -> sqlite3.Connection:
        fresh = self._connection is None
        connection = super()._open()
        if fresh:
            connection.execute("PRAGMA synchronous = NORMAL")
        return connection


def cache_shelf(folder: Path | None, seconds: float) -> CacheShelf:
    return CacheShelf(folder, FILE, TABLE, max(1, round(seconds)))


def _told(done: asyncio.Future[object]) -> None:
    problem = None if done.cancelled() else done.exception()
    if problem is not None:
        log.error("an answer was not written to the cache's file: %s", problem)
