from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.cost import DEAREST, usage_cost
from fairlead.core.model import Price, Rates
from fairlead.core.record import Record, Usage
from fairlead.errors import StateError
from fairlead.server.plainly import groups_of, per_1k
from fairlead.store.reports import EMBEDDING, TEXT, counterfactuals, groups, open_ledger, report, totals
from fairlead.store.sqlite import Projection
from fairlead.store.window import Window
from tests.store.entries import AT, attempt, record

DAY = 86_400_000


def filled(path: Path | None, *records: Record) -> Projection:
    projection = Projection(path)
    projection.ingest([(n * 10_000, one, msgspec.msgpack.encode(one)) for n, one in enumerate(records)], [], 1, 1)
    return projection


@pytest.fixture
def projection() -> Iterator[Projection]:
    guess = Usage(10, 5, estimated=True)
    made = filled(
        None,
        record("r1", attempt("r1", cost=300), key="a", task="code", baseline_cost=900),
        record(
            "r2",
            attempt("r2", cost=100, outcome="failed"),
            attempt("r2", 2, cost=50, model="n"),
            key="b",
            at_ms=AT + DAY,
        ),
        record("r3", attempt("r3", cost=7, usage=guess), purpose="judge", key="a"),
        record("r4", attempt("r4", cost=9, outcome="failed"), outcome="failed", key="b", baseline_cost=100),
    )
    yield made
    made.close()


def test_totals_count_side_calls_in_the_cost_but_not_as_requests(projection: Projection) -> None:
    found = totals(projection.connection)
    assert (found.requests, found.side_calls, found.errors, found.attempts, found.estimated) == (3, 1, 1, 5, 1)
    assert (found.input_tokens, found.output_tokens, found.cached_tokens, found.cost) == (410, 85, 40, 466)
    assert found.usd == Decimal("0.000000466")
    assert found.usd_per_thousand == found.usd / 3 * 1000
    assert (found.compared_cost, found.baseline_cost, found.unanswered_cost) == (307, 900, 9)
    assert found.saving == 1 - 307 / 900


def test_a_group_by_model_follows_the_attempts_and_counts_who_answered(projection: Projection) -> None:
    found = {
        group.name: (group.requests, group.attempts, group.cost) for group in groups(projection.connection, "model")
    }
    assert found == {"m": (1, 3, 407), "n": (1, 1, 50)}


def test_what_was_tried_for_nobody_is_put_on_the_answers_of_a_model(projection: Projection) -> None:  # M6.4
    found = report(projection.connection)
    assert [(one.name, one.requests, one.attempts, one.cost) for one in found.unanswered] == [("m", 0, 1, 9)]
    assert sum(one.cost for one in (*found.models, *found.unanswered)) == found.totals.cost
    rows = {one.name: (one.requests, one.attempts, one.cost, per_1k(one)) for one in groups_of(found, "model")}
    assert rows == {"m": (1, 3, 407, 407_000), "n": (1, 1, 50, 50_000), "(no answer)": (1, 1, 9, 9_000)}


def test_every_other_group_adds_up_to_the_totals(projection: Projection) -> None:
    whole = totals(projection.connection)
    found = report(projection.connection)
    for parts in (found.keys, found.tenants, found.tasks, found.days):
        assert sum(group.cost for group in parts) == whole.cost
        assert sum(group.requests for group in parts) == whole.requests
        assert sum(group.attempts for group in parts) == whole.attempts
        assert sum(group.input_tokens for group in parts) == whole.input_tokens
    assert [(group.name, group.cost) for group in found.keys] == [("a", 307), ("b", 159)]
    assert [group.name for group in found.days] == ["2027-01-15", "2027-01-16"]


def test_a_request_whose_attempts_have_two_currencies_is_answered_once() -> None:
    dollars, euros = attempt("r1", cost=3, outcome="failed"), attempt("r1", 2, cost=5)
    made = filled(None, record("r1", dollars, msgspec.structs.replace(euros, currency="EUR")))
    found = {group.currency: (group.requests, group.attempts, group.cost) for group in groups(made.connection, "model")}
    assert found == {"USD": (0, 1, 3), "EUR": (1, 1, 5)}
    made.close()


def test_of_several_good_attempts_the_last_one_answered() -> None:
    made = filled(None, record("r1", attempt("r1", model="draft"), attempt("r1", 2, model="final")), record("r2"))
    assert {group.name: group.requests for group in groups(made.connection, "model")} == {"draft": 0, "final": 1}
    made.close()


def test_groups_respect_the_window(projection: Projection) -> None:
    window = Window(since_ms=AT + 1)
    assert [(group.name, group.attempts) for group in groups(projection.connection, "key", window)] == [("b", 2)]
    assert sum(group.attempts for group in groups(projection.connection, "model", window)) == 2


def test_a_counterfactual_prices_answers_against_what_others_cost(projection: Projection) -> None:  # M6.4
    """Side calls are part of what answers cost, requests that nobody answered are not."""
    prices = {name: Price(name, Rates(rate * 10**6, 0)) for name, rate in (("big", 10), ("small", 1))}
    big, small, unknown = counterfactuals(projection.connection, {**prices, "unknown": None})
    assert (big.requests, big.cost, big.actual, big.saving) == (2, 2_000, 457, 1 - 457 / 2_000)
    assert small.cost == 200
    assert (unknown.requests, unknown.cost, unknown.saving) == (0, 0, None)


