"""A shelf: bytes by tenant and name, kept for a while in a database file of its own, or in memory with no folder.

What people said stays on shelves and never stands in the ledger. What lies here belongs to one tenant and is as good as
absent for every other; deleted, it is overwritten. Each shelf has a thread of its own, which alone touches the file.

Content is put here with a permit only, which says whose it is: what is a user's or a session's is erased by that. A mark
needs no permit: it is a digest, and nothing else fits into it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose
from fairlead.errors import StateError

KEPT_SECONDS = 24 * 3600
SWEEP_SECONDS = 600.0
MARK = 32
"""Bytes of a mark."""
WHOSE = "user TEXT NOT NULL DEFAULT '', session TEXT NOT NULL DEFAULT ''"
"""Columns that shelves from before do not have."""
T = TypeVar("T")


class Shelf:
    def __init__(self, folder: Path | None, file: str, table: str, seconds: int = KEPT_SECONDS) -> None:
        self._seconds = seconds
        self._path = ":memory:" if folder is None else str(folder / file)
        self._table = table
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"fairlead-{table}")
        self._swept = 0.0
        self._written: dict[tuple[str, str], bytes] = {}
        """What is being written just now: a caller may be quicker than the disk."""

    def turn_to(self, seconds: int) -> None:
        """How long is kept what is kept from now on."""
        self._seconds = seconds

    @property
    def is_there(self) -> bool:
        """Whether anything was ever put on it."""
        return self._connection is not None or os.path.exists(self._path)

    async def find(self, tenant: str, name: str) -> bytes | None:
        found = self._written.get((tenant, name))
        return found if found is not None else await self._on_thread(lambda: self._find(tenant, name))

    async def all(self) -> list[tuple[str, str, int, bytes]]:
        """(tenant, name, until, content) of everything, the oldest first."""
        return await self._on_thread(self._all)

    async def of(self, whose: Whose) -> list[tuple[str, bytes]]:
        """(name, content) of all that is theirs, the oldest first."""
        return await self._on_thread(lambda: self._of(whose))

    async def keep(self, permit: SinkPermit, name: str, content: bytes, pointers: Iterable[str] = ()) -> None:
        """`pointers`: further names, whose content is that name."""
        if type(permit) is not SinkPermit:
            raise TypeError("what was said is kept with a permit only")
        whose = Whose(permit.tenant, permit.user, permit.session)
        await self._put(whose, {name: content, **dict.fromkeys(pointers, name.encode())})

    async def mark(self, tenant: str, name: str, digest: bytes) -> None:
        """Something of this name has begun."""
        if len(digest) != MARK:
            raise ValueError(f"a mark has {MARK} bytes")
        await self._put(Whose(tenant), {name: digest})

    async def forget(self, tenant: str, name: str) -> bool:
        return await self._on_thread(lambda: self._forget(tenant, name))

    async def erase(self, whose: Whose) -> int:
        """How many names are gone. What is being written just now is written before."""
        if not self.is_there:
            return 0
        return await self._on_thread(lambda: self._erase(whose))

    async def sweep(self) -> int:
        """Erases what nobody may find any more."""
        if not self.is_there:
            return 0
        return await self._on_thread(self._sweep)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _put(self, whose: Whose, contents: Mapping[str, bytes]) -> None:
        """By name. A caller that leaves meanwhile has had its answer: what belongs to it is written all the same."""
        for name, content in contents.items():
            self._written[(whose.tenant, name)] = content
        writing = self._begin(lambda: self._write(whose, contents))
        writing.add_done_callback(lambda done: self._was_written(whose.tenant, contents, done))
        await self._done(asyncio.shield(writing))

    def _was_written(self, tenant: str, names: Iterable[str], done: asyncio.Future[None]) -> None:
        for name in names:
            self._written.pop((tenant, name), None)
        if not done.cancelled():
            done.exception()  # told to whoever waits; where nobody does any more, to nobody

    def _begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await self._done(self._begin(work))

    async def _done(self, work: asyncio.Future[T]) -> T:
        try:
            return await work
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"{self._table} cannot be kept in {self._path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._path != ":memory:":
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA secure_delete = ON")
            table = self._table
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table} (tenant TEXT, id TEXT, until INTEGER, kept BLOB, {WHOSE}, "
                "PRIMARY KEY (tenant, id)) WITHOUT ROWID"
            )
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            if not there >= {"user", "session"}:
                for column in WHOSE.split(", "):
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
            connection.execute(f"CREATE INDEX IF NOT EXISTS {table}_until ON {table} (until)")
            self._connection = connection
        return self._connection

    def _find(self, tenant: str, name: str) -> bytes | None:
        sql = f"SELECT kept FROM {self._table} WHERE tenant = ? AND id = ? AND until > ?"
        row = self._open().execute(sql, (tenant, name, int(time.time()))).fetchone()
        return None if row is None else bytes(row[0])

    def _all(self) -> list[tuple[str, str, int, bytes]]:
        sql = f"SELECT tenant, id, until, kept FROM {self._table} WHERE until > ? ORDER BY until"
        return self._open().execute(sql, (int(time.time()),)).fetchall()

    def _of(self, whose: Whose) -> list[tuple[str, bytes]]:
        where, values = whose.condition()
        sql = f"SELECT id, kept FROM {self._table} WHERE {where} AND until > ? ORDER BY until, id"
        return self._open().execute(sql, (*values, int(time.time()))).fetchall()

    def _write(self, whose: Whose, contents: Mapping[str, bytes]) -> None:
        """All of them, or none."""
        now = time.time()
        until = int(now) + self._seconds
        rows = [(whose.tenant, name, until, content, whose.user, whose.session) for name, content in contents.items()]
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                f"INSERT OR REPLACE INTO {self._table} (tenant, id, until, kept, user, session) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if now - self._swept > SWEEP_SECONDS:
            self._sweep()

    def _sweep(self) -> int:
        self._swept = now = time.time()
        return self._open().execute(f"DELETE FROM {self._table} WHERE until <= ?", (int(now),)).rowcount

    def _erase(self, whose: Whose) -> int:
        """From the log of writes too, where erased pages would lie until it is begun anew."""
        connection = self._open()
        where, values = whose.condition()
        gone = connection.execute(f"DELETE FROM {self._table} WHERE {where}", values).rowcount
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone

    def _forget(self, tenant: str, name: str) -> bool:
        """From the log of writes too, as `_erase`."""
        connection = self._open()
        sql = f"DELETE FROM {self._table} WHERE tenant = ? AND id = ?"
        gone = connection.execute(sql, (tenant, name)).rowcount > 0
        if gone:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return gone
