"""A ledger without files, for a library without a state directory."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from fairlead.core.model import Price
from fairlead.core.record import Audit, Feedback, Intent, Priced, Record
from fairlead.errors import StateError
from fairlead.store.flood import Flood
from fairlead.store.reports import Totals, totals
from fairlead.store.sqlite import Note, Projection, Row
from fairlead.store.statements import CHUNKS
from fairlead.store.window import EVERYTHING, Window

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode


class MemoryLedger:
    """Grows by about 1 kB a request."""

    def __init__(self) -> None:
        self._projection: Projection | None = None
        self._flood = Flood()
        self._rows: list[Row] = []
        self._notes: list[Note] = []
        self._priced: dict[str, Price] = {}
        self._position = 0

    async def open(self) -> None:
        self._projection = Projection(None)

    def intend(self, intent: Intent) -> None:
        pass

    def settle(self, record: Record) -> None:
        payload = _encode(record)
        self._rows.append((self._position, record, payload))
        self._position += len(payload)
        if len(self._rows) >= CHUNKS[0]:
            self._ingest()

    def note(self, audit: Audit) -> None:
        self._hold(self._flood.admit(audit))

    def price(self, rows: Iterable[Price]) -> None:
        for row in rows:
            if self._priced.get(row.id) != row:
                self._priced[row.id] = row
                self._notes.append((self._position, Priced(time.time_ns() // 1_000_000, row)))
                self._position += 1

    def judge(self, feedback: Feedback) -> None:
        self._notes.append((self._position, feedback))
        self._position += 1

    async def feedback(self, request: str) -> Feedback | None:
        return self._ingest().feedback(request)

    async def flush(self) -> None:
        self._hold(self._flood.release())
        self._ingest()

    async def close(self) -> None:
        if self._projection is not None:
            self._projection.close()
            self._projection = None

    @property
    def lag(self) -> int:
        return len(self._rows) + len(self._notes)

    async def decision(self, request: str, tenant: str | None) -> Record | None:
        return self._ingest().decision(request, tenant)

    async def totals(self, window: Window = EVERYTHING) -> Totals:
        return totals(self._ingest().connection, window)

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        return question(self._ingest().connection)

    def keep(self, key: str, content: bytes) -> None:
        self._ingest().keep({key: content}, time.time_ns() // 1_000_000)

    async def contents(self, keys: Sequence[str]) -> dict[str, bytes]:
        return self._ingest().contents(keys)

    def _hold(self, audits: Iterator[Audit]) -> None:
        for audit in audits:
            self._notes.append((self._position, audit))
            self._position += 1

    def _ingest(self) -> Projection:
        if self._projection is None:
            raise StateError("the ledger is not open")
        self._projection.ingest(self._rows, self._notes, 0, 0)
        self._rows, self._notes = [], []
        return self._projection
