"""Tiers with budgets of the day: the right one first, one down when spent, never more spent than there is."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.allowance import Need, allowed, least_hold
from fairlead.core.budgets import OF_TIER
from fairlead.core.call import Call, Facts, Signal, Wishes
from fairlead.core.model import Model, Snapshot
from fairlead.core.plan import Plan, Target
from fairlead.core.policy import Policy, Tier
from fairlead.core.table import Match
from tests.core.scenes import AT, DOLLAR, call, model, order, plan, policy, reasons, tokens, world

HARD, FAIR = Match(complexities=frozenset(("complex",))), Match(complexities=frozenset(("medium",)))
HIGH = Tier("high", ("big", "huge"), HARD, 5 * DOLLAR)
MIDDLE = Tier("middle", ("fair",), FAIR, 2 * DOLLAR)
LOW = Tier("low", ("small", "tiny"), HARD, DOLLAR)
FORCE = policy("tiered", tiers=(HIGH, MIDDLE, LOW))
MODELS = (
    model("big", 10),
    model("huge", 20),
    model("fair", 2),
    model("small", 0.2),
    model("tiny", 0.1),
    model("alone", 1),
)
ALL = world(*MODELS)
LEVELS = {"complex": 0, "medium": 1, "simple": 2}


def work(level: str, left: dict[str, int] | None = None, *sizes: int, **wishes: bool) -> Call:
    """A request so hard, with so much left of the tiers' budgets."""
    facts = Facts(AT, None, tuple((left or {}).items()))
    signals = (*tokens(*sizes), Signal("complexity", level, True, 0.9))
    return call(signals=signals, facts=facts, wishes=Wishes(**wishes))  # type: ignore[arg-type]


def first(made: Plan) -> Target:
    return made.steps[0].targets[0]


def without(*names: str) -> Snapshot:
    return world(*MODELS, disabled=frozenset(names))


@pytest.mark.parametrize(
    ("level", "names", "tier"),
    [
        ("complex", ["big", "huge"], "high"),
        ("medium", ["fair", "big", "huge"], "middle"),
        ("simple", ["small", "tiny", "fair", "big"], "low"),
    ],
)
def test_each_level_has_its_tier_and_the_nearest_above_behind_it(
    level: str, names: list[str], tier: str
) -> None:  # M3.5
    made = plan(work(level), ALL, FORCE)
    assert order(made) == names
    assert (first(made).tier, first(made).downgraded, made.steps[0].move) == (tier, "", "first")
    assert reasons(made)["alone"] == "tier"


def test_what_fits_no_tier_is_left_without_one() -> None:  # M3.5
    assert first(plan(call(), ALL, FORCE)).tier == "low"


def worst(name: str, asked: Call) -> int:
    one = ALL.models[name]
    return least_hold(Need(1000, 0, most=one.max_output), one.channels[0].prices[0])


@pytest.mark.parametrize(("over", "model_", "tier"), [(0, "big", "high"), (-1, "fair", "middle")])
def test_a_budget_that_just_bears_the_request_is_not_spent(over: int, model_: str, tier: str) -> None:  # M3.5
    asked = work("complex")
    made = plan(work("complex", {"high": worst("big", asked) + over}), ALL, FORCE)
    assert (first(made).model.name, first(made).tier) == (model_, tier)
    assert bool(first(made).downgraded) == (over < 0)
    assert made.steps[0].move == ("downgrade" if over < 0 else "first")
    assert reasons(made)["huge"] == "tier_budget"


def test_a_spent_tier_sends_one_down_and_says_which_was_spent() -> None:  # M3.5
    made = plan(work("complex", {"high": 0}), ALL, FORCE)
    assert order(made) == ["fair"]
    assert first(made).downgraded == "the budget of tier high is spent for today"
    further = plan(work("complex", {"high": 0, "middle": 0}), ALL, FORCE)
    assert order(further) == ["small", "tiny"]
    assert first(further).tier == "low"
    assert "high" in first(further).downgraded


def test_a_tier_that_the_key_has_no_money_for_is_a_refusal() -> None:  # M4.2 M6.3
    """Also where its other model is down; a tier that is down as a whole is no reason to go down."""
    asked = work("complex", {"high": 0})
    poor = msgspec.structs.replace(asked, facts=Facts(AT, None, left=(("", worst("fair", asked)),)))
    for there in (ALL, without("huge")):
        made = plan(poor, there, FORCE)
        assert (order(made), first(made).tier, made.steps[0].move) == (["fair"], "middle", "downgrade")
        assert first(made).downgraded == "the budget does not bear tier high"
        assert {one.reason for one in made.rejected if one.model == "big"} == {"budget"}
    poorer = msgspec.structs.replace(asked, facts=Facts(AT, None, left=(("", worst("small", asked)),)))
    assert order(plan(poorer, ALL, FORCE)) == ["small", "tiny"]
    broke = msgspec.structs.replace(asked, facts=Facts(AT, None, left=(("", 1),)))
    assert order(plan(broke, ALL, FORCE)) == []
    assert order(plan(poor, without("big", "huge"), FORCE)) == []
    least = msgspec.structs.replace(work("simple"), facts=Facts(AT, None, left=(("", worst("tiny", asked)),)))
    listed = policy("tiered", tiers=(HIGH, MIDDLE, Tier("low", ("small",), HARD)), fallbacks=("tiny",))
    assert order(plan(least, ALL, listed)) == ["tiny"], "who is listed behind is paid by the key, as everybody is"


