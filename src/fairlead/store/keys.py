"""The register: issued keys, and the chain of administrative acts, in a database of its own, `admin.db`.

It is no part of the ledger's, which may be moved away and built anew: who may ask must not hang on that. A key stands here
as its digest with the pepper, never as itself. A change and the act that tells of it are one transaction, on disk when it
returns; the act's row in the chain ends with the key's id and the SHA-256 of what stands here from then on, so that a key
that was written into the file by other means, changed there or taken out is found, and refused.

One thread at a time uses it, of the process that owns the state directory. The file is made with the first act.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from fairlead.core.grants import Grant
from fairlead.errors import StateError
from fairlead.store import audit_chain
from fairlead.store.audit_chain import Act, Asked, Checked, Head, Row

FILE = "admin.db"
HEAD = "audit.head"
ISSUED = "key_issued"
"""The kind of the row that begins a key."""
OPENED = "door_opened"
"""Of the row that lets requests in without a key again."""
VERSION = 1
TABLES = (
    "CREATE TABLE keys (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, content BLOB NOT NULL, "
    "UNIQUE (tenant, name)) WITHOUT ROWID",
    *audit_chain.TABLE,
)


class Former(msgspec.Struct, frozen=True):
    """A secret that another has taken the place of, and that still opens until then."""

    digest: bytes
    prefix: str
    until_ms: int


class IssuedKey(msgspec.Struct, frozen=True):
    id: str
    grant: Grant
    digest: bytes
    prefix: str
    """What of it may be seen."""
    created_ms: int
    creator: str
    disabled: bool = False
    former: tuple[Former, ...] = ()


BOUND = re.compile(r"\[(\S{1,100}) ([0-9a-f]{64}|gone)\]$")
"""How the detail of a row ends that tells of a key."""
GONE = "gone"
WORDS = 1_500
"""Characters of such a detail before that."""

log = logging.getLogger("fairlead.administration")
_key = msgspec.msgpack.Decoder(IssuedKey).decode


class Told(msgspec.Struct, frozen=True):
    """What the chain tells of issued keys."""

    contents: dict[str, str]
    """By id, the digest of what stands of a key; empty for one that was deleted."""
    grantors: dict[str, frozenset[str]]
    """By what a key is called, who issued keys of that name."""
    shut: bool = False
    """Whether keys were issued since the door was opened last, if ever it was; those that were deleted count."""


class NameTaken(Exception):
    """Another key of the tenant is called so."""


class Register:
    def __init__(self, folder: Path | None) -> None:
        """None keeps everything in memory."""
        self.folder = folder
        self._connection: sqlite3.Connection | None = None
        self._resumed = False

    def issued(self) -> list[IssuedKey]:
        if self._connection is None and not self.is_there():
            return []
        return [_key(row[0]) for row in self._open().execute("SELECT content FROM keys ORDER BY tenant, name")]

    def unbound(self) -> dict[str, str]:
        """By id, the keys that do not stand as the chain tells, and in what."""
        if self._connection is None and not self.is_there():
            return {}
        return _unbound(self._open(), self.told().contents)

    def told(self) -> Told:
        return _told(self._open()) if self._connection is not None or self.is_there() else Told({}, {})

    def of_kinds(self, kinds: tuple[str, ...]) -> list[Act]:
        """The acts of these kinds, in their order."""
        if not self.is_there():
            return []
        sql = f"SELECT kind, actor, tenant, subject, detail FROM acts WHERE kind IN ({', '.join('?' * len(kinds))}) ORDER BY seq"
        return [Act(*row) for row in self._open().execute(sql, kinds)]

    def put(self, key: IssuedKey, act: Act) -> Head:
        """A new one, or in the place of the one with its id. Raises NameTaken."""
        content = msgspec.msgpack.encode(key)
        return self._done(_bound(act, key.id, _digest(content)), lambda connection: _put(connection, key, content))

    def remove(self, key_id: str, act: Act) -> Head:
        delete = "DELETE FROM keys WHERE id = ?"
        return self._done(_bound(act, key_id, GONE), lambda connection: connection.execute(delete, (key_id,)))

    def note(self, act: Act) -> Head:
        return self._done(act, lambda connection: None)

    def acts(self, asked: Asked) -> list[Row]:
        return audit_chain.page(self._open(), asked) if self.is_there() else []

    def head(self) -> Head:
        return audit_chain.head(self._open())

    def verify(self, heads: tuple[Head, ...] = ()) -> Checked:
        """Against those heads and the one beside the database."""
        own = self._head()
        told = (*heads, own) if own is not None else heads
        if not self.is_there():
            lost = [one for one in told if one.seq]
            empty = Head(0, audit_chain.FIRST.hex())
            return (
                Checked(0, empty, 1, f"there is no chain; {lost[0].kept} tells of row {lost[0].seq}")
                if lost
                else (Checked(0, empty))
            )
        found = audit_chain.verify(self._open(), told)
        odd = tuple(f"key {key_id}: {why}" for key_id, why in self.unbound().items())
        return msgspec.structs.replace(found, found=(*found.found, *odd))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _done(self, act: Act, change: Callable[[sqlite3.Connection], object]) -> Head:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not self._resumed and (kept := self._head()) is not None:
                audit_chain.resume(connection, kept, _now_ms())
            change(connection)
            head = audit_chain.append(connection, act, _now_ms())
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        self._resumed = True
        self._keep_head(head)
        return head

    def is_there(self) -> bool:
        return self._connection is not None or (self.folder is not None and (self.folder / FILE).exists())

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            where = ":memory:" if self.folder is None else str(self.folder / FILE)
            if self.folder is not None:
                with suppress(FileExistsError):
                    os.close(os.open(where, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            connection = sqlite3.connect(where, isolation_level=None, check_same_thread=False)
            ready = False
            try:
                _prepare(connection, where)
                ready = True
            finally:
                if not ready:
                    connection.close()
            self._connection = connection
        return self._connection

    def _keep_head(self, head: Head) -> None:
        """Behind the chain where the process ends just now or the disk is full, never before it."""
        if self.folder is None:
            return
        new = self.folder / f"{HEAD}.new"
        try:
            new.write_bytes(msgspec.json.encode(msgspec.structs.replace(head, kept=HEAD)))
            os.chmod(new, 0o600)
            os.replace(new, self.folder / HEAD)
        except OSError as problem:
            log.error("%s cannot be written: %s", self.folder / HEAD, problem.strerror)

    def _head(self) -> Head | None:
        if self.folder is None:
            return None
        try:
            return msgspec.json.decode((self.folder / HEAD).read_bytes(), type=Head)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError:
            return Head(1 << 62, "", f"{HEAD}, which is damaged,")


def _bound(act: Act, key_id: str, digest: str) -> Act:
    return msgspec.structs.replace(act, detail=f"{act.detail[:WORDS]} [{key_id} {digest}]".lstrip())


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _told(connection: sqlite3.Connection) -> Told:
    contents: dict[str, str] = {}
    grantors: dict[str, frozenset[str]] = {}
    shut = False
    for kind, actor, subject, detail in connection.execute(
        "SELECT kind, actor, subject, detail FROM acts ORDER BY seq"
    ):
        found = BOUND.search(detail)
        if found is not None:
            contents[found[1]] = "" if found[2] == GONE else found[2]
        if kind == OPENED:
            shut = False
        elif kind == ISSUED:
            shut = True
            called = subject.rpartition(" (")[0]
            grantors[called] = grantors.get(called, frozenset()) | {actor}
    return Told(contents, grantors, shut)


def _unbound(connection: sqlite3.Connection, told: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    there = set()
    for key_id, tenant, name, content in connection.execute("SELECT id, tenant, name, content FROM keys"):
        there.add(key_id)
        digest = told.get(key_id)
        key = _key(content)
        if digest is None:
            found[key_id] = "no row of the audit log tells of it"
        elif digest != _digest(content) or (key.id, key.grant.tenant, key.grant.name) != (key_id, tenant, name):
            found[key_id] = "it does not stand as the audit log tells"
    for key_id, digest in told.items():
        if digest and key_id not in there:
            found[key_id] = "it is gone, and no row of the audit log tells of that"
    return found


def _put(connection: sqlite3.Connection, key: IssuedKey, content: bytes) -> None:
    place = (key.grant.tenant, key.grant.name)
    taken = "SELECT 1 FROM keys WHERE tenant = ? AND name = ? AND id <> ?"
    if connection.execute(taken, (*place, key.id)).fetchone() is not None:
        raise NameTaken
    connection.execute("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)", (key.id, *place, content))


def _prepare(connection: sqlite3.Connection, where: str) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise StateError(
            f"{where} was written by a newer fairlead; upgrade, or set server.state_dir to another directory"
        )
    if found < VERSION:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:  # nobody was faster
            for statement in TABLES:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
