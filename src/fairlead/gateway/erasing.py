"""Erasing what people said from every place where it stays behind, and sweeping out what is too old to be found.

    responses     what was asked and answered, for who goes on with it    store/conversations.py
    idempotency   answers that may be asked for again                     gateway/idempotency.py
    results       answers that another request may go on from             gateway/remembering.py
    memories      what is remembered of users and sessions, and notes     store/memories.py
    cache         answers that are given again                            gateway/caching.py

What judges and the model that classifies said is forgotten with each erasure: it is kept in memory, by digests, whoever's it
is. The ledger is no such place: it holds figures and names, no words. A request that is under way may still leave something
behind it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.core.whose import Whose
from fairlead.errors import StateError
from fairlead.gateway import caching
from fairlead.gateway.idempotency import Once
from fairlead.gateway.remembering import Kept
from fairlead.store.cache import cache_shelf
from fairlead.store.conversations import Conversations

if TYPE_CHECKING:
    from fairlead.gateway.runtime import Runtime

log = logging.getLogger("fairlead.gateway")

Erase = Callable[[Whose], Awaitable[int]]
EVERY = 600.0
"""Seconds between two sweeps."""
PATIENCE = 10.0
"""Seconds that an erasure waits for what is being learned; what is not learned then is not."""
FIRST = 30.0
"""After so many seconds the first."""


def places(runtime: Runtime) -> Mapping[str, Erase]:
    """Every place, with how one erases there."""
    return {
        "responses": runtime.conversations.erase,
        "idempotency": runtime.once.erase,
        "results": runtime.kept.results.erase,
        "memories": runtime.kept.memories.erase,
        "cache": lambda whose: caching.erase(runtime, whose),
    }


async def erase(runtime: Runtime, whose: Whose) -> dict[str, int]:
    """How much was erased, by place. Raises StateError where a place is out of reach; the others are erased."""
    if runtime.remembering is not None:
        await runtime.remembering.settled(PATIENCE)
        await runtime.remembering.give_up(whose.tenant)
        runtime.remembering.store.forget_begun(whose.tenant)
    if runtime.opinions is not None:
        runtime.opinions.kept.clear()
    runtime.gates.forget()
    return await _each(places(runtime), whose)


async def erase_files(folder: Path, whose: Whose) -> dict[str, int]:
    """The same where no server runs, for who owns the state directory."""
    conversations, once, kept, cached = Conversations(folder), Once(folder), Kept(folder), cache_shelf(folder, 1.0)
    try:
        return await _each(
            {
                "responses": conversations.erase,
                "idempotency": once.erase,
                "results": kept.results.erase,
                "memories": kept.memories.erase,
                "cache": cached.erase,
            },
            whose,
        )
    finally:
        conversations.close()
        await once.close()
        kept.close()
        cached.close()


async def _each(there: Mapping[str, Erase], whose: Whose) -> dict[str, int]:
    gone, problems = {}, []
    for name, erasing in there.items():
        try:
            gone[name] = await erasing(whose)
        except StateError as problem:
            problems.append(str(problem))
    if problems:
        raise StateError("; ".join(problems))
    return gone


class Sweeper:
    """Called with every beat of a runtime; sweeps now and then."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._due = time.monotonic() + FIRST
        self._sweeping: asyncio.Task[None] | None = None

    def beat(self, late: float) -> None:
        if time.monotonic() >= self._due and (self._sweeping is None or self._sweeping.done()):
            self._due = time.monotonic() + EVERY
            self._sweeping = self._runtime.loop.create_task(self.sweep())

    async def sweep(self) -> None:
        runtime = self._runtime
        for sweep in (
            runtime.conversations.sweep,
            runtime.once.sweep,
            runtime.kept.results.sweep,
            runtime.kept.memories.sweep,
            *(() if runtime.caching is None else (runtime.caching.answers.sweep,)),
        ):
            try:
                await sweep()
            except StateError as problem:
                log.error("what is too old stays for now: %s", problem)

    async def close(self) -> None:
        if self._sweeping is not None:
            await asyncio.wait([self._sweeping])
