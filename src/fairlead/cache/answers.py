"""What the caches have in common: an answer as it was given, and the seams between who finds one and who tells it.

    gateway/caching.py   the step of the pipeline: asks the exact cache, then the semantic one, tells a hit, keeps answers
    cache/exact.py       by the whole request
    cache/semantic.py    by what it means

What is kept is the caller's own bytes in the caller's own dialect, of a tenant's request, for requests of that tenant only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

import msgspec

from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.egress import SinkPermit
from fairlead.core.record import Usage
from fairlead.core.whose import Whose

Kind = Literal["exact", "semantic"]


class Kept(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A whole, proper answer to one request. Stored: fields are added at the end, with a default."""

    request: str
    """Id of the request it answered."""
    at: float
    """Epoch seconds at which it was given."""
    dialect: str
    operation: str
    stream: bool
    """Whether `body` is a stream's bytes."""
    body: bytes
    model: str
    channel: str
    """Id of the channel that answered: whoever may not use it is not given the answer."""
    policy: str
    task: str
    tier: str
    usage: Usage
    cost: int
    """Nano-units of USD that all its attempts came to."""
    lines: str = ""
    """What its own headers said of the answer rather than of the request, as rendered lines: what was lost in translation,
    how sure the checks were of it, whether somebody weaker's was not good enough."""
    form: bytes = b""
    """How it is told: what `key.Named` puts behind the answer's name."""
    until: float = 0.0
    """Epoch seconds up to which it is given; 0 for as long as others are."""

    @property
    def size(self) -> int:
        """Bytes it takes, about."""
        return len(self.body) + OVERHEAD


OVERHEAD = 1024
"""Of an entry beside its body, in memory."""


class Hit(msgspec.Struct, frozen=True):
    kind: Kind
    kept: Kept
    similarity: float = 1.0
    """Cosine between the texts' vectors, of a semantic one."""


class Near(msgspec.Struct, frozen=True):
    """The answer to a request that means the same."""

    kept: Kept
    similarity: float


class Holding(msgspec.Struct, frozen=True):
    """What of one tenant is kept."""

    tenant: str
    answers: int
    bytes: int


def holdings(sizes: Iterable[tuple[str, int]]) -> tuple[Holding, ...]:
    """Of (tenant, size) of each answer."""
    found: dict[str, tuple[int, int]] = {}
    for tenant, size in sizes:
        answers, before = found.get(tenant, (0, 0))
        found[tenant] = answers + 1, before + size
    rows = [Holding(tenant, *sums) for tenant, sums in found.items()]
    return tuple(sorted(rows, key=lambda one: (-one.bytes, one.tenant)))


class Semantic(Protocol):
    """What the step needs of a cache by meaning. Asked only where the exact one has nothing, and only for requests that
    neither of them passes by: those are not sensitive, and their caller may use what is cached."""

    async def lookup(self, call: Call, choice: Choice, said: Mapping[str, Any], since: float) -> Near | None:
        """The answer to a request of the same tenant that means the same and differs in nothing else, given at `since`
        (epoch seconds) or later. `said` is the call's body, decoded."""
        ...

    async def keep(self, permit: SinkPermit, call: Call, choice: Choice, kept: Kept) -> None:
        """`kept` is the answer to `call`, whole and proper."""
        ...

    async def close(self) -> None: ...

    async def erase(self, whose: Whose | None) -> int:
        """How many answers that were; None means everybody's."""
        ...

    async def holdings(self) -> tuple[Holding, ...]:
        """By tenant, largest first."""
        ...

    def rejected(self) -> Mapping[str, int]:
        """By check: candidates that did not stand up to it since the gateway began."""
        ...
