"""How far long work has come, told as it goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import TypeVar

STEP = 1_000
"""Pieces from one word to the next."""
EVERY = 5.0
"""Seconds from one line in the log to the next."""

Progress = Callable[[int, int], None]
"""(so many pieces are done, of so many)"""
T = TypeVar("T")

log = logging.getLogger("fairlead.ledger")


def silent(done: int, of: int) -> None:
    """Where nobody waits."""


def counted(pieces: Iterable[T], of: int, progress: Progress, before: int = 0) -> Iterator[T]:
    """These pieces of work, told as they are taken; `before` were done already."""
    done = before
    for piece in pieces:
        if done % STEP == 0:
            progress(done, of)
        yield piece
        done += 1
    progress(done, of)


def logged(what: str) -> Progress:
    """A line in the log every few seconds."""
    due = monotonic() + EVERY

    def tell(done: int, of: int) -> None:
        nonlocal due
        if monotonic() >= due:
            due = monotonic() + EVERY
            log.info("%s: %s of %s", what, f"{done:,}", f"{of:,}")

    return tell
