"""What every ledger promises, whatever it keeps its entries in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from fairlead.core.record import Feedback, Usage
from fairlead.errors import StateError
from fairlead.store.contract import Ledger
from fairlead.store.ledger import EmbeddedLedger
from fairlead.store.memory import MemoryLedger
from fairlead.store.window import Window
from tests.store.entries import AT, attempt, audit, intent, record

Maker = Callable[[], Ledger]


@pytest.fixture(params=["embedded", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Maker:
    return MemoryLedger if request.param == "memory" else lambda: EmbeddedLedger(tmp_path / "state")


async def test_a_record_comes_back_whole_before_and_after_it_is_taken_in(make: Maker) -> None:
    ledger = make()
    await ledger.open()
    made = record("r1", attempt("r1", 1, outcome="failed"), attempt("r1", 2, usage=Usage(9, 8, 7, 6, 5, 4, True)))
    ledger.intend(intent("r1", 1))
    ledger.intend(intent("r1", 2))
    ledger.settle(made)
    assert await ledger.decision("r1", "t") == made
    await ledger.flush()
    assert ledger.lag == 0
    assert await ledger.decision("r1", "t") == made
    await ledger.close()


async def test_another_tenant_does_not_see_a_record(make: Maker) -> None:
    ledger = make()
    await ledger.open()
    ledger.settle(record("r1", attempt("r1"), tenant="a"))
    for _ in ("waiting", "taken in"):
        assert await ledger.decision("r1", "b") is None
        assert await ledger.decision("r1", "a") is not None
        assert await ledger.decision("r1", None) is not None
        assert await ledger.decision("r2", None) is None
        await ledger.flush()
    await ledger.close()


async def test_of_two_records_of_one_request_the_first_stays(make: Maker) -> None:
    ledger = make()
    await ledger.open()
    first = record("r1", attempt("r1", cost=10))
    ledger.settle(first)
    ledger.settle(record("r1", attempt("r1", cost=99)))
    await ledger.flush()
    ledger.settle(record("r1", attempt("r1", cost=77), attempt("r1", 2, cost=1)))
    ledger.settle(record("r2", attempt("r2", cost=5)))
    totals = await ledger.totals()
    assert (totals.requests, totals.attempts, totals.cost) == (2, 2, 15)
    assert await ledger.decision("r1", None) == first
    await ledger.close()


async def test_totals_are_exact_over_every_batch_size(make: Maker) -> None:
    ledger = make()
    await ledger.open()
    for number in range(777):
        name = f"r{number}"
        ledger.settle(record(name, *(attempt(name, n, cost=number + 1) for n in range(1, 2 + number % 3))))
    totals = await ledger.totals()
    attempts = [1 + number % 3 for number in range(777)]
    assert totals.requests == 777
    assert totals.attempts == sum(attempts)
    assert totals.cost == sum((number + 1) * count for number, count in enumerate(attempts))
    assert totals.input_tokens == 100 * sum(attempts)
    await ledger.close()


async def test_totals_of_a_window_and_of_a_tenant_leave_the_others_out(make: Maker) -> None:
    ledger = make()
    await ledger.open()
    for number, tenant in enumerate("abab"):
        ledger.settle(record(f"r{number}", attempt(f"r{number}", cost=10**number), at_ms=AT + number, tenant=tenant))
    assert (await ledger.totals(Window(since_ms=AT + 1, until_ms=AT + 3))).cost == 110
    assert (await ledger.totals(Window(tenant="b"))).cost == 1010
    assert (await ledger.totals(Window(since_ms=AT + 1, tenant="a"))).attempts == 1
    assert (await ledger.totals(Window(since_ms=AT + 99))).requests == 0
    await ledger.close()


async def test_an_empty_ledger_has_totals(make: Maker) -> None:
    ledger = make()
    await ledger.open()
    totals = await ledger.totals()
    assert (totals.requests, totals.cost, totals.usd_per_request, totals.saving) == (0, 0, Decimal(0), None)
    await ledger.close()


async def test_a_request_without_attempts_is_kept(make: Maker) -> None:
    ledger = make()
    await ledger.open()
    refused = record("r1", outcome="failed", error="no model is feasible")
    ledger.settle(refused)
    assert (await ledger.totals()).errors == 1
    assert await ledger.decision("r1", "t") == refused
    await ledger.close()


async def test_lag_counts_what_cannot_be_queried_yet(make: Maker) -> None:
    ledger = make()
    await ledger.open()
    ledger.settle(record("r1", attempt("r1")))
    ledger.note(audit())
    assert ledger.lag == 2
    await ledger.flush()
    assert ledger.lag == 0
    await ledger.close()


async def test_a_ledger_that_is_not_open_says_so(make: Maker) -> None:
    with pytest.raises(StateError, match="not open"):
        await make().decision("r1", None)


async def test_settling_while_a_flush_runs_loses_nothing(make: Maker) -> None:
    ledger = make()
    await ledger.open()

    async def settle(worker: int) -> None:
        for number in range(50):
            name = f"r{worker}.{number}"
            ledger.intend(intent(name))
            await asyncio.sleep(0)
            ledger.settle(record(name, attempt(name, cost=3)))
            if number % 9 == 0:
                await ledger.flush()

    await asyncio.gather(*(settle(worker) for worker in range(8)))
    assert (await ledger.totals()).cost == 8 * 50 * 3
    await ledger.close()


async def test_the_last_word_on_an_answer_is_not_the_one_that_stays(make: Maker) -> None:  # M7.3
    ledger = make()
    await ledger.open()
    first, last = (Feedback("r1", AT, AT + n, "k", "t", "m", "chat", n / 2) for n in (1, 2))
    for word in (first, last):
        ledger.judge(word)
        assert await ledger.feedback("r1") == word
    assert await ledger.feedback("r2") is None
    judged = await ledger.ask(lambda connection: connection.execute("SELECT request, score FROM feedback").fetchall())
    assert judged == [("r1", 1.0)]
    await ledger.close()


async def test_what_decisions_hang_on_is_lost(make: Maker) -> None:
    ledger = make()
    await ledger.open()
    ledger.keep("policy/a", b"one")
    ledger.keep("policy/a", b"one")
    assert await ledger.contents(("policy/a", "policy/b")) == {"policy/a": b"one"}
    ledger.settle(record("r1", attempt("r1")))
    await ledger.flush()
    assert await ledger.contents(("policy/a", "policy/b")) == {"policy/a": b"one"}
    await ledger.close()
