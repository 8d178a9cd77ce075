"""Which part of the ledger a report is of, and sums that hold whatever their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

T = TypeVar("T")

DAY_MS = 86_400_000
ABSURD = 10**16
"""What stands for a figure beyond 64 bits, small enough that sums still hold."""


class Window(msgspec.Struct, frozen=True):
    """Which requests count: `since_ms` is included, `until_ms` is not."""

    since_ms: int = 0
    until_ms: int | None = None
    tenant: str | None = None


EVERYTHING = Window()


def where_of(window: Window, table: str = "requests") -> tuple[str, list[int | str]]:
    """The condition on a table, with its values."""
    parts, values = ["1"], list[int | str]()
    if window.since_ms:
        parts.append(f"{table}.at_ms >= ?")
        values.append(window.since_ms)
    if window.until_ms is not None:
        parts.append(f"{table}.at_ms < ?")
        values.append(window.until_ms)
    if window.tenant is not None:
        parts.append(f"{table}.tenant = ?")
        values.append(window.tenant)
    return " AND ".join(parts), values


def cut_down(value: T) -> T | int:
    return ABSURD if isinstance(value, int) and value.bit_length() > 63 else value


def halves(*columns: str) -> str:
    """The sums of columns, each as two that stay within 64 bits over two thousand million rows: SQLite gives up on a
    sum beyond them."""
    return ", ".join(f"coalesce(sum(({one}) >> 32), 0), coalesce(sum(({one}) & 4294967295), 0)" for one in columns)


def whole(parts: Sequence[int]) -> list[int]:
    return [(high << 32) + low for high, low in zip(parts[::2], parts[1::2], strict=True)]
