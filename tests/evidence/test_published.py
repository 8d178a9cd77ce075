"""Every published comparison, computed again to the cent; where the publication does not add up, its scenario says so."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import cache

import pytest

from fairlead.evidence import scenarios
from fairlead.evidence.calculator import Answer, calculate
from fairlead.registry.catalogue import load

AT = 1_800_000_000


@cache
def answer(name: str) -> Answer:
    return calculate(scenarios.load(name, load(), AT))


COSTS: dict[str, dict[str, str]] = {
    "a1_tiered": {"tiered": "1.598", "all-frontier": "15", "all-cheap": "0.14"},
    "a1_tiered_long": {"tiered": "2.348", "all-frontier": "15.75"},
    "a5_blend_60": {"blend": "6.084", "all-gpt-5.5": "10", "all-opus-4.7": "15"},
    "a5_blend_70": {"blend": "3.098", "all-gpt-5.5": "10", "all-opus-4.7": "15"},
    "a6_bench": {"bench": "1.71"},
    "a7_all_cheap": {"all-gpt-5.4": "500", "all-deepseek-v3.2": "10", "random": "255"},
    "a7_some_frontier": {"all-gpt-5.4": "500", "routed": "50.18"},
    "a8_cache_65": {"cached": "0.0581"},
    "a8_cache_70": {"cached": "0.0518"},
    "a9_subscription": {"glm-plan": "3", "opus-plan": "100"},
    "a10_solo": {"solo": "42"},
    "a10_startup": {"startup": "3.098", "all-frontier": "10"},
    "a10_startup_long": {"startup": "6.098", "all-frontier": "13"},
    "b4_routed": {"all-opus-4.7": "500", "all-gpt-5.5": "400", "routed": "150"},
    "b4_routed_small": {"all-opus-4.7": "500", "all-gpt-5.5": "400", "routed": "85.005"},
    "b5_overconsumption": {"premium": "500", "light": "50"},
    "c7_discount": {"list-price": "7700", "least-discount": "6160", "most-discount": "3850"},
    "c8_million_calls": {"all-gpt-5.4": "7700", "all-gemini-3-flash": "220"},
    "c8_in_yuan": {
        "all-gpt-5.4": "54670",
        "all-gemini-3-flash": "1562",
        "all-deepseek-v4": "1600",
        "all-qwen3.5": "7.6",
    },
    "c8_qwen_per_thousand": {"as-printed": "7.6", "per-thousand": "7600", "all-deepseek-v4": "1600"},
    "d5_all_frontier": {"all-gpt-5.5": "18000", "all-frontier": "45000", "all-cheap": "780", "random": "17220"},
    "d5_flash_opus": {"flash-opus": "9624", "all-gpt-5.5": "18000"},
    "d5_smart": {"smart": "8493", "all-gpt-5.5": "18000"},
    "d5_smart_split": {"smart": "7143", "all-gpt-5.5": "18000"},
    "e1_tiers": {"all-high": "8", "all-medium": "1.5", "all-low": "0.15", "pyramid": "1.07"},
    "e2_pyramid": {"pyramid": "1.88", "all-frontier": "15"},
    "e4_cascade": {"cascade": "78.5", "all-gpt-4.5": "450", "all-claude-3.5": "150"},
    "e4_cascade_verified": {"cascade": "95"},
    "e7_dashboard": {"bill": "2847.5"},
    "e7_move": {"bill": "2847.5", "moved": "2728.7023"},
}
"""What each strategy costs at the printed prices, worked out by hand."""

INCONSISTENT = {
    "a1_tiered": "10.7 %",
    "a5_blend_70": "69.0 %",
    "a7_all_cheap": "$10",
    "a8_cache_65": "$0.0581",
    "a8_cache_70": "$0.0518",
    "a10_startup": "69.0 %",
    "b4_routed": "at least $150",
    "c8_qwen_per_thousand": "per thousand",
    "d5_flash_opus": "about $9,600",
    "d5_smart": "$8,493",
    "e4_cascade_verified": "$0.095",
}
"""What the note of a scenario has to say, whose published figure does not come out of its own prices."""


@pytest.mark.parametrize("name", scenarios.names())
def test_a_published_comparison_comes_to_another_cost(name: str) -> None:  # M6.5
    outcomes = answer(name).outcomes
    assert {each: outcomes[each].cost for each in COSTS[name]} == {
        each: Fraction(Decimal(cost)) for each, cost in COSTS[name].items()
    }


def test_a_comparison_is_left_out_or_nobody_computed_it() -> None:  # M6.5
    assert set(scenarios.names()) == set(COSTS)


@pytest.mark.parametrize("name", scenarios.names())
def test_a_figure_that_does_not_add_up_is_passed_on_without_a_word(name: str) -> None:  # M6.5
    scenario = answer(name).scenario
    assert answer(name).agrees is (name not in INCONSISTENT)
    assert INCONSISTENT.get(name, "") in scenario.note
    assert scenario.published
    assert scenario.source
    assert scenario.date
    assert bool(scenario.note) == bool(scenario.note_zh)
    assert scenario.title.isascii()
    assert scenario.title_zh
    assert not scenario.title_zh.isascii()


def test_the_blend_of_three_tiers_is_fifteen_percent() -> None:
    one = answer("a1_tiered").outcomes
    assert one["tiered"].per_million_tokens == Fraction("1.598")
    assert round(1 - (one["tiered"].saving(one["all-frontier"]) or 0), 3) == Fraction("0.107")
    assert 20 * one["tiered"].cost < 3 * one["all-frontier"].cost


def test_a_saving_is_told_without_the_baseline_it_is_against() -> None:
    """39 to 69 % against GPT-5.5, 59 to 79 % against Opus 4.7."""
    ends = [answer(f"a5_blend_{share}").outcomes for share in (60, 70)]
    for baseline, least, most in (("all-gpt-5.5", "0.3916", "0.6902"), ("all-opus-4.7", "0.5944", "0.7935")):
        saved = [round(end["blend"].saving(end[baseline]) or 0, 4) for end in ends]
        assert saved == [Fraction(least), Fraction(most)]


def test_a_hit_is_taken_for_the_whole_price() -> None:
    rates = [answer(f"a8_cache_{hits}").outcomes["cached"].per_million_tokens for hits in (70, 65)]
    assert [round(rate or 0, 3) for rate in rates] == [Fraction("0.052"), Fraction("0.058")]


def test_a_cascade_that_is_chosen_beforehand_costs_what_one_that_looks_does() -> None:
    assert answer("e4_cascade").outcomes["cascade"].per_request == Fraction("0.0785")
    looks = answer("e4_cascade_verified").outcomes["cascade"]
    assert (looks.per_request, looks.calls) == (Fraction("0.095"), 1400)


def test_the_bills_cost_a_request_is_rounded_before_it_is_shown() -> None:
    bill = answer("e7_dashboard").outcomes["bill"]
    assert bill.requests == 1_234_567
    assert round(bill.per_request, 4) == Fraction("0.0023")
    assert [round(share.spend or 0, 2) for share in bill.shares] == [Fraction(each, 100) for each in (28, 42, 30)]
    assert bill.quality is None


def test_a_fiftieth_of_five_hundred_is_fifty() -> None:
    """500 to 50 at a fiftieth of the price leaves 4/49 of the requests where they were."""
    dear, cheap = (answer("a7_all_cheap").outcomes[each].cost for each in ("all-gpt-5.4", "all-deepseek-v3.2"))
    assert (50 - cheap) / (dear - cheap) == Fraction(4, 49)
    assert round(Fraction(4, 49), 3) == Fraction("0.082")


def test_a_price_per_thousand_tokens_passes_for_one_per_million() -> None:
    warnings = answer("c8_in_yuan").scenario.warnings
    assert [warning.partition(" ")[0] for warning in warnings] == ["models.qwen3.5.input:", "models.qwen3.5.output:"]
    assert [name for name in scenarios.names() if answer(name).scenario.warnings] == ["c8_in_yuan"]


@pytest.mark.parametrize("name", scenarios.names())
def test_a_published_scenario_changes_with_the_catalogue(name: str) -> None:
    """Its prices are the publication's; only what nobody asks the price of may have none."""
    asked = {part.model for one in answer(name).outcomes.values() for part in one.parts}
    given = {
        model for model, one in answer(name).scenario.case.models.items() if one.tiers or one.per_request is not None
    }
    plans = {one.strategy.models[0] for one in answer(name).outcomes.values() if one.strategy.kind == "subscription"}
    if name != "e7_dashboard":
        assert asked - plans <= given
    assert all(one.source == "given" for one in answer(name).scenario.case.models.values() if one.name not in plans)
