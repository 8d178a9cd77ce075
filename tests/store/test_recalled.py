"""What shared context saved, and what of prompt caches stands in the books."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from fairlead.core.call import Signal
from fairlead.core.record import Record, Usage
from fairlead.store import recalled as room
from fairlead.store.prompt_caches import Touched, touched
from fairlead.store.recalled import Recalled, recalled
from fairlead.store.sqlite import Projection
from fairlead.store.window import Window
from tests.store.entries import AT, attempt, record


@pytest.fixture
def projection() -> Iterator[Projection]:
    made = Projection(None)
    yield made
    made.close()


def put_in(name: str, sent: int, instead: int, at_ms: int = AT, tenant: str = "t") -> Record:
    made = record(name, attempt(name), at_ms=at_ms, tenant=tenant)
    return msgspec.structs.replace(made, signals=(Signal("memory", "sent", sent), Signal("memory", "instead", instead)))


def fill(projection: Projection, *records: Record) -> None:
    rows = [(place * 1_000, one, msgspec.msgpack.encode(one)) for place, one in enumerate(records)]
    projection.ingest(rows, [], 0, 0)


def test_what_was_saved_is_not_told(projection: Projection) -> None:  # M5.2
    fill(projection, put_in("a", 100, 900), put_in("b", 50, 20), record("c", attempt("c")))
    found = recalled(projection.connection)
    assert found == Recalled(3, 2, 150, 920)
    assert found.saved == 770


def test_a_window_or_a_tenant_counts_for_nothing(projection: Projection) -> None:  # M5.2
    fill(projection, put_in("a", 100, 900), put_in("b", 50, 20, at_ms=AT + 60_000, tenant="u"))
    assert recalled(projection.connection, Window(since_ms=AT + 1)) == Recalled(1, 1, 50, 20)
    assert recalled(projection.connection, Window(tenant="t")) == Recalled(1, 1, 100, 900)
    assert recalled(projection.connection, Window(since_ms=AT + 90_000)) is None


def test_all_records_are_read(projection: Projection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LATEST", 1)
    fill(projection, put_in("a", 100, 900), put_in("b", 50, 20, at_ms=AT + 1))
    assert recalled(projection.connection) == Recalled(1, 1, 50, 20)


def test_reads_and_writes_of_caches_are_mixed_up(projection: Projection) -> None:  # M5.4
    reads, writes = Usage(100, 5, 60), Usage(200, 5, 0, 150, 10)
    fill(
        projection,
        record("a", attempt("a", usage=reads), tenant="t"),
        record("b", attempt("b", usage=writes), at_ms=AT + 60_000, tenant="u"),
        record("c", attempt("c", usage=Usage(300, 5))),
        record("d", attempt("d", model="n", usage=reads)),
    )
    assert touched(projection.connection) == (
        Touched("m", "", 2, 300, 60, 150, 10),
        Touched("n", "", 1, 100, 60, 0, 0),
    )
    assert touched(projection.connection, Window(tenant="u")) == (Touched("m", "", 1, 200, 0, 150, 10),)
    assert touched(projection.connection, Window(since_ms=AT + 1)) == (Touched("m", "", 1, 200, 0, 150, 10),)
