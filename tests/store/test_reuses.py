"""What answers given again have saved, as the ledger tells it to a report."""

from __future__ import annotations

import msgspec

from fairlead.core.record import Record, Reuse
from fairlead.store.reports import report
from fairlead.store.reuses import LARGEST, Reused, reused
from fairlead.store.sqlite import Projection
from fairlead.store.verification import verify
from fairlead.store.window import Window
from tests.store.entries import attempt, record, taken_in


def again(request: str, at_ms: int, saved: int, kind: str = "exact", model: str = "m", tenant: str = "t") -> Record:
    hit = record(request, at_ms=at_ms, tenant=tenant)
    return msgspec.structs.replace(hit, model=model, cost=0, reuse=Reuse(kind, "r0", saved, 5))


def test_savings_are_lost_or_counted_twice(projection: Projection) -> None:  # M6.3
    paid = record("r0", attempt("r0", cost=500), at_ms=1000, tenant="t")
    entries = (
        paid,
        again("r1", 2000, 500),
        again("r2", 3000, 500),
        again("r3", 3000, 40, "semantic", "n"),
        again("r4", 3000, 7, tenant="u"),
    )
    taken_in(projection, *entries)
    taken_in(projection, *entries)
    assert reused(projection.connection) == (
        Reused("exact", "m", 3, 1007),
        Reused("semantic", "n", 1, 40),
    )
    assert reused(projection.connection, Window(since_ms=3000, tenant="t")) == (
        Reused("exact", "m", 1, 500),
        Reused("semantic", "n", 1, 40),
    )
    found = report(projection.connection)
    assert (found.hits, found.saved) == (4, 1047)
    assert (found.totals.requests, found.totals.attempts, found.totals.cost) == (5, 1, 500)
    assert [one.what for one in verify(projection.connection).told] == ["r0.1"]  # has no price row


def test_a_row_that_is_not_its_records_passes(projection: Projection) -> None:
    taken_in(projection, again("r1", 2000, 500))
    projection.connection.execute("UPDATE reuses SET saved = 900")
    assert verify(projection.connection).differences == 1
    projection.connection.execute("DELETE FROM reuses")
    assert verify(projection.connection).differences == 1
    projection.connection.execute("INSERT INTO reuses VALUES (77, 1, 't', 'exact', 'm', 5)")
    assert verify(projection.connection).differences == 2


def test_a_saving_beyond_all_bounds_stops_the_ledger(projection: Projection) -> None:
    taken_in(projection, again("r1", 2000, 1 << 63), again("r2", 2000, 1 << 63))
    assert reused(projection.connection) == (Reused("exact", "m", 2, 2 * LARGEST),)


def test_what_is_let_go_of_leaves_its_savings_behind(projection: Projection) -> None:
    day = 86_400_000
    taken_in(projection, again("r1", day, 500), again("r2", 5 * day, 40))
    projection.retire(6 * day, 3 * day)
    assert reused(projection.connection) == (Reused("exact", "m", 1, 40),)
    assert verify(projection.connection).differences == 0
