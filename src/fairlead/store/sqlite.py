"""The ledger's projection in SQLite: what the spool says, in a form that answers questions.

Rules:
- One connection writes, and one thread at a time uses it.
- A batch and the checkpoint it reaches are one transaction; every row has a unique id, so a batch taken in
  twice changes nothing, and of two records of one request the first one stays.
- What waits to be added to the sums is in memory and in the records: after a failure it is read from these.
- The whole record lies beside its columns as the spool's own bytes: nothing is encoded twice.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from fairlead.core.cost import is_plain
from fairlead.core.record import Attempt, Audit, Feedback, Priced, Record
from fairlead.errors import StateError
from fairlead.store import budgets, calls, feedback, prices, reuses, rollups, tally, trials
from fairlead.store.lines import input_cost, written
from fairlead.store.migrations import PAGE_SIZE, migrate
from fairlead.store.progress import Progress, silent
from fairlead.store.spool import Payload
from fairlead.store.statements import insert, insert_flat, shape
from fairlead.store.tally import NOTHING, Tally
from fairlead.store.terms import KEPT, Terms, with_terms
from fairlead.store.window import DAY_MS

Row = tuple[int, Record, Payload]
"""Position, record and its payload."""
Note = tuple[int, Audit | Feedback | Priced]

WAL_BYTES = 16 << 20
BUSY_MS = 5_000
REQUEST = with_terms(
    "column1, column2, column3, key, tenant, model, task, purpose, operation, outcome, column4, column5, column6, column7, team",
    number=8,
)
REQUEST_VALUES = shape(8)
"""What is bound for it, of which the last is the number of its terms."""
PLAIN = with_terms(
    "column1, column1, 1, attempted, channel, provider, 'ok', 'USD', column2, column3, column4, 0, 0, 0, 0, 0, NULL, "
    "price_row, column2, column5, 0, 0, 0, 0, column6",
    number=7,
)
"""The row of a first attempt that went well and was paid in USD, with tokens in and out and nothing else: most are such."""
PLAIN_VALUES = shape(7)
ATTEMPT = shape(25)
PRUNED = 100
"""Old records that lose their decision at a time."""

_tuple = msgspec.structs.astuple
_record = msgspec.msgpack.Decoder(Record).decode
_msgpack = msgspec.msgpack.Encoder().encode


def file_of(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA database_list").fetchone()[2]) or ":memory:"


def unreadable(where: str, error: sqlite3.Error) -> StateError:
    """What to say of a database that cannot be used. Nothing is repaired or deleted here."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StateError(f"cannot use the ledger {where}: {error}")
    return StateError(
        f"the ledger {where} is damaged ({error}): move it away, with {where}-wal and {where}-shm if they are there, "
        "and start again. A new one takes in what the spool still holds; what only the damaged file holds, "
        "sqlite3's .recover may bring back, or a backup"
    )


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that can neither change nor checkpoint the database. StateError if there is none.

    Where the log's own files are absent and cannot be made, nobody is writing: the database is read as it lies.
    """
    if not path.exists():
        raise StateError(f"there is no ledger at {path}; it appears with the first start of the gateway")
    effective = os.access in os.supports_effective_ids
    writable = os.access(path.parent, os.W_OK, effective_ids=effective)
    at_rest = not writable and not path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro&immutable=1" if at_rest else "mode=ro"
    try:
        return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise unreadable(str(path), error) from error


def _begin(path: Path) -> None:
    """A new database is for its owner alone, and so are its log files: SQLite gives them its mode. One that is there is
    not touched: closing a file ends every lock that this process has on it."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return


