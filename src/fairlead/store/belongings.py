"""Whose an id of a provider's own is, and through which channel it was given: known at once, kept over a restart.

The first tenant that an id is given to has it for good; in another one's answer it changes nothing. All of it is in
memory, and written behind that to a shelf where there is a folder. The oldest give way: of a tenant, then of all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fairlead.core.egress import SinkPermit
from fairlead.errors import StateError
from fairlead.store.shelf import Shelf

FILE = "belongings.db"
KEPT_SECONDS = 30 * 24 * 3600
"""Since an answer named it last."""
RENEWED_SECONDS = 3600
"""What was written so lately is not written again."""
MOST_OF_ONE = 10_000
MOST = 100_000

log = logging.getLogger("fairlead.gateway")


class Bound(msgspec.Struct, frozen=True):
    tenant: str
    channel: str
    """Its id."""
    until: float


class Belongings:
    def __init__(self, folder: Path | None) -> None:
        self._shelf = None if folder is None else Shelf(folder, FILE, "ids", KEPT_SECONDS)
        self.known: OrderedDict[str, Bound] = OrderedDict()
        """Whose is what, by its id."""
        self._by_tenant: dict[str, OrderedDict[str, None]] = {}
        """The ids of each, the oldest first."""
        self._writing: asyncio.Task[None] | None = None
        self._unwritten: dict[str, tuple[SinkPermit | str, str]] = {}
        """By id: with whose permit it is kept, or whose it was; the channel, empty for one to be forgotten."""

    async def open(self) -> None:
        """Takes up what the process before left."""
        if self._shelf is None or not self._shelf.is_there:
            return
        try:
            for tenant, name, until, channel in await self._shelf.all():
                self._hold(name, Bound(tenant, channel.decode(), until))
        except StateError as error:
            log.error("%s", error)

    async def close(self) -> None:
        if self._writing is not None:
            await self._writing
        if self._shelf is not None:
            self._shelf.close()

    def find(self, name: str) -> Bound | None:
        found = self.known.get(name)
        return None if found is None or found.until <= time.time() else found

    def bind(self, permit: SinkPermit, names: Iterable[str], channel: str) -> None:
        until = time.time() + KEPT_SECONDS
        for name in names:
            before = self.find(name)
            if before is not None:
                other = before.tenant != permit.tenant
                if other or (before.channel == channel and until - before.until < RENEWED_SECONDS):
                    continue
            for gone in self._hold(name, Bound(permit.tenant, channel, until)):
                self._write(gone[0], gone[1], "")
            self._write(name, permit, channel)

    def _hold(self, name: str, bound: Bound) -> list[tuple[str, str]]:
        """The ids that have to give way, each with whose it was."""
        gone = []
        before = self.known.get(name)
        if before is not None:
            gone.append(self._let_go(name))
        self.known[name] = bound
        own = self._by_tenant.setdefault(bound.tenant, OrderedDict())
        own[name] = None
        if len(own) > MOST_OF_ONE:
            gone.append(self._let_go(next(iter(own))))
        elif len(self.known) > MOST:
            gone.append(self._let_go(next(iter(self.known))))
        return [(one, whose) for one, whose in gone if one != name or whose != bound.tenant]

    def _let_go(self, name: str) -> tuple[str, str]:
        bound = self.known.pop(name)
        own = self._by_tenant[bound.tenant]
        own.pop(name, None)
        if not own:
            del self._by_tenant[bound.tenant]
        return name, bound.tenant

    def _write(self, name: str, whose: SinkPermit | str, channel: str) -> None:
        if self._shelf is None:
            return
        self._unwritten.pop(name, None)
        self._unwritten[name] = whose, channel
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_all(self._shelf))

    async def _write_all(self, shelf: Shelf) -> None:
        while self._unwritten:
            name = next(iter(self._unwritten))
            whose, channel = self._unwritten.pop(name)
            try:
                if isinstance(whose, str):
                    await shelf.forget(whose, name)
                else:
                    await shelf.keep(whose, name, channel.encode())
            except StateError as error:
                log.error("an id is known until the process ends only: %s", error)
