"""Answers in memory, and in a file of the state directory beside it, from which a gateway that begins takes them up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from fairlead.cache.answers import Holding, Kept
from fairlead.cache.exact import WITHOUT, InMemory, Place
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose
from fairlead.errors import StateError
from fairlead.store.cache import cache_shelf

log = logging.getLogger("fairlead.cache")


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """An answer beside whose it is, as it is written down."""

    user: str
    session: str
    kept: Kept


pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(Stored).decode


class OnDisk:
    """As `exact.Answers` says. A file that cannot be read is left as it is: what is kept is then in memory alone."""

    def __init__(
        self, folder: Path | None, most: int, most_bytes: int, ttl: float, now: Callable[[], float] = time.time
    ) -> None:
        self._memory = InMemory(most, most_bytes, ttl, now)
        self._shelf = cache_shelf(folder, ttl)
        self._writes = True

    async def open(self) -> None:
        try:
            rows = await self._shelf.all() if self._shelf.is_there else []
        except StateError as problem:
            log.error("the cache begins empty, and nothing of it is written: %s", problem)
            self._writes = False
            return
        gone: list[Place] = []
        for tenant, name, _, content in rows:
            try:
                stored = unpack(content)
                gone += self._memory.hold(Whose(tenant, stored.user, stored.session), bytes.fromhex(name), stored.kept)
            except ValueError:
                gone.append((tenant, bytes.fromhex(name)))
        self._drop(gone)

    async def close(self) -> None:
        self._writes = False  # what still ends under an earlier configuration is not written
        self._shelf.close()

    async def find(self, tenant: str, names: tuple[bytes, ...], since: float) -> tuple[bytes, Kept] | None:
        return await self._memory.find(tenant, names, since)

    async def keep(self, permit: SinkPermit, name: bytes, kept: Kept) -> None:
        if type(permit) is not SinkPermit or permit.sink != "cache":
            raise TypeError(WITHOUT)
        whose = Whose(permit.tenant, permit.user, permit.session)
        gone = self._memory.hold(whose, name, kept)
        if self._writes:
            self._shelf.put(whose, name.hex(), pack(Stored(whose.user, whose.session, kept)))
        self._drop(gone)

    def _drop(self, places: list[Place]) -> None:
        if places and self._writes:
            self._shelf.drop((tenant, name.hex()) for tenant, name in places)

    def bound(self, most: int, most_bytes: int, ttl: float) -> None:
        self._shelf.turn_to(max(1, round(ttl)))
        self._drop(self._memory.bound(most, most_bytes, ttl))

    async def sweep(self) -> int:
        gone = await self._memory.sweep()
        if self._writes:
            await self._shelf.sweep()
        return gone

    async def erase(self, whose: Whose | None) -> int:
        gone = await self._memory.erase(whose)
        if self._writes:
            await (self._shelf.empty() if whose is None else self._shelf.erase(whose))
        return gone

    async def holdings(self) -> tuple[Holding, ...]:
        return await self._memory.holdings()
