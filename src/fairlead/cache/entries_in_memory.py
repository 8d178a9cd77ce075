"""Requests that were answered, in memory and bounded, in answers and in bytes: the one not asked for the longest gives way.

Every vector of a scope is compared, so nothing near is missed.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import msgspec

from fairlead.cache.answers import Holding, Kept, holdings
from fairlead.cache.entries import CANDIDATES, Candidate, Near, Place, Sought, Words
from fairlead.cache.exact import WITHOUT
from fairlead.cache.nearest import ERROR, Nearest, Vector
from fairlead.cache.settings import SemanticSettings
from fairlead.cache.verifier.reading import Reading
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose

AT_ONCE = 2_000_000
"""Products of a search that are done before anybody else is served; more are done in a thread."""
BESIDE = 1024
"""Bytes of an entry beside its answer, its vector and its text."""
A_SIGN = 16
"""Bytes that a sign of a text takes, read."""

Alike = tuple[Words, bytes]
"""The words of a text in the order of the alphabet, and the form of its answer."""


class Entry(msgspec.Struct, frozen=True):
    place: Place
    form: bytes
    reading: Reading
    kept: Kept
    user: str
    session: str
    size: int

    @property
    def alike(self) -> Alike:
        return tuple(sorted(self.reading.words)), self.form


class Shelf:
    """What is kept of one scope."""

    __slots__ = ("alike", "nearest")

    def __init__(self) -> None:
        self.alike: dict[Alike, list[int]] = {}
        self.nearest: Nearest | None = None


class EntriesInMemory:
    """As `entries.Entries` says."""

    def __init__(self, settings: SemanticSettings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._shelves: dict[Place, Shelf] = {}
        self._number = 0
        self.bytes = 0
        self.evicted = 0
        """Answers that gave way to others."""

    def __len__(self) -> int:
        return len(self._entries)

    async def alike(self, sought: Sought, since: float) -> list[Candidate]:
        shelf = self._shelves.get(sought.place)
        if shelf is None:
            return []
        words = sought.words
        numbers = [number for form in sought.forms for number in shelf.alike.get((words, form), ())]
        return [
            self._candidate(number, entry) for number in numbers if (entry := self._fresh(number, since)) is not None
        ]

    def comparable(self, sought: Sought) -> bool:
        shelf = self._shelves.get(sought.place)
        return shelf is not None and shelf.nearest is not None

    async def nearest(self, sought: Sought, vector: Vector, least: float, since: float) -> list[Near]:
        shelf = self._shelves.get(sought.place)
        rows = None if shelf is None else shelf.nearest
        if rows is None or rows.size != len(vector):
            return []
        least -= ERROR
        if rows.work > AT_ONCE:
            found = await asyncio.to_thread(rows.search, vector, CANDIDATES, least)
            found = rows.again(vector, found, least)
        else:
            found = rows.search(vector, CANDIDATES, least)
        return [
            (self._candidate(number, entry), similarity)
            for number, similarity in found
            if (entry := self._fresh(number, since)) is not None
            and entry.place == sought.place
            and entry.form in sought.forms
        ]

    def _candidate(self, number: int, entry: Entry) -> Candidate:
        return Candidate(entry.reading, entry.kept.model, partial(self._answer, number))

    async def _answer(self, number: int) -> Kept | None:
        entry = self._entries.get(number)
        if entry is None:
            return None
        self._entries.move_to_end(number)
        return entry.kept

    def _fresh(self, number: int, since: float) -> Entry | None:
        entry = self._entries.get(number)
        if entry is None:
            return None
        if entry.kept.at + self._settings.ttl <= self._now():
            self._drop(number)
            return None
        return None if entry.kept.at < since else entry

    async def put(self, permit: SinkPermit, sought: Sought, kept: Kept) -> None:
        if type(permit) is not SinkPermit or permit.sink != "cache":
            raise TypeError(WITHOUT)
        vector, reading, form = sought.vector, sought.reading, sought.forms[0]
        size = kept.size + (0 if vector is None else len(vector)) + A_SIGN * len(sought.text) + BESIDE
        if size > self._settings.most_bytes:
            return
        self._number = number = self._number + 1
        entry = Entry(sought.place, form, reading, kept, permit.user, permit.session, size)
        shelf = self._shelves.setdefault(sought.place, Shelf())
        alike = shelf.alike.setdefault(entry.alike, [])
        before = [other for other in alike if self._entries[other].reading.words == reading.words]
        alike.append(number)
        self._entries[number] = entry
        self.bytes += size
        if vector is not None:
            if shelf.nearest is None:
                shelf.nearest = Nearest(len(vector))
            if shelf.nearest.size == len(vector):
                shelf.nearest.set(number, vector)
        for other in before:
            self._drop(other)
        self._fit()

    def _drop(self, number: int) -> None:
        entry = self._entries.pop(number)
        self.bytes -= entry.size
        shelf, alike = self._shelves[entry.place], entry.alike
        shelf.alike[alike].remove(number)
        if shelf.nearest is not None and number in shelf.nearest:
            shelf.nearest.remove(number)
        if not shelf.alike[alike]:
            del shelf.alike[alike]
            if not shelf.alike:
                del self._shelves[entry.place]

    def _fit(self) -> None:
        most_bytes, most = self._settings.most_bytes, self._settings.most
        while self._entries and (self.bytes > most_bytes or len(self._entries) > most):
            self._drop(next(iter(self._entries)))
            self.evicted += 1

    def bound(self, settings: SemanticSettings) -> None:
        self._settings = settings
        self._fit()

    async def erase(self, whose: Whose | None) -> int:
        gone = [
            number
            for number, one in self._entries.items()
            if whose is None or whose.holds(one.place[0], one.user, one.session)
        ]
        for number in gone:
            self._drop(number)
        return len(gone)

    async def holdings(self) -> tuple[Holding, ...]:
        return holdings((one.place[0], one.size) for one in self._entries.values())

    async def close(self) -> None:
        return
