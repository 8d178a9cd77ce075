"""What a caller wishes narrows a choice. It reaches no model that a policy with lists leaves out, and no memory of one
request answers for another."""

from __future__ import annotations

import pytest

from fairlead.core.call import Caller, Signal, Wishes
from fairlead.core.choice import read_choice
from fairlead.core.decide import Memo, decide
from fairlead.core.model import Snapshot
from fairlead.core.policy import Cascade, Policy, Tier, narrowed
from fairlead.core.table import Match, Rule
from tests.core.scenes import DOLLAR, POLICIES, call, model, order, plan, policy, reasons, tokens, world

CHEAP, MIDDLE, DEAR = model("cheap", 0.1, 0.9), model("middle", 1, 0.9), model("dear", 10, 0.9)
THREE = world(CHEAP, MIDDLE, DEAR)
TIERS = (Tier("top", ("dear",), Match(complexities=frozenset(("complex",)))), Tier("low", ("middle",), budget=DOLLAR))
LISTING = {
    "tiered": policy("tiered", tiers=TIERS),
    "cascade": policy("cascade", cascade=Cascade(("middle", "dear", "dear"))),
    "hybrid": policy("hybrid", self_hosted=("middle",), commercial=("dear",)),
}
ABOUT_CHAT = (*tokens(), Signal("task", "chat", True, 0.95), Signal("complexity", "complex", True, 0.9))


@pytest.mark.parametrize("name", LISTING)
def test_a_low_budget_reaches_nobody_that_the_policy_does_not_list(name: str) -> None:  # M3.2
    made = plan(call(wishes=Wishes(low_budget=True), signals=ABOUT_CHAT), THREE, LISTING[name])
    assert order(made)[0] == "middle"
    assert "cheap" not in order(made)


def test_a_low_budget_goes_to_the_lowest_tier_and_on_its_bill() -> None:  # M3.2
    asked = call(wishes=Wishes(low_budget=True), signals=ABOUT_CHAT)
    assert plan(asked, THREE, LISTING["tiered"]).steps[0].targets[0].tier == "low"
    spent = policy("tiered", tiers=(TIERS[0], Tier("low", ("middle",), budget=0)))
    assert reasons(plan(asked, THREE, spent))["middle"] == "tier_budget"


CRITICAL = {
    "model": policy("pinned", name="own", model="middle", critical=True, hash="own"),
    "rules": policy("balanced", name="own", critical=True, rules=(Rule("r", Match(), ("middle",)),), hash="own"),
}


@pytest.mark.parametrize("own", CRITICAL.values(), ids=CRITICAL)
@pytest.mark.parametrize("named", ["cost_first", "quality_first", "balanced", "pinned"])
def test_a_critical_policy_of_a_key_is_not_exchanged_for_another(own: Policy, named: str) -> None:  # M3.7
    assert narrowed(POLICIES[named], own) is own


@pytest.mark.parametrize("own", CRITICAL.values(), ids=CRITICAL)
@pytest.mark.parametrize("asked", ["auto", "cheap", "dear", "auto:cheap", "auto:best"])
def test_a_critical_policy_reaches_only_what_it_names(own: Policy, asked: str) -> None:  # M3.7
    for wishes in (Wishes(), Wishes(models=("cheap", "dear"))):
        made = call(model=asked, wishes=wishes)
        found = decide(made, read_choice(asked, own, POLICIES, THREE, own), THREE, 1)
        assert set(order(found)) <= {"middle"}


def test_the_rules_of_a_critical_policy_may_name_others_than_its_model() -> None:
    own = policy(
        "pinned", model="middle", critical=True, rules=(Rule("r", Match(tasks=frozenset(("chat",))), ("dear",)),)
    )
    assert order(plan(call(signals=ABOUT_CHAT), THREE, own)) == ["dear"]
    assert order(plan(call(), THREE, own)) == ["middle"]


def test_two_rules_of_one_name_are_two_rules() -> None:
    long = Rule("chat", Match(tasks=frozenset(("chat",)), min_input=5000), ("dear",))
    table = policy(rules=(long, Rule("chat", Match(tasks=frozenset(("chat",))), ("cheap",))))
    memo: Memo = {}
    for size, first in ((1000, "cheap"), (9000, "dear"), (1000, "cheap")):
        made = call(signals=(*tokens(size), Signal("task", "chat", True, 0.95)))
        assert order(decide(made, read_choice("auto", table, POLICIES, THREE), THREE, 1, memo))[0] == first


def test_who_wants_no_failover_does_not_take_it_from_the_next_one() -> None:
    own = policy("balanced", fallbacks=("dear",))
    memo: Memo = {}

    def asked(stay: bool, there: Snapshot = THREE) -> list[str]:
        made = call(model="cheap", wishes=Wishes(stay=stay), caller=Caller("key"))
        return order(decide(made, read_choice("cheap", own, POLICIES, there), there, 1, memo))

    assert (asked(True), asked(False), asked(True)) == (["cheap"], ["cheap", "dear"], ["cheap"])
