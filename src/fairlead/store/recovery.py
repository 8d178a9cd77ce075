"""Recovery: what a start makes of the spool that the last process left.

Records, audits and feedback behind the checkpoint are taken in again. An intent without a record means that its attempt
was under way when the process died: nobody knows what it cost, so its hold counts as spent, flagged as estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from fairlead.core.record import Attempt, Audit, CostLine, Entry, Intent, Record, Usage
from fairlead.store.spool import Damage, read_segment, segments
from fairlead.store.sqlite import Note, Projection, Row

BATCH = 2_000
LOST = "the process ended before the attempt did"


class Recovered(msgspec.Struct, frozen=True):
    """What a start found."""

    rows: int
    """Records, audits and feedback that had not been taken in yet."""
    lost: int
    """Requests that were in flight, now flagged estimates."""
    damage: tuple[Damage, ...]


class Replay:
    """One reading of the spool. `ingest` feeds the projection; `unsettled` is then what was in flight."""

    def __init__(self, folder: Path, projection: Projection) -> None:
        self.damage: list[Damage] = []
        self.rows = 0
        self.unsettled: dict[str, dict[str, Intent]] = {}
        self._folder = folder
        self._projection = projection
        segment, offset = projection.checkpoint()
        self._since = segment << 32 | offset
        self.next_segment = max([segment, *segments(folder)]) + 1

    def ingest(self) -> None:
        rows: list[Row] = []
        notes: list[Note] = []
        for at, entry, payload in self._entries():
            if isinstance(entry, Intent):
                self.unsettled.setdefault(entry.request, {})[entry.attempt] = entry
                continue
            if isinstance(entry, Record):
                self.unsettled.pop(entry.request, None)
            if at < self._since:
                continue
            if isinstance(entry, Record):
                rows.append((at, entry, payload))
            else:
                notes.append((at, entry))
            if len(rows) + len(notes) >= BATCH:
                self._commit(rows, notes, at + 1)
                rows, notes = [], []
        if rows or notes:
            self._commit(rows, notes, max([at for at, *_ in rows] + [at for at, _ in notes]) + 1)

    def _entries(self) -> Iterator[tuple[int, Entry, bytes]]:
        for segment in segments(self._folder):
            yield from read_segment(self._folder, segment, self.damage)

    def _commit(self, rows: Sequence[Row], notes: Sequence[Note], reached: int) -> None:
        self._projection.ingest(rows, notes, reached >> 32, reached & 0xFFFFFFFF)
        self.rows += len(rows) + len(notes)


def lost(intents: Sequence[Intent], at_ms: int, version: str = "") -> tuple[Record, Audit]:
    """The record of a request that was in flight, and the audit that says so."""
    first, last = intents[0], intents[-1]
    attempts = tuple(_lost_attempt(intent) for intent in intents)
    cost = sum(attempt.cost for attempt in attempts)
    record = Record(
        request=first.request,
        at_ms=first.at_ms,
        key=first.key,
        tenant=first.tenant,
        operation="",
        dialect="",
        asked="",
        stream=False,
        purpose=first.purpose,
        parent="",
        outcome="lost",
        status=0,
        error=LOST,
        policy=next((intent.policy for intent in intents if intent.policy), ""),
        strategy="",
        policy_hash="",
        snapshot="",
        conditions=0,
        seed=0,
        model=last.model,
        channel=last.channel,
        attempts=attempts,
        cost=cost,
        baseline_cost=None,
        baseline="",
        overhead_us=0,
        total_ms=0,
        version=version,
        tags=first.tags,
        team=first.team,
    )
    detail = f"{len(attempts)} attempt(s) in flight when the process ended; {cost} nano-units counted as spent"
    return record, Audit(at_ms, "recovered", first.key, first.tenant, first.request, detail)


def _lost_attempt(intent: Intent) -> Attempt:
    line = CostLine("hold", 1, "request", intent.price_row, intent.hold, "USD")
    return Attempt(
        id=intent.attempt,
        number=intent.number,
        model=intent.model,
        channel=intent.channel,
        provider=intent.provider,
        region=intent.region,
        outcome="lost",
        status=0,
        error=LOST,
        started_ms=intent.at_ms,
        first_ms=-1,
        total_ms=0,
        usage=Usage(intent.input_tokens, intent.output_tokens, estimated=True),
        lines=(line,),
        cost=intent.hold,
        currency="USD",
        move="first" if intent.number <= 1 else "failover",
        tier=intent.tier,
        purse=intent.policy,
        price_row=intent.price_row,
        expected=intent.hold,
    )
