"""Requests that were answered, in a plain Redis (or Valkey), where several gateways share them.

    fairlead:meant:<tenant>:<scope>:<words>          a hash: what was asked in the same words in whatever order, by name
    fairlead:meant-answer:<tenant>:<scope>:<words>:<name>   what it was answered with
    fairlead:sketches:...                            what leads from vectors there: see `sketch_logs`

`words` and `name` are digests: of the words in the order of the alphabet; of all that is read in the text, and the answer's form.

Found by words is what one question to Redis brings; this process holds nothing of it. By vectors, the rows of the log
that may be near are looked up and compared exactly. What is written down is the text and not what the verifier
read in it: gateways of several versions understand each other.

Everything lives as long as its ttl; how much there may be is Redis's own affair (`maxmemory`, with a policy that evicts).
Where it does not answer in time nothing is found and nothing is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from hashlib import sha256
from urllib.parse import quote, unquote

import msgspec
import numpy as np
import numpy.typing as npt

from fairlead.cache.answers import Holding, Kept, holdings
from fairlead.cache.entries import CANDIDATES, Candidate, Near, Place, Sought
from fairlead.cache.exact import WITHOUT
from fairlead.cache.nearest import ERROR, STEPS, Vector
from fairlead.cache.redis_link import Link
from fairlead.cache.settings import SemanticSettings
from fairlead.cache.sketch_logs import SketchLogs, scanned
from fairlead.cache.sketches import NAME as ROW_NAME
from fairlead.cache.verifier.reading import Reading, read
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose
from fairlead.errors import StateError

PREFIX = "fairlead:meant:"
ANSWER = "fairlead:meant-answer:"
WORDS = 16
NAME = ROW_NAME - WORDS
"""Bytes of the digests; a row of a log has both."""
COMPARED = 32
"""Rows that may be near, of which so many are compared exactly."""
ORDERS = 16
"""Names in one hash; where there would be more, the new one takes the place of all."""
SIGNS = 4_000
"""Bytes of texts that are read in a thread; fewer are sooner read than handed over."""
AT_ONCE = 100
"""Hashes that are looked at together."""


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """Stored: fields are added at the end, with a default."""

    at: float
    user: str
    session: str
    text: bytes
    form: bytes
    model: str
    size: int
    """Bytes of it and of its answer."""
    vector: bytes = b""
    """In eight bits each, of whatever length."""


Hash = tuple[bytes, list[tuple[bytes, Asked | None]]]
"""A key, and what it holds by name; None for what another version wrote."""

pack = msgspec.msgpack.Encoder().encode
_asked = msgspec.msgpack.Decoder(Asked).decode
_kept = msgspec.msgpack.Decoder(Kept).decode


class EntriesInRedis:
    """As `entries.Entries` says."""

    def __init__(
        self, link: Link, settings: SemanticSettings, space: str = "", now: Callable[[], float] = time.time
    ) -> None:
        """`space` says what makes the vectors: only those of one maker are compared. Without it there are none."""
        self._link = link
        self._redis = link.redis
        self._settings = settings
        self._now = now
        self.logs = SketchLogs(link, settings, space) if space else None

    # ---- finding

    async def alike(self, sought: Sought, since: float) -> list[Candidate]:
        key, name = key_of(sought.place, words_of(sought)), name_of(sought)
        asked: tuple[dict[bytes, bytes], bytes | None] | None
        asked = await self._link.asked(self._look, sought.place, key, name)
        if asked is None:
            return []
        found, answer = asked
        told = [(other, one) for other, content in found.items() if (one := _read(content)) is not None]
        told = [(other, one) for other, one in told if self._fits(one, sought, since)]
        told.sort(key=lambda one: sought.forms.index(one[1].form))
        readings = await _readings([one.text for _, one in told])
        return [
            self._candidate(key, other, one, reading, answer if other == name else None)
            for (other, one), reading in zip(told, readings, strict=True)
        ]

    async def _look(self, place: Place, key: str, name: bytes) -> tuple[dict[bytes, bytes], bytes | None]:
        """What was asked in the same words, and the answer to what reads just the same: mostly that is wanted."""
        logs = self.logs
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(key)
            pipe.get(answer_key(key, name))
            begin = 0 if logs is None else logs.ask(pipe, place)
            found, answer, *read_on = await pipe.execute()
        if logs is not None and logs.take(place, begin, *read_on):
            logs.read_on(place)
        return found, answer

    def comparable(self, sought: Sought) -> bool:
        return self.logs is not None and not self._link.rests and self.logs.known(sought.place) is not None

    async def nearest(self, sought: Sought, vector: Vector, least: float, since: float) -> list[Near]:
        rows = None if self.logs is None else self.logs.known(sought.place)
        if self.logs is None or rows is None:
            return []
        least -= ERROR
        oldest = max(since, self._now() - self._settings.ttl)
        found = await self.logs.search(rows, vector, least, COMPARED, oldest - 1)
        contents = await self._link.asked(self._contents, sought.place, [name for name, _ in found])
        if contents is None:
            return []
        told: dict[bytes, Asked] = {}
        for (name, at), content in zip(found, contents, strict=True):
            one = None if content is None else _read(content)
            if one is None:
                rows.forget(at)
            elif self._fits(one, sought, since) and len(one.vector) == len(vector):
                told[name] = one
        near = _compared(told, vector, least)
        readings = await _readings([told[name].text for name, _ in near])
        return [
            (self._candidate(key_of(sought.place, name[:WORDS]), name[WORDS:], told[name], reading), similarity)
            for (name, similarity), reading in zip(near, readings, strict=True)
        ]

    async def _contents(self, place: Place, names: list[bytes]) -> list[bytes | None]:
        if not names:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hget(key_of(place, name[:WORDS]), name[WORDS:])
            found: list[bytes | None] = await pipe.execute()
        return found

    def _candidate(
        self, key: str, name: bytes, asked: Asked, reading: Reading, answer: bytes | None = None
    ) -> Candidate:
        return Candidate(reading, asked.model, partial(self._answer, answer_key(key, name), answer))

    async def _answer(self, key: str, content: bytes | None) -> Kept | None:
        if content is None:
            content = await self._link.asked(self._redis.get, key)
        try:
            return None if content is None else _kept(content)
        except ValueError:
            return None

    def _fits(self, one: Asked, sought: Sought, since: float) -> bool:
        return one.at >= since and one.at + self._settings.ttl > self._now() and one.form in sought.forms

    # ---- keeping

    async def put(self, permit: SinkPermit, sought: Sought, kept: Kept) -> None:
        if type(permit) is not SinkPermit or permit.sink != "cache":
            raise TypeError(WITHOUT)
        left = round((kept.at + self._settings.ttl - self._now()) * 1000)
        vector = sought.vector if self.logs is not None else None
        steps = b"" if vector is None else _steps(vector)
        form = sought.forms[0]
        text = sought.text.encode("utf-8", "surrogatepass")
        size = kept.size + len(steps) + len(text)
        if left <= 0 or size > self._settings.most_bytes:
            return
        asked = Asked(kept.at, permit.user, permit.session, text, form, kept.model, size, steps)
        await self._link.asked(self._write, permit, sought, asked, kept, left)

    async def _write(self, permit: SinkPermit, sought: Sought, asked: Asked, kept: Kept, left: int) -> None:
        words, name = words_of(sought), name_of(sought)
        key, vector, logs = key_of(sought.place, words), sought.vector, self.logs
        async with self._redis.pipeline() as pipe:
            pipe.hset(key, name, pack(asked))
            pipe.pexpire(key, left)
            pipe.hlen(key)
            pipe.set(answer_key(key, name), pack(kept), px=left)
            if logs is not None and vector is not None:
                logs.append(permit, pipe, sought.place, words + name, kept.at, vector, left)
            _, _, orders, _, *log = await pipe.execute()
        if orders > ORDERS:
            others = [one for one in await self._redis.hkeys(key) if one != name]
            await self._drop(key.encode(), others)
        if logs is not None and log:
            await logs.thin(sought.place, log[1], left)

    async def _drop(self, key: bytes, names: Sequence[bytes]) -> None:
        if names:
            async with self._redis.pipeline() as pipe:
                pipe.hdel(key, *names)
                pipe.unlink(*(answer_key(key.decode(), name) for name in names))
                await pipe.execute()

    def bound(self, settings: SemanticSettings) -> None:
        self._settings = settings
        if self.logs is not None:
            self.logs.bound(settings)

    # ---- all of them

    async def erase(self, whose: Whose | None) -> int:
        """Raises StateError where it cannot be done: whoever asks has to know."""
        try:
            return await self._erase(whose)
        except self._link.failures as problem:
            raise StateError(f"Redis does not erase what is cached: {problem}") from None

    async def _erase(self, whose: Whose | None) -> int:
        logs = self.logs or SketchLogs(self._link, self._settings, "")
        tenant = "" if whose is None else whose.tenant
        everything = whose is None or not (whose.user or whose.session)
        gone = 0
        rows: defaultdict[Place, set[bytes]] = defaultdict(set)
        async for key, told in self._all(tenant):
            place, words = place_of(key)
            theirs = [
                name
                for name, one in told
                if everything or one is None or (whose and whose.holds(place[0], one.user, one.session))
            ]
            await self._drop(key, theirs)
            gone += len(theirs)
            if theirs and not everything:
                rows[place].update(words + name for name in theirs)
        if everything:
            await logs.erase(tenant)
        elif rows:
            await logs.erase_rows(tenant, rows)
        return gone

    async def holdings(self) -> tuple[Holding, ...]:
        sizes: list[tuple[str, int]] = []
        try:
            async for key, told in self._all(""):
                tenant = place_of(key)[0][0]
                sizes += [(tenant, one.size) for _, one in told if one is not None]
        except self._link.failures as problem:
            raise StateError(f"Redis does not tell what is cached: {problem}") from None
        return holdings(sizes)

    async def _all(self, tenant: str) -> AsyncIterator[Hash]:
        async for keys in scanned(self._redis, PREFIX, tenant, count=AT_ONCE):
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.hgetall(key)
                contents = await pipe.execute()
            for key, found in zip(keys, contents, strict=True):
                yield key, [(name, _read(content)) for name, content in found.items()]

    async def close(self) -> None:
        if self.logs is not None:
            await self.logs.close()
        await self._link.close()


def key_of(place: Place, words: bytes) -> str:
    return f"{PREFIX}{quote(place[0], safe='')}:{place[1].hex()}:{words.hex()}"


def place_of(key: bytes) -> tuple[Place, bytes]:
    """With the digest of the words."""
    tenant, scope, words = key.decode().removeprefix(PREFIX).split(":")
    return (unquote(tenant), bytes.fromhex(scope)), bytes.fromhex(words)


def answer_key(key: str, name: bytes) -> str:
    return f"{ANSWER}{key.removeprefix(PREFIX)}:{name.hex()}"


def words_of(sought: Sought) -> bytes:
    return sha256("\n".join(sought.words).encode("utf-8", "surrogatepass")).digest()[:WORDS]


def name_of(sought: Sought) -> bytes:
    """Of what is read in the text, marks and all: what has one name is one question."""
    return sha256(f"{sought.reading} {sought.forms[0].hex()}".encode()).digest()[:NAME]


def _steps(vector: Vector) -> bytes:
    most = float(np.abs(vector).max())
    steps: npt.NDArray[np.int8] = np.rint(vector * np.float32(STEPS / most if most else 0.0)).astype(np.int8)
    return steps.tobytes()


def _compared(told: dict[bytes, Asked], vector: Vector, least: float) -> list[tuple[bytes, float]]:
    """Those of at least that cosine, the nearest first."""
    if not told:
        return []
    rows = np.frombuffer(b"".join(one.vector for one in told.values()), np.int8).astype(np.float32)
    rows = rows.reshape(len(told), len(vector))
    cosines = rows @ vector / np.maximum(np.linalg.norm(rows, axis=1), 1.0)
    near = [(name, min(1.0, float(cosine))) for name, cosine in zip(told, cosines, strict=True) if cosine >= least]
    return sorted(near, key=lambda one: -one[1])[:CANDIDATES]


async def _readings(texts: list[bytes]) -> list[Reading]:
    if sum(map(len, texts)) < SIGNS:
        return [_reading(text) for text in texts]
    return await asyncio.to_thread(lambda: [_reading(text) for text in texts])


def _reading(text: bytes) -> Reading:
    return read(text.decode("utf-8", "surrogatepass"))


def _read(content: bytes) -> Asked | None:
    """None for what another version wrote."""
    try:
        return _asked(content)
    except ValueError:
        return None
