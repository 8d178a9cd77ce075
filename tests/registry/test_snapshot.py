from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.config.load import loads
from fairlead.config.schema import Config
from fairlead.core.model import JSON_SCHEMA, TOOLS, VISION, Channel, Snapshot
from fairlead.errors import ConfigError
from fairlead.registry import catalogue as shipped
from fairlead.registry import snapshot as snapshots
from fairlead.registry.policies import policies
from fairlead.registry.snapshot import build
from tests.config.catalogue_fake import CATALOGUE, NANO

FAKE: Any = CATALOGUE


def read(text: str) -> Config:
    return loads(text, "f.yaml", {}, CATALOGUE)


def world(text: str) -> Snapshot:
    return build(read(text), FAKE)


def channel(settings: str, model: str = "gpt-5.4", provider: str = "{kind: openai}", more: str = "") -> Channel:
    text = f"providers: {{p: {provider}}}\nmodels: {{{model}: {{channels: [{{provider: p{settings}}}]{more}}}}}"
    return world(text).models[model].channels[0]


def dollars(found: Channel, at: int = 2_000_000_000) -> tuple[float, float] | None:
    row = found.price_at(at)
    return None if row is None else (row.rates.input / NANO, row.rates.output / NANO)


def test_the_catalogue_fills_in_what_the_file_leaves_out() -> None:  # M1.2
    model = world("providers: {p: {}}\nmodels: {gpt-5.4: {channels: [{provider: p}]}}").models["gpt-5.4"]
    assert (model.context, model.max_output, model.quality, model.latency_ms) == (400_000, 128_000, 0.9, 1500)
    assert model.capabilities == TOOLS | JSON_SCHEMA | VISION
    assert model.flags == {"frontier"}
    assert model.channels[0].upstream == "gpt-5.4"
    assert model.channels[0].region == "us"
    assert dollars(model.channels[0]) == (2.5, 15)
    assert dollars(model.channels[0], at=0) == (3, 18)


def test_the_file_goes_before_the_catalogue_setting_by_setting() -> None:  # M1.2
    text = (
        "providers: {p: {}}\nmodels: {gpt-5.4: {channels: [{provider: p}], context: 1000, quality: 0, latency_ms: 7, "
        "capabilities: [tools], benchmarks: {swe: 71}, flags: [beta], aliases: [best]}}"
    )
    model = world(text).models["gpt-5.4"]
    assert (model.context, model.max_output, model.quality, model.latency_ms) == (1000, 128_000, 0, 7)
    assert model.capabilities == TOOLS
    assert model.benchmarks == {"swe": 71, "mmlu": 88}
    assert model.flags == {"beta", "frontier"}
    assert model.aliases == ("best", "gpt-5-4", "gpt54")


def test_a_model_nobody_knows_is_usable_and_unpriced_with_a_warning() -> None:
    config = read("providers: {p: {}}\nmodels: {own: {channels: [{provider: p}]}}")
    model = build(config, FAKE).models["own"]
    assert model.capabilities == TOOLS | JSON_SCHEMA
    assert model.quality is None
    assert model.context == 0
    assert model.channels[0].prices == ()
    assert model.channels[0].upstream == "own"
    assert len(config.warnings) == 1
    assert config.warnings[0].startswith("f.yaml:2: models.own.channels[0]: unpriced")


def test_a_price_comes_from_the_channel_else_the_model_else_the_catalogue() -> None:  # M1.3
    of_model = ", price: {input: 2, output: 4}"
    assert dollars(channel("", more=of_model)) == (2, 4)
    assert dollars(channel(", price: {input: 1, output: 3}", more=of_model)) == (1, 3)
    assert dollars(channel(", price: {input: 0, output: 0}", more=of_model)) == (0, 0)


def test_a_price_with_a_start_day_leaves_the_next_source_in_force_before_it() -> None:
    found = channel(", price: {input: 1, output: 3, since: 2030-01-01}")
    day = 1_893_456_000
    assert dollars(found, day) == (1, 3)
    assert dollars(found, day - 1) == (2.5, 15)
    assert dollars(found, 0) == (3, 18)
    assert [row.since for row in found.prices] == sorted(row.since for row in found.prices)


