"""Answers found by what a request means: all of it but the user's last text is the same, and that text asks for the same.

    passed by   what acts (tools), asks for chance, goes on with a long conversation, says too much to be read, or hangs on
                the day it is asked
    scope       the exact cache's name of the request with a hole where the last text was: tenant, policy, model, system,
                turns, parameters. What is kept in another scope is never looked at
    found       texts of the same words, in whatever order and with whatever courtesy; with an embedding model the nearest
                vectors as well
    verified    each of them, by `verifier`, until one is near enough and stands up to every check

Without a model a text has to be the same word by word, so it is found by its words: no vector would find another one.
The lexical vector (`word_vector`) tells how near the order of the words is.

What is kept is in memory and bounded: in answers and in bytes; the one not asked for the longest gives way.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
import orjson

from fairlead.cache.answers import Holding, Kept, Near, holdings
from fairlead.cache.key import named
from fairlead.cache.last_text import split
from fairlead.cache.nearest import ERROR, Nearest, Vector
from fairlead.cache.settings import SemanticSettings, Strictness
from fairlead.cache.verifier.dates import PASSING
from fairlead.cache.verifier.reading import Reading, read
from fairlead.cache.verifier.table import difference
from fairlead.cache.word_vector import by_words
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose

CANDIDATES = 16
"""Of the nearest, so many are verified."""
AT_ONCE = 2_000_000
"""Products of a search that are done before anybody else is served; more are done in a thread."""
PENDING = 1024
"""Requests whose answer is awaited, whose text need not be read again."""
REJECTED = "rejected:"
AWAITED = 64
"""Answers whose vector is awaited; others are not kept meanwhile."""
BESIDE = 1024
"""Bytes of an entry beside its answer, its vector and its text."""
A_SIGN = 16
"""Bytes that a sign of a text takes, read."""


class Embed(Protocol):
    """Texts as vectors of one space, by a model."""

    async def __call__(self, call: Call, choice: Choice, text: str) -> Vector | None:
        """Of length one; None where there is none to be had."""
        ...


Passes = Callable[[Call, Mapping[str, Any], SemanticSettings], bool]
"""Whether a request is passed by, for what its fields say."""
Place = tuple[str, bytes]
"""Tenant and scope."""
Alike = tuple[tuple[str, ...], bytes]
"""The words of a text in the order of the alphabet, and the form of its answer."""


class Sought(msgspec.Struct):
    """A request as it is looked for."""

    place: Place
    forms: tuple[bytes, ...]
    """In which its answer may be found, the wanted one first."""
    text: str
    reading: Reading
    vector: Vector | None = None


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


class SemanticCache:
    def __init__(
        self,
        settings: SemanticSettings,
        passes: Passes,
        embed: Embed | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._passes = passes
        self._embed = embed
        self._strictness: Strictness = "strict" if embed is None else "loose"
        self._now = now
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._shelves: dict[Place, Shelf] = {}
        self._pending: OrderedDict[str, Sought] = OrderedDict()
        self._keeping: set[asyncio.Task[None]] = set()
        self._number = 0
        self.bytes = 0
        self.evicted = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        """By (what, model): found, missed, and `rejected:` with the check that rejected a candidate."""

    def __len__(self) -> int:
        return len(self._entries)

    async def lookup(self, call: Call, choice: Choice, said: Mapping[str, Any], since: float) -> Near | None:
        sought = self._sought(call, choice, said)
        if sought is None:
            return None
        near = self._alike(sought, since)
        if near is None and self._embed is not None:
            near = await self._nearest(self._embed, call, choice, sought, since)
        if near is not None:
            self.counts["found", near.kept.model] += 1
            return near
        self._pending[call.id] = sought
        if len(self._pending) > PENDING:
            self._pending.popitem(last=False)
        return None

    async def keep(self, permit: SinkPermit, call: Call, choice: Choice, kept: Kept) -> None:
        if type(permit) is not SinkPermit or permit.sensitive:
            raise TypeError("an answer is kept with a permit only, and never a sensitive one")
        sought = self._pending.pop(call.id, None)
        if sought is not None:
            self.counts["missed", kept.model] += 1
        else:
            sought = self._sought(call, choice, orjson.loads(call.body))
        if sought is None or permit.tenant != sought.place[0]:
            return
        if self._embed is None or sought.vector is not None:
            self._put(permit, sought, kept)
        elif len(self._keeping) < AWAITED:
            embedded = self._embedded(self._embed, permit, call, choice, sought, kept)
            keeping = asyncio.get_running_loop().create_task(embedded)
            self._keeping.add(keeping)
            keeping.add_done_callback(self._keeping.discard)

    async def _embedded(
        self, embed: Embed, permit: SinkPermit, call: Call, choice: Choice, sought: Sought, kept: Kept
    ) -> None:
        """The caller has the answer: the vector may take its time. Without one it is found by its words all the same."""
        sought.vector = await embed(call, choice, sought.text)
        self._put(permit, sought, kept)

    async def close(self) -> None:
        for keeping in self._keeping:
            keeping.cancel()
        if self._keeping:
            await asyncio.wait(self._keeping)

    def _sought(self, call: Call, choice: Choice, said: Mapping[str, Any]) -> Sought | None:
        """None where the request is passed by."""
        settings = self.settings
        if call.operation != "generate" or call.sensitive:
            return None
        asked = call.wishes.cache in ("on", "refresh")
        if not asked and self._passes(call, said, settings):
            return None
        parts = split(call.dialect, said)
        if parts is None or len(parts.text) > settings.longest or (parts.before > settings.most_before and not asked):
            return None
        reading = read(parts.text)
        if not asked and not PASSING.isdisjoint(reading.words):
            return None
        name = named(call, choice, parts.rest)
        forms = tuple(form[len(name.answer) :] for form in name.forms)
        return Sought((call.caller.tenant, name.answer), forms, parts.text, reading)

    def _alike(self, sought: Sought, since: float) -> Near | None:
        """By the words."""
        shelf = self._shelves.get(sought.place)
        if shelf is None:
            return None
        words = sought.reading.words
        alike = tuple(sorted(words))
        for form in sought.forms:
            for number in tuple(shelf.alike.get((alike, form), ())):
                entry = self._fresh(number, since)
                if entry is None:
                    continue
                similarity = 1.0 if entry.reading.words == words else cosine(sought.reading, entry.reading)
                if similarity >= self.settings.threshold and self._stands(sought, entry):
                    return Near(entry.kept, similarity)
        return None

    async def _nearest(self, embed: Embed, call: Call, choice: Choice, sought: Sought, since: float) -> Near | None:
        """By the vectors. Without anything to compare with none is asked for."""
        if sought.place not in self._shelves:
            return None
        sought.vector = vector = await embed(call, choice, sought.text)
        shelf = self._shelves.get(sought.place)
        rows = None if shelf is None else shelf.nearest
        if vector is None or rows is None or rows.size != len(vector):
            return None
        least = self.settings.threshold - ERROR
        if rows.work > AT_ONCE:
            found = await asyncio.to_thread(rows.search, vector, CANDIDATES, least)
            found = rows.again(vector, found, least)
        else:
            found = rows.search(vector, CANDIDATES, least)
        for number, similarity in found:
            entry = self._fresh(number, since)
            if entry is None or entry.place != sought.place or entry.form not in sought.forms:
                continue
            if self._stands(sought, entry):
                return Near(entry.kept, similarity)
        return None

    def _stands(self, sought: Sought, entry: Entry) -> bool:
        """Whether no check tells the texts apart."""
        why = difference(sought.reading, entry.reading, self._strictness)
        if why:
            self.counts[REJECTED + why, entry.kept.model] += 1
        return not why

    def _fresh(self, number: int, since: float) -> Entry | None:
        entry = self._entries.get(number)
        if entry is None:
            return None
        if entry.kept.at + self.settings.ttl <= self._now():
            self._drop(number)
            return None
        if entry.kept.at < since:
            return None
        self._entries.move_to_end(number)
        return entry

    def _put(self, permit: SinkPermit, sought: Sought, kept: Kept) -> None:
        vector, reading, form = sought.vector, sought.reading, sought.forms[0]
        size = kept.size + (0 if vector is None else len(vector)) + A_SIGN * len(sought.text) + BESIDE
        if size > self.settings.most_bytes:
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
        while self._entries and (self.bytes > self.settings.most_bytes or len(self._entries) > self.settings.most):
            self._drop(next(iter(self._entries)))
            self.evicted += 1

    def bound(self, settings: SemanticSettings) -> None:
        """Other settings hold from now on."""
        self.settings = settings
        self._fit()

    def erase(self, whose: Whose | None) -> int:
        """How many answers that were; None means everybody's."""
        gone = [
            number
            for number, one in self._entries.items()
            if whose is None or whose.holds(one.place[0], one.user, one.session)
        ]
        for number in gone:
            self._drop(number)
        self._pending.clear()
        for keeping in self._keeping:  # whoever's: it would come back behind the erasure
            keeping.cancel()
        return len(gone)

    def holdings(self) -> tuple[Holding, ...]:
        return holdings((one.place[0], one.size) for one in self._entries.values())

    def rejected(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for (what, _), times in self.counts.items():
            if what.startswith(REJECTED):
                found[what.removeprefix(REJECTED)] += times
        return dict(found.most_common())


def cosine(one: Reading, other: Reading) -> float:
    """Of the lexical vectors."""
    first, second = by_words(one), by_words(other)
    return 0.0 if first is None or second is None else min(1.0, float(first @ second))
