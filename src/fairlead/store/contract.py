"""What the gateway needs of a ledger. `store.ledger` keeps it in a state directory, `store.memory` nowhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from fairlead.core.model import Price
from fairlead.core.record import Audit, Feedback, Intent, Record
from fairlead.store.reports import Totals
from fairlead.store.window import EVERYTHING, Window

T = TypeVar("T")


class Ledger(Protocol):
    """What the gateway needs of a ledger. `intend`, `settle`, `note` and `judge` are called on the loop's thread."""

    async def open(self) -> None: ...

    def intend(self, intent: Intent) -> None: ...

    def settle(self, record: Record) -> None: ...

    def note(self, audit: Audit) -> None: ...

    def price(self, rows: Iterable[Price]) -> None:
        """Attempts may be charged by these from now on. What is known already is not written again."""
        ...

    def judge(self, feedback: Feedback) -> None:
        """In place of what was said of that answer before. Raises SpoolFailed."""
        ...

    async def feedback(self, request: str) -> Feedback | None:
        """The last word on an answer."""
        ...

    async def flush(self) -> None:
        """Everything settled and noted so far can be queried when this returns."""
        ...

    async def close(self) -> None: ...

    @property
    def lag(self) -> int:
        """Entries appended that cannot be queried yet."""
        ...

    async def decision(self, request: str, tenant: str | None) -> Record | None:
        """The record of a request; None if there is none or it is another tenant's. Tenant None sees all."""
        ...

    async def totals(self, window: Window = EVERYTHING) -> Totals: ...

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """What the database says, of everything settled so far."""
        ...

    def keep(self, key: str, content: bytes) -> None:
        """What decisions refer to by its key: written down soon, and before any record that was settled later."""
        ...

    async def contents(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Those that are kept."""
        ...
