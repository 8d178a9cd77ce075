"""The logs of sketches in Redis, one of each scope, as far as this process has read them.

    fairlead:sketches:<tenant>:<scope>:<space>   a string: its mark, then the rows of `sketches`

With each look-up the log of its scope is read on from where it was read to before, so what another gateway has added is
there at once. Little is read on while somebody waits; what is more, beside it.

A log has another mark as soon as anything but its end has changed: it was begun anew, thinned out, erased from. Then it is
read from its beginning. So nothing has to be told to anybody, and whatever Redis evicts is merely not found.

Bounded are the rows of a log (the oldest quarter gives way) and what is held here of logs (the one not asked for the longest).
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from fairlead.cache.entries import Place
from fairlead.cache.exact import WITHOUT
from fairlead.cache.nearest import Vector
from fairlead.cache.redis_link import Link
from fairlead.cache.settings import SemanticSettings
from fairlead.cache.sketches import ROW, SPACE, Sketches, row, sketch
from fairlead.core.egress import SinkPermit

PREFIX = "fairlead:sketches:"
MARK = 16
"""Bytes of a mark."""
BESIDE = 65_536 // ROW.itemsize * ROW.itemsize
"""Bytes read on while somebody waits."""
PIECE = 4 * BESIDE
"""Bytes read on at once while nobody waits."""
READERS = 4
"""Logs that are read on at once while nobody waits."""
MANY = 50_000
"""Rows that are searched in a thread; fewer are sooner done than handed over."""
OF_A_LOG = 1024
"""Bytes that a log takes here beside its rows."""
LEFT = 0.75
"""Of the most rows, so many are left when there are more."""
TRIES = 3

_THIN = """
local length = redis.call('STRLEN', KEYS[1])
if length > tonumber(ARGV[2]) then
    local rows = redis.call('GETRANGE', KEYS[1], length - tonumber(ARGV[3]), -1)
    redis.call('SET', KEYS[1], ARGV[1] .. rows, 'PX', ARGV[4])
