"""Limits that nobody fulfils are found in the file, not by every request."""

from __future__ import annotations

import pytest

from fairlead.config.load import loads
from fairlead.errors import ConfigError

MODELS = """
providers:
  near: {kind: openai, base_url: "http://127.0.0.1:1/v1", self_hosted: true, region: eu}
  far: {kind: openai, base_url: "http://127.0.0.1:2/v1", self_hosted: true}
models:
  small: {channels: [{provider: near}], aliases: [tiny], price: {input: 0, output: 0}, quality: 0.5}
  good: {channels: [{provider: far, region: us}, {provider: far, name: lost}], price: {input: 0, output: 0}, quality: 0.8}
  skilled: {channels: [{provider: far}], price: {input: 0, output: 0}, quality: 0.4, qualities: {math: 0.9}}
  dark: {channels: [{provider: far}], price: {input: 0, output: 0}}
"""


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (
            "policies: {p: {regions: [cn, jp]}}",
            r"policies\.p\.regions: no model answers from cn or jp; .* are in eu, us",
        ),
        ("policies: {p: {regions: [eu], models: [good]}}", r"no model answers from eu; .* are in us"),
        ("policies: {p: {regions: [us], models: [Tiny]}}", r"no model answers from us; .* are in eu"),
        ("policies: {p: {regions: [us], models: [dark]}}", "no channel declares its `region`"),
        ("policies: {p: {regions: [euu]}}", r"no model answers from euu; .*did you mean 'eu'"),
    ],
)
def test_a_region_where_nobody_is_waits_for_the_first_request(section: str, told: str) -> None:  # M3.8 M3.9
    with pytest.raises(ConfigError, match=told):
        loads(f"{MODELS}{section}\n")


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("tenants: {t: {regions: [cn]}}", "tenants.t.regions: no model answers from cn"),
        (
            "keys: [{name: k, key: fl_test, regions: [us], models: [small]}]",
            "keys[0].regions: no model answers from us",
        ),
    ],
)
def test_a_key_that_nobody_may_answer_is_not_pointed_out_or_stops_all_others(section: str, told: str) -> None:  # M3.8
    assert any(told in one for one in loads(f"{MODELS}{section}\n").warnings)


@pytest.mark.parametrize(
    "section",
    [
        "policies: {p: {regions: [eu, cn]}}",
        "policies: {p: {regions: [us], models: [small], fallbacks: [good]}}",
        "keys: [{name: k, key: fl_test, regions: [us], models: [good]}]",
        "policies: {p: {min_quality: 0.8, models: [small, good]}}",
        "policies: {p: {min_quality: 0.9, models: [skilled]}}",
        "policies: {p: {min_quality: 0.9, models: [small, dark]}}",
        "policies: {p: {min_quality: 0}}",
    ],
)
def test_a_limit_that_somebody_fulfils_is_found_fault_with(section: str) -> None:
    assert not any("no model" in one for one in loads(f"{MODELS}{section}\n").warnings)


def test_a_quality_that_nobody_has_is_not_pointed_out() -> None:  # M3.9
    (told,) = loads(f"{MODELS}policies: {{p: {{min_quality: 0.9, models: [small, good]}}}}\n").warnings
    assert "policies.p.min_quality: no model is so good" in told
    assert "the nearest is good with 0.8" in told
