"""Requests that carry an Idempotency-Key are carried out once, however often they come.

The scope is the caller's key, route and Idempotency-Key, so that nobody is given what their own key may not ask for; a digest of what was asked stands beside it. The work runs in a task of its own:

    the first of its name             does the work; everybody who asks the same meanwhile reads the same answer
    the same again, for a day         gets the recorded bytes, with `x-fairlead-replayed: true`
    the same name, something else     422: the name is taken
    a name begun and never finished   409: the process died then, so nobody knows what became of it

Whoever leaves ends his own reading; the work ends with its last reader. Recorded are answers, and a provider's final
word that the request is at fault, up to LARGEST bytes. What failed in any other way is forgotten and may be tried anew.
Of a sensitive request nothing but the mark is written to disk: its answer is kept in memory.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from fairlead.core.call import Call
from fairlead.core.egress import SinkPermit, grant_sink
from fairlead.core.whose import Whose
from fairlead.errors import Conflict, KeyReused, Overloaded, RequestError, StateError
from fairlead.gateway.recording import Reader, Recording
from fairlead.gateway.request import Outlet
from fairlead.store.shelf import KEPT_SECONDS, MARK, Shelf

log = logging.getLogger("fairlead.gateway")

FILE = "idempotency.db"
LARGEST = 2**20
"""Bytes of an answer that is recorded."""
MOST_IN_MEMORY = 64 * 2**20
"""Bytes of all that is recorded in memory: the oldest give way."""

Work = Callable[[Outlet], Awaitable[object]]
"""Answers the request; gives the call it came to."""


class Asked(msgspec.Struct, frozen=True):
    """A request by what tells it from others."""

    tenant: str
    name: str
    """Of the caller's key, route and Idempotency-Key."""
    digest: bytes
    """Of what was asked: MARK bytes."""


class Recorded(msgspec.Struct, frozen=True, array_like=True):
    status: int
    headers: bytes
    body: bytes
    streamed: bool


class UnderWay:
    """A request that is being carried out, or an earlier one's answer being looked up."""

    __slots__ = ("digest", "ending", "recording", "task")

    def __init__(self, digest: bytes) -> None:
        self.digest = digest
        self.recording = Recording()
        self.task: asyncio.Task[None] | None = None
        self.ending = False
        """Its last reader has left."""

    @property
    def is_over(self) -> bool:
        """What becomes of the name is being settled."""
        return self.ending or self.recording.standing != "begun"


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Recorded).decode


