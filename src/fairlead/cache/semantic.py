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

Where it is kept is the affair of `entries`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from fairlead.cache.answers import Holding, Kept, Near
from fairlead.cache.entries import Candidate, Entries, Sought
from fairlead.cache.key import named
from fairlead.cache.last_text import split
from fairlead.cache.nearest import Vector
from fairlead.cache.settings import SemanticSettings, Strictness
from fairlead.cache.verifier.dates import PASSING
from fairlead.cache.verifier.reading import Reading, read
from fairlead.cache.verifier.table import difference
from fairlead.cache.word_vector import by_words
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose

PENDING = 1024
"""Requests whose answer is awaited, whose text need not be read again."""
REJECTED = "rejected:"
AWAITED = 64
"""Answers whose vector is awaited; others are not kept meanwhile."""


class Embed(Protocol):
    """Texts as vectors of one space, by a model."""

    async def __call__(self, call: Call, choice: Choice, text: str) -> Vector | None:
        """Of length one; None where there is none to be had."""
        ...


Passes = Callable[[Call, Mapping[str, Any], SemanticSettings], bool]
"""Whether a request is passed by, for what its fields say."""


class SemanticCache:
    def __init__(
        self, settings: SemanticSettings, entries: Entries, passes: Passes, embed: Embed | None = None
    ) -> None:
        self.settings = settings
        self.entries = entries
        self._passes = passes
        self._embed = embed
        self._strictness: Strictness = "strict" if embed is None else "loose"
        self._pending: OrderedDict[str, Sought] = OrderedDict()
        self._keeping: set[asyncio.Task[None]] = set()
        self.counts: Counter[tuple[str, str]] = Counter()
        """By (what, model): found, missed, and `rejected:` with the check that rejected a candidate."""

    async def lookup(self, call: Call, choice: Choice, said: Mapping[str, Any], since: float) -> Near | None:
        sought = self._sought(call, choice, said)
        if sought is None:
            return None
        near = await self._alike(sought, since)
        if near is None and self._embed is not None and self.entries.comparable(sought):
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
            await self.entries.put(permit, sought, kept)
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
        await self.entries.put(permit, sought, kept)

    async def close(self) -> None:
        for keeping in self._keeping:
            keeping.cancel()
        if self._keeping:
            await asyncio.wait(self._keeping)
        await self.entries.close()

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

    async def _alike(self, sought: Sought, since: float) -> Near | None:
        """By the words."""
        words = sought.reading.words
        for one in await self.entries.alike(sought, since):
            similarity = 1.0 if one.reading.words == words else cosine(sought.reading, one.reading)
            if similarity >= self.settings.threshold and self._stands(sought, one):
                kept = await one.answer()
                if kept is not None:
                    return Near(kept, similarity)
        return None

    async def _nearest(self, embed: Embed, call: Call, choice: Choice, sought: Sought, since: float) -> Near | None:
        """By the vectors."""
        sought.vector = vector = await embed(call, choice, sought.text)
        if vector is None:
            return None
        for one, similarity in await self.entries.nearest(sought, vector, self.settings.threshold, since):
            if self._stands(sought, one):
                kept = await one.answer()
                if kept is not None:
                    return Near(kept, similarity)
        return None

    def _stands(self, sought: Sought, one: Candidate) -> bool:
        """Whether no check tells the texts apart."""
        why = difference(sought.reading, one.reading, self._strictness)
        if why:
            self.counts[REJECTED + why, one.model] += 1
        return not why

    def bound(self, settings: SemanticSettings) -> None:
        """Other settings hold from now on."""
        self.settings = settings
        self.entries.bound(settings)

    async def erase(self, whose: Whose | None) -> int:
        """How many answers that were; None means everybody's."""
        self._pending.clear()
        for keeping in self._keeping:  # whoever's: it would come back behind the erasure
            keeping.cancel()
        return await self.entries.erase(whose)

    async def holdings(self) -> tuple[Holding, ...]:
        return await self.entries.holdings()

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
