"""Administration: what those who run the gateway do, written down; and the issued keys, which are such acts.

The register is used by a thread of its own, in the order in which it is asked. A change of a key is on disk, with the act
that tells of it, before anybody is told so. Other acts (switching a model off, taking up a configuration) have their own
places; what is told of them here follows a moment later, and one that cannot be written is complained of in the log.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from fairlead.core.record import Audit
from fairlead.errors import BadRequest, StateError
from fairlead.store.audit_chain import Act, Asked, Checked, Head, Row
from fairlead.store.keys import IssuedKey, Register, Told

KIND = "administration"
"""Of the ledger's audits: each tells of a head of the chain."""

FOR_GOOD = "until it is switched on"
UNTOLD = "found so at a start"
TOLD = ("switched_off", "switched_on", "reloaded", "rolled_back")

HASH = re.compile("[0-9a-f]{64}")

T = TypeVar("T")
log = logging.getLogger("fairlead.administration")


class Administration:
    def __init__(self, folder: Path | None, told: Callable[[Act, Head], None]) -> None:
        self._register = Register(folder)
        self._told = told
        """Called on the loop with each act that is written."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="fairlead-administration")
        self._writing: set[asyncio.Task[None]] = set()

    async def keys(self) -> list[IssuedKey]:
        return await self._on_thread(self._register.issued) if self._register.is_there() else []

    async def unbound(self) -> dict[str, str]:
        """By id, the keys that do not stand as the chain tells, and in what."""
        return await self._on_thread(self._register.unbound) if self._register.is_there() else {}

    async def told(self) -> Told:
        return await self._on_thread(self._register.told) if self._register.is_there() else Told({}, {})

    async def reconcile(self, off: AbstractSet[str], version: str) -> None:
        """What is in force and was never told of is told of now: the process before this one died in between, or somebody
        has written into the state directory."""
        told = await self._on_thread(lambda: self._register.of_kinds(TOLD)) if self._register.is_there() else []
        for act in untold(told, off, version):
            self.note(act)

    async def head(self) -> Head | None:
        """Of what was done so far; None where nothing was."""
        return await self._on_thread(self._register.head) if self._register.is_there() else None

    async def put(self, key: IssuedKey, act: Act) -> None:
        self._told(act, await self._on_thread(lambda: self._register.put(key, act)))

    async def remove(self, key_id: str, act: Act) -> None:
        self._told(act, await self._on_thread(lambda: self._register.remove(key_id, act)))

    async def write(self, act: Act) -> None:
        self._told(act, await self._on_thread(lambda: self._register.note(act)))

    def note(self, act: Act) -> None:
        """Soon, for who cannot wait."""
        task = asyncio.get_running_loop().create_task(self._note(act))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def acts(self, asked: Asked) -> list[Row]:
        await self._written()
        return await self._on_thread(lambda: self._register.acts(asked))

    async def verify(self, heads: tuple[Head, ...]) -> Checked:
        await self._written()
        return await self._on_thread(lambda: self._register.verify(heads))

    async def close(self) -> None:
        await self._written()
        self._thread.shutdown(wait=True)
        self._register.close()

    async def _note(self, act: Act) -> None:
        try:
            await self.write(act)
        except StateError as problem:
            log.error("%s of %s by %s is not in the audit log: %s", act.kind, act.subject, act.actor, problem)

    async def _written(self) -> None:
        if self._writing:
            await asyncio.wait(self._writing)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"the keys and the audit log cannot be kept: {error}") from error


def untold(told: Iterable[Act], off: AbstractSet[str], version: str) -> list[Act]:
    """What the acts should have told, by what is off and which configuration is in force at a start."""
    lasting: dict[str, bool] = {}
    """By model or channel that was switched off last, whether for good."""
    known = ""
    for act in told:
        if act.kind == "switched_off":
            lasting[act.subject] = act.detail == FOR_GOOD
        elif act.kind == "switched_on":
            lasting.pop(act.subject, None)
        else:
            known = act.detail.removeprefix("configuration ").partition(" ")[0]
    found = [Act("switched_off", "", "", name, UNTOLD) for name in sorted(off - lasting.keys())]
    on = (name for name, for_good in lasting.items() if for_good and name not in off)
    found += [Act("switched_on", "", "", name, UNTOLD) for name in sorted(on)]
    if known and version and known != version:
        found.append(Act("reloaded", "", "", "configuration", f"configuration {version} {UNTOLD}"))
    return found


def noted(act: Act, head: Head, at_ms: int) -> Audit:
    """The act as the ledger's audits tell it, with the head that it made."""
    return Audit(at_ms, KIND, act.actor, act.tenant, "", f"{head.seq} {head.hash} {act.kind} {act.subject}"[:500])


def found(head: Head, at_ms: int) -> Audit:
    """The head that a process begins with: commands may have added to the chain while none ran."""
    return Audit(at_ms, KIND, "", "", "", f"{head.seq} {head.hash}")


def heads_of(connection: sqlite3.Connection) -> tuple[Head, ...]:
    """What the ledger knows of the chain."""
    found = []
    for (detail,) in connection.execute("SELECT detail FROM audit WHERE kind = ?", (KIND,)):
        seq, _, rest = str(detail).partition(" ")
        if seq.isdecimal() and len(seq) < 19:
            found.append(Head(int(seq), rest.partition(" ")[0], "the ledger"))
    return tuple(found)


def head_of(text: str) -> Head:
    """As `fairlead audit --verify` prints it. Raises BadRequest."""
    seq, _, told = text.strip().partition(":")
    if not (seq.isascii() and seq.isdecimal() and len(seq) < 19 and HASH.fullmatch(told)):
        raise BadRequest("A head is ROW:HASH, as `fairlead audit --verify` prints it.", param="head")
    return Head(int(seq), told, "the head that was given")