class Once:
    def __init__(self, folder: Path | None) -> None:
        self._shelf = Shelf(folder, FILE, "answers")
        self._under_way: dict[tuple[str, str], UnderWay] = {}
        self._memory: dict[tuple[str, str], tuple[float, bytes, Whose]] = {}
        """Until when, and what the shelf would hold; the oldest first."""
        self._memory_size = 0

    async def answer(self, asked: Asked, outlet: Outlet, work: Work) -> None:
        """Raises a RequestError where the work did, or where it cannot be done."""
        place = (asked.tenant, asked.name)
        while (found := self._under_way.get(place)) is not None and found.task is not None and found.is_over:
            await asyncio.wait([found.task])
        first = found is None
        if found is None:
            found = self._under_way[place] = UnderWay(asked.digest)
            found.task = asyncio.get_running_loop().create_task(self._carry_out(found, asked, work))
        elif found.digest != asked.digest:
            raise taken()
        elif not found.recording.joinable:
            raise Conflict(
                "The request with this Idempotency-Key is under way, and its answer is too long to be told twice.",
                code="idempotency_in_use",
            )
        await self._read(found, outlet, first)

    @staticmethod
    async def _read(under_way: UnderWay, outlet: Outlet, first: bool) -> None:
        recording, task, reader = under_way.recording, under_way.task, Reader()
        assert task is not None
        recording.readers.add(reader)
        try:
            await recording.tell(reader, outlet, not first)
            if first and recording.standing == "torn":
                await task  # raises what it failed with
        finally:
            recording.readers.discard(reader)
            if not recording.readers and recording.standing == "begun":
                under_way.ending = True
                task.cancel()

    async def erase(self, whose: Whose) -> int:
        gone = [place for place, held in self._memory.items() if whose.holds(*msgspec.structs.astuple(held[2]))]
        for place in gone:
            self._drop(place)
            await self._shelf.forget(*place)
        return len(gone) + await self._shelf.erase(whose)

    async def sweep(self) -> int:
        self._age()
        return await self._shelf.sweep()

    async def close(self) -> None:
        """An answer that is whole is kept first: its caller may have it already."""
        tasks = []
        for one in self._under_way.values():
            if one.task is not None:
                tasks.append(one.task)
                if one.recording.standing != "whole":
                    one.task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._shelf.close()

    async def _carry_out(self, under_way: UnderWay, asked: Asked, work: Work) -> None:
        recording = under_way.recording
        begun = False
        try:
            kept = self._from_memory(asked) or await self._shelf.find(asked.tenant, asked.name)
            if kept is not None:
                replay(kept, asked, recording)
                return
            begun = True
            await self._shelf.mark(asked.tenant, asked.name, asked.digest)
            call = await work(recording)
            begun = not await self._record(asked, recording, call)
        except RequestError as error:
            recording.fail(error)
        except StateError as error:
            log.error("idempotency: %s", error)
            words = "The Idempotency-Key cannot be noted just now, so nothing is sent; try again later."
            recording.fail(Overloaded(words, code="ledger_unwritable"))
        finally:
            recording.tear()
            try:
                if begun:
                    await self._forget(asked)
            finally:
                del self._under_way[(asked.tenant, asked.name)]

    async def _record(self, asked: Asked, recording: Recording, call: object) -> bool:
        """Whether the name stays taken."""
        if not isinstance(call, Call) or recording.standing != "whole" or not recording.joinable:
            return False
        body = recording.body()
        if len(body) > LARGEST:
            return False
        recorded = Recorded(recording.status, recording.headers, body, recording.streamed)
        permit = grant_sink(call, "idempotency", local=True)
        content = asked.digest + _encode(recorded)
        if permit.sensitive:
            self._remember(permit, asked, content)
        else:
            await self._shelf.keep(permit, asked.name, content)
        return True

    async def _forget(self, asked: Asked) -> None:
        try:
            await asyncio.shield(self._shelf.forget(asked.tenant, asked.name))
        except StateError as error:
            log.error("idempotency: %s", error)

    def _remember(self, permit: SinkPermit, asked: Asked, content: bytes) -> None:
        if type(permit) is not SinkPermit:
            raise TypeError("what was said is kept with a permit only")
        whose = Whose(permit.tenant, permit.user, permit.session)
        self._memory[(permit.tenant, asked.name)] = (time.monotonic() + KEPT_SECONDS, content, whose)
        self._memory_size += len(content)
        while self._memory_size > MOST_IN_MEMORY:
            self._drop(next(iter(self._memory)))

    def _from_memory(self, asked: Asked) -> bytes | None:
        self._age()
        found = self._memory.get((asked.tenant, asked.name))
        return None if found is None else found[1]

    def _age(self) -> None:
        now = time.monotonic()
        while self._memory and next(iter(self._memory.values()))[0] < now:
            self._drop(next(iter(self._memory)))

    def _drop(self, place: tuple[str, str]) -> None:
        self._memory_size -= len(self._memory.pop(place)[1])


def replay(kept: bytes, asked: Asked, recording: Recording) -> None:
    """What an earlier request of this name left."""
    if kept[:MARK] != asked.digest:
        raise taken()
    if len(kept) == MARK:
        raise Conflict(
            "A request with this Idempotency-Key was begun, and nothing here tells how it ended: the server may have been "
            "stopped then. To have it done, again or after all, use another key.",
            code="idempotency_unknown",
        )
    recorded = _decode(kept[MARK:])
    recording.replayed = True
    if recorded.streamed:
        recording.start(recorded.status, recorded.headers)
        recording.end(recorded.body)
    else:
        recording.send(recorded.status, recorded.headers, recorded.body)


def taken() -> KeyReused:
    return KeyReused(
        "This Idempotency-Key was used for another request; use a new key for each request, and the same one only to "
        "repeat a request as it was.",
        param="Idempotency-Key",
    )
