"""What a plan says of its checks: when an answer is kept, who is asked instead, what a stream waits for."""

from __future__ import annotations

import re

import msgspec
import pytest

from fairlead.core.gates.names import SUITS_ALL
from fairlead.core.plan import Plan
from fairlead.core.policy import Cascade, Handling, Policy
from fairlead.core.quality import AfterHold, Quality
from fairlead.gateway.requirement import described, in_words
from tests.core.scenes import call, model, plan, policy, world

THREE = world(model("base", 0.1, 0.5), model("middle", 1, 0.7), model("premium", 10, 0.9))
HAN = re.compile(r"[\u4e00-\u9fff]")


def cascade() -> Policy:
    handling = Handling(quality=Quality())
    return policy("cascade", cascade=Cascade(("base", "middle", "premium"), form="verify"), handling=handling)


def checking(**more: object) -> Policy:
    return policy("cost_first", min_quality=0.0, handling=Handling(quality=Quality(**more)))  # type: ignore[arg-type]


def made(force: Policy) -> Plan:
    return plan(call(), THREE, force)


def test_a_cascade_does_not_say_when_it_climbs() -> None:  # M4.1 M4.4
    words = " ".join(in_words(made(cascade())))
    assert "Above a confidence of 0.9 it is kept, above 0.7 middle is asked, else premium at once." in words
    assert "As a draft the answer is shown to middle." in words
    told = described(made(cascade()))
    assert told is not None
    assert (told["keep"], told["leap"]) == (0.9, 0.7)
    assert told["stronger"] == [
        {"model": "middle", "keep": 0.7, "draft": True, "thinking": ""},
        {"model": "premium", "keep": 0.5, "draft": False, "thinking": "high"},
    ]


def test_an_upgrade_is_not_told_of() -> None:  # M4.1 M4.2
    words = list(in_words(made(checking(threshold=0.75, upgrades=2))))
    assert "It is kept from a confidence of 0.75." in words
    assert "Otherwise these are asked, in this order: middle, premium." in words
    alone = list(in_words(made(checking(upgrades=0))))
    assert any("Nobody is known to be stronger" in one for one in alone)


def test_a_cascade_that_says_nothing_of_gates_names_none() -> None:  # M4.3
    assert any("it is given: empty, truncated, refusal" in one for one in in_words(made(cascade())))
    told = described(made(cascade()))
    assert told is not None
    assert told["gates"] == list(SUITS_ALL)


def test_a_plan_without_checks_speaks_of_them() -> None:
    bare = made(policy("cost_first", min_quality=0.0))
    assert (list(in_words(bare)), described(bare)) == ([], None)


@pytest.mark.parametrize("after", ["wait", "commit", "escalate"])
def test_a_reader_of_chinese_is_told_in_english(after: AfterHold) -> None:  # M8.2
    for force in (cascade(), checking(after_hold=after), checking(upgrades=0, draft=True)):
        words = list(in_words(msgspec.structs.replace(made(force)), "zh"))
        assert all(HAN.search(one) for one in words), words
