"""What a running gateway does now and then, one task each. A round that cannot be gone is told in the log; the next one is
gone all the same.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from fairlead.errors import FairleadError

log = logging.getLogger("fairlead.server")


class Rounds:
    def __init__(
        self, name: str, go: Callable[[], Awaitable[None]], every: Callable[[], float], at_once: bool = False
    ) -> None:
        """`every`: the seconds between two of them, asked before each; `at_once`: the first does not wait for them."""
        self._name = name
        self._go = go
        self._every = every
        self._at_once = at_once
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"fairlead-{self._name}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        if not self._at_once:
            await asyncio.sleep(self._every())
        while True:
            try:
                await self._go()
            except (FairleadError, sqlite3.Error, OSError) as problem:
                log.warning("%s: what is done now and then could not be done: %s", self._name, problem)
            await asyncio.sleep(self._every())
