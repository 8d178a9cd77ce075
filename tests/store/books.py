"""State directories for the tests of the store."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fairlead.core.record import Entry
from fairlead.store.ledger import DATABASE, SPOOL, EmbeddedLedger
from fairlead.store.reports import open_ledger
from fairlead.store.spool import Spool, segments

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
"""A child finds what this process has found."""


def leave(state_dir: Path, *entries: Entry) -> None:
    """A spool as a process that was killed leaves it."""
    folder = state_dir / SPOOL
    log = Spool(folder, max(segments(folder), default=0) + 1, lambda: ())
    for entry in entries:
        log.append(entry)
    log.close()


def rows(state_dir: Path, sql: str) -> list[tuple[object, ...]]:
    connection = open_ledger(state_dir / DATABASE)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def reopened(state_dir: Path) -> EmbeddedLedger:
    ledger = EmbeddedLedger(state_dir)
    await ledger.open()
    return ledger
