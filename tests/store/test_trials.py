"""What arms of an experiment come to, as the ledger tells it: whose answers count, when, and by which figure."""

from __future__ import annotations

import msgspec

from fairlead.core.call import Wishes
from fairlead.core.experiments import Arm, Branch, Experiment, Looks, Sums
from fairlead.core.record import Decision, Feedback, Outcome, Record
from fairlead.store.sqlite import Projection
from fairlead.store.trials import looks
from tests.store.entries import AT, attempt, record

HALVES = Experiment("halves", (Branch("old", 0.5, "a"), Branch("new", 0.5, "b")))


def trial(
    request: str, arm: str, unit: str, cost: int = 100, tried: bool = True, at_ms: int = AT, outcome: Outcome = "ok"
) -> Record:
    made = Decision(1, 1, "p", "c", Wishes(), None, (), "", "", "", "d", arm=Arm("halves", arm, unit, "a"), tried=tried)
    one = record(request, attempt(request, cost=cost), at_ms=at_ms, outcome=outcome)
    return msgspec.structs.replace(one, decision=made, cost=cost, total_ms=7)


def word(request: str, score: float) -> Feedback:
    return Feedback(request, AT, AT, "k", "t", "m", "chat", score)


def taken_in(projection: Projection, *entries: Record | Feedback) -> None:
    rows = [(n * 10, one, msgspec.msgpack.encode(one)) for n, one in enumerate(entries) if isinstance(one, Record)]
    notes = [(n * 10, one) for n, one in enumerate(entries) if isinstance(one, Feedback)]
    projection.ingest(rows, notes, 1, 1)


def test_answers_are_counted_that_were_no_part_of_it(projection: Projection) -> None:  # M7.5
    taken_in(
        projection,
        trial("r1", "old", "u1"), trial("r2", "old", "u1"), trial("r3", "old", "u2", 300), trial("r4", "new", "u3"),
        trial("r5", "new", "u4", tried=False), trial("r6", "new", "u5", outcome="cancelled"), record("r7", attempt("r7")),
    )  # fmt: skip
    found = looks(projection.connection, HALVES)
    assert found["old"].cost == Sums(2, 3, 500.0, 200.0**2 + 300.0**2, 2 * 200.0 + 300.0, 5.0)
    assert found["old"].latency.whole == 21.0
    assert (found["new"].cost.units, found["new"].cost.answers) == (1, 1)
    assert {one.outcomes for one in found.values()} == {Sums()}


def test_a_word_counts_for_another_arm_or_an_old_one_beside_the_new(projection: Projection) -> None:  # M7.5
    answers = trial("r1", "old", "u1"), trial("r2", "new", "u2"), record("r3", attempt("r3"))
    taken_in(projection, *answers, word("r1", 1.0), word("r1", 0.25), word("r3", 1.0))
    found = looks(projection.connection, HALVES)
    assert found["old"].outcomes == Sums(1, 1, 0.25, 0.0625, 0.25, 1.0)
    assert found["new"].outcomes == Sums()


def test_an_answer_that_failed_its_checks_passed_them(projection: Projection) -> None:  # M7.5
    good, bad = trial("r1", "old", "u1"), trial("r2", "old", "u2")
    unfit = msgspec.structs.replace(bad.attempts[0], error="unfit: it says nothing")
    taken_in(projection, good, msgspec.structs.replace(bad, attempts=(unfit, *bad.attempts)))
    by_checks = msgspec.structs.replace(HALVES, measure="checks")
    assert looks(projection.connection, by_checks)["old"].outcomes.whole == 1.0
    assert looks(projection.connection, by_checks)["old"].outcomes.answers == 2


def test_what_was_before_or_after_an_experiment_counts(projection: Projection) -> None:  # M7.5
    at = AT // 1000
    taken_in(projection, *(trial(f"r{n}", "old", f"u{n}", at_ms=(at + n) * 1000) for n in range(4)))
    some = msgspec.structs.replace(HALVES, since=at + 1, until=at + 3)
    assert looks(projection.connection, some)["old"].cost.answers == 2
    assert looks(projection.connection, msgspec.structs.replace(HALVES, name="other")) == {}
    assert looks(projection.connection, HALVES)["old"] != Looks()
