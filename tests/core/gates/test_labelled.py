"""The gates against labelled answers: what they miss, and what they find where nothing is."""

from __future__ import annotations

import pytest

from fairlead.core.gates.combine import combine
from fairlead.core.gates.names import BUILT_IN, SUITS_ALL
from fairlead.core.gates.table import GATES
from fairlead.core.quality import THRESHOLD
from tests.core.gates.labelled import LABELLED, Labelled

GOOD = [one for one in LABELLED if one.good]
BAD = [one for one in LABELLED if not one.good]


def test_there_are_enough_answers_of_either_label() -> None:
    assert len(LABELLED) >= 150
    assert min(len(GOOD), len(BAD)) >= 70
    assert {one.gate for one in GOOD} == {one.gate for one in BAD} == set(GATES)
    chinese = [one for one in LABELLED if any("\u4e00" <= sign <= "\u9fff" for sign in one.asked.said)]
    assert len(chinese) >= 40


def test_the_table_and_the_names_a_configuration_may_use_differ() -> None:
    assert set(GATES) == set(BUILT_IN) >= set(SUITS_ALL)


@pytest.mark.parametrize("one", GOOD, ids=repr)
def test_a_good_answer_sets_off_an_alarm(one: Labelled) -> None:  # M4.3
    found = combine(gate(one.asked, one.given) for gate in GATES.values())
    assert found.confidence >= THRESHOLD, found


@pytest.mark.parametrize("one", BAD, ids=repr)
def test_a_bad_answer_passes_the_gate_that_is_there_for_it(one: Labelled) -> None:  # M4.3
    verdict = GATES[one.gate](one.asked, one.given)
    assert verdict is not None
    assert verdict.gate == one.gate
    assert verdict.confidence < THRESHOLD
    assert verdict.why


def test_what_is_written_down_of_a_verdict_repeats_the_answer_or_the_question() -> None:  # M7.5
    for one in LABELLED:
        for gate in GATES.values():
            verdict = gate(one.asked, one.given)
            if verdict is None or verdict.gate in ("truncated", "length", "language", "format"):
                continue  # these say a mark, figures or codes
            words = one.given.text.split()
            for at in range(len(words) - 2):
                assert " ".join(words[at : at + 3]) not in verdict.why, verdict


def test_confidence_and_the_share_of_good_answers_are_far_apart() -> None:  # M4.3
    found = [(combine(gate(one.asked, one.given) for gate in GATES.values()).confidence, one.good) for one in LABELLED]
    brier = sum((confidence - good) ** 2 for confidence, good in found) / len(found)
    assert brier < 0.06
    sure = [good for confidence, good in found if confidence >= 0.9]
    assert sum(sure) / len(sure) >= 0.95