@pytest.mark.parametrize(
    ("provider", "model", "expected"),
    [
        ("{kind: openrouter}", "gpt-5.4", (2.6, 15.5)),
        ("{kind: openai, base_url: 'http://h/v1'}", "gpt-5.4", (2.5, 15)),
        ("{kind: openai, base_url: 'http://h/v1'}", "gemini-3-flash", (0.5, 3)),
        ("{kind: together}", "claude-opus-4.7", (5, 25)),
        ("{kind: openai, base_url: 'http://h/v1', self_hosted: true}", "gpt-5.4", None),
        ("{kind: vllm, base_url: 'http://h/v1'}", "gpt-5.4", None),
    ],
)
def test_the_catalogue_price_is_the_kinds_else_the_vendors_and_never_a_self_hosted_ones(
    provider: str, model: str, expected: tuple[float, float] | None
) -> None:
    assert dollars(channel("", model, provider)) == expected


def test_a_region_comes_from_the_channel_else_the_provider_else_the_kinds_own_address() -> None:
    assert channel(", region: cn", provider="{region: eu}").region == "cn"
    assert channel("", provider="{region: eu}").region == "eu"
    assert channel("").region == "us"
    assert channel("", provider="{base_url: 'http://h/v1'}").region == ""
    assert channel("", provider="{kind: together}").region == ""


def test_upstream_names_come_from_the_channel_else_the_kinds_offer_else_the_model() -> None:
    assert channel(", model: mine").upstream == "mine"
    assert channel("", provider="{kind: openrouter}").upstream == "openai/gpt-5.4"
    assert channel("", provider="{kind: groq}").upstream == "gpt-5.4"


def test_channels_of_one_model_keep_their_own_price_region_and_flags() -> None:  # M1.3
    model = world("""
providers:
  direct: {}
  reseller: {base_url: "https://reseller.example/v1", region: apac, flags: [resold]}
  own: {kind: vllm, base_url: "http://gpu:8000/v1"}
models:
  gpt-5.4:
    channels:
      - {provider: direct}
      - {provider: reseller, discount: 0.35, flags: [cheap]}
      - {provider: reseller, name: spare, enabled: false}
      - {provider: own, price: {input: 0, output: 0}}
""").models["gpt-5.4"]
    direct, reseller, spare, own = model.channels
    assert [item.id for item in model.channels] == [
        f"gpt-5.4@{name}" for name in ("direct", "reseller", "spare", "own")
    ]
    assert dollars(direct) == (2.5, 15)
    assert dollars(reseller) == (1.625, 9.75)
    assert dollars(own) == (0, 0)
    assert reseller.region == "apac"
    assert reseller.flags == {"resold", "cheap"}
    assert not spare.enabled
    assert own.self_hosted
    assert not direct.self_hosted
    assert direct.prices[-1].id != reseller.prices[-1].id, "a discounted row is another row"


@given(st.integers(0, 10**15), st.integers(0, 10_000))
def test_prices_and_discounts_are_exact_to_the_nano_unit(nano: int, hundredths: int) -> None:
    amount, discount = f"{nano // NANO}.{nano % NANO:09d}", f"{hundredths // 10_000}.{hundredths % 10_000:04d}"
    row = channel(f", discount: {discount}, price: {{input: {amount}, output: 0, per_request: {amount}}}").prices[-1]
    quotient, rest = divmod(nano * (10_000 - hundredths), 10_000)
    up = rest > 5_000 or (rest == 5_000 and quotient % 2 == 1)
    assert row.rates.input == row.per_request == quotient + up


