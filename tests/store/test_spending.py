"""What recommendations and forecasts are made of: other sums than the ledger has, or what records do not say."""

from __future__ import annotations

from datetime import date

import msgspec

from fairlead.core.record import Record, Usage
from fairlead.store.spending import cached, seen, seen_of, side_calls, spell, spent_by_day, works
from fairlead.store.sqlite import Projection
from fairlead.store.window import DAY_MS, Window
from tests.store.entries import AT, attempt, record

DAY = date(2027, 1, 15).toordinal()
"""Of AT."""


def filled(*records: Record) -> Projection:
    projection = Projection(None)
    projection.ingest([(n * 10_000, one, msgspec.msgpack.encode(one)) for n, one in enumerate(records)], [], 1, 1)
    return projection


def said(request: str, model: str = "m", prompt: int = 100, at_ms: int = AT, **more: object) -> Record:
    one = attempt(request, model=model, usage=Usage(prompt, 10, prompt // 2))
    changed = {"session": "s", "tags": (), **more}
    return msgspec.structs.replace(record(request, one, at_ms=at_ms), **changed)


def test_work_is_another_models_or_another_tasks() -> None:
    failed = attempt("r1", cost=100, outcome="failed")
    made = filled(
        record("r1", failed, attempt("r1", 2, cost=50, model="n"), task="code"),
        record("r2", attempt("r2", cost=7), task="code"),
        record("r3", attempt("r3", cost=5), task="chat", at_ms=AT + DAY_MS),
    )
    found = {
        (one.model, one.task): (one.requests, one.attempts, one.cost, one.prompt) for one in works(made.connection)
    }
    assert found == {("m", "code"): (1, 2, 107, 100), ("n", "code"): (1, 1, 50, 100), ("m", "chat"): (1, 1, 5, 100)}
    assert [one.task for one in works(made.connection, Window(AT + 1))] == ["chat"]
    spread = spell(made.connection)
    assert spread is not None
    assert (spread.first_ms, spread.last_ms) == (AT, AT + DAY_MS)
    assert spell(made.connection, Window(AT + 2 * DAY_MS)) is None
    made.close()


def test_the_cost_of_routing_itself_holds_answers() -> None:
    made = filled(
        record("r1", attempt("r1", cost=7)),
        record("r2", attempt("r2", cost=3), purpose="judge"),
        record("r3", attempt("r3", cost=2), purpose="classify"),
        record("r4", attempt("r4", cost=2), purpose="classify", at_ms=AT + DAY_MS),
    )
    assert [(one.purpose, one.calls, one.cost) for one in side_calls(made.connection)] == [
        ("classify", 2, 4),
        ("judge", 1, 3),
    ]
    assert [one.calls for one in side_calls(made.connection, Window(0, AT + 1))] == [1, 1]
    made.close()


def test_what_was_read_from_caches_is_another_windows_or_tenants() -> None:
    made = filled(said("r1"), said("r2", prompt=200, tenant="u"), said("r4", prompt=1), said("r3", at_ms=AT + DAY_MS))
    every = [(one.attempts, one.input_tokens, one.cached_tokens) for one in cached(made.connection)]
    assert every == [(3, 400, 200)]
    for window, tokens in (
        (Window(AT + 1), [50]), (Window(0, AT + 1), [150]), (Window(tenant="u"), [100]), (Window(AT + 9 * DAY_MS), []),
    ):  # fmt: skip
        assert [one.cached_tokens for one in cached(made.connection, window)] == tokens
    made.close()


def test_who_chose_is_taken_from_another_request() -> None:
    made = filled(
        said("r1", asked="auto"),
        said("r2", asked="auto:cheap", policy="cost_first"),
        said("r3", asked="m"),
        said("r4", asked="m", purpose="judge"),
        said("r5", asked="m", outcome="failed"),
    )
    found = seen(made.connection)
    place = ("m", "chat")
    assert (found.looked_at, found.overhead_us) == (3, 270)
    assert found.policies == {place: {"standard": 1, "cost_first": 1}}
    assert found.named == {place: 1}
    assert seen(made.connection, latest=1).named == {place: 1}
    assert seen(made.connection, latest=1).policies == {}
    made.close()


def test_prompts_count_as_sent_again_that_were_not() -> None:
    minute = 60_000
    again = [
        said("r1", prompt=100),
        said("r2", prompt=150, at_ms=AT + minute),
        said("r3", prompt=160, at_ms=AT + 2 * minute),
    ]
    assert seen_of(again).repeated == {"m": (250, 410)}
    for other in (
        said("r2", prompt=150, at_ms=AT + minute, session="other"),
        said("r2", prompt=150, at_ms=AT + minute, tenant="other"),
        said("r2", prompt=150, at_ms=AT + minute, session=""),
        said("r2", prompt=90, at_ms=AT + minute),
        said("r2", prompt=150, at_ms=AT + 6 * minute),
    ):
        assert seen_of([again[0], other]).repeated["m"][0] == 0


def test_a_days_spending_is_another_days() -> None:
    made = filled(
        said("r1"), said("r2", tenant="u", tags=("a", "b")), said("r3", at_ms=AT + DAY_MS),
    )  # fmt: skip
    days = spent_by_day(made.connection, 0)
    assert {day: sum(row.cost for row in rows) for day, rows in days.items()} == {DAY: 3_000}
    assert {(row.tenant, row.tags, row.cost) for row in days[DAY]} == {("t", (), 2_000), ("u", ("a", "b"), 1_000)}
    (whole,) = spent_by_day(made.connection, 0, told=())[DAY]
    assert (whole.tenant, whole.tags, whole.cost) == ("", (), 3_000)
    assert [row.cost for row in spent_by_day(made.connection, 0, tenant="u", told=())[DAY]] == [1_000]
    assert list(spent_by_day(made.connection, 0, ahead=16 * 3_600)) == [DAY + 1]
    assert spent_by_day(made.connection, AT / 1000 + DAY_MS) == {}
    made.close()
