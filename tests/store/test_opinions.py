"""What the asked model said: agreement, days, alarms, and only so many requests read."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from fairlead.core.call import Signal
from fairlead.core.record import Record
from fairlead.store import opinions as room
from fairlead.store.opinions import opinions
from fairlead.store.sqlite import Projection
from fairlead.store.window import Window
from tests.store.entries import AT, attempt, audit, record

DAY = 86_400_000


@pytest.fixture
def projection() -> Iterator[Projection]:
    made = Projection(None)
    yield made
    made.close()


def judged(name: str, said: str, built_in: str, at_ms: int = AT) -> Record:
    """A request whose task the model said; an empty word: it was asked in vain."""
    told = (Signal("task", said, True, 0.9), Signal("classifier", "model", built_in))
    in_vain = (Signal("task", built_in, True, 0.3), Signal("classifier", "built-in", built_in))
    made = record(name, attempt(name), at_ms=at_ms)
    return msgspec.structs.replace(made, signals=told if said else in_vain)


def side(name: str, at_ms: int = AT, outcome: str = "ok") -> Record:
    return record(f"{name}.c", attempt(f"{name}.c", cost=7), at_ms=at_ms, purpose="classify", outcome=outcome)  # type: ignore[arg-type]


def fill(projection: Projection, *records: Record) -> None:
    rows = [(n * 10_000, one, msgspec.msgpack.encode(one)) for n, one in enumerate(records)]
    alarm = audit("m: population stability index 0.40 since yesterday", AT + DAY, "classifier_drift")
    projection.ingest(rows, [(5, audit()), (6, alarm)], 1, 1)


def test_without_a_question_there_is_nothing_to_tell(projection: Projection) -> None:
    fill(projection, record("classifier", attempt("classifier"), task="classifier"))
    assert opinions(projection.connection) is None


def test_agreement_cost_and_alarms_are_told_by_day(projection: Projection) -> None:  # M2.4
    fill(
        projection,
        side("r1"),
        judged("r1", "math", "math"),
        judged("r2", "math", "chat"),
        side("r3", outcome="failed"),
        judged("r3", "", "chat"),
        judged("r4", "chat", "chat", AT + DAY),
        record("r5", attempt("r5")),
    )
    found = opinions(projection.connection)
    assert found is not None
    assert (found.asked, found.unanswered, found.cost, found.looked_at) == (2, 1, 14, 5)
    assert (found.used, found.agreed, found.in_vain) == (3, 2, 1)
    assert found.agreement == pytest.approx(2 / 3)
    assert [(day.tasks, day.opinions, day.agreed) for day in found.days] == [({"math": 2}, 2, 1), ({"chat": 1}, 1, 1)]
    assert [alarm.kind for alarm in found.alarms] == ["classifier_drift"]


def test_what_was_not_asked_again_is_told_too_and_the_window_is_heeded(projection: Projection) -> None:  # M2.4
    fill(projection, side("r1"), judged("r1", "math", "math"), judged("r2", "math", "math", AT + DAY))
    later = opinions(projection.connection, Window(since_ms=AT + 1))
    assert later is not None
    assert (later.asked, later.used, len(later.alarms)) == (0, 1, 1)
    before = opinions(projection.connection, Window(until_ms=AT + 1))
    assert before is not None
    assert (before.asked, before.used, len(before.alarms)) == (1, 1, 0)
    theirs = opinions(projection.connection, Window(tenant="t"))
    assert theirs is not None
    assert theirs.alarms == ()


def test_only_the_latest_requests_are_read(projection: Projection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LATEST", 3)
    fill(projection, *(judged(f"r{n}", "math", "math" if n < 7 else "chat", AT + n) for n in range(9)))
    found = opinions(projection.connection)
    assert found is not None
    assert (found.looked_at, found.used, found.agreed) == (3, 3, 1)
