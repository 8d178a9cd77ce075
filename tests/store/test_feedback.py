"""What was said of answers is kept: once an answer, whatever dies, and the last word stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fairlead.core.record import Feedback
from fairlead.store.feedback import Judged, JudgedDay, feedback_of, judged, judged_days
from fairlead.store.ledger import EmbeddedLedger
from fairlead.store.spool import SpoolFailed
from fairlead.store.sqlite import Projection
from fairlead.store.window import DAY_MS, Window
from tests.store.books import leave, reopened, rows
from tests.store.entries import AT, attempt, audit, record

DAY = AT // DAY_MS


def said(request: str, score: float = 1.0, **more: object) -> Feedback:
    return msgspec.structs.replace(Feedback(request, AT, AT + 9, "k", "t", "m", "chat", score), **more)


@pytest.fixture
def projection() -> Iterator[Projection]:
    made = Projection(None)
    yield made
    made.close()


def test_an_earlier_word_takes_the_place_of_a_later_one(projection: Projection) -> None:  # M7.3
    first, later = said("r", 0.1), said("r", 0.9, key="other", told_ms=AT + 50)
    for batch in ([(5, first), (7, audit()), (9, later)], [(9, later)], [(5, first)]):
        projection.ingest([], batch, 1, 10)
        assert feedback_of(projection.connection, "r") == later
    assert projection.connection.execute("SELECT count(*) FROM audit").fetchone() == (1,)
    assert projection.feedback("nobody") is None


def test_sums_mix_models_tasks_days_or_windows(projection: Projection) -> None:  # M7.3
    words = [
        said("a", 1.0), said("b", 0.0), said("c", 0.5, model="n"), said("d", 0.25, task="math", tenant="u"),
        said("e", 1.0, at_ms=AT - 3 * DAY_MS),
    ]  # fmt: skip
    projection.ingest([], list(enumerate(words)), 1, 10)
    connection = projection.connection
    assert judged(connection) == (
        Judged("m", "chat", 3, pytest.approx(2 / 3)),
        Judged("n", "chat", 1, 0.5),
        Judged("m", "math", 1, 0.25),
    )
    assert judged(connection, Window(since_ms=AT))[0] == Judged("m", "chat", 2, 0.5)
    assert judged(connection, Window(tenant="u")) == (Judged("m", "math", 1, 0.25),)
    assert set(judged_days(connection, DAY - 2)) == {
        JudgedDay("m", "chat", DAY, 2, 1.0),
        JudgedDay("n", "chat", DAY, 1, 0.5),
        JudgedDay("m", "math", DAY, 1, 0.25),
    }
    assert len(judged_days(connection, DAY - 3)) == 4


async def test_a_killed_process_takes_words_with_it(tmp_path: Path) -> None:  # FAULTS 31
    one = record("r1", attempt("r1"))
    leave(tmp_path, one, said("r1", 0.0), said("r1", 1.0), said("r2"))
    for _ in range(2):
        ledger = await reopened(tmp_path)
        assert await ledger.feedback("r1") == said("r1", 1.0)
        assert await ledger.feedback("r2") == said("r2")
        assert await ledger.decision("r1", None) == one
        await ledger.close()
    assert rows(tmp_path, "SELECT request, score FROM feedback ORDER BY 1") == [("r1", 1.0), ("r2", 1.0)]


async def test_a_word_is_not_there_before_it_is_taken_in(tmp_path: Path) -> None:
    ledger = EmbeddedLedger(tmp_path)
    await ledger.open()
    ledger.judge(said("r1", 0.0))
    ledger.judge(said("r1", 1.0))
    assert ledger.lag == 2
    assert await ledger.feedback("r1") == said("r1", 1.0)
    await ledger.flush()
    assert ledger.lag == 0
    assert await ledger.feedback("r1") == said("r1", 1.0)
    await ledger.close()


async def test_a_word_is_told_to_be_kept_that_cannot_be(tmp_path: Path) -> None:
    ledger = EmbeddedLedger(tmp_path)
    await ledger.open()
    assert ledger._spool is not None
    ledger._spool.refuse("no room")
    for _ in range(2):
        with pytest.raises(SpoolFailed, match="no room"):
            ledger.judge(said("r1"))
    assert await ledger.feedback("r1") is None
    assert ledger.lag == 0
    await ledger.close()
    assert rows(tmp_path, "SELECT request FROM feedback") == []
