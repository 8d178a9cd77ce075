"""The context of users and sessions: learned once from what they say, told again to whichever model answers them.

What a conversation is told stays as it was at its beginning. Its caller has in its turns what was said since, and a block
that changed under it would cost it the provider's prompt cache with every request.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from fairlead.core.call import Caller
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Bounds, bounds_of
from fairlead.memory.block import NOTHING, Block, Measure, block
from fairlead.memory.rules import Found
from fairlead.store.memories import Kind, Memories, Memory, Sought, Vector

CONVERSATIONS = 10_000
"""Whose beginnings are known."""
READ = 20_000
"""Turns of users that were read, and are not read again."""
LASTING: frozenset[Kind] = frozenset(("constraint", "profile"))
DONE: frozenset[Kind] = frozenset(("history",))
LOOKED_UP: frozenset[Kind] = frozenset(("knowledge", "note"))
MOST_LASTING = 40
MOST_NOTED = 6
MOST_TASKS = 5
TASKS_KEPT = 50
"""Of one user."""


class Subject(Struct, frozen=True):
    """Whose context it is: a user's, or where none is named a session's."""

    tenant: str
    user: str
    session: str

    @property
    def known(self) -> bool:
        return bool(self.user or self.session)

    def same(self, other: Subject) -> bool:
        return digest(self) == digest(other)

    def sought(self, kinds: frozenset[Kind], shared: bool = False, teller: Caller | None = None) -> Sought:
        of_session = None if self.user else self.session
        return Sought(kinds, user=self.user, session=of_session, shared=shared, teller=teller)


class Recalled(Struct, frozen=True):
    block: Block
    instead: int = 0
    """About as many tokens it would have taken to send what the block was learned from."""


EMPTY = Recalled(NOTHING)


class ContextStore:
    def __init__(self, memories: Memories, most_tokens: int, least: float, space: str, measure: Measure) -> None:
        """`least`: how alike what is looked up has to be to the request."""
        self.memories, self.measure = memories, measure
        self._most, self._least, self._space = most_tokens, least, space
        self._begun: OrderedDict[tuple[str, Bounds, bytes], Recalled] = OrderedDict()
        self._read: OrderedDict[bytes, None] = OrderedDict()

    def begun(self, teller: Caller, conversation: bytes) -> Recalled | None:
        """What a conversation is told since its beginning."""
        place = teller.tenant, bounds_of(teller), conversation
        found = self._begun.get(place)
        if found is not None:
            self._begun.move_to_end(place)
        return found

    async def recall(self, subject: Subject, teller: Caller, conversation: bytes, near: Vector | None) -> Recalled:
        """What is to be told, now and for as long as the conversation goes on. `near`: what the request means."""
        memories = self.memories
        lasting = await memories.listed(subject.tenant, subject.sought(LASTING, teller=teller))
        noted: list[Memory] = []
        if near is not None:
            sought = subject.sought(LOOKED_UP, shared=True, teller=teller)
            found = await memories.near(subject.tenant, self._space, near, sought, MOST_NOTED, self._least)
            noted = [memory for memory, _ in found]
        tasks = await memories.listed(subject.tenant, subject.sought(DONE, teller=teller))
        told = block((*lasting[:MOST_LASTING], *noted, *tasks[:MOST_TASKS]), self._most, self.measure)
        recalled = Recalled(told, _instead(told.told, self.measure))
        self._begun[(teller.tenant, bounds_of(teller), conversation)] = recalled
        if len(self._begun) > CONVERSATIONS:
            self._begun.popitem(last=False)
        return recalled

    def unread(self, subject: Subject, turns: Sequence[str]) -> list[str]:
        """Those of a user's turns that nothing was learned from yet. They count as read from now on."""
        fresh = []
        for text in turns:
            key = digest(subject, text)
            if key not in self._read:
                self._read[key] = None
                fresh.append(text)
        while len(self._read) > READ:
            self._read.popitem(last=False)
        return fresh

    async def learn(
        self,
        permit: SinkPermit,
        found: Iterable[Found],
        vectors: Sequence[Vector | None],
        agent: str,
        tokens: int,
        before: int = 0,
    ) -> None:
        """`tokens`: of the request and its answer that it was found in; `before`: how much was found in it already."""
        now = int(time.time())
        for number, (one, vector) in enumerate(zip(found, vectors, strict=True), before):
            await self.memories.keep(
                permit,
                Memory(
                    f"mem_{permit.call.removeprefix('req_')}_{number}", one.kind, one.text, now, permit.user,
                    permit.session, agent, one.slot, permit.call, tokens,
                    self._space if vector is not None else "", b"" if vector is None else vector.tobytes(), permit.bounds,
                ),
                soon=True,
            )  # fmt: skip

    async def did(self, permit: SinkPermit, subject: Subject, line: str, agent: str, tokens: int) -> None:
        """A task that was done."""
        name = f"mem_{permit.call.removeprefix('req_')}_t"
        memory = Memory(
            name, "history", line, int(time.time()), permit.user, permit.session, agent, "", permit.call, tokens,
            bounds=permit.bounds,
        )  # fmt: skip
        before = await self.memories.listed(subject.tenant, subject.sought(DONE))
        await self.memories.keep(permit, memory, soon=True, gone=[old.id for old in before[TASKS_KEPT - 1 :]])

    def forget_begun(self, tenant: str = "") -> None:
        """Something of a tenant was erased, or of whomever: nothing of it is told on."""
        for place in [place for place in self._begun if tenant in ("", place[0])]:
            del self._begun[place]
        self._read.clear()


def digest(subject: Subject, *texts: str) -> bytes:
    said = "\0".join((subject.tenant, subject.user, "" if subject.user else subject.session, *texts))
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _instead(told: Sequence[Memory], measure: Measure) -> int:
    """Each request that something was learned from counts once, whatever was learned from it."""
    of_requests = {memory.source: memory.tokens for memory in told if memory.source}
    return sum(of_requests.values()) + sum(measure(memory.text) for memory in told if not memory.source)