def test_one_down_is_only_taken_by_those_who_can_do_the_work() -> None:  # M3.5
    made = plan(work("complex", {"high": 0}), without("fair"), FORCE)
    assert order(made) == []
    assert reasons(made)["big"] == "tier_budget"


def test_the_lowest_spent_refuses_and_names_the_budget() -> None:  # M3.5
    made = plan(work("simple", {"low": 0}), ALL, FORCE)
    assert made.steps == ()
    told = {one.model: one.detail for one in made.rejected if one.reason == "tier_budget"}
    assert told == dict.fromkeys(("small", "tiny"), "tier low has $0 left of its $1 today")


def test_a_tier_that_cannot_for_other_reasons_gives_way_upwards_the_nearest_first() -> None:  # M3.5
    made = plan(work("simple"), without("small", "tiny"), FORCE)
    assert order(made) == ["fair", "big", "huge"]
    assert first(made).downgraded == ""
    spent = plan(work("simple", {"middle": 0}), without("small", "tiny"), FORCE)
    assert order(spent) == ["big", "huge"]


def test_a_low_budget_goes_to_the_lowest_tier_unless_the_matter_is_critical() -> None:  # M2.5
    assert first(plan(work("complex", low_budget=True), ALL, FORCE)).tier == "low"
    critical = msgspec.structs.replace(FORCE, critical=True)
    assert first(plan(work("complex", low_budget=True), ALL, critical)).tier == "high"


def test_a_model_of_two_tiers_is_tried_once() -> None:
    both = policy("tiered", tiers=(HIGH, Tier("middle", ("fair", "big"), FAIR), Tier("low", ("big", "small"))))
    for level in LEVELS:
        names = order(plan(work(level), ALL, both))
        assert len(names) == len(set(names)), level


def test_a_model_without_a_price_is_no_charge_on_a_budget() -> None:  # M6.2
    tiers = (Tier("high", ("free",), HARD, 0), Tier("low", ("unpriced", "small"), budget=DOLLAR))
    there = world(model("free", 0), model("unpriced", None), model("small", 0.2))
    made = plan(work("simple"), there, policy("tiered", tiers=tiers))
    assert order(made)[0] == "small"
    assert reasons(made)["unpriced"] == "tier_budget"


REQUESTS = st.lists(
    st.tuples(st.sampled_from(list(LEVELS)), st.integers(1, 60_000), st.integers(1, 5_000), st.booleans()), max_size=30
)


@given(REQUESTS, st.lists(st.integers(0, DOLLAR), min_size=3, max_size=3))
def test_a_day_of_requests_holds_more_than_a_tier_has(
    requests: list[tuple[str, int, int, bool]], budgets: list[int]
) -> None:  # M3.5
    """Each request holds the most it may come to; what is left never falls below nought, and nobody goes up for money."""
    force = _with(FORCE, budgets)
    left = {tier.name: tier.budget or 0 for tier in force.tiers}
    for level, given_, room, low in requests:
        asked = work(level, left, given_, room, room, low_budget=low)
        made = plan(asked, ALL, force)
        for target in (target for step in made.steps for target in step.targets):
            assert _worst(target.model, given_, room, left[target.tier]) <= left[target.tier]
        if made.steps:
            target = first(made)
            left[target.tier] -= _worst(target.model, given_, room, left[target.tier])
            place = [tier.name for tier in force.tiers].index(target.tier)
            assert place >= (2 if low else LEVELS[level])
            assert bool(target.downgraded) == (place > (2 if low else LEVELS[level]))
        else:
            assert "tier_budget" in reasons(made).values()
    assert min(left.values()) >= 0


def _with(force: Policy, budgets: list[int]) -> Policy:
    tiers = tuple(
        msgspec.structs.replace(tier, budget=budget) for tier, budget in zip(force.tiers, budgets, strict=True)
    )
    return msgspec.structs.replace(force, tiers=tiers)


def _worst(one: Model, given_: int, room: int, left: int) -> int:
    return allowed(Need(given_, room, most=one.max_output), one.channels[0].prices[0], left // OF_TIER).amount


LISTED = policy("tiered", tiers=(HIGH, MIDDLE, LOW), fallbacks=("alone", "tiny", "fair"))


def test_fallbacks_that_the_policy_lists_are_lost() -> None:  # M4.2
    made = plan(work("complex"), ALL, LISTED)
    assert order(made) == ["big", "alone", "tiny", "fair"]
    tiers = {target.model.name: target.tier for step in made.steps for target in step.targets}
    assert tiers == {"big": "high", "alone": "", "tiny": "low", "fair": "middle"}
    assert {one.reason for one in made.rejected} == {"outranked", "tier"}


def test_a_tier_that_is_down_as_a_whole_refuses_although_fallbacks_are_listed() -> None:  # M4.2
    assert order(plan(work("complex"), without("big", "huge"), LISTED)) == ["alone", "tiny", "fair"]
    assert order(plan(work("complex"), without("big", "huge"), FORCE)) == []


def test_a_fallback_is_paid_by_nobody() -> None:  # M3.5
    assert order(plan(work("complex", {"low": 0}), ALL, LISTED)) == ["big", "alone", "fair"]
    assert order(plan(work("simple", {"low": 0}), ALL, LISTED)) == []
    down = plan(work("complex", {"high": 0, "middle": 0, "low": 0}), ALL, LISTED)
    assert (down.steps, reasons(down)["tiny"]) == ((), "tier_budget")
