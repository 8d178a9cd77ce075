"""Whether routing pays: each rule speaks for it where it should, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.core.model import NANO
from fairlead.evidence.advisor import MONTH
from fairlead.evidence.advisor_rules import dependency, variety, verdict
from fairlead.evidence.advisor_terms import Advice, Rule
from fairlead.evidence.logs.row import Row
from tests.evidence.market import FIRST, advised, work

TASKS = ("chat", "math", "code_generation", "translation")


def spending(usd: float, **wishes: Any) -> Advice:
    """So much a month, over four tasks, on `grand`."""
    cost = round(usd * NANO / MONTH)
    rows = (Row("grand", FIRST + at // 4, 1000, 500, cost=cost // 4, task=TASKS[at % 4]) for at in range(120))
    return advised(rows, **wishes)


def rule(found: Advice, name: str) -> Rule:
    return next(each for each in found.rules if each.name == name)


@pytest.mark.parametrize(
    ("usd", "speaks", "word"),
    [(5, "against", "no"), (49, "against", "no"), (51, "neither", "yes"), (199, "neither", "yes"),
     (201, "for", "yes"), (20_000, "for", "yes")],
)  # fmt: skip
def test_the_spending_decides_otherwise(usd: float, speaks: str, word: str) -> None:  # M6.7
    found = spending(usd)
    assert (rule(found, "spend").speaks, found.verdict) == (speaks, word)


def test_little_money_is_routed_because_much_could_be_saved() -> None:  # M6.7
    found = spending(49, tolerance=0.5, compliance="open", capacity="team")
    assert (found.verdict, found.reason) == ("no", "verdict_spend")
    assert rule(found, "saving").speaks == "for"


@pytest.mark.parametrize(
    ("wishes", "name", "speaks"),
    [
        ({}, "tolerance", "unknown"),
        ({"tolerance": 0.0}, "tolerance", "against"),
        ({"tolerance": 0.01}, "tolerance", "neither"),
        ({"tolerance": 0.05}, "tolerance", "for"),
        ({}, "compliance", "unknown"),
        ({"compliance": "open"}, "compliance", "for"),
        ({"compliance": "strict"}, "compliance", "against"),
        ({"compliance": "strict", "vendors": frozenset({"openai"})}, "compliance", "neither"),
        ({"vendors": frozenset({"mistral"})}, "compliance", "against"),
        ({}, "capacity", "unknown"),
        ({"capacity": "none"}, "capacity", "against"),
        ({"capacity": "some"}, "capacity", "neither"),
        ({"capacity": "team"}, "capacity", "for"),
    ],
)
def test_what_was_said_speaks_otherwise(wishes: dict[str, Any], name: str, speaks: str) -> None:  # M6.7
    assert rule(spending(1000, **wishes), name).speaks == speaks


@pytest.mark.parametrize(
    ("wishes", "reason"), [({"capacity": "none"}, "verdict_capacity"), ({"vendors": frozenset({"mistral"})}, "verdict_compliance")]
)  # fmt: skip
def test_what_rules_routing_out_is_outweighed(wishes: dict[str, Any], reason: str) -> None:  # M6.7
    found = spending(5000, **wishes)
    assert (found.verdict, found.reason) == ("no", reason)


@pytest.mark.parametrize(
    ("tasks", "speaks"),
    [
        ({"a": 10, "b": 10, "c": 10, "d": 10}, "for"),
        ({"a": 90, "b": 5, "c": 5}, "against"),
        ({"a": 10}, "against"),
        ({"": 90, "a": 5, "b": 5}, "unknown"),
        ({"": 60, "a": 10, "b": 10, "c": 10, "d": 10}, "for"),
        ({"": 5}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_work_of_one_kind_is_varied(tasks: dict[str, float], speaks: str) -> None:  # M6.7
    assert variety(tasks).speaks == speaks


@pytest.mark.parametrize(
    ("providers", "speaks"),
    [
        ({"openai": 90, "google": 10}, "for"),
        ({"openai": 89, "google": 11}, "neither"),
        ({"": 5}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_one_provider_is_several(providers: dict[str, int], speaks: str) -> None:  # M6.7
    assert dependency(providers).speaks == speaks


def test_there_is_nothing_to_save_and_it_is_advised() -> None:
    found = advised(work("handy", each=5000), fleet=0)
    assert rule(found, "saving").speaks == "against"
    assert found.saving.moves == ()


def test_logs_without_prices_are_cheap() -> None:
    rows = (Row("nobody's", FIRST + at % 30, 10**6, 10**6, task="chat") for at in range(100))
    found = advised(rows, work(days=1, each=1))
    assert (found.verdict, found.reason) == ("maybe", "verdict_unknown")
    assert found.coverage.unpriced == 100


def test_an_invoice_alone_says_how_much_is_saved() -> None:
    rows = (Row("", FIRST + at, cost=20 * NANO, requests=0, bill=True, via="openai") for at in range(30))
    found = advised(rows)
    assert rule(found, "spend").facts["spent_usd"] == round(600 * NANO * MONTH / 30)
    assert rule(found, "saving").speaks == "unknown"
    assert rule(found, "dependency").speaks == "for"


def test_an_invoice_makes_usage_dearer() -> None:
    usage = list(work(via="openai"))
    bills = [Row("", FIRST, cost=10**12, requests=0, bill=True, via=via) for via in ("openai", "anthropic")]
    alone, both = (advised(iter(rows)) for rows in (usage, [*usage, *bills[:1]]))
    assert rule(alone, "spend").facts == rule(both, "spend").facts
    assert both.coverage.billed == 10**12
    other = advised(iter([*usage, *bills]))
    more = int(rule(other, "spend").facts["spent_usd"]) - int(rule(alone, "spend").facts["spent_usd"])
    assert more == pytest.approx(10**12 * MONTH / 30, rel=1e-6)


def test_rules_that_balance_are_no_perhaps() -> None:
    speak = [Rule("saving", "for", ""), Rule("variety", "against", ""), Rule("tolerance", "against", "")]
    assert verdict(tuple(speak), 100 * NANO)[0] == "no"
    assert verdict(tuple(speak), 300 * NANO)[0] == "maybe"
    assert verdict(tuple(speak[:2]), 100 * NANO)[0] == "maybe"