def test_one_page_has_two_figures_for_the_same_saving() -> None:  # M6.4
    """Against the recorded baseline, and against the same model alone: requests that nobody answered are in neither."""
    good = [record(f"r{n}", attempt(f"r{n}", cost=3), baseline_cost=1_000) for n in range(7)]
    bad = [record(f"f{n}", attempt(f"f{n}", cost=5_000, outcome="failed"), outcome="failed") for n in range(19)]
    made = filled(None, *good, *bad, record("j", attempt("j", cost=2), purpose="judge", baseline_cost=50))
    found = report(made.connection, prices={"big": Price("big", Rates(10**7, 0))})
    (alone,) = found.counterfactuals
    assert (found.totals.compared_cost, found.totals.baseline_cost) == (alone.actual, alone.cost) == (23, 7_000)
    assert found.totals.saving == alone.saving
    assert found.totals.unanswered_cost == 95_000
    made.close()


def test_embeddings_are_priced_on_a_model_that_writes_and_texts_on_one_that_embeds() -> None:  # M6.4
    text = [record(f"r{n}", attempt(f"r{n}", cost=300, model="big")) for n in range(2)]
    vectors = [
        msgspec.structs.replace(record(f"e{n}", attempt(f"e{n}", cost=7, model="vector")), operation="embed")
        for n in range(11)
    ]
    drawn = msgspec.structs.replace(record("p", attempt("p", cost=4_000, model="painter")), operation="opaque")
    aside = msgspec.structs.replace(
        record("a", attempt("a", cost=5, model="vector"), purpose="embed"), operation="embed"
    )
    made = filled(None, *text, *vectors, drawn, aside)
    prices = {name: Price(name, Rates(rate * 10**6, 0)) for name, rate in (("big", 3), ("vector", 1), ("both", 2))}
    found = report(made.connection, prices=prices, able={"vector": EMBEDDING, "both": EMBEDDING | TEXT})
    alone = {one.model: (one.requests, one.actual, one.cost) for one in found.counterfactuals}
    assert alone == {"big": (2, 605, 600), "vector": (11, 77, 1_100), "both": (13, 682, 2_600)}
    made.close()


TOKENS = st.tuples(st.integers(0, 300_000), st.integers(0, 50_000), st.integers(0, 300_000), st.integers(0, 60_000))


@pytest.mark.parametrize("above", [200_000, 150_001])
@given(st.lists(TOKENS, max_size=30))
def test_a_counterfactual_keeps_tiers_by_prompt_size_exact(above: int, tokens: list[tuple[int, ...]]) -> None:
    """Also where what is said of a usage does not fit together: a cache that gave more than was asked."""
    price = Price(
        "big", Rates(3 * 10**6, 11 * 10**6, 10**6, reasoning=10**6), tiers=((above, Rates(7 * 10**6, 13 * 10**6)),)
    )
    usages = [Usage(read, written, cached, 0, 0, reasoned) for read, written, cached, reasoned in tokens]
    made = filled(None, *(record(f"r{n}", attempt(f"r{n}", usage=usage)) for n, usage in enumerate(usages)))
    (found,) = counterfactuals(made.connection, {"big": price})
    assert found.cost == sum(usage_cost(price, usage) for usage in usages)
    made.close()


def test_a_counterfactual_in_another_currency_is_taken_for_dollars() -> None:
    price = Price("yuan", Rates(10**9, 10**9), "CNY", exchange=137_000_000, per_request=10**6)
    made = filled(None, *(record(f"r{n}", attempt(f"r{n}", usage=Usage(100, 50))) for n in range(3)))
    (found,) = counterfactuals(made.connection, {"yuan": price})
    assert found.cost == 3 * (150_000 + 10**6) * 137 // 1000
    made.close()


def test_an_empty_ledger_reports_nothing_and_does_not_fail(tmp_path: Path) -> None:
    made = filled(tmp_path / "ledger.db")
    found = report(made.connection, prices={"big": Price("big", Rates(1, 1))})
    assert found.totals.requests == 0
    assert (found.models, found.days) == ((), ())
    assert (found.counterfactuals[0].cost, found.counterfactuals[0].saving) == (0, None)
    made.close()


def test_sums_beyond_64_bits_stay_exact() -> None:
    most = 2**63 - 1
    usage = Usage(most, most, most)
    one = attempt("r", cost=most, usage=usage)
    made = filled(None, *(record(f"r{n}", one, baseline_cost=most) for n in range(5)))
    whole = totals(made.connection)
    assert {whole.cost, whole.baseline_cost, whole.compared_cost, whole.input_tokens, whole.output_tokens} == {5 * most}
    found = report(made.connection, prices={"big": Price("big", Rates(10**6, 0))})
    for parts in (found.models, found.keys, found.tenants, found.tasks, found.days):
        assert [(part.cost, part.input_tokens, part.cached_tokens) for part in parts] == [(5 * most,) * 3]
    assert (found.counterfactuals[0].cost, found.counterfactuals[0].actual) == (5 * DEAREST, 5 * most)
    assert msgspec.json.decode(msgspec.json.encode(found))["totals"]["cost"] == 5 * most
    made.close()


def test_a_damaged_database_is_told_of_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    filled(path, *(record(f"r{n}", attempt(f"r{n}")) for n in range(500))).close()
    content = path.read_bytes()
    damaged = content[:20_000] + b"\xff" * (len(content) - 20_000)
    path.write_bytes(damaged)
    with closing(open_ledger(path)) as connection:
        with pytest.raises(StateError, match=rf"{path} is damaged.*move it away"):
            report(connection)
    assert path.read_bytes() == damaged


def test_sums_beyond_a_float_stay_exact() -> None:
    costs = [2**53 + 1, 1, 2]
    made = filled(None, *(record(f"r{n}", attempt(f"r{n}", cost=cost)) for n, cost in enumerate(costs)))
    assert totals(made.connection).cost == sum(costs)
    assert totals(made.connection).usd == Decimal(sum(costs)) / 10**9
    made.close()
