"""The shipped catalogue: every name the documentation promises resolves, is priced and says where each field comes from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fairlead.core.cost import expected_cost
from fairlead.core.model import CAPABILITIES, EMBEDDINGS, THINKING, TOOLS, VISION, Channel, capability_names
from fairlead.registry import catalogue

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "build_catalogue.py"
TABLE = ROOT.parent / "shared" / "prices" / "table.json"
NANO = 1_000_000_000

REQUIRED = [
    "gpt-5.4",
    "gpt-5.5",
    "claude-opus-4.7",
    "claude-sonnet-4.6",
    "gemini-3.1-pro",
    "gemini-3-flash",
    "gemini-2.5-flash",
    "deepseek-v4-flash",
    "deepseek-v4-pro",
    "deepseek-v3.2",
    "kimi-k2.6",
    "qwen3.5-plus",
    "qwen3.6-plus",
    "glm-5.1",
    "llama-4-scout",
    "llama-4-maverick",
    "doubao-seed-2.0-pro",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4.5",
    "claude-3.5-sonnet",
    "claude-3.7-sonnet",
    "gemini-2.0-flash",
    "gpt-5.2-codex",
    "gemma-4-31b",
    "qwen3-235b-a22b",
    "text-embedding-3-small",
]

PUBLISHED = {
    "Claude Opus 4.7": "claude-opus-4.7",
    "Opus 4.7": "claude-opus-4.7",
    "claude-opus-4-7": "claude-opus-4.7",
    "anthropic/claude-opus-4.7": "claude-opus-4.7",
    "Claude Sonnet 4.6": "claude-sonnet-4.6",
    "Sonnet 4.6": "claude-sonnet-4.6",
    "claude-sonnet-4-6": "claude-sonnet-4.6",
    "Claude 3.5 Sonnet": "claude-3.5-sonnet",
    "Claude 3.5": "claude-3.5-sonnet",
    "claude-3-5-sonnet-20241022": "claude-3.5-sonnet",
    "claude-3.7-sonnet": "claude-3.7-sonnet",
    "GPT-5.5": "gpt-5.5",
    "GPT-5.4": "gpt-5.4",
    "gpt-5.4-2026-03-05": "gpt-5.4",
    "GPT-5.2-codex": "gpt-5.2-codex",
    "GPT-4.5": "gpt-4.5",
    "gpt-4.5-preview": "gpt-4.5",
    "GPT-4.1": "gpt-4.1",
    "GPT-4.1-mini": "gpt-4.1-mini",
    "Gemini 3.1 Pro": "gemini-3.1-pro",
    "gemini-3.1-pro-preview": "gemini-3.1-pro",
    "Gemini 3 Flash": "gemini-3-flash",
    "Gemini 3 Flash Preview": "gemini-3-flash",
    "gemini-3.1-flash": "gemini-3-flash",
    "Gemini Flash": "gemini-3-flash",
    "Gemini 2.5 Flash": "gemini-2.5-flash",
    "gemini-2.0-flash": "gemini-2.0-flash",
    "DeepSeek V4 Flash": "deepseek-v4-flash",
    "DeepSeek V4-Flash": "deepseek-v4-flash",
    "V4-Flash": "deepseek-v4-flash",
    "DeepSeek V4": "deepseek-v4-flash",
    "DeepSeek V4-Pro": "deepseek-v4-pro",
    "DeepSeek V3.2": "deepseek-v3.2",
    "Kimi K2.6": "kimi-k2.6",
    "Kimi": "kimi-k2.6",
    "Qwen 3.6-Plus": "qwen3.6-plus",
    "Qwen3.6-Plus": "qwen3.6-plus",
    "qwen-3.6-plus": "qwen3.6-plus",
    "Qwen3.5": "qwen3.5-plus",
    "Qwen3.5-Plus": "qwen3.5-plus",
    "Qwen 3": "qwen3-235b-a22b",
    "GLM-5.1": "glm-5.1",
    "Zhipu GLM": "glm-5.1",
    "Llama 4 Scout": "llama-4-scout",
    "Llama 4 Maverick": "llama-4-maverick",
    "Doubao Seed 2.0 Pro": "doubao-seed-2.0-pro",
    "Doubao": "doubao-seed-2.0-pro",
    "Gemma 4": "gemma-4-31b",
    "text-embedding-3-small": "text-embedding-3-small",
    "text_embedding_3_small": "text-embedding-3-small",
}


def entry(name: str) -> catalogue.Entry:
    found = catalogue.load().find(name)
    assert found is not None, name
    return found


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def channel(name: str, kind: str) -> Channel:
    offer = entry(name).offers[kind]
    return Channel(id=f"{name}@x", name="x", model=name, provider="x", upstream=offer.upstream, prices=offer.prices)


@pytest.mark.parametrize(("spelled", "name"), PUBLISHED.items())
def test_every_published_name_resolves(spelled: str, name: str) -> None:
    assert entry(spelled).name == name


def test_an_unknown_name_resolves_to_nothing() -> None:
    assert catalogue.load().find("gpt-0") is None


@pytest.mark.parametrize("name", REQUIRED)
def test_every_required_model_is_priced_and_limited(name: str) -> None:
    found = entry(name)
    assert found.name == name
    assert any(offer.prices for offer in found.offers.values())
    assert found.context > 0
    if not found.capabilities & EMBEDDINGS:
        assert found.quality is not None
        assert 0 < found.quality < 1
        assert found.latency_ms


def test_an_offer_without_a_price_says_so() -> None:
    for found in catalogue.load().entries.values():
        for kind, offer in found.offers.items():
            assert offer.prices or f"{kind}: no USD price is known." in found.notes, (found.name, kind)


def test_every_field_has_a_source_and_a_date() -> None:
    fixed = ("vendor", "aliases", "context", "max_output", "capabilities", "quality", "latency_ms", "flags")
    for found in catalogue.load().entries.values():
        wanted = {
            *fixed,
            *(f"benchmarks.{name}" for name in found.benchmarks),
            *(f"offers.{kind}" for kind in found.offers),
        }
        assert set(found.sources) == wanted, found.name
        for source, day in found.sources.values():
            assert source
            assert datetime.fromisoformat(day)
        for offer in found.offers.values():
            assert all(re.fullmatch(r".+ \d{4}-\d{2}-\d{2}", price.source) for price in offer.prices)


def test_names_are_canonical_and_an_alias_names_one_model() -> None:
    loaded = catalogue.load()
    owners = {name: name for name in loaded.entries}
    for found in loaded.entries.values():
        assert re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", found.name)
        for alias in found.aliases:
            assert owners.setdefault(alias, found.name) == found.name, alias
            assert entry(alias.upper()) is found


def test_price_rows_ascend_and_their_ids_are_unique() -> None:
    ids: set[str] = set()
    for found in catalogue.load().entries.values():
        for kind, offer in found.offers.items():
            since = [price.since for price in offer.prices]
            assert since == sorted(set(since)), (found.name, kind)
            assert since[:1] in ([], [0])
            for price in offer.prices:
                assert price.id.startswith(f"{kind}/{found.name}@")
                assert price.id not in ids
                assert price.currency == "USD"
                ids.add(price.id)


def test_a_row_holds_from_its_start_day() -> None:
    flash = channel("deepseek-v4-flash", "deepseek")
    inputs = []
    for day in ("2026-05-01", "2026-08-16", "2026-08-17", "2026-09-09", "2026-09-10"):
        price = flash.price_at(at(day))
        assert price is not None
        inputs.append(price.rates.input)
    assert inputs == [140_000_000, 140_000_000, 220_000_000, 220_000_000, 150_000_000]
    sonnet = channel("claude-sonnet-4.6", "anthropic")
    before, after = sonnet.price_at(at("2026-03-12")), sonnet.price_at(at("2026-03-13"))
    assert before is not None
    assert after is not None
    assert [above for above, _ in before.tiers] == [200_000]
    assert after.tiers == ()


@pytest.mark.parametrize(
    ("name", "kind", "above", "base", "beyond"),
    [
        ("gpt-5.4", "openai", 272_000, "2.5", "5"),
        ("gpt-5.5", "openai", 272_000, "5", "10"),
        ("gemini-3.1-pro", "gemini", 200_000, "2", "4"),
        ("qwen3.6-plus", "dashscope", 256_000, "0.5", "2"),
        ("doubao-seed-2.0-pro", "volcengine", 32_000, "0.46", "0.7"),
    ],
)
def test_a_long_prompt_is_billed_at_its_tier(name: str, kind: str, above: int, base: str, beyond: str) -> None:
    price = entry(name).offers[kind].prices[-1]
    assert price.tiers[0][0] == above
    assert expected_cost(price, above, 0) == above * catalogue.nano(base) // 1_000_000
    assert expected_cost(price, above + 1, 0) == round((above + 1) * Decimal(beyond) * 1_000)


def test_doubao_has_a_second_tier() -> None:
    assert [above for above, _ in entry("doubao").offers["volcengine"].prices[-1].tiers] == [32_000, 128_000]


def test_cache_writes_of_five_minutes_and_an_hour_are_priced_apart() -> None:
    rates = entry("claude-opus-4.7").offers["anthropic"].prices[-1].rates
    assert rates.cached_input == NANO // 2
    assert rates.cache_write == 6 * NANO + NANO // 4
    assert rates.cache_write_1h == 10 * NANO


def test_prices_by_the_hour_are_told_in_the_notes() -> None:
    assert any("UTC" in note for note in entry("deepseek-v4-flash").notes)


def test_capabilities_tell_chat_models_from_embeddings() -> None:
    assert capability_names(entry("text-embedding-3-small").capabilities) == ("embeddings",)
    assert entry("text-embedding-3-small").quality is None
    assert entry("claude-opus-4.7").capabilities & (TOOLS | VISION | THINKING) == TOOLS | VISION | THINKING
    assert not entry("deepseek-v4-flash").capabilities & VISION
    assert all(found.capabilities < 2 ** len(CAPABILITIES) for found in catalogue.load().entries.values())


def test_every_chat_model_has_a_quality_and_an_estimate_is_called_one() -> None:
    for found in catalogue.load().entries.values():
        if not found.capabilities & EMBEDDINGS:
            assert found.quality is not None, found.name
            assert 0.55 < found.quality <= 0.99
            measured = "aa-index-v4.0" in found.benchmarks
            assert ("estimate" in found.sources["quality"][0]) != measured, found.name


def test_the_quality_prior_keeps_the_published_ratios() -> None:
    opus, glm, v32, gpt = (entry(name).quality for name in ("claude-opus-4.7", "glm-5.1", "deepseek-v3.2", "gpt-5.4"))
    assert opus is not None
    assert glm is not None
    assert v32 is not None
    assert gpt is not None
    assert glm / opus == pytest.approx(0.946, abs=0.01)
    assert v32 / gpt == pytest.approx(0.90, abs=0.02)


def test_a_host_that_serves_less_context_says_so() -> None:
    scout = entry("llama-4-scout")
    assert scout.offers["groq"].context == 131_072 < scout.context
    for found in catalogue.load().entries.values():
        assert all(offer.context < found.context for offer in found.offers.values() if offer.context)


@pytest.mark.parametrize("text", ["1e3", "-1", "", ".", "1.0000000001", "1,5"])
def test_a_price_that_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        catalogue.nano(text)


def test_a_file_of_another_shape_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        catalogue.read(b'{"date": "2026-01-01", "sources": [], "models": [{"name": 1}]}')


@pytest.mark.skipif(not TABLE.is_file(), reason="no price table beside the checkout")
@pytest.mark.parametrize(
    ("label", "kind", "day"),
    [
        ("Claude Opus 4.7", "anthropic", "2026-11-21"),
        ("Claude Sonnet 4.6", "anthropic", "2026-11-21"),
        ("GPT-5.5", "openai", "2026-11-21"),
        ("GPT-5.4", "openai", "2026-11-21"),
        ("Gemini 3.1 Pro (preview)", "gemini", "2026-11-21"),
        ("Gemini 3 Flash Preview", "gemini", "2026-11-21"),
        ("DeepSeek V4 Flash", "deepseek", "2026-04-24"),
        ("DeepSeek V4 Pro", "deepseek", "2026-04-24"),
        ("Kimi K2.6", "moonshot", "2026-11-21"),
        ("Qwen3.6-Plus", "dashscope", "2026-11-21"),
        ("Qwen3.5-Plus", "dashscope", "2026-11-21"),
        ("GLM-5.1", "zhipu", "2026-11-21"),
        ("Llama 4 Scout", "groq", "2026-11-21"),
    ],
)
def test_prices_agree_with_an_independent_table(label: str, kind: str, day: str) -> None:
    cost: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))[label]["models.dev"]["cost"]
    price = channel(re.sub(r" \(.*", "", label), kind).price_at(at(day))
    assert price is not None
    assert price.rates.input == int(Decimal(str(cost["input"])) * NANO)
    assert price.rates.output == int(Decimal(str(cost["output"])) * NANO)
    if "cache_read" in cost:
        assert price.rates.cached_input == int(Decimal(str(cost["cache_read"])) * NANO)
    for listed, (above, rates) in zip(cost.get("tiers", ()), price.tiers, strict=False):
        assert above == listed["tier"]["size"]
        assert rates.input == int(Decimal(str(listed["input"])) * NANO)
        assert rates.output == int(Decimal(str(listed["output"])) * NANO)


@pytest.mark.skipif(find_spec("genai_prices") is None, reason="genai-prices is only installed by `make catalogue`")
def test_the_committed_file_is_what_the_script_writes(tmp_path: Path) -> None:
    stale = tmp_path / "catalogue.json"
    stale.write_text('{"date":"2020-01-01","sources":[],"models":[]}', encoding="utf-8")
    command = [sys.executable, str(SCRIPT), "--check", "--table", str(tmp_path / "none.json")]
    fresh = subprocess.run(command, capture_output=True, text=True, check=False)
    assert fresh.returncode == 0, fresh.stderr
    assert subprocess.run([*command, "--target", str(stale)], capture_output=True, check=False).returncode == 1