def test_a_discount_reaches_every_rate_and_tier_and_leaves_unknown_ones_unknown() -> None:
    price = "{input: 2, output: 8, cached_input: 1, per_request: 4, tiers: [{above: 9, input: 6, output: 10}, {above: 5, input: 4, output: 8}]}"
    row = channel(f", discount: 0.5, price: {price}").prices[-1]
    assert (row.rates.input, row.rates.output, row.rates.cached_input) == (1 * NANO, 4 * NANO, NANO // 2)
    assert row.rates.reasoning is None
    assert row.per_request == 2 * NANO
    assert [(above, rates.input) for above, rates in row.tiers] == [(5, 2 * NANO), (9, 3 * NANO)]


def test_a_changed_price_is_another_row() -> None:
    first, again = channel(", price: {input: 1, output: 2}"), channel(", price: {output: 2.0, input: 1.00}")
    assert first.prices[0].id == again.prices[0].id
    assert first.prices[0].id != channel(", price: {input: 1, output: 3}").prices[0].id


def test_names_and_aliases_resolve_in_any_case_and_the_files_own_win() -> None:
    snapshot = world("""
providers: {p: {}}
models:
  gpt-5.4: {channels: [{provider: p}], aliases: [Best]}
  gpt54: {channels: [{provider: p, model: other}], price: {input: 1, output: 1}}
""")
    assert snapshot.resolve("BEST") is snapshot.resolve("gpt-5-4") is snapshot.models["gpt-5.4"]
    assert snapshot.resolve("GPT54") is snapshot.models["gpt54"]
    assert snapshot.resolve("none") is None
    assert "gpt54" not in snapshot.models["gpt-5.4"].aliases


def test_the_hash_follows_the_content_and_not_its_arrangement() -> None:
    one = "providers: {p: {api_key: a}, q: {}}\nmodels: {a: {channels: [{provider: p, flags: [x, y]}]}, b: {channels: [{provider: q}]}}"
    two = "models: {b: {channels: [{provider: q}]}, a: {channels: [{flags: [y, x], provider: p}]}}\nproviders: {q: {}, p: {api_key: z}}"
    assert world(one).hash == world(two).hash
    assert len(world(one).hash) == 16
    assert world(one).hash != world(one.replace("[x, y]", "[x]")).hash


def test_policies_resolve_with_strategies_default_and_a_hash_of_their_own() -> None:
    found = policies(
        read("""
providers: {p: {}}
models: {gpt-5.4: {channels: [{provider: p}]}}
policies:
  frugal: {strategy: cost_first, min_quality: 0, fallbacks: [gpt-5-4], models: [GPT-5.4], max_cost: 0.000000001}
  sharp: {weights: {quality: 2}}
policy: {default: frugal}
""")
    )
    frugal = found["frugal"]
    assert found["default"] is frugal
    assert frugal.strategy == "cost_first"
    assert frugal.min_quality == 0
    assert frugal.fallbacks == ("gpt-5.4",)
    assert frugal.models == frozenset({"gpt-5.4"})
    assert frugal.max_cost == 1
    assert (found["sharp"].weights.quality, found["sharp"].weights.cost) == (2, 0)
    assert {"pinned", "cost_first", "quality_first", "balanced"} <= found.keys()
    named = [policy for name, policy in found.items() if name != "default"]
    assert len({policy.hash for policy in named}) == len(named)
    assert all(len(policy.hash) == 16 for policy in named)
    with pytest.raises(ConfigError):
        policies(Config.model_validate({"policy": {"default": "none"}}))


def test_a_price_that_looks_a_thousand_times_off_is_a_warning() -> None:  # M6.2
    text = (
        "providers: {p: {}}\nmodels:\n  gpt-5.4:\n    channels: [{provider: p}]\n    price: {input: 0.0025, output: 15}"
    )
    warnings = read(text).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith("f.yaml:5: models.gpt-5.4.price.input: 0.0025 looks wrong")
    assert read(text.replace("0.0025", "2.4")).warnings == ()


def test_the_whole_shipped_catalogue_builds() -> None:  # M1.2
    names = list(shipped.load().entries)
    rows = "\n".join(f"  {name}: {{channels: [{{provider: p}}]}}" for name in names)
    config = loads(f"providers: {{p: {{kind: openrouter}}}}\nmodels:\n{rows}\n", "f.yaml", {})
    snapshot = snapshots.build(config, shipped.load())
    assert len(snapshot.models) == len(names) > 100
    assert msgspec.json.encode(snapshot)
