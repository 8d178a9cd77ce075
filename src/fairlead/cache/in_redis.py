"""Answers in Redis, where several gateways share them. Where it does not answer in time nothing is found and nothing is kept.

How much it may hold is Redis's own affair (`maxmemory`, with a policy that evicts).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote, unquote

from fairlead.cache.answers import Holding, Kept, holdings
from fairlead.cache.exact import WITHOUT
from fairlead.cache.on_disk import Stored, pack, unpack
from fairlead.cache.redis_link import Link
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose
from fairlead.errors import StateError

PREFIX = "fairlead:answer:"
AT_ONCE = 500
"""Keys that are looked at together."""


class InRedis:
    """As `exact.Answers` says."""

    def __init__(self, url: str, ttl: float, now: Callable[[], float] = time.time) -> None:
        """Raises ConfigError where there is no client, or the address is none."""
        self._link = Link(url)
        self._redis = self._link.redis
        self._ttl = ttl
        self._now = now

    async def open(self) -> None:
        return

    async def close(self) -> None:
        await self._link.close()

    async def find(self, tenant: str, names: tuple[bytes, ...], since: float) -> tuple[bytes, Kept] | None:
        found = await self._link.asked(self._redis.mget, [key(tenant, name) for name in names])
        for name, content in zip(names, found or (), strict=False):
            stored = None if content is None else _read(content)
            if stored is not None and stored.kept.at >= since and stored.kept.at + self._ttl > self._now():
                return name, stored.kept
        return None

    async def keep(self, permit: SinkPermit, name: bytes, kept: Kept) -> None:
        if type(permit) is not SinkPermit or permit.sink != "cache":
            raise TypeError(WITHOUT)
        left = round((kept.at + self._ttl - self._now()) * 1000)
        if left > 0:
            content = pack(Stored(permit.user, permit.session, kept))
            await self._link.asked(self._redis.set, key(permit.tenant, name), content, px=left)

    def bound(self, most: int, most_bytes: int, ttl: float) -> None:
        self._ttl = ttl

    async def sweep(self) -> int:
        """Redis does it."""
        return 0

    async def erase(self, whose: Whose | None) -> int:
        """Raises StateError where it cannot be done: whoever asks has to know."""
        tenant = "" if whose is None else whose.tenant
        gone = 0
        try:
            async for keys, contents in self._all(tenant):
                theirs = [one for one, content in zip(keys, contents, strict=True) if _is_of(whose, one, content)]
                gone += int(await self._redis.unlink(*theirs)) if theirs else 0
        except self._link.failures as problem:
            raise StateError(f"Redis does not erase what is cached: {problem}") from None
        return gone

    async def holdings(self) -> tuple[Holding, ...]:
        sizes: list[tuple[str, int]] = []
        try:
            async for keys, contents in self._all(""):
                sizes += [
                    (tenant_of(one), len(content)) for one, content in zip(keys, contents, strict=True) if content
                ]
        except self._link.failures as problem:
            raise StateError(f"Redis does not tell what is cached: {problem}") from None
        return holdings(sizes)

    async def _all(self, tenant: str) -> AsyncIterator[tuple[list[bytes], list[bytes | None]]]:
        """Keys with their contents, some at a time."""
        keys: list[bytes] = []
        pattern = f"{PREFIX}{quote(tenant, safe='')}:*" if tenant else f"{PREFIX}*"
        async for one in self._redis.scan_iter(match=pattern, count=AT_ONCE):
            keys.append(one)
            if len(keys) == AT_ONCE:
                yield keys, await self._redis.mget(keys)
                keys = []
        if keys:
            yield keys, await self._redis.mget(keys)


def key(tenant: str, name: bytes) -> str:
    return f"{PREFIX}{quote(tenant, safe='')}:{name.hex()}"


def tenant_of(one: bytes) -> str:
    return unquote(one.decode().removeprefix(PREFIX).rpartition(":")[0])


def _read(content: bytes) -> Stored | None:
    """None for what another version wrote."""
    try:
        return unpack(content)
    except ValueError:
        return None


def _is_of(whose: Whose | None, one: bytes, content: bytes | None) -> bool:
    stored = None if content is None else _read(content)
    if whose is None or stored is None:
        return content is not None
    return whose.holds(tenant_of(one), stored.user, stored.session)
