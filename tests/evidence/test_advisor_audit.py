"""Overuse and mismatch: each finding has a workload that it is made of, and one that it is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairlead.evidence.advisor_terms import Advice
from fairlead.evidence.logs.row import Row
from tests.evidence.market import FIRST, advised, work


def found(*rows: Iterator[Row]) -> Advice:
    return advised(*rows)


def names(advice: Advice) -> set[str]:
    return {each.name for each in advice.findings}


def prompts(name: str, many: int, different: int, task: str = "chat", complexity: str = "") -> Iterator[Row]:
    for at in range(many):
        yield Row(name, FIRST + at % 30, 1000, 500, task=task, complexity=complexity, said=f"prompt {at % different}")


@pytest.mark.parametrize(
    ("name", "fires", "quiet"),
    [
        ("premium_share", [work("grand", each=5), work("handy", each=5)], [work("grand", each=1), work("handy", each=40)]),
        ("cheap_share", [work("grand", each=6), work("tiny", each=5)], [work("grand", each=5), work("tiny", each=6)]),
        ("premium_on_simple", [work("grand", complexity="simple")], [work("grand", complexity="complex")]),
        ("premium_on_simple", [work("grand", task="Classification")], [work("handy", complexity="simple")]),
        ("dominated", [work("dated")], [work("grand")]),
        ("too_weak", [work("tiny", complexity="complex")], [work("handy", complexity="complex")]),
        ("dear_after_all", [work("handy", output=9000), work("grand")], [work("handy"), work("grand")]),
        ("comes_again", [prompts("tiny", 200, 100)], [prompts("tiny", 200, 195)]),
        ("fails_often", [work("tiny", days=3, each=19), work("tiny", days=3, each=1, failed=1)],
         [work("tiny", days=3, each=39), work("tiny", days=3, each=1, failed=1)]),
    ],
)  # fmt: skip
def test_a_finding_is_made_without_cause_or_missed(
    name: str, fires: list[Iterator[Row]], quiet: list[Iterator[Row]]
) -> None:  # M6.7
    assert name in names(found(*fires))
    assert name not in names(found(*quiet))


def test_a_finding_does_not_say_what_it_costs() -> None:
    (one,) = (each for each in found(work("dated")).findings if each.name == "dominated")
    assert one.facts["to"] == "handy"
    assert one.saving is not None
    assert 0 < one.saving < one.cost
    (simple,) = (
        each for each in found(work("grand", complexity="simple")).findings if each.name == "premium_on_simple"
    )
    assert simple.facts["simple_share"] == pytest.approx(1)
    assert simple.saving is not None


def test_a_prompt_that_goes_to_a_better_model_next_is_no_sign() -> None:
    rows = [row for pair in zip(prompts("tiny", 60, 60), prompts("grand", 60, 60), strict=True) for row in pair]
    (one,) = (each for each in found(iter(rows)).findings if each.name == "comes_again")
    assert (one.facts["model"], one.facts["again_share"], one.facts["risen_share"]) == ("tiny", 1.0, 1.0)


def test_one_model_for_everything_costs_something_else() -> None:  # M6.7
    advice = found(work("grand", each=50), work("handy", each=50))
    costs = {each.model: each.cost for each in advice.baselines}
    assert costs["grand"] is not None
    assert costs["handy"] is not None
    assert costs["grand"] == pytest.approx(10 * costs["handy"], rel=1e-6)
    assert costs["(today)"] == pytest.approx((costs["grand"] + costs["handy"]) / 2, rel=1e-6)
    assert costs["(as advised)"] == costs["(today)"] - advice.saving.saved.expected
    qualities = {each.model: each.quality for each in advice.baselines}
    assert (qualities["grand"], qualities["handy"], qualities["(today)"]) == (0.9, 0.89, 0.895)


def test_a_model_in_use_is_left_out_of_what_one_model_would_cost_because_little_is_spent_on_it() -> None:  # M6.7
    advice = found(work("grand", each=199), work("tiny", each=1))
    rows = {each.model: each for each in advice.baselines}
    assert rows["tiny"].in_use
    assert (rows["tiny"].cost or 0) < (rows["grand"].cost or 0)


def test_embeddings_are_work_that_another_model_would_do() -> None:
    with_them = found(work("grand"), work("vectors", each=1000, output=0, task=""))
    without = found(work("grand"))
    assert with_them.baselines == without.baselines
    assert with_them.saving.moves == without.saving.moves
    assert "cheap_share" in names(with_them)
    assert [rule.speaks for rule in with_them.rules] == [rule.speaks for rule in without.rules]
    assert with_them.saving.spent.expected > without.saving.spent.expected


def test_who_spends_it_is_not_said() -> None:
    advice = found(work(each=3, tenant="shop", key="a"), work(each=1, key="b"), work(each=1))
    assert [(one.name, round(one.share, 3)) for one in advice.owners] == [("shop", 0.6), ("b", 0.2)]
