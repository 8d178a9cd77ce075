"""Tally: what records add to the sums, worked out from the records at hand while they are taken in.

`rollups` says in SQL what the sums are, and `ledger verify` holds these here against that. Attempts that are alike in all
but their figures come together and are added up column by column: what is done for each of them is one tuple of what it is
like, and its figures put at the end of a list.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import add
from typing import Any, NamedTuple

import msgspec

from fairlead.core.record import Attempt, Record, Usage
from fairlead.store import budgets, rollups
from fairlead.store.progress import Progress, counted, silent
from fairlead.store.rollups import ANSWERS, BANDS, HOUR_MS, KINDS, LARGEST, MINUTE_MS, ROLLUPS, TAGS, Kind
from fairlead.store.spool import Payload
from fairlead.store.statements import insert
from fairlead.store.window import DAY_MS, cut_down

NOTHING = Attempt("", 0, "", "", "", "", "failed", 0, "", 0, 0, 0, Usage(), (), 0, "")
"""Stands for the attempt of a request without one."""

Place = tuple[int | str, ...]
"""What a sum is of: grain, time, the keys of its kind, and the attempt that stands alone or -1."""
Sums = dict[Place, Sequence[int]]
Figures = list[Any]
"""Of attempts, one after another, FIGURES of each: its seq, the time of its request, what that cost, its baseline, its own
cost, the same in USD, its usage, of which the last part is no figure."""
FIGURES = 6 + len(Usage.__struct_fields__)

_usage = msgspec.structs.astuple
_record = msgspec.msgpack.Decoder(Record).decode


class Like(NamedTuple):
    """What attempts have in common that are added up together."""

    minute: int
    quarter: int
    tenant: str
    team: str
    key: str
    task: str
    tags: tuple[str, ...]
    purpose: str
    outcome: str
    operation: str
    compared: bool
    last: bool
    tried: bool
    model: str
    currency: str
    ended: str
    policy: str
    tier: str


class Tally:
    """The sums of records after `since` that are not written yet."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.requests = 0
        self._sums: dict[str, Sums] = {kind.table: {} for kind in KINDS}

    def take(self, rows: Iterable[tuple[int, Record, Payload]]) -> budgets.Sums:
        """Adds records with their seq; returns what they spent, for the budgets."""
        alike: defaultdict[tuple[object, ...], Figures] = defaultdict(list)
        for first, record, _ in rows:
            self.requests += 1
            attempts = record.attempts or (NOTHING,)
            at, at_ms, baseline = first, record.at_ms, record.baseline_cost
            last = attempts[-1]
            for one in attempts:
                figures = alike[
                    at_ms // MINUTE_MS, one.started_ms // budgets.QUARTER_MS, record.tenant, record.team, record.key,
                    record.task, record.tags, record.purpose, record.outcome, record.operation, baseline is not None,
                    one is last, one is not NOTHING, one.model, one.currency, one.outcome,
                    (one.purse or record.policy) if one.tier else "", one.tier,
                ]  # fmt: skip
                figures += (at, at_ms, record.cost, baseline or 0, one.cost, one.cost if one.usd is None else one.usd)
                figures += _usage(one.usage)
                at += 1
        spent: budgets.Sums = {}
        for common, group in alike.items():
            self._add_up(Like(*common), group, spent)  # type: ignore[arg-type]  # in its order, named once for many
        return spent

    def write(self, connection: sqlite3.Connection) -> None:
        """Within a transaction: adds these sums to those of the minute, the hour and the day."""
        for kind in KINDS:
            sums = self._sums[kind.table]
            coarser: Sums = {}
            for (grain, at_ms, *keys), figures in sums.items():
                for whole in (HOUR_MS, DAY_MS) if grain else ():
                    _put(coarser, (whole, int(at_ms) // whole * whole, *keys), figures)
            rows = [(*place, *figures) for some in (sums, coarser) for place, figures in some.items()]
            more = ", ".join(f"{name} = {name} + excluded.{name}" for name in kind.sums)
            insert(connection, kind.table, rows, f"DO UPDATE SET {more}")
        connection.execute("UPDATE kept SET rolled = max(rolled, coalesce((SELECT max(seq) FROM requests), -1))")

    def _add_up(self, like: Like, group: Figures, spent: budgets.Sums) -> None:
        totals = _totals(group)
        if totals[5]:
            whose = like.tenant, like.team, like.key, like.model, like.policy, like.tier, "\n".join(like.tags)
            kind = like.quarter, *whose
            spent[kind] = spent.get(kind, 0) + totals[5]
        parts = any(totals[8:12]) or any(totals[13:])
        if not parts and max(totals[2:]) <= LARGEST and max(group[6::FIGURES]) <= BANDS[0]:
            self._put_all(like, 0, len(group) // FIGURES, totals)
            return
        split: defaultdict[tuple[int, int | None, int | None], Figures] = defaultdict(list)
        for begin in range(0, len(group), FIGURES):
            figures = group[begin : begin + FIGURES]
            split[_apart(figures)] += figures
        for (band, large, mixed), some in split.items():
            self._put_all(like, band, len(some) // FIGURES, _totals(some), large, mixed)

    def _put_all(
        self,
        like: Like,
        band: int,
        count: int,
        totals: Sequence[int],
        large: int | None = None,
        mixed: int | None = None,
    ) -> None:
        """`large` and `mixed` name the attempt where it stands alone."""
        _, at_ms, cost, baseline, *own = totals if mixed is None else map(cut_down, totals)
        asked, ok = like.last and like.purpose == "answer", like.outcome == "ok"
        figures = (
            count if asked else 0,
            count if asked and ok and like.tried else 0,
            count if like.last and not asked else 0,
            count if asked and not ok else 0,
            count if like.tried else 0,
            own[8],
            *own[:2],
            cost if like.last else 0,
            cost if like.last and like.compared else 0,
            baseline if like.last else 0,
            *own[2:5],
        )
        minute = like.minute * MINUTE_MS
        result = rollups.ASIDE if like.purpose != "answer" else like.operation if ok else rollups.NOTHING

        def put(kind: Kind, keys: Place, figures: Sequence[int], alone: int | None) -> None:
            place = (MINUTE_MS, minute, *keys, -1) if alone is None else (0, at_ms, *keys, alone)
            _put(self._sums[kind.table], place, figures)

        put(ROLLUPS, (like.tenant, like.team, like.key, like.task, like.model, like.currency, result), figures, large)
        for tag in set(like.tags):
            put(TAGS, (like.tenant, tag), figures, large)
        if asked and ok and like.ended == "ok":
            put(ANSWERS, (like.tenant, result, band), (count, *own[2:8], *own[9:]), mixed)


def _totals(group: Figures) -> list[int]:
    return [sum(group[column::FIGURES]) for column in range(FIGURES - 1)]


def _apart(figures: Figures) -> tuple[int, int | None, int | None]:
    """The size of the prompt, and the attempt where it must stand alone: among all sums, and among those of answers."""
    seq, _, *costs, read, written, cached, stored, stored_1h, reasoning, _, image, audio, drawn, said, _ = figures
    large = max(*costs, read, written) > LARGEST
    mixed = cached + stored + stored_1h + image + audio > read or reasoning + drawn + said > written
    return bisect_left(BANDS, read), seq if large else None, seq if large or mixed else None


def _put(sums: Sums, place: Place, figures: Sequence[int]) -> None:
    there = sums.get(place)
    sums[place] = figures if there is None else tuple(map(add, there, figures))


def waiting(connection: sqlite3.Connection) -> Tally:
    """Of the records that the sums do not hold yet."""
    tally = Tally(rollups.horizons(connection).rolled)
    tally.take(_stored(connection, "seq > ?", tally.since))
    return tally


def rebuild(connection: sqlite3.Connection, progress: Progress = silent) -> None:
    """Within a transaction: anew from the records, as far back as these are kept; their tags too."""
    kept = rollups.found_out(connection)
    (count,) = connection.execute("SELECT count(*) FROM requests").fetchone()
    for kind in KINDS:
        connection.execute(f"DELETE FROM {kind.table} WHERE at_ms >= ?", (kept.records,))
    records = counted(_stored(connection, "at_ms >= ?", kept.records), count, progress)
    while some := list(islice(records, rollups.TOGETHER)):
        tags = [(seq, tag) for seq, record, _ in some for tag in record.tags]
        connection.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?)", tags)
        tally = Tally(kept.rolled)
        tally.take(some)
        tally.write(connection)
    rollups.drop_minutes(connection, kept.minutes)


def _stored(connection: sqlite3.Connection, where: str, since: int) -> Iterator[tuple[int, Record, bytes]]:
    for seq, payload in connection.execute(f"SELECT seq, record FROM requests WHERE {where}", (since,)):
        yield seq, _record(payload), payload
