"""The published tables over mixes of traffic: shares are what comes out of it, at the price that was printed for them.

With the latency budgets of D1's profile, and what every published preset says of itself in two languages.
"""

from __future__ import annotations

import itertools
from collections import Counter

import msgspec
import pytest

from fairlead.classify.tasks import TABLE
from fairlead.config import presets
from fairlead.core.allowance import Need, least_hold
from fairlead.core.call import Facts
from tests.core.scenes import reasons
from tests.golden.published import AT, Preset, found, targets, task, with_models

DOLLAR = 1_000_000_000
PUBLISHED = [name for name in presets.names() if "/" in name]
A1, A5, D1, D4, E1, E3 = map(Preset, ("a1_tiered", "a5_blend", "d1_profile", "d4_three_tier", "e1_tiers", "e3_cascade"))


def shares(preset: Preset, mix: dict[str, int]) -> dict[str, int]:
    """Of a mix of complexities."""
    first = {level: targets(preset.plan(*found(complexity=level)))[0] for level in mix}
    counted: Counter[str] = Counter()
    for level, part in mix.items():
        counted[first[level].model.name] += part
    return dict(counted)


def test_a1_seventy_twenty_five_and_five_of_a_hundred() -> None:  # A1
    mix = {"simple": 70, "medium": 25, "complex": 5}
    found_shares = shares(A1, mix)
    assert found_shares == {"deepseek-v4-flash": 70, "claude-sonnet-4.6": 25, "claude-opus-4.7": 5}
    rates = {name: A1.snapshot.models[name].channels[0].prices[-1].rates.input / DOLLAR for name in found_shares}
    blend = sum(rates[name] * part for name, part in found_shares.items()) / 100
    assert blend == pytest.approx(1.598)
    assert blend / rates["claude-opus-4.7"] == pytest.approx(0.1065, abs=0.0001)


@pytest.mark.parametrize(("flash", "code", "desktop"), [(60, 30, 10), (70, 20, 10), (65, 25, 10)])
def test_a5_sixty_to_seventy_go_to_flash_and_the_saving_is_against_a_named_baseline(
    flash: int, code: int, desktop: int
) -> None:  # A5
    work = {"chat": flash, "code_generation": code, "desktop": desktop}
    cost = 0.0
    counted: Counter[str] = Counter()
    for name, part in work.items():
        first = targets(A5.plan(task(name)))[0].model
        counted[first.name] += part
        cost += first.channels[0].prices[-1].rates.input / DOLLAR * part / 100
    assert counted == {"deepseek-v4-flash": flash, "claude-opus-4.7": code, "gpt-5.5": desktop}
    assert 0.39 <= 1 - cost / 10 <= 0.69  # against GPT-5.5, input only
    assert 0.59 <= 1 - cost / 15 <= 0.79  # against Opus 4.7


def test_d4_sixty_twenty_five_and_fifteen_of_a_hundred() -> None:  # D4 D5
    mix = {"simple": 60, "medium": 25, "complex": 15}
    found_shares = shares(D4, mix)
    assert found_shares == {"deepseek-v4-flash": 60, "gemini-3.1-pro": 25, "claude-opus-4.7": 15}
    a_million = 0.0
    for name, part in found_shares.items():
        rates = D4.snapshot.models[name].channels[0].prices[-1].rates
        a_million += (rates.input * 1000 + rates.output * 400) / DOLLAR * part / 100
    assert a_million == pytest.approx(8493, abs=1)


def test_e2_the_pyramid_stands_on_its_base() -> None:  # E2 E3
    sure = [0.95] * 80 + [0.8] * 10 + [0.5] * 10
    counted = Counter(targets(E3.plan(task("chat", one)))[0].model.name for one in sure)
    assert counted == {"gemini-2.0-flash": 80, "claude-3.5-sonnet": 10, "gpt-4.5": 10}


def test_e1_a_request_that_costs_more_than_is_left_goes_down_before_it_is_overspent() -> None:  # E1
    models = [E1.snapshot.models[name] for name in ("claude-3.7-sonnet", "gpt-4.5")]
    dear, cheap = (least_hold(Need(1000, 0, most=one.max_output), one.channels[0].price_at(AT)) for one in models)
    assert dear > cheap
    for left, answers, tier in (
        (dear, "claude-3.7-sonnet", "high"),
        (dear - 1, "gpt-4.5", "high"),
        (cheap, "gpt-4.5", "high"),
        (cheap - 1, "claude-3.5-sonnet", "medium"),
    ):
        plan = E1.plan(*found(complexity="complex"), quality_floor=0.8, facts=Facts(AT, None, (("high", left),)))
        first = targets(plan)[0]
        assert (first.model.name, first.tier) == (answers, tier)
        assert (first.downgraded == "") == (tier == "high")


LEVELS, DOMAINS = ("simple", "medium", "complex"), ("code", "vision", "chat", "agentic")
PROMISED = {"claude-opus-4.7": 9000, "gpt-5.5": 6000, "gemini-3.1-pro": 3000, "deepseek-v4-flash": 800}
KNOWN = with_models(
    D1, *(msgspec.structs.replace(D1.snapshot.models[name], latency_ms=ms) for name, ms in PROMISED.items())
)
TRUTH = {
    ("complex", "code"): ("claude-opus-4.7", "gpt-5.5"),
    **{(level, "vision"): ("gemini-3.1-pro", "gpt-5.5") for level in LEVELS},
    **{("simple", domain): ("deepseek-v4-flash", "gemini-3.1-pro") for domain in ("code", "chat", "agentic")},
    **{(level, "agentic"): ("gpt-5.5", "claude-opus-4.7") for level in ("medium", "complex")},
    ("medium", "code"): ("gemini-3.1-pro", "gpt-5.5"),
    ("medium", "chat"): ("gemini-3.1-pro", "gpt-5.5"),
    ("complex", "chat"): ("gemini-3.1-pro", "gpt-5.5"),
}


@pytest.mark.parametrize(("level", "domain"), list(itertools.product(LEVELS, DOMAINS)))
@pytest.mark.parametrize("budget", [500, 799, 800, 2999, 3000, 5999, 6000, 9000, 60_000])
def test_d1_a_latency_budget_narrows_the_row_and_never_changes_it(level: str, domain: str, budget: int) -> None:  # D1
    plan = KNOWN.plan(*found(complexity=level, domain=domain), max_latency_ms=budget)
    row = TRUTH[level, domain]
    assert [target.model.name for target in targets(plan)] == [name for name in row if PROMISED[name] <= budget]
    assert {name.partition("@")[0] for name, reason in reasons(plan).items() if reason == "latency"} == {
        name for name in row if PROMISED[name] > budget
    }


@pytest.mark.parametrize("name", ["agent", "desktop", "code_debug"])
def test_d1_an_agents_simple_work_goes_to_the_smallest_as_printed(name: str) -> None:  # D1
    domain = next(one.domain for one in TABLE if one.name == name)
    first = targets(D1.plan(task(name), *found(complexity="simple", domain=domain)))[0]
    assert first.model.name == "deepseek-v4-flash"


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_preset_is_not_told_in_two_languages(name: str) -> None:  # M3.12
    english, chinese = presets.about(name), presets.about(name, "zh")
    assert english.isascii()
    assert english.endswith(".")
    assert not chinese.isascii()
    assert chinese.endswith("。")
    assert english.partition(" (")[0].replace(", ", "、") == chinese.partition("（")[0]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_preset_asks_a_server_that_may_not_be_there(name: str) -> None:  # M3.12
    config = presets.load(name, {})
    assert {provider.kind for provider in config.providers.values()} == {"simulated"}
