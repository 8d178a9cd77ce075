"""The price rows that attempts were charged by, so that every cost can be worked out again long after the price has changed.

A row is written once. Where another row comes under the same id, both stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import msgspec

from fairlead.core.model import Price
from fairlead.core.record import Priced

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Price).decode


def write(connection: sqlite3.Connection, entries: Iterable[tuple[int, Priced]]) -> None:
    """Within a transaction."""
    rows = [
        (
            at,
            one.price.id,
            one.at_ms,
            one.price.currency,
            one.price.since,
            one.price.source,
            _encode(one.price).decode(),
        )
        for at, one in entries
    ]
    connection.executemany("INSERT OR IGNORE INTO prices VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def versions(connection: sqlite3.Connection) -> dict[str, list[Price]]:
    """By id: all that ever stood under it, the latest last. What cannot be read is told by `differences`."""
    found: dict[str, list[Price]] = {}
    for name, price in connection.execute("SELECT id, price FROM prices ORDER BY seq"):
        kept = _read(price)
        if kept is not None:
            found.setdefault(name, []).append(kept)
    return found


def _read(price: str) -> Price | None:
    try:
        return _decode(price)
    except msgspec.DecodeError:
        return None


def differences(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """(what, what is odd) where a row's columns are not what its price says."""
    for name, *columns, price in connection.execute(
        "SELECT id, currency, since, source, price FROM prices ORDER BY seq"
    ):
        kept = _read(price)
        if kept is None:
            yield f"price row {name}", "its price cannot be read"
            continue
        for field, stands, said in zip(
            ("id", "currency", "since", "source"),
            (name, *columns),
            (kept.id, kept.currency, kept.since, kept.source),
            strict=True,
        ):
            if stands != said:
                yield f"price row {name}", f"its {field} is {stands!r}, its price says {said!r}"


def latest(connection: sqlite3.Connection) -> dict[str, Price]:
    return {name: rows[-1] for name, rows in versions(connection).items()}
