"""The sums are those of the rows, whatever is coarsened, and do not grow without end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.evidence import advisor_sums
from fairlead.evidence.advisor_sums import COST, FIGURES, REQUESTS, Sums
from fairlead.evidence.logs.row import UNKNOWN_DAY, Row
from fairlead.registry.catalogue import DAY
from tests.evidence.market import FIRST, market, reading, work

NEW_PRICE = 20_089
"""2025-01-01."""


def added(*rows: Row, sample: int = 0) -> Sums:
    sums = Sums(market(), reading if sample else None, sample)
    for row in rows:
        sums.add(row)
    return sums


def total(sums: Sums, figure: int = COST) -> float:
    return float(sums.table().figures[..., figure].sum())


def test_a_row_costs_what_another_day_says() -> None:  # M6.7
    assert NEW_PRICE * DAY == 1_735_689_600
    before, after = (added(Row("dated", day, 1_000_000, 0)) for day in (NEW_PRICE - 1, NEW_PRICE))
    assert (total(before), total(after)) == (8_000_000_000, 2_000_000_000)
    assert total(added(Row("dated", UNKNOWN_DAY, 1_000_000, 0))) == 2_000_000_000


def test_cached_tokens_a_batch_or_a_long_prompt_cost_like_any_other() -> None:
    assert total(added(Row("grand", FIRST, 1_000_000, 0, cached=1_000_000))) == 1_000_000_000
    assert total(added(Row("grand", FIRST, 1_000_000, 0, batch=True))) == 5_000_000_000
    assert total(added(Row("stepped", FIRST, 1000, 0))) == 20_000_000
    assert total(added(Row("stepped", FIRST, 2000, 0))) == 80_000_000
    # A bucket of two requests is of two prompts of 1,000 tokens.
    assert total(added(Row("stepped", FIRST, 2000, 0, requests=2))) == 40_000_000


def test_what_the_log_says_of_the_cost_counts_for_nothing() -> None:
    sums = added(Row("grand", FIRST, 1000, 500, cost=7), Row("nobody's", FIRST, 1000, 500, cost=5))
    assert (total(sums), sums.logged_cost, sums.unpriced) == (12, 12, 0)


def test_what_has_no_price_is_free() -> None:
    sums = added(Row("nobody's", FIRST, 1000, 500), Row("grand", FIRST, 1000, 500))
    assert (sums.rows, sums.unpriced, total(sums)) == (2, 1, 25_000_000)


def test_a_model_without_a_name_is_another_one() -> None:
    sums = Sums(market(), None, unnamed="grand")
    sums.add(Row("", FIRST, 1000, 500))
    assert total(sums) == 25_000_000


def test_an_invoice_is_counted_beside_the_usage_it_is_of() -> None:
    sums = added(Row("grand", FIRST, 1000, 500, via="openai"), Row("", FIRST, cost=99, bill=True, via="openai"))
    assert (total(sums), sums.bills, sums.rows) == (25_000_000, {"openai": 99}, 1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("grand", "handy", "tiny", "nobody's")),
            st.integers(-1, 900),
            st.sampled_from(("", "chat", "math", "code")),
            st.integers(0, 5000),
            st.integers(0, 3),
        ),
        max_size=80,
    )
)
def test_something_is_lost_when_periods_are_merged(rows: list[tuple[str, int, str, int, int]]) -> None:
    cells = advisor_sums.CELLS
    made = [Row(name, day, tokens, 0, cost=tokens, requests=many, task=task) for name, day, task, tokens, many in rows]
    whole = added(*made)
    try:
        advisor_sums.CELLS = 8
        merged = added(*made)
    finally:
        advisor_sums.CELLS = cells
    assert total(merged) == total(whole) == sum(row.cost or 0 for row in made)
    assert total(merged, REQUESTS) == sum(row.requests for row in made)
    assert len(merged.table().days) <= advisor_sums.PERIODS


def test_names_and_days_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:  # M6.7
    monkeypatch.setattr(advisor_sums, "CELLS", 2000)
    sums = Sums(market(), None)
    for at in range(20_000):
        sums.add(
            Row(f"model-{at}", at % 7000, 10, 10, cost=1, task=f"task {at * 7 % 4999}", said=f"text {at}", key=f"{at}")
        )
    assert len(sums.models) <= advisor_sums.MODELS + 1
    assert len(sums._cells) <= 2000 + 1
    assert len(sums._recent) <= advisor_sums.REMEMBERED
    assert len(sums._kinds) <= advisor_sums.TASKS * 4 + 1
    assert len(sums.owners) <= advisor_sums.OWNERS + 1
    assert sum(sums.owners.values()) == 20_000
    table = sums.table()
    assert float(table.figures[..., COST].sum()) == 20_000
    assert len(table.days) <= advisor_sums.PERIODS
    assert len(table.groups) <= advisor_sums.GROUPS + advisor_sums.MODELS + 1


def test_what_was_not_read_gets_lost_or_another_mix() -> None:  # M6.7
    texts = ("chat simple", "chat simple", "math complex", "chat simple")
    sums = Sums(market(), reading, sample=16)
    for at in range(4000):
        sums.add(Row("grand", FIRST + at % 10, 1000, 500, said=f"{texts[at * 7919 % 1009 % 4]} {at}"))
    model = sums.models["grand"]
    assert model.texts == model.texts_seen == 4000
    assert 16 * 6 < model.texts_read < 16 * 12
    table = sums.table()
    requests = {group.task: float(table.figures[:, at, REQUESTS].sum()) for at, group in enumerate(table.groups)}
    assert requests.keys() == {"chat", "math"}
    assert sum(requests.values()) == pytest.approx(4000)
    assert requests["math"] == pytest.approx(1000, rel=0.5)
    assert float(table.figures[..., COST].sum()) == pytest.approx(4000 * 25_000_000)
    assert table.figures.shape[2] == FIGURES


def test_a_told_task_is_read_again() -> None:
    sums = added(*work(days=1, each=5, said="math complex"), sample=100)
    assert (sums.models["grand"].texts_read, sums.models["grand"].texts_seen) == (0, 5)


def test_a_prompt_that_comes_again_is_not_noticed() -> None:
    rows = [Row("tiny", FIRST, 10, 10, said=f"chat simple {at}") for at in range(10)]
    again = [Row("grand", FIRST, 10, 10, said=f"chat simple {at}") for at in range(4)]
    sums = added(*rows, *again, rows[9])
    assert (sums.models["tiny"].again, sums.models["tiny"].risen) == (5, 4)
    assert sums.models["grand"].again == 0
