"""What is remembered: of a user or a session, or of nobody in particular, always of one tenant. Found by id, by whose it is,
by what it means.

It lies on a shelf. A tenant's memories are read into memory when they are first asked for, with one matrix of their
vectors; the tenants that were not asked for longest give way. Where a tenant has more than it may, its oldest go.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from fairlead.core.call import Caller
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Bounds, Whose
from fairlead.store.shelf import Shelf

Kind = Literal["profile", "constraint", "knowledge", "history", "note"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Vector = npt.NDArray[np.float32]
FILE = "memories.db"
DAY = 86_400
TENANTS = 32
"""Held in memory at once."""
AT_ONCE = 2_000
"""Vectors that are compared without a thread."""


log = logging.getLogger("fairlead.memory")


class Memory(msgspec.Struct, frozen=True, array_like=True):
    """Stored: fields are added at the end, with a default."""

    id: str
    kind: Kind
    text: str
    made: int
    """Epoch seconds."""
    user: str = ""
    session: str = ""
    agent: str = ""
    """Who wrote it."""
    slot: str = ""
    """What it tells of them: the next that tells the same takes its place. Empty where it stands for itself."""
    source: str = ""
    """The request it was learned from."""
    tokens: int = 0
    """About what that request said and was answered."""
    space: str = ""
    """How its vector was made: those made otherwise are not compared."""
    vector: bytes = b""
    bounds: Bounds = Bounds()
    """Of the key it was said with: it goes before no model beyond them."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Memory).decode


class Sought(msgspec.Struct, frozen=True):
    """Which memories are meant."""

    kinds: frozenset[Kind] = frozenset(KINDS)
    user: str | None = None
    """None for whoever's; empty for those of nobody in particular."""
    session: str | None = None
    agent: str | None = None
    shared: bool = False
    """Those of nobody in particular as well."""
    teller: Caller | None = None
    """Who will put them before a model, where somebody will."""

    def meets(self, memory: Memory) -> bool:
        if memory.kind not in self.kinds or self.agent not in (None, memory.agent):
            return False
        if self.teller is not None and not memory.bounds.hold_for(self.teller):
            return False
        if self.shared and not memory.user and not memory.session:
            return True
        return self.user in (None, memory.user) and self.session in (None, memory.session)


class Held:
    """One tenant's."""

    def __init__(self, memories: Iterable[Memory]) -> None:
        self.by_id = {memory.id: memory for memory in memories}
        """The oldest first."""
        self._compared: tuple[str, list[Memory], Vector] | None = None

    def put(self, memory: Memory) -> None:
        self.by_id[memory.id] = memory
        self._compared = None

    def drop(self, name: str) -> None:
        self.by_id.pop(name, None)
        self._compared = None

    def before(self, memory: Memory) -> list[str]:
        """Ids of those whose place it takes."""
        return [
            one.id
            for one in self.by_id.values()
            if one.id != memory.id
            and one.kind == memory.kind
            and (one.user, one.session if not one.user else "")
            == (memory.user, memory.session if not memory.user else "")
            and (one.slot == memory.slot if memory.slot else not one.slot and one.text == memory.text)
        ]

    def compared(self, space: str) -> tuple[list[Memory], Vector]:
        """Those with a vector of this space, and their vectors as a matrix."""
        if self._compared is None or self._compared[0] != space:
            there = [memory for memory in self.by_id.values() if memory.space == space and memory.vector]
            rows = [np.frombuffer(memory.vector, dtype=np.float32) for memory in there]
            self._compared = space, there, np.stack(rows) if rows else np.zeros((0, 1), dtype=np.float32)
        return self._compared[1], self._compared[2]


