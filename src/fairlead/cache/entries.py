"""What the semantic cache looks through: requests that were answered, by what their last text says.

`Entries` is what every place to keep them offers: `entries_in_memory`, and `entries_in_redis` for several gateways.
Nothing that is kept is handed out by it: `semantic` reads what it finds and decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from fairlead.cache.answers import Holding, Kept
from fairlead.cache.nearest import Vector
from fairlead.cache.settings import SemanticSettings
from fairlead.cache.verifier.reading import Reading
from fairlead.core.egress import SinkPermit
from fairlead.core.whose import Whose

CANDIDATES = 16
"""Of the nearest, so many are looked at."""

Place = tuple[str, bytes]
"""Tenant and scope."""
Words = tuple[str, ...]


class Sought(msgspec.Struct):
    """A request as it is looked for."""

    place: Place
    forms: tuple[bytes, ...]
    """In which its answer may be found, the wanted one first."""
    text: str
    reading: Reading
    vector: Vector | None = None

    @property
    def words(self) -> Words:
        """In the order of the alphabet."""
        return tuple(sorted(self.reading.words))


class Candidate(msgspec.Struct, frozen=True):
    """A request of the same scope, in a form that is wanted."""

    reading: Reading
    model: str
    """That answered it."""
    answer: Callable[[], Awaitable[Kept | None]]
    """None where it has gone meanwhile."""


Near = tuple[Candidate, float]
"""With the cosine between the vectors."""


class Entries(Protocol):
    async def alike(self, sought: Sought, since: float) -> Sequence[Candidate]:
        """Of the same words in whatever order, in the wanted form first; answered at `since` (epoch seconds) or later."""
        ...

    def comparable(self, sought: Sought) -> bool:
        """Whether there is anything to compare a vector with, as far as the last `alike` of that place has told."""
        ...

    async def nearest(self, sought: Sought, vector: Vector, least: float, since: float) -> Sequence[Near]:
        """At most CANDIDATES of at least that cosine, the nearest first."""
        ...

    async def put(self, permit: SinkPermit, sought: Sought, kept: Kept) -> None:
        """In place of what was answered to the same words in the same order and form."""
        ...

    def bound(self, settings: SemanticSettings) -> None:
        """These bounds hold from now on."""
        ...

    async def erase(self, whose: Whose | None) -> int:
        """How many answers that were; None means everybody's."""
        ...

    async def holdings(self) -> tuple[Holding, ...]:
        """By tenant, largest first."""
        ...

    async def close(self) -> None: ...
