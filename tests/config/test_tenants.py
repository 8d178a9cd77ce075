"""Keys, teams and tenants that cannot be meant."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fairlead.config.load import loads
from fairlead.config.schema import Config
from fairlead.errors import ConfigError

FILE = """
providers: {{p: {{kind: simulated, models: {{m: {{}}}}}}}}
models: {{m: {{channels: [{{provider: p}}]}}}}
policies: {{frugal: {{strategy: cost_first}}}}
plans: {{small: {{policy: frugal}}}}
tenants: {{acme: {{teams: {{red: {{policy: frugal}}, blue: {{strategies: [cost_first]}}}}}}, loose: {{}}, shut: {{policies: [frugal]}}}}
keys: [{{name: one, key: some-key-1, {key}}}]
"""


def read(key: str) -> Config:
    return loads(FILE.format(key=key), "f.yaml")


WRONG = {
    "tenant: acme, team: rde": "tenant 'acme' has no team 'rde', did you mean 'red'?",
    "team: red": "tenant 'default' has no team 'red', did you mean tenant 'acme'?",
    "tenant: acmes, team: red": "tenant 'acmes' has no team 'red', did you mean tenant 'acme'?",
    "scope: team": "the key has none",
    "scope: galaxy": "scope",
    "policies: [frugal]": "policy 'balanced' holds for its requests",
    "policies: [none]": "unknown policy 'none'",
    "strategies: [none]": "strategies",
    "strategies: [cost_first], policy: balanced": "policy 'balanced' holds for its requests",
    "tenant: shut": "policy 'balanced' holds for its requests",
    "tenant: acme, team: blue": "policy 'balanced' holds for its requests",
    "expires: 2026-13-01": "a date that exists",
    "expires: soon": "a date like",
    "expires: 2026-01-01T00:00:00": "zone",
    "expires: 20": "text",
}


@pytest.mark.parametrize("key", WRONG)
def test_what_cannot_be_meant_is_taken(key: str) -> None:  # M8.1
    with pytest.raises(ConfigError) as found:
        read(key)
    assert any(WRONG[key] in problem for problem in found.value.problems), found.value.problems


@pytest.mark.parametrize(
    "key",
    [
        "tenant: loose, team: any",
        "tenant: loose, team: red",
        "team: green",
        "tenant: acme, team: red, policies: [frugal]",
        "plan: small, strategies: [cost_first]",
        "tenant: shut, policy: frugal",
        "tenant: acme, team: blue, policy: cost_first",
        "tenant: acme, team: red, scope: team, role: admin",
    ],
)
def test_what_can_be_meant_is_refused(key: str) -> None:
    assert read(key).keys[0].name == "one"


@pytest.mark.parametrize(
    ("key", "warning"),
    [
        ("tenant: acmee", "keys[0].tenant: 'acmee' is not declared under tenants, so nothing binds it, did you mean 'acme'?"),
        ("team: bleu", ""),
        ("team: bluee", "keys[0].team: no tenant declares a team 'bluee', so nothing binds it, did you mean 'blue'?"),
        ("tenant: elsewhere, team: green", ""),
        ("tenant: acme, team: red", ""),
    ],
)  # fmt: skip
def test_a_slip_that_leaves_a_key_unbound_is_passed_in_silence(key: str, warning: str) -> None:
    found = [one for one in read(key).warnings if "keys[0]" in one]
    assert [one.partition(": ")[2] for one in found] == ([warning] if warning else [])


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("2026-12-31", datetime(2026, 12, 31, 23, 59, 59, 999999, UTC)),
        ("9999-12-31", datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)),
        ("2026-12-31T18:00:00Z", datetime(2026, 12, 31, 18, tzinfo=UTC)),
        ("'2026-12-31T18:00:00+08:00'", datetime(2026, 12, 31, 10, tzinfo=UTC)),
    ],
)
def test_a_key_ends_at_another_time_than_it_says(text: str, last: datetime) -> None:
    assert read(f"expires: {text}").keys[0].expires == last
