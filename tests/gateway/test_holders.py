"""What binds a key: of its own words, its team's, its plan's and its tenant's the narrowest."""

from __future__ import annotations

import pytest

from fairlead.config.load import loads
from fairlead.core.grants import Grant, Keyholder
from fairlead.gateway.world import build
from fairlead.registry.catalogue import load as load_catalogue

FILE = """
providers:
  p: {{kind: simulated, models: {{a: {{}}, b: {{}}, c: {{}}}}}}
  q: {{kind: simulated, models: {{a: {{}}}}}}
models:
  a: {{channels: [{{provider: p, region: eu}}, {{provider: q, region: us}}], aliases: [first]}}
  b: {{channels: [{{provider: p}}]}}
  c: {{channels: [{{provider: p}}]}}
policies: {{own: {{}}, teams: {{}}, plans: {{}}, tenants: {{}}}}
plans: {{full: {plan}}}
tenants: {{acme: {{teams: {{red: {team}}}, **}}}}
keys: [{{name: one, key: some-key-1, tenant: acme, team: red, plan: full, {key}}}]
"""


def holder(key: str = "", team: str = "{}", plan: str = "{}", tenant: str = "timezone: UTC") -> Keyholder:
    text = FILE.format(key=key, team=team, plan=plan).replace("**", tenant)
    return next(iter(build(loads(text, "f.yaml"), load_catalogue(), b"").keys.values()))


@pytest.mark.parametrize(
    ("key", "team", "plan", "tenant", "models"),
    [
        ("", "{}", "{}", "timezone: UTC", None),
        ("models: [a, b]", "{models: [b, c]}", "{}", "timezone: UTC", {"b"}),
        ("models: [first, b]", "{models: [a]}", "{}", "timezone: UTC", {"a"}),
        ("", "{models: [a, b]}", "{models: [b]}", "models: [b, c]", {"b"}),
        ("models: [a]", "{}", "{models: [b]}", "timezone: UTC", set()),
        ("", "{}", "{}", "models: [c]", {"c"}),
    ],
)
def test_one_of_four_is_not_asked(key: str, team: str, plan: str, tenant: str, models: set[str] | None) -> None:
    assert holder(key, team, plan, tenant).caller.models == models


def test_the_wrong_one_names_the_policy() -> None:
    said = {"key": "policy: own", "team": "{policy: teams}", "plan": "{policy: plans}", "tenant": "policy: tenants"}
    for gone, policy in (("", "own"), ("key", "teams"), ("team", "plans"), ("plan", "tenants"), ("tenant", None)):
        if gone:
            del said[gone]
        assert holder(**said).caller.policy == policy


@pytest.mark.parametrize("who", ["key", "team", "tenant"])
def test_a_bound_of_one_is_lost(who: str) -> None:
    words = {
        "providers: [p]": ("providers", {"p"}),
        "regions: [eu]": ("regions", {"eu"}),
        "sensitive: true": ("sensitive", True),
        "policies: [own, balanced]": ("policies", {"own", "balanced"}),
    }
    for text, (field, expected) in words.items():
        said = {who: "{" + text + "}" if who == "team" else text}
        assert getattr(holder(**said).caller, field) == expected
        assert getattr(holder().caller, field) in (None, False)


def test_channels_of_team_and_tenant_do_not_meet() -> None:
    found = holder(team="{channels: [a@p, a@q]}", tenant="channels: [a@q, b@p]")
    assert found.caller.channels == {"a@q"}


def test_a_strategy_lets_policies_in_that_are_not_named() -> None:
    found = holder("policies: [own, cost_first], strategies: [balanced], policy: own")
    assert found.caller.policies == {"own"}
    assert holder("strategies: [balanced]").caller.policies == {"own", "teams", "plans", "tenants", "balanced"}


@pytest.mark.parametrize(("key", "scope"), [("", "team"), ("scope: tenant", "tenant"), ("scope: gateway", "gateway")])
def test_a_role_reaches_further_than_it_says(key: str, scope: str) -> None:
    assert holder(key).caller.scope == scope


def test_a_key_of_no_tenant_has_a_team_that_another_tenant_declares() -> None:  # M8.1
    text = FILE.format(key="", team="{}", plan="{}").replace("**", "timezone: UTC")
    bound = build(loads(text, "f.yaml"), load_catalogue(), b"").binding
    assert bound.missing(Grant("k", team="red")) == "tenant 'default' has no team 'red'"
    assert bound.missing(Grant("k", team="other")) == ""
    assert bound.missing(Grant("k", tenant="acme", team="red")) == ""
