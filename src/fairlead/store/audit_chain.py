"""The chain: every administrative act in rows that hang on one another, so that what was done to them later shows.

A row's hash is SHA-256 over the hash before it and the row's own content; the first hangs on 32 zero bytes. `verify`
computes all of them anew. A row that was changed, taken out, put in or moved is found as the first that does not fit.

Rows cut off the end leave a chain that fits. That shows only by a head (number and hash of the last row) kept elsewhere:
in the file `audit.head` beside the database, in the ledger, or wherever an operator notes what `fairlead audit --verify`
prints. Who can write to all of these, and computes every hash anew, is found only by the noted one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec

FIRST = bytes(32)
LONGEST = 2000
"""Characters of a row's detail."""
TABLE = (
    """CREATE TABLE acts (
        seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, actor TEXT NOT NULL, tenant TEXT NOT NULL,
        subject TEXT NOT NULL, detail TEXT NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL)""",
    "CREATE TRIGGER acts_stay BEFORE DELETE ON acts BEGIN SELECT RAISE(ABORT, 'acts are only added'); END",
    "CREATE TRIGGER acts_hold BEFORE UPDATE ON acts BEGIN SELECT RAISE(ABORT, 'acts are only added'); END",
)
BROKEN = "chain_broken"
"""The kind of a row that says that the chain before it does not reach a head kept elsewhere."""
COLUMNS = "seq, at_ms, kind, actor, tenant, subject, detail"


class Act(msgspec.Struct, frozen=True):
    """What somebody did. `tenant` is whose it concerns; empty for what concerns the whole gateway."""

    kind: str
    actor: str
    tenant: str
    subject: str
    detail: str = ""


class Row(msgspec.Struct, frozen=True):
    seq: int
    at_ms: int
    kind: str
    actor: str
    tenant: str
    subject: str
    detail: str
    hash: str = ""
    """In hexadecimal."""


class Head(msgspec.Struct, frozen=True):
    """The last row there was at some time, and where that was kept."""

    seq: int
    hash: str
    kept: str = ""


class Checked(msgspec.Struct, frozen=True):
    rows: int
    head: Head
    broken: int | None = None
    """The first row that does not fit; None where all do."""
    why: str = ""
    found: tuple[str, ...] = ()
    """What rows tell of a chain that did not fit when they were added."""


class Asked(msgspec.Struct, frozen=True):
    """Which acts: the latest first, from below `before`."""

    before: int | None = None
    limit: int = 100
    kind: str = ""
    actor: str = ""
    tenant: str | None = None
    search: str = ""


def append(connection: sqlite3.Connection, act: Act, at_ms: int) -> Head:
    """Within the transaction of what it tells of, where that is one."""
    last = head(connection)
    seq, previous = last.seq + 1, bytes.fromhex(last.hash)
    told = (_plain(act.kind), _plain(act.actor), _plain(act.tenant), _plain(act.subject), _plain(act.detail)[:LONGEST])
    found = _hash(previous, (seq, at_ms, *told))
    connection.execute("INSERT INTO acts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (seq, at_ms, *told, previous, found))
    return Head(seq, found.hex())


def resume(connection: sqlite3.Connection, kept: Head, at_ms: int) -> None:
    """Before the first act of a process: where the chain does not hold the head that was kept, it says so from now on."""
    row = connection.execute("SELECT hash FROM acts WHERE seq = ?", (kept.seq,)).fetchone()
    if kept.seq and (row is None or bytes(row[0]).hex() != kept.hash):
        words = f"{kept.kept} told of row {kept.seq} with hash {kept.hash}"
        append(connection, Act(BROKEN, "", "", "chain", words), at_ms)


def head(connection: sqlite3.Connection) -> Head:
    row = connection.execute("SELECT seq, hash FROM acts ORDER BY seq DESC LIMIT 1").fetchone()
    return Head(0, FIRST.hex()) if row is None else Head(row[0], bytes(row[1]).hex())


def page(connection: sqlite3.Connection, asked: Asked) -> list[Row]:
    """`search` is looked for as it stands: no character of it means any other."""
    sql = (
        f"SELECT {COLUMNS}, lower(hex(hash)) FROM acts WHERE (?1 IS NULL OR seq < ?1) AND (?2 = '' OR kind = ?2) "
        "AND (?3 = '' OR actor = ?3) AND (?4 IS NULL OR tenant = ?4) "
        "AND (?5 = '' OR instr(lower(kind || char(10) || actor || char(10) || subject || char(10) || detail), lower(?5)))"
        " ORDER BY seq DESC LIMIT ?6"
    )
    values = (asked.before, asked.kind, asked.actor, asked.tenant, asked.search, asked.limit)
    return [Row(*row) for row in connection.execute(sql, values)]


def verify(connection: sqlite3.Connection, heads: Iterable[Head] = ()) -> Checked:
    """`heads` are those kept elsewhere: each has to be a row of the chain."""
    kept: dict[int, list[Head]] = {}
    for one in heads:
        kept.setdefault(one.seq, []).append(one)
    seq, previous, told_of = 0, FIRST, []
    for found, at_ms, kind, actor, tenant, subject, detail, before, told in _rows(connection):
        seq += 1
        if found != seq:
            return _broken(seq, previous, f"row {seq} is missing: row {found} stands in its place")
        if before != previous:
            return _broken(seq, previous, f"row {seq} does not hang on the row before it")
        if told != _hash(previous, (seq, at_ms, kind, actor, tenant, subject, detail)):
            return _broken(seq, previous, f"row {seq} is not what it was when it was written")
        previous = told
        if kind == BROKEN:
            told_of.append(f"row {seq} tells: {detail}")
        for one in kept.pop(seq, ()):
            if one.hash != told.hex():
                return _broken(seq, previous, f"row {seq} has another hash than {one.kept} tells")
    lost = [one for ones in kept.values() for one in ones if one.seq > seq]
    if lost:
        first = min(lost, key=lambda one: one.seq)
        return _broken(seq + 1, previous, f"the chain ends with row {seq}; {first.kept} tells of row {first.seq}")
    return Checked(seq, Head(seq, previous.hex()), found=tuple(told_of))


def _broken(seq: int, previous: bytes, why: str) -> Checked:
    return Checked(seq - 1, Head(seq - 1, previous.hex()), seq, why)


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[int, int, str, str, str, str, str, bytes, bytes]]:
    for row in connection.execute(f"SELECT {COLUMNS}, previous, hash FROM acts ORDER BY seq"):
        yield (*row[:-2], bytes(row[-2]), bytes(row[-1]))


def _hash(previous: bytes, content: tuple[object, ...]) -> bytes:
    return sha256(previous + msgspec.json.encode(content)).digest()


def _plain(text: str) -> str:
    """What has a place in UTF-8, and no NUL, at which SQLite's functions end a text."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
