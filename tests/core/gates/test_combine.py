"""Several verdicts as one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.gates.combine import LEAST, MOST, combine
from fairlead.core.gates.verdict import FIT, Judgement, Verdict
from fairlead.core.quality import Quality, threshold_of


def verdict(confidence: float, gate: str = "g", cost: int = 0) -> Verdict:
    return Verdict(gate, confidence, f"why of {gate}", cost)


def test_an_answer_of_which_nothing_is_said_is_believed_less_than_one_that_was_found_fit() -> None:
    assert combine([]) == combine([None, None]) == Judgement(FIT)


@given(st.floats(0, 1, allow_nan=False).map(lambda share: round(share, 6)))
def test_a_single_verdict_is_moved_off_its_bound(confidence: float) -> None:  # M4.4
    assert combine([None, verdict(confidence)]).confidence == confidence


def test_the_reason_is_not_that_of_the_weightiest_verdict() -> None:
    found = combine([verdict(0.7, "a", 3), verdict(0.2, "b", 4), verdict(0.9, "c")])
    assert (found.why, found.cost, len(found.verdicts)) == ("b: why of b", 7, 3)


def test_two_doubts_are_no_more_than_one_and_a_good_word_counts_for_nothing() -> None:
    assert combine([verdict(0.6, "a"), verdict(0.6, "b")]).confidence < 0.3
    assert combine([verdict(0.6, "a"), verdict(0.99, "b")]).confidence > 0.8
    assert combine([verdict(FIT, "a"), verdict(0.6, "b")]).confidence == 0.6


@given(st.lists(st.floats(0, 1, allow_nan=False), min_size=2, max_size=8), st.floats(0, 0.05))
def test_a_worse_verdict_makes_an_answer_better(confidences: list[float], less: float) -> None:
    better = combine([verdict(one) for one in confidences]).confidence
    worse = combine([verdict(max(confidences[0] - less, 0)), *(verdict(one) for one in confidences[1:])]).confidence
    assert LEAST <= worse <= better <= MOST


def test_the_threshold_is_not_the_one_that_was_said_nearest() -> None:  # M3.3
    assert threshold_of(Quality(threshold=0.6), 0.9, "classification") == 0.6
    assert threshold_of(Quality(threshold=0.0), 0.9, "") == 0.0
    assert threshold_of(Quality(), 0.9, "classification") == 0.9
    assert threshold_of(Quality(), 0.0, "classification") == 0.85
    assert threshold_of(Quality(), 0.0, "something nobody knows") == 0.8
