"""What shared context saved: tokens that were put into requests, and about how many it would have taken to send what they
were learned from. It stands in the signals of the requests; of those the latest are read, never all."""

from __future__ import annotations

import sqlite3

import msgspec

from fairlead.core.record import Record
from fairlead.store.window import EVERYTHING, Window, where_of

LATEST = 10_000
"""Requests that are looked at."""
_record = msgspec.msgpack.Decoder(Record).decode


class Recalled(msgspec.Struct, frozen=True):
    looked_at: int
    requests: int
    """Of these, those into which something was put."""
    sent: int
    """Tokens."""
    instead: int

    @property
    def saved(self) -> int:
        """Less than nothing where what was put in is longer than what it came from."""
        return self.instead - self.sent


def recalled(connection: sqlite3.Connection, window: Window = EVERYTHING) -> Recalled | None:
    """None where nothing was put into any of them."""
    where, values = where_of(window)
    latest = f"""SELECT record FROM requests WHERE purpose = 'answer' AND {where}
        ORDER BY at_ms DESC, seq DESC LIMIT {LATEST}"""
    (looked_at,) = connection.execute(f"SELECT count(*) FROM ({latest})", values).fetchone()
    rows = connection.execute(f"SELECT record FROM ({latest}) WHERE instr(record, CAST('instead' AS BLOB))", values)
    requests = 0
    tokens = {"sent": 0, "instead": 0}
    for (payload,) in rows:
        found = [signal for signal in _record(payload).signals if signal.kind == "memory"]
        requests += bool(found)
        for signal in found:
            tokens[signal.name] += int(signal.value)
    return Recalled(looked_at, requests, tokens["sent"], tokens["instead"]) if requests else None
