"""Budgets as they are written: what is meant is understood, and what cannot be meant is told with its line."""

from __future__ import annotations

import pytest

from fairlead.config.load import loads
from fairlead.core.budgets import Budget
from fairlead.core.policy import Limits
from fairlead.errors import ConfigError
from fairlead.registry import policies
from fairlead.registry.budgets import budgets, limits

BASE = """\
providers: {one: {kind: openai, base_url: "http://127.0.0.1:1/v1"}}
models: {m: {channels: [{provider: one}], price: {input: 1, output: 2}, limits: {rpm: 7}}}
policies: {rungs: {strategy: tiered, tiers: [{name: high, models: [m], budget: 2}]}}
"""
DOLLAR = 10**9


def problems(more: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(BASE + more, "f.yaml")
    return list(caught.value.problems)


def test_what_is_written_in_many_places_is_no_budget_or_twice_one() -> None:  # M6.3
    config = loads(
        BASE
        + """
plans: {free: {budget: {amount: 1, per: day, alerts: [1, 0.5, 1]}, limits: {tpm: 9}}}
tenants: {acme: {budget: {amount: 2}, limits: {rpm: 3}, teams: {red: {budget: {amount: 3, per: week}, limits: {concurrency: 4}}}}}
keys: [{name: k, key: fl_k, budget: {amount: 5.5, per: total, mode: soft, then: cheapest}}]
budgets:
  - {scope: gateway, amount: 10}
  - {scope: team, who: acme/red, amount: 3, per: week}
  - {scope: tag, who: batch, amount: 4, mode: soft, then: rungs}
  - {scope: tier, who: rungs/high, amount: 6, per: total}
  - {scope: model, who: each, amount: 7}
"""
    )
    usual = (0.8, 1.0)
    assert set(budgets(config, policies.policies(config))) == {
        Budget("gateway", (), 10 * DOLLAR, alerts=usual),
        Budget("team", ("acme", "red"), 3 * DOLLAR, "week", alerts=usual),
        Budget("tag", ("batch",), 4 * DOLLAR, hard=False, alerts=usual, then="rungs"),
        Budget("tier", ("rungs", "high"), 6 * DOLLAR, "total", alerts=usual),
        Budget("model", (), 7 * DOLLAR, alerts=usual),
        Budget("key", ("k",), 5_500_000_000, "total", hard=False, alerts=usual, then="cheapest"),
        Budget("key", (), DOLLAR, "day", alerts=(0.5, 1.0), plan="free"),
        Budget("tenant", ("acme",), 2 * DOLLAR, alerts=usual),
        Budget("tier", ("rungs", "high"), 2 * DOLLAR, "day"),
    }
    assert limits(config) == {
        ("model", "m"): Limits(rpm=7),
        ("plan", "free"): Limits(tpm=9),
        ("tenant", "acme"): Limits(rpm=3),
        ("team", "acme", "red"): Limits(concurrency=4),
    }


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("budgets:\n  - {scope: gateway, who: me, amount: 3}", "f.yaml:5: budgets[0].who: there is one gateway"),
        ("budgets:\n  - {scope: tag, amount: 3}", "f.yaml:5: budgets[0]: a tag is the caller's own word"),
        (
            "budgets:\n  - {scope: team, who: red, amount: 3}",
            "f.yaml:5: budgets[0].who: write tenant/team, found 'red'",
        ),
        ("budgets:\n  - {scope: tier, who: high, amount: 3}", "f.yaml:5: budgets[0].who: write policy/tier"),
        ("budgets:\n  - {scope: tier, who: rungs/low, amount: 3}", "f.yaml:5: budgets[0].who: no policy has a tier"),
        ("budgets:\n  - {scope: model, who: n, amount: 3}", "f.yaml:5: budgets[0].who: unknown model 'n'"),
        ("budgets:\n  - {scope: keys, amount: 3}", "f.yaml:5: budgets[0].scope: unknown: 'keys', did you mean 'key'?"),
        ("budgets:\n  - {scope: key}", "f.yaml:5: budgets[0].amount: is missing: what may be spent, in USD"),
        ("budgets:\n  - {scope: key, amount: -1}", "f.yaml:5: budgets[0].amount: "),
        ("budgets:\n  - {scope: key, amount: 1, alerts: [80]}", "f.yaml:5: budgets[0].alerts[0]: "),
        (
            "budgets:\n  - {scope: key, amount: 1, mode: soft, then: frugl}",
            "f.yaml:5: budgets[0].then: unknown policy or cheapest 'frugl'",
        ),
        (
            "keys:\n  - {name: k, key: fl_k, budget: {amount: 1, then: cheapest}}",
            "f.yaml:5: keys[0].budget.then: a hard budget refuses",
        ),
        ("plans:\n  p: {budget: {amount: 1, per: mont}}", "f.yaml:5: plans.p.budget.per: unknown: 'mont'"),
        ("tenants:\n  t: {teams: {a: {budget: {amount: 1, then: m}}}}", "f.yaml:5: tenants.t.teams.a.budget.then: "),
    ],
)
def test_a_budget_that_cannot_be_meant_is_taken(more: str, problem: str) -> None:  # M8.4
    assert [one for one in problems(more) if one.startswith(problem)], problems(more)


PEOPLE = """
tenants: {acme: {teams: {research: {}}}, loose: {}}
keys: [{name: alice, key: fl_a, tenant: acme, team: research}, {name: bob, key: fl_b, tenant: free, team: any}]
"""


@pytest.mark.parametrize(
    ("scope", "who", "warning"),
    [
        ("tenant", "acmme", "'acmme' is not declared under tenants, and no key is of it, did you mean 'acme'?"),
        ("tenant", "nobody", "'nobody' is not declared under tenants, and no key is of it"),
        ("tenant", "free", ""),
        ("team", "acmme/research", "'acmme/research' is not declared under tenants, and no key is of it, did you mean 'acme/research'?"),
        ("team", "loose/other", "'loose/other' is not declared under tenants, and no key is of it"),
        ("team", "free/any", ""),
        ("team", "acme/research", ""),
        ("key", "alcie", "no key here is called 'alcie', so it binds only one issued by that name, did you mean 'alice'?"),
        ("key", "acme/issued", "no key here is called 'acme/issued', so it binds only one issued by that name"),
        ("key", "bob", ""),
        ("key", "each", ""),
    ],
)  # fmt: skip
def test_a_budget_of_nobody_is_no_warning(scope: str, who: str, warning: str) -> None:  # M8.1
    config = loads(f"{BASE}{PEOPLE}budgets:\n  - {{scope: {scope}, who: {who}, amount: 3}}\n", "f.yaml")
    found = [one.partition("who: ")[2] for one in config.warnings if "budgets[0]" in one]
    assert found == ([warning] if warning else [])


def test_a_budget_of_a_team_that_cannot_be_is_taken() -> None:  # M8.1
    found = problems(f"{PEOPLE}budgets:\n  - {{scope: team, who: acme/reserch, amount: 3}}\n")
    assert found == ["f.yaml:8: budgets[0].who: tenant 'acme' has no team 'reserch', did you mean 'research'?"]