class Projection:
    """The writing connection. `path` None keeps everything in memory."""

    def __init__(self, path: Path | None) -> None:
        where = ":memory:" if path is None else str(path)
        try:
            if path is not None:
                _begin(path)
            self.connection = sqlite3.connect(
                where,
                timeout=BUSY_MS / 1000,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=128,
            )
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"cannot open the ledger {where}: {error}") from error
        ready = False
        try:
            self._prepare(where)
            ready = True
        except sqlite3.Error as error:
            raise unreadable(where, error) from error
        finally:
            if not ready:
                self.connection.close()
        self._waiting: Tally | None = None
        self._terms = Terms(self.connection)

    def _prepare(self, where: str) -> None:
        self.connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_BYTES // PAGE_SIZE}")
        self.connection.execute("PRAGMA cache_size = -16000")
        self.connection.execute("PRAGMA temp_store = MEMORY")
        migrate(self.connection, where)

    def close(self) -> None:
        self.connection.close()

    def checkpoint(self) -> tuple[int, int]:
        """(segment, offset) up to which the spool is taken in."""
        return self._only("checkpoint", "segment, offset")

    def ingest(self, rows: Sequence[Row], notes: Sequence[Note], segment: int, offset: int) -> None:
        """Takes a batch in, in the order of its positions, and moves the checkpoint, or does neither and raises
        sqlite3.Error."""
        execute = self.connection.execute
        if len(self._terms) > KEPT:
            self._terms.forget()
        execute("BEGIN IMMEDIATE")
        try:
            before = self._waited()
            waiting = self._sum(self._requests(self._unknown(rows)), before)
            insert(self.connection, "audit", [(at, *_tuple(note)) for at, note in notes if isinstance(note, Audit)])
            feedback.write(self.connection, ((at, note) for at, note in notes if isinstance(note, Feedback)))
            prices.write(self.connection, ((at, note) for at, note in notes if isinstance(note, Priced)))
            execute("UPDATE checkpoint SET segment = ?, offset = ?", (segment, offset))
            execute("COMMIT")
            self._waiting = waiting
        finally:
            if self.connection.in_transaction:
                execute("ROLLBACK")
            if self._waiting is None:
                self._terms.forget()

    def decision(self, request: str, tenant: str | None) -> Record | None:
        sql = "SELECT record FROM requests WHERE id = ?1 AND (?2 IS NULL OR tenant = ?2)"
        row = self.connection.execute(sql, (request, tenant)).fetchone()
        return None if row is None else _record(row[0])

    def feedback(self, request: str) -> Feedback | None:
        return feedback.feedback_of(self.connection, request)

    def keep(self, contents: Mapping[str, bytes], now_ms: int) -> None:
        """What decisions refer to; what is there already counts as in force again."""
        sql = "INSERT INTO contents VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)"
        self._all_or_nothing(sql, [(key, now_ms, content) for key, content in contents.items()])

    def contents(self, keys: Sequence[str]) -> dict[str, bytes]:
        return contents(self.connection, keys)

    def prune(self, before_ms: int) -> bool:
        """Takes the decision out of some of the records from before that time; whether there are more. What is needed
        to make one again goes with the last that may need it."""
        at_ms, seq = self._only("pruned", "at_ms, seq")
        sql = (
            "SELECT seq, at_ms, record FROM requests WHERE at_ms < ?1 AND (at_ms, seq) > (?2, ?3) "
            "ORDER BY at_ms, seq LIMIT ?4"
        )
        rows = self.connection.execute(sql, (before_ms, at_ms, seq, PRUNED)).fetchall()
        slimmer = []
        for row, _, payload in rows:
            record = _record(payload)
            if record.decision is not None or record.signals:
                kept = msgspec.structs.replace(record, decision=None, signals=())
                slimmer.append((_msgpack(kept), row))
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            self.connection.executemany("UPDATE requests SET record = ? WHERE seq = ?", slimmer)
            if rows:
                execute("UPDATE pruned SET at_ms = ?, seq = ?", (rows[-1][1], rows[-1][0]))
            execute("DELETE FROM contents WHERE at_ms < ? AND key NOT GLOB 'config/*'", (before_ms - DAY_MS,))
            execute("COMMIT")
        finally:
            if self.connection.in_transaction:
                execute("ROLLBACK")
        return len(rows) == PRUNED

    def retire(self, now_ms: int, before_ms: int) -> bool:
        """Lets go of sums by the minute that are old, and of some of the records from before that time; whether there are
        more. The sums by hour and day stay."""
        execute = self.connection.execute
        before_ms -= before_ms % DAY_MS
        execute("BEGIN IMMEDIATE")
        try:
            self._waited().write(self.connection)
            rollups.forget_minutes(self.connection, now_ms)
            execute("UPDATE kept SET records_ms = max(records_ms, ?)", (before_ms,))
            sql = "SELECT seq FROM requests WHERE at_ms < ? ORDER BY at_ms LIMIT ?"
            old = execute(sql, (before_ms, PRUNED)).fetchall()
            own = "SELECT seq FROM attempts WHERE seq BETWEEN ?1 AND ?1 + 255 AND +request = ?1"
            for table, which in (
                ("tiers", own),
                ("calls", own),
                ("attempts", own),
                ("tags", "?1"),
                ("reuses", "?1"),
                ("trials", "?1"),
                ("requests", "?1"),
            ):
                self.connection.executemany(f"DELETE FROM {table} WHERE seq IN ({which})", old)
            execute("DELETE FROM feedback WHERE at_ms < ?", (before_ms,))
            more = len(old) == PRUNED
            execute("DELETE FROM meta WHERE key = ?", (rollups.RETIRING,))
            if more:
                execute("INSERT INTO meta VALUES (?, ?)", (rollups.RETIRING, str(before_ms)))
            execute("COMMIT")
        finally:
            if self.connection.in_transaction:
                execute("ROLLBACK")
        return more

    def rebuild(self, progress: Progress = silent) -> None:
        """The sums anew."""
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            tally.rebuild(self.connection, progress)
            budgets.rebuild(self.connection, rollups.horizons(self.connection).records)
            execute("COMMIT")
        finally:
            if self.connection.in_transaction:
                execute("ROLLBACK")

    def _only(self, table: str, columns: str) -> tuple[int, int]:
        row: tuple[int, int] | None = self.connection.execute(f"SELECT {columns} FROM {table}").fetchone()
        if row is None:
            raise StateError(f"table {table} of the ledger: its only row is gone; take the ledger of a backup")
        return row

    def _all_or_nothing(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            self.connection.executemany(sql, rows)
            execute("COMMIT")
        finally:
            if self.connection.in_transaction:
                execute("ROLLBACK")

    def _unknown(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Those that are not there already: sums must not be added to twice."""
        (last,) = self.connection.execute("SELECT coalesce(max(seq), -1) FROM requests").fetchone()
        if rows and rows[0][0] > last:  # they come in order, and mostly behind all that is there
            return rows
        present = "SELECT 1 FROM requests WHERE seq = ?"
        return [row for row in rows if row[0] > last or not self.connection.execute(present, (row[0],)).fetchone()]

    def _requests(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Those that were added; of each also what hangs on it."""
        connection = self.connection
        apart = _apart(rows, self._terms)
        if insert_flat(connection, "requests", REQUEST_VALUES, apart.requests, source=REQUEST) < len(rows):
            present = "SELECT 1 FROM requests WHERE seq = ? AND id = ?"
            rows = [row for row in rows if connection.execute(present, (row[0], row[1].request)).fetchone()]
            apart = _apart(rows, self._terms)
        insert_flat(connection, "attempts", PLAIN_VALUES, apart.plain, source=PLAIN)
        insert_flat(connection, "attempts", ATTEMPT, apart.others)
        insert(connection, "tiers", apart.paid)
        insert(connection, "tags", [(at, tag) for at, record in apart.more for tag in record.tags])
        reuses.write(connection, apart.more)
        trials.write(connection, apart.more)
        calls.write(connection, apart.called.items())
        return rows

    def _waited(self) -> Tally:
        """The sums of what was taken in before and is not written to the tables of sums."""
        there, self._waiting = self._waiting, None
        if there is None or there.since != rollups.horizons(self.connection).rolled:
            return tally.waiting(self.connection)
        return there

    def _sum(self, rows: Sequence[Row], sums: Tally) -> Tally:
        """Adds records to what waits; returns what waits now."""
        budgets.write(self.connection, sums.take(rows))
        if sums.requests < rollups.TOGETHER and (not rows or rows[0][0] > sums.since):
            return sums
        sums.write(self.connection)
        return Tally(rollups.horizons(self.connection).rolled)


def contents(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, bytes]:
    sql = f"SELECT key, content FROM contents WHERE key IN ({', '.join('?' * len(keys))})"
    return dict(connection.execute(sql, list(keys)))


def paid_by_tier(seq: int, record: Record, attempt: Attempt) -> tuple[int, int, str, str, str, int]:
    """The row of table `tiers` of an attempt that a tier paid for."""
    return seq, attempt.started_ms, record.tenant, attempt.purse or record.policy, attempt.tier, attempt.spent


class _Apart(NamedTuple):
    """What is told of requests and attempts, by where it goes. The first three hold the values of one row after another."""

    requests: list[object]
    plain: list[object]
    others: list[object]
    paid: list[tuple[object, ...]]
    called: dict[int, Record]
    more: list[tuple[int, Record]]
    """Records with tags, a decision, or an answer given again."""


def _apart(rows: Iterable[Row], terms: Terms) -> _Apart:
    """The fields of Usage stand in the order of the columns: `input` to `estimated`, then `image_input` and on; what tools
    were used has a table of its own."""
    apart = _Apart([], [], [], [], {}, [])
    requests, plain, others, paid, called, more = apart
    for first, record, payload in rows:
        attempts = record.attempts
        leading = attempts[0] if attempts else NOTHING
        number = terms[
            record.key, record.tenant, record.model, record.task, record.purpose, record.operation, record.outcome,
            record.team, leading.model, leading.channel, leading.provider, leading.price_row,
        ]  # fmt: skip
        requests += (
            first, record.request, record.at_ms, record.cost, record.baseline_cost, record.total_ms, payload, number,
        )  # fmt: skip
        if record.tags or record.decision is not None or record.reuse is not None:
            more.append((first, record))
        at = first
        for one in attempts:
            usage, of_input = one.usage, input_cost(one.lines)
            if (
                of_input is not None
                and one is leading
                and one.number == 1
                and one.outcome == "ok"
                and one.currency == "USD"
                and one.usd is None
                and not usage.estimated
                and is_plain(usage)
            ):
                plain += (at, one.cost, usage.input, usage.output, one.expected, of_input, number)
            else:
                told = written(one.lines).decode() if of_input is None else None
                used = _tuple(usage)
                others += (
                    at, first, one.number, one.model, one.channel, one.provider, one.outcome, one.currency, one.cost,
                    *used[:6], int(usage.estimated), told, one.price_row, one.spent, one.expected, *used[7:11], of_input,
                )  # fmt: skip
                if usage.calls:
                    called[first] = record
            if one.tier:
                paid.append(paid_by_tier(at, record, one))
            at += 1
    return apart