end
return length
"""


class Log:
    __slots__ = ("mark", "rows")

    def __init__(self, mark: bytes) -> None:
        self.mark = mark
        self.rows = Sketches()

    @property
    def end(self) -> int:
        """Where it was read to."""
        return MARK + len(self.rows) * ROW.itemsize

    @property
    def size(self) -> int:
        """Bytes it takes here."""
        return OF_A_LOG + self.rows.size


class SketchLogs:
    def __init__(self, link: Link, settings: SemanticSettings, space: str) -> None:
        self._link = link
        self._redis = link.redis
        self._settings = settings
        self._space = sha256(f"{SPACE} {space}".encode()).hexdigest()[:16]
        self._logs: OrderedDict[Place, Log] = OrderedDict()
        self._readers: dict[Place, asyncio.Task[None]] = {}
        self.bytes = 0

    def __len__(self) -> int:
        """Rows held here."""
        return sum(len(log.rows) for log in self._logs.values())

    def known(self, place: Place) -> Sketches | None:
        log = self._logs.get(place)
        return log.rows if log is not None and len(log.rows) else None

    # ---- reading

    def ask(self, pipe: Any, place: Place, beside: bool = True) -> int:
        """Where what is read on begins; the answers belong to `take`. `beside`: somebody waits."""
        most = BESIDE if beside else PIECE
        log, key = self._logs.get(place), self._key(place)
        begin = MARK if log is None else log.end
        if log is not None and log.size >= self._settings.most_bytes:
            most = 0
        pipe.getrange(key, 0, MARK - 1)
        pipe.getrange(key, begin, begin + most - 1)
        return begin

    def take(self, place: Place, begin: int, mark: bytes, rows: bytes, beside: bool = True) -> bool:
        """Whether there is more to read."""
        log = self._logs.get(place)
        if len(mark) < MARK:
            self._drop(place)
            return False
        if log is None or log.mark != mark:
            self._drop(place)
            self._logs[place] = log = Log(mark)
            self.bytes += log.size
        self._logs.move_to_end(place)
        if log.size >= self._settings.most_bytes:
            return False
        if begin != log.end:  # it was begun anew, or somebody else has read on meanwhile
            return True
        before = log.size
        log.rows.take(rows[: len(rows) // ROW.itemsize * ROW.itemsize])
        self.bytes += log.size - before
        self._fit()
        return len(rows) == (BESIDE if beside else PIECE)

    def read_on(self, place: Place) -> None:
        """Beside what is going on."""
        if place not in self._readers and len(self._readers) < READERS:
            reader = asyncio.get_running_loop().create_task(self._read_on(place))
            self._readers[place] = reader
            reader.add_done_callback(lambda _: self._readers.pop(place, None))

    async def _read_on(self, place: Place) -> None:
        more = True
        while more:
            read: tuple[int, bytes, bytes] | None = await self._link.asked(self._read, place)
            more = read is not None and self.take(place, *read, beside=False)

    async def _read(self, place: Place) -> tuple[int, bytes, bytes]:
        async with self._redis.pipeline(transaction=False) as pipe:
            begin = self.ask(pipe, place, beside=False)
            mark, rows = await pipe.execute()
        return begin, mark, rows

    async def search(
        self, rows: Sketches, vector: Vector, least: float, most: int, since: float
    ) -> list[tuple[bytes, int]]:
        """As `Sketches.search`."""
        if len(rows) < MANY:
            return rows.search(sketch(vector), least, most, since)
        return await asyncio.to_thread(lambda: rows.search(sketch(vector), least, most, since))

    # ---- writing

    def append(
        self, permit: SinkPermit, pipe: Any, place: Place, name: bytes, at: float, vector: Vector, left: int
    ) -> None:
        """The second answer is how long it is then, and belongs to `thin`. `left` is milliseconds."""
        if type(permit) is not SinkPermit or permit.sink != "cache":
            raise TypeError(WITHOUT)
        key = self._key(place)
        pipe.set(key, os.urandom(MARK), nx=True)
        pipe.append(key, row(name, at, sketch(vector)))
        pipe.pexpire(key, left)

    async def thin(self, place: Place, length: int, left: int) -> None:
        """Where it has become too long."""
        key, most = self._key(place), self._settings.most
        if (length - MARK) % ROW.itemsize:  # not ours
            await self._redis.unlink(key)
        elif length > MARK + most * ROW.itemsize:
            bounds = MARK + most * ROW.itemsize, int(most * LEFT) * ROW.itemsize
            await self._redis.eval(_THIN, 1, key, os.urandom(MARK), *bounds, left)

    # ---- erasing

    async def erase(self, tenant: str) -> None:
        """All of a tenant, or of everybody."""
        for place in [one for one in self._logs if tenant in ("", one[0])]:
            self._drop(place)
        async for keys in scanned(self._redis, PREFIX, tenant):
            await self._redis.unlink(*keys)

    async def erase_rows(self, tenant: str, names: Mapping[Place, Collection[bytes]]) -> None:
        """Whatever space they are in. A log that is written to so fast that nothing can be taken out of it goes whole."""
        for place in names:
            self._drop(place)
        async for keys in scanned(self._redis, PREFIX, tenant):
            for key in keys:
                gone = names.get(_place_of(key))
                tries = 0
                while gone and not await self._erased(key, gone):
                    tries += 1
                    if tries == TRIES:
                        await self._redis.unlink(key)
                        break

    async def _erased(self, key: bytes, names: Collection[bytes]) -> bool:
        """False where the log has changed meanwhile."""
        async with self._redis.pipeline() as pipe:
            await pipe.watch(key)
            places = [place async for place in self._places(pipe, key, names)]
            pipe.multi()
            for place in places:
                pipe.setrange(key, place, bytes(ROW.itemsize))
            if places:
                pipe.setrange(key, 0, os.urandom(MARK))
            try:
                await pipe.execute()
            except self._link.changed:
                return False
        return True

    async def _places(self, pipe: Any, key: bytes, names: Collection[bytes]) -> AsyncIterator[int]:
        begin = MARK
        while True:
            rows = await pipe.getrange(key, begin, begin + PIECE - 1)
            found = np.frombuffer(rows, ROW, len(rows) // ROW.itemsize)["name"].tolist()
            for at, name in enumerate(found):
                if name in names:
                    yield begin + at * ROW.itemsize
            begin += PIECE
            if len(rows) < PIECE:
                return

    # ---- what is held here

    def bound(self, settings: SemanticSettings) -> None:
        self._settings = settings
        self._fit()

    def _fit(self) -> None:
        while self.bytes > self._settings.most_bytes and len(self._logs) > 1:
            self._drop(next(iter(self._logs)))

    def _drop(self, place: Place) -> None:
        log = self._logs.pop(place, None)
        if log is not None:
            self.bytes -= log.size

    def _key(self, place: Place) -> str:
        return f"{PREFIX}{quote(place[0], safe='')}:{place[1].hex()}:{self._space}"

    async def close(self) -> None:
        readers = list(self._readers.values())
        for reader in readers:
            reader.cancel()
        if readers:
            await asyncio.wait(readers)


def _place_of(key: bytes) -> Place:
    tenant, scope, _ = key.decode().removeprefix(PREFIX).split(":")
    return unquote(tenant), bytes.fromhex(scope)


async def scanned(redis: Any, prefix: str, *parts: str, count: int = 500) -> AsyncIterator[Sequence[bytes]]:
    """Keys behind a prefix and the parts that are given, some at a time."""
    pattern = prefix + "".join(f"{quote(part, safe='')}:" for part in parts if part) + "*"
    keys: list[bytes] = []
    async for key in redis.scan_iter(match=pattern, count=count):
        keys.append(key)
        if len(keys) == count:
            yield keys
            keys = []
    if keys:
        yield keys
