"""Ledger: every intent, every outcome, every refusal, kept so that the sums are exact whatever dies.

    intend ─┐                        every 200 ms, one thread
    settle ─┼─> spool (one write) ─> waiting ─────────────────> SQLite (rows and checkpoint in one transaction)
    note   ─┤
    judge  ─┘

- `intend` raises SpoolFailed when the intent cannot be written: the attempt must not be made. So does `judge`: nobody
  must be told that a word is kept which is not.
- `price` goes before the intents of attempts that are charged by it, so that every cost can be worked out again.
- `settle` and `note` concern what has happened already, so they never fail: what cannot be written waits in the
  backlog and is written as soon as it can be. Until then no new intent is taken.
- Files deleted or replaced under a running process would take entries and keep none: they are looked after.
- `decision` sees a record from the moment it is settled.
- Of two records of one request the first stays.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec

from fairlead.core.model import Price
from fairlead.core.record import Audit, Entry, Feedback, Intent, Priced, Record
from fairlead.errors import StateError
from fairlead.store.backlog import Backlog
from fairlead.store.flood import Flood
from fairlead.store.owner import Owner, is_at
from fairlead.store.prices import latest as prices
from fairlead.store.recovery import Recovered, Replay, lost
from fairlead.store.reports import Totals, totals
from fairlead.store.slimming import slim, slim_audit
from fairlead.store.spool import (
    SEGMENT_BYTES,
    Damage,
    EntryTooLarge,
    Spool,
    SpoolFailed,
    blank,
    offset_of,
    segment_of,
)
from fairlead.store.sqlite import Note, Projection, Row, unreadable
from fairlead.store.window import DAY_MS, EVERYTHING, Window

TICK = 0.2
LOOK = 1.0
"""Seconds between two looks at whether the files are still there."""
WAKE = 2_000
"""Waiting entries that are handed over without waiting for the tick."""
BATCH = 10_000
"""Entries per transaction at most."""
IN_MEMORY = 50_000
"""Waiting records kept whole; of the ones beyond, only the place in the spool is kept."""
DECISIONS_DAYS = 30
PRUNE = 60.0
"""Seconds between two looks for decisions that are too old."""
DATABASE = "ledger.db"
SPOOL = "spool"

T = TypeVar("T")
log = logging.getLogger("fairlead.ledger")
_record = msgspec.msgpack.Decoder(Record).decode

Waiting = dict[str, Row | int]
"""By request: the row, or only its position."""


class EmbeddedLedger:
    """The ledger in a state directory: spool, SQLite and the one thread that writes to it.

    `owner` is passed by whoever holds the directory already; otherwise the ledger takes it and gives it back.
    """

    __slots__ = (
        "_backlog", "_closing", "_contents", "_database", "_decisions_ms", "_flood", "_intent", "_kept", "_look_at", "_moving", "_moving_notes",
        "_open", "_owner", "_owns", "_priced", "_projection", "_prune_at", "_reached", "_records_ms", "_segment_bytes", "_spool", "_state_dir",
        "_thread", "_ticker", "_turn", "_version", "_waiting", "_waiting_notes", "_wake", "_write", "path", "recovered",
    )  # fmt: skip
    """Of so many attributes it would have a dict in which every call of a method is looked up anew."""

    def __init__(
        self,
        state_dir: Path,
        *,
        owner: Owner | None = None,
        version: str = "",
        segment_bytes: int = SEGMENT_BYTES,
        decisions_days: int = DECISIONS_DAYS,
        records_days: int | None = None,
    ) -> None:
        self.path = state_dir / DATABASE
        self.recovered: Recovered | None = None
        self._state_dir = state_dir
        self._owner = owner
        self._owns = owner is None
        self._version = version
        self._segment_bytes = segment_bytes
        self._spool: Spool | None = None
        self._write = _not_open
        self._intent = blank()  # what each is encoded into: once it is written, nobody asks for that any more
        self._projection: Projection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fairlead-ledger")
        self._flood = Flood()
        self._open: dict[str, list[Intent]] = {}
        self._backlog = Backlog()
        self._waiting: Waiting = {}
        self._moving: Waiting = {}
        self._waiting_notes: list[Note] = []
        self._moving_notes: list[Note] = []
        self._contents: dict[str, bytes] = {}
        self._kept: dict[str, bytes] = {}
        self._priced: dict[str, Price] = {}
        self.keep_for(decisions_days, records_days)
        self._prune_at = 0.0
        self._reached = 0
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._ticker: asyncio.Task[None] | None = None
        self._closing = False
        self._database: os.stat_result | None = None
        self._look_at = 0.0

    def keep_for(self, decisions_days: int, records_days: int | None) -> None:
        """From the next look at what is old."""
        self._decisions_ms = decisions_days * DAY_MS
        self._records_ms = None if records_days is None else records_days * DAY_MS

    async def open(self) -> None:
        """Takes the directory, recovers what the last process left, and begins to ingest."""
        if self._owner is None:
            self._owner = Owner.acquire(self._state_dir)
        try:
            await self._on_thread(self._recover)
        except BaseException:
            self._release()
            raise
        self._ticker = asyncio.create_task(self._tick(), name="fairlead-ledger")

    def intend(self, intent: Intent) -> None:
        """Durable when it returns. Raises SpoolFailed if that cannot be: then the attempt must not be made."""
        try:
            if self._backlog.failing:
                self._catch_up()
            write = self._write  # as a method it would be looked up anew
            write(intent, self._intent)
        except SpoolFailed as error:
            self._backlog.fail(error)
            raise
        self._open.setdefault(intent.request, []).append(intent)

    def settle(self, record: Record) -> None:
        request = record.request
        if request in self._waiting or request in self._moving:
            log.error("request %s was settled twice; the first record stays", request)
            return
        try:
            if self._backlog.failing:
                self._catch_up()
            self._append_record(record)
        except SpoolFailed as error:
            self._backlog.fail(error)
            if record.attempts or request in self._open:
                self._backlog.keep(record)
            else:
                self._backlog.count()

    def note(self, audit: Audit) -> None:
        for admitted in self._flood.admit(audit):
            self._note(admitted)

    def price(self, rows: Iterable[Price]) -> None:
        for row in rows:
            if self._priced.get(row.id) == row:
                continue
            self._priced[row.id] = row
            priced = Priced(_now_ms(), row)
            try:
                if self._backlog.failing:
                    self._catch_up()
                self._waiting_notes.append((self._write(priced, blank()), priced))
            except SpoolFailed as error:
                self._backlog.fail(error)
                self._backlog.keep(priced)

    def judge(self, feedback: Feedback) -> None:
        try:
            if self._backlog.failing:
                self._catch_up()
            at = self._write(feedback, blank())
        except SpoolFailed as error:
            self._backlog.fail(error)
            raise
        self._waiting_notes.append((at, feedback))

    async def flush(self) -> None:
        for audit in self._flood.release():
            self._note(audit)
        try:
            if self._backlog.failing:
                self._catch_up()
        finally:
            while self._waiting or self._moving or self._waiting_notes or self._moving_notes:
                await self._ingest()

    async def close(self) -> None:
        """Ingests what waits and gives the directory back. What could not be ingested is in the spool."""
        self._closing = True
        self._wake.set()
        try:
            if self._ticker is not None:
                await self._ticker
                self._ticker = None
            if self._spool is not None:
                await self.flush()
                if not self._open:
                    await self._on_thread(self._finish)
        except (SpoolFailed, sqlite3.Error, OSError) as error:
            log.error("the ledger closes with %d entries still to be taken in: %s", self.lag, self._told(error))
        finally:
            self._release()

    @property
    def lag(self) -> int:
        waiting = len(self._waiting) + len(self._moving)
        return waiting + len(self._waiting_notes) + len(self._moving_notes) + len(self._backlog.entries)

    async def decision(self, request: str, tenant: str | None) -> Record | None:
        kept = self._backlog.find(request)
        if kept is not None:
            return kept if tenant is None or kept.tenant == tenant else None
        row = self._waiting.get(request) or self._moving.get(request)
        if row is not None:
            if isinstance(row, int):
                row = await self._on_thread(self._row_at, self._spool_open(), row)
                if row is None:
                    return None
            record = row[1]
            return record if tenant is None or record.tenant == tenant else None
        return await self._on_thread(self._projection_open().decision, request, tenant)

    async def feedback(self, request: str) -> Feedback | None:
        for _, note in chain(reversed(self._waiting_notes), reversed(self._moving_notes)):
            if isinstance(note, Feedback) and note.request == request:
                return note
        return await self._on_thread(self._projection_open().feedback, request)

    async def totals(self, window: Window = EVERYTHING) -> Totals:
        return await self.ask(lambda connection: totals(connection, window))

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        await self.flush()
        return await self._on_thread(question, self._projection_open().connection)

    def keep(self, key: str, content: bytes) -> None:
        self._contents[key] = content

    async def contents(self, keys: Sequence[str]) -> dict[str, bytes]:
        written = await self._on_thread(self._projection_open().contents, keys)
        waiting = {**self._kept, **self._contents}
        return {**written, **{key: waiting[key] for key in keys if key in waiting}}

    def _append_record(self, record: Record) -> None:
        write, payload = self._write, blank()
        try:
            at = write(record, payload)
        except EntryTooLarge:
            record = slim(record)
            at = write(record, payload)
        request, waiting = record.request, self._waiting
        self._open.pop(request, None)
        there = len(waiting)
        waiting[request] = (at, record, payload) if there < IN_MEMORY else at
        if there == WAKE:
            self._wake.set()

    def _append_note(self, audit: Audit | Priced) -> None:
        try:
            at = self._write(audit, blank())
        except EntryTooLarge:
            if isinstance(audit, Priced):
                raise
            audit = slim_audit(audit)
            at = self._write(audit, blank())
        self._waiting_notes.append((at, audit))

    def _note(self, audit: Audit) -> None:
        try:
            if self._backlog.failing:
                self._catch_up()
            self._append_note(audit)
        except SpoolFailed as error:
            self._backlog.fail(error)
            self._backlog.keep_audit(audit)

    def _catch_up(self) -> None:
        """Writes what could not be written, or raises SpoolFailed, keeping the rest of it."""
        backlog = self._backlog
        while backlog.entries:
            entry = backlog.entries[0]
            if isinstance(entry, Record):
                self._append_record(entry)
            else:
                self._append_note(entry)
            backlog.entries.popleft()
        self._append_note(backlog.summary(_now_ms()))
        backlog.end()

    def _look(self) -> None:
        """Once a second: whether the files written to are still those in the state directory."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK
        spool, owner, database = self._spool_open(), self._owner, self._database
        if owner is None or database is None:
            return
        if owner.present() and spool.present() and is_at(self.path, database):
            return
        why = (
            f"files in {self._state_dir} were deleted or replaced while in use; restart fairlead to begin with new ones"
        )
        spool.refuse(why)
        self._backlog.fail(SpoolFailed(why))

    async def _tick(self) -> None:
        failing = False
        while not self._closing:
            try:
                async with asyncio.timeout(TICK):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            self._look()
            if time.time() > self._flood.second + 1:
                for audit in self._flood.release():
                    self._note(audit)
            if self._backlog.failing:
                with suppress(SpoolFailed):
                    self._catch_up()
            try:
                await self._ingest()
                failing = False
            except (sqlite3.Error, OSError) as error:
                if not failing:
                    log.error("the ledger cannot take in %d entries yet: %s", self.lag, self._told(error))
                failing = True
                await asyncio.sleep(TICK)

    async def _ingest(self) -> None:
        """Takes in one batch; after a failure the same batch again."""
        async with self._turn:
            if not self._moving and not self._moving_notes:
                self._take()
            if not self._moving and not self._moving_notes:
                return
            await self._on_thread(self._commit)
            self._moving, self._moving_notes, self._kept = {}, [], {}

    def _take(self) -> None:
        self._moving_notes, self._waiting_notes = self._waiting_notes, []
        self._kept, self._contents = {**self._kept, **self._contents}, {}
        self._reached = self._spool_open().position
        if len(self._waiting) <= BATCH:
            self._moving, self._waiting = self._waiting, {}
            return
        items = list(self._waiting.items())
        self._moving, self._waiting = dict(items[:BATCH]), dict(items[BATCH:])
        following = items[BATCH][1]
        self._reached = following if isinstance(following, int) else following[0]

    def _commit(self) -> None:
        """On the ledger's thread: the moving batch and the checkpoint in one transaction, then old segments go."""
        spool = self._spool_open()
        rows = [row if isinstance(row, tuple) else self._row_at(spool, row) for row in self._moving.values()]
        found = [row for row in rows if row is not None]
        if self._kept:
            self._projection_open().keep(self._kept, _now_ms())
        before, _ = self._projection_open().checkpoint()
        segment, offset = segment_of(self._reached), offset_of(self._reached)
        self._projection_open().ingest(found, self._moving_notes, segment, offset)
        if segment > before:
            spool.drop_before(segment)
        if time.monotonic() >= self._prune_at and not self._prune(self._projection_open(), _now_ms()):
            self._prune_at = time.monotonic() + PRUNE

    def _prune(self, projection: Projection, now_ms: int) -> bool:
        """Whether there is more that is too old."""
        more = projection.prune(now_ms - self._decisions_ms)
        return projection.retire(now_ms, 0 if self._records_ms is None else now_ms - self._records_ms) or more

    def _row_at(self, spool: Spool, at: int) -> Row | None:
        """None where somebody has deleted or cut the segment: what is lost must not keep out what is not."""
        try:
            payload = spool.read_at(at)
            return at, _record(payload), payload
        except (FileNotFoundError, struct.error, msgspec.DecodeError) as error:
            log.error("a record in segment %d of the spool is lost: %s", segment_of(at), error)
            return None

    def _recover(self) -> None:
        try:
            self._take_over()
        except sqlite3.Error as error:
            raise unreadable(str(self.path), error) from error
        except OSError as error:
            raise StateError(f"cannot read what is in {self._state_dir}: {error}") from error

    def _take_over(self) -> None:
        projection = self._projection = Projection(self.path)
        self._database = self.path.stat()
        replay = Replay(self._state_dir / SPOOL, projection)
        replay.ingest()
        spool = Spool(self._state_dir / SPOOL, replay.next_segment, self._open_intents, self._segment_bytes)
        self._spool, self._write = spool, spool.write
        rows: list[Row] = []
        notes: list[Note] = []
        now_ms = _now_ms()
        for intents in replay.unsettled.values():
            record, audit = lost(list(intents.values()), now_ms, self._version)
            at, payload = spool.append(record)
            rows.append((at, record, payload))
            notes.append((spool.append(audit)[0], audit))
        for damage in replay.damage:
            notes.extend(self._report(spool, damage, now_ms))
        projection.ingest(rows, notes, spool.segment, spool.offset)
        spool.drop_before(spool.segment)
        self._priced = {row.id: row for row in prices(projection.connection).values()}
        self.recovered = Recovered(replay.rows, len(rows), tuple(replay.damage))
        if rows:
            log.warning("in flight when the last process ended, now flagged as estimates: %d", len(rows))

    def _report(self, spool: Spool, damage: Damage, now_ms: int) -> Iterator[Note]:
        place = f"segment {damage.segment}, offset {damage.offset}, {damage.size} bytes"
        if damage.torn:
            log.warning("the last entry of the spool was cut short (%s)", place)
            return
        log.error("THE SPOOL IS DAMAGED (%s): what stood there is lost, everything after it was read", place)
        audit = Audit(now_ms, "damaged", "", "", "", f"spool {place}")
        yield spool.append(audit)[0], audit

    def _told(self, error: Exception) -> Exception:
        return unreadable(str(self.path), error) if isinstance(error, sqlite3.Error) else error

    def _open_intents(self) -> Iterator[Intent]:
        for intents in self._open.values():
            yield from intents

    def _finish(self) -> None:
        spool = self._spool_open()
        spool.close()
        spool.drop_before(spool.segment + 1)

    def _release(self) -> None:
        self._thread.shutdown(wait=True)
        if self._spool is not None:
            self._spool.close()
            self._spool, self._write = None, _not_open
        if self._projection is not None:
            self._projection.close()
            self._projection = None
        if self._owner is not None and self._owns:
            self._owner.release()
            self._owner = None

    def _spool_open(self) -> Spool:
        if self._spool is None:
            raise StateError("the ledger is not open")
        return self._spool

    def _projection_open(self) -> Projection:
        if self._projection is None:
            raise StateError("the ledger is not open")
        return self._projection

    async def _on_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _not_open(entry: Entry, payload: bytearray) -> int:
    raise StateError("the ledger is not open")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