class Memories:
    def __init__(self, folder: Path | None, days: int = 30, most: int = 10_000) -> None:
        """`most`: how many a tenant may have."""
        self._shelf = Shelf(folder, FILE, "memories")
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._writing: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()
        """Held while a tenant's are read in, or what is on disk changes under them."""
        self.turn_to(days, most)

    def turn_to(self, days: int, most: int) -> None:
        """For what is kept from now on; what is there is looked at with it."""
        self._seconds, self._most = days * DAY, most
        self._shelf.turn_to(self._seconds)

    async def keep(self, permit: SinkPermit, memory: Memory, soon: bool = False, gone: Iterable[str] = ()) -> None:
        """In place of what told the same before, and of those that are to be `gone`. It is found from now on; `soon`: it is
        written a moment later."""
        if type(permit) is not SinkPermit:
            raise TypeError("what was said is kept with a permit only")
        held = await self._present(permit.tenant)
        old = [*held.before(memory), *gone]
        over = len(held.by_id) + 1 - len(old) - self._most
        if over > 0:
            old += [name for name in held.by_id if name not in old][:over]
        held.put(memory)
        for name in old:
            held.drop(name)
        writing = asyncio.get_running_loop().create_task(self._write(permit, memory, old))
        self._writing.add(writing)
        writing.add_done_callback(self._was_written)
        if not soon:
            await asyncio.shield(writing)

    async def written(self) -> None:
        """What was kept so far is written, or cannot be."""
        if self._writing:
            await asyncio.wait(list(self._writing))

    async def _write(self, permit: SinkPermit, memory: Memory, gone: list[str]) -> None:
        await self._shelf.keep(permit, memory.id, _encode(memory))
        for name in gone:
            await self._shelf.forget(permit.tenant, name)

    def _was_written(self, writing: asyncio.Task[None]) -> None:
        self._writing.discard(writing)
        problem = None if writing.cancelled() else writing.exception()
        if problem is not None:
            log.error("what is remembered is not written: %s", problem)

    async def find(self, tenant: str, name: str) -> Memory | None:
        found = (await self._present(tenant)).by_id.get(name)
        return None if found is None or self._over(found) else found

    async def forget(self, tenant: str, name: str) -> bool:
        (await self._present(tenant)).drop(name)
        await self.written()
        return await self._shelf.forget(tenant, name)

    async def listed(self, tenant: str, sought: Sought) -> list[Memory]:
        """The latest first."""
        there = (await self._present(tenant)).by_id.values()
        return [one for one in reversed(there) if sought.meets(one) and not self._over(one)]

    async def near(
        self, tenant: str, space: str, vector: Vector, sought: Sought, most: int, least: float
    ) -> list[tuple[Memory, float]]:
        """The most alike first, with how much: the cosine of the angle between the two, at least `least`."""
        memories, matrix = (await self._present(tenant)).compared(space)
        if not memories or matrix.shape[1] != vector.shape[0]:
            return []
        if len(memories) <= AT_ONCE:
            return _nearest(memories, matrix, vector, self._meeting(sought), most, least)
        return await asyncio.to_thread(_nearest, memories, matrix, vector, self._meeting(sought), most, least)

    async def erase(self, whose: Whose) -> int:
        async with self._lock:
            self._held.clear()
            await self.written()
            return await self._shelf.erase(whose)

    async def sweep(self) -> int:
        async with self._lock:
            gone = await self._shelf.sweep()
            if gone:
                self._held.clear()
            return gone

    def close(self) -> None:
        self._shelf.close()

    def _meeting(self, sought: Sought) -> Callable[[Memory], bool]:
        return lambda memory: sought.meets(memory) and not self._over(memory)

    def _over(self, memory: Memory) -> bool:
        return memory.made + self._seconds <= time.time()

    async def _present(self, tenant: str) -> Held:
        held = self._held.get(tenant)
        if held is not None:
            self._held.move_to_end(tenant)
            return held
        async with self._lock:
            return await self._of_tenant(tenant)

    async def _of_tenant(self, tenant: str) -> Held:
        held = self._held.get(tenant)
        if held is None:
            await self.written()
            rows = await self._shelf.of(Whose(tenant)) if self._shelf.is_there else []
            held = self._held[tenant] = Held(sorted((_decode(content) for _, content in rows), key=_age))
            if len(self._held) > TENANTS:
                self._held.popitem(last=False)
        self._held.move_to_end(tenant)
        return held


def _age(memory: Memory) -> tuple[int, str]:
    return memory.made, memory.id


def _nearest(
    memories: Sequence[Memory],
    matrix: Vector,
    vector: Vector,
    meets: Callable[[Memory], bool],
    most: int,
    least: float,
) -> list[tuple[Memory, float]]:
    alike = matrix @ vector
    found: list[tuple[Memory, float]] = []
    for place in np.argsort(-alike, kind="stable"):
        likeness = float(alike[place])
        if likeness < least or len(found) == most:
            break
        if meets(memories[place]):
            found.append((memories[place], likeness))
    return found
