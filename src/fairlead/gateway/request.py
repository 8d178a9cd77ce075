"""What a surface hands to the pipeline, and what it takes back. The listener's exchange is an `Outlet`; the
library's collector is another; the pipeline knows neither."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from fairlead.core.call import Caller, Operation

T = TypeVar("T")


class Headers(dict[bytes, bytes]):
    """Of a request, names in lower case. Requests that come with the same head share them, and what was read off them."""

    __slots__ = ("_found", "json", "proof", "settled")

    _found: dict[object, Any]
    json: bool
    """Whether they were found to go before a body of JSON, as it is."""
    proof: object
    """Whose they were found to be."""
    settled: object
    """What such a request came to the last time, as far as its head says it."""

    def __init__(self, lines: Mapping[bytes, bytes] | Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(lines)
        self._found = {}
        self.json = False
        self.proof = self.settled = None

    def once(self, read: Callable[[Mapping[bytes, bytes]], T]) -> T:
        """What `read` makes of them. Nobody may change it."""
        known = self._found
        if read not in known:
            known[read] = read(self)
        kept: T = known[read]
        return kept


def words_of(value: bytes) -> str:
    """A header's value as text. Clients send UTF-8; what is none is read as Latin-1, as HTTP once had it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class Incoming(msgspec.Struct, frozen=True, gc=False):
    operation: Operation
    caller: Caller
    headers: Headers
    body: bytes
    received: float
    """Monotonic time at which the request was complete."""
    dialect: str = "openai_chat"
    model: str = ""
    """Where the path says it."""
    stream: bool = False
    """Where the path says so."""
    path: str = ""
    """Of an opaque operation: where at the provider it goes."""
    sensitive: bool = False
    """It carries what was said in a sensitive request before."""
    known: frozenset[str] = frozenset()
    """Ids of items that were found among the tenant's own."""


class Direct(Protocol):
    """An outlet that can take a piece without waiting: its own `direct`, where it has one."""

    def put(self, piece: bytes) -> bool:
        """Whether the client keeps up."""
        ...

    async def caught_up(self) -> None:
        """Waits while the client is slow."""
        ...


class Outlet(Protocol):
    """Where the answer goes."""

    @property
    def started(self) -> bool: ...

    def send(self, status: int, headers: bytes, body: bytes) -> None: ...

    def start(self, status: int, headers: bytes) -> None: ...

    async def write(self, piece: bytes) -> None: ...

    def end(self, last: bytes = b"") -> None:
        """The answer is whole, after this last piece of it."""
        ...
