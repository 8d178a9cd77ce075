"""Conversations kept for callers that go on with `previous_response_id`: what was asked and answered, for a day.

Each belongs to one tenant and is as good as absent for every other. Its own database file, so that what people said
never stands in the ledger; with no path everything is kept in memory.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from fairlead.core.egress import SinkPermit
from fairlead.errors import StateError

KEPT_SECONDS = 24 * 3600
SWEEP_SECONDS = 600.0
LARGEST = 16 * 2**20
"""Bytes of one conversation: a longer one is not kept, and going on with it is refused."""
FILE = "conversations.db"
T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


class Kept(msgspec.Struct, frozen=True):
    asked: tuple[bytes, ...]
    """All input items of the conversation so far, as JSON."""
    answered: tuple[bytes, ...]
    """The output items of this response."""
    answer: bytes
    """The response as the caller got it."""
    sensitive: bool = False
    """Whoever goes on with it is as sensitive."""


_decode = msgspec.msgpack.Decoder(Kept).decode


class Conversations:
    def __init__(self, folder: Path | None) -> None:
        self._path = ":memory:" if folder is None else str(folder / FILE)
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fairlead-conversations")
        self._swept = 0.0
        self._written: dict[tuple[str, str], Kept] = {}
        """What is being written just now: a caller may be quicker than the disk."""

    async def find(self, tenant: str, response: str) -> Kept | None:
        kept = self._written.get((tenant, response))
        return kept if kept is not None else await self._on_thread(lambda: self._find(tenant, response))

    async def keep(self, permit: SinkPermit, response: str, kept: Kept) -> None:
        if type(permit) is not SinkPermit:
            raise TypeError("what was said is kept with a permit only")
        tenant = permit.tenant
        self._written[(tenant, response)] = kept
        try:
            await self._on_thread(lambda: self._keep(tenant, response, kept))
        finally:
            self._written.pop((tenant, response), None)

    async def forget(self, tenant: str, response: str) -> bool:
        return await self._on_thread(lambda: self._forget(tenant, response))

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _on_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise StateError(f"conversations cannot be kept in {self._path}: {error}") from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._path != ":memory:":
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS responses (tenant TEXT, id TEXT, until INTEGER, kept BLOB, "
                "PRIMARY KEY (tenant, id)) WITHOUT ROWID"
            )
            connection.execute("CREATE INDEX IF NOT EXISTS responses_until ON responses (until)")
            self._connection = connection
        return self._connection

    def _find(self, tenant: str, response: str) -> Kept | None:
        sql = "SELECT kept FROM responses WHERE tenant = ? AND id = ? AND until > ?"
        row = self._open().execute(sql, (tenant, response, int(time.time()))).fetchone()
        return None if row is None else _decode(row[0])

    def _keep(self, tenant: str, response: str, kept: Kept) -> None:
        now = time.time()
        payload = _encode(kept)
        if len(payload) <= LARGEST:
            row = (tenant, response, int(now) + KEPT_SECONDS, payload)
            self._open().execute("INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?)", row)
        if now - self._swept > SWEEP_SECONDS:
            self._swept = now
            self._open().execute("DELETE FROM responses WHERE until <= ?", (int(now),))

    def _forget(self, tenant: str, response: str) -> bool:
        sql = "DELETE FROM responses WHERE tenant = ? AND id = ?"
        return self._open().execute(sql, (tenant, response)).rowcount > 0


def history(kept: Kept) -> Sequence[bytes]:
    """What was said so far, the answer included."""
    return (*kept.asked, *kept.answered)
