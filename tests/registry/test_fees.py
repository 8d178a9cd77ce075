"""Fees of providers' own tools: whose word holds, from when on, and in which currency. # M6.2"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.config.load import loads
from fairlead.core.model import Channel, Price
from fairlead.registry import catalogue, market
from fairlead.registry.book import row_of
from fairlead.registry.snapshot import build
from tests.registry.test_book import at

BASE = "providers: {openai: {api_key: k}, anthropic: {api_key: k}, gemini: {api_key: k}, groq: {kind: groq, api_key: k}, xai: {kind: xai, api_key: k}}\n"
CENT = 10_000_000


def channel(model: str, provider: str, more: str = "", known: catalogue.Catalogue | None = None) -> Channel:
    text = f"{BASE}models: {{{model}: {{channels: [{{provider: {provider}{more}}}]}}}}\n"
    found = known or catalogue.load()
    return build(loads(text, "test.yaml", {}, found), found).models[model].channels[0]


def fees(price: Price | None) -> dict[str, tuple[int, str]]:
    assert price is not None
    return {fee.tool: (fee.amount, fee.per) for fee in price.fees}


@pytest.mark.parametrize(
    ("model", "provider", "tool", "fee"),
    [
        ("gpt-5.5", "openai", "web_search", (CENT, "call")),
        ("gpt-5.5", "openai", "file_search", (2_500_000, "call")),
        ("gpt-5.5", "openai", "code_interpreter", (3 * CENT, "call")),
        ("gpt-4.1", "openai", "web_search_preview", (25_000_000, "call")),
        ("claude-opus-4.8", "anthropic", "web_search", (CENT, "call")),
        ("claude-opus-4.8", "anthropic", "web_fetch", (0, "call")),
        ("gemini-2.5-pro", "gemini", "web_search", (35_000_000, "request")),
        ("gemini-3.1-pro", "gemini", "web_search", (14_000_000, "call")),
        ("gpt-oss-120b", "groq", "web_search", (5_000_000, "call")),
        ("grok-4.3", "xai", "x_search", (5_000_000, "call")),
    ],
)
def test_a_published_fee_is_another(model: str, provider: str, tool: str, fee: tuple[int, str]) -> None:
    assert fees(channel(model, provider).price_at(at("2026-11-20")))[tool] == fee


def test_a_fee_has_no_source_or_holds_before_its_day() -> None:
    flash = channel("gemini-3-flash", "gemini")
    assert "web_search" not in fees(flash.price_at(at("2026-01-04")))
    assert fees(flash.price_at(at("2026-01-05")))["web_search"] == (14_000_000, "call")
    rows = [
        row for entry in catalogue.load().entries.values() for offer in entry.offers.values() for row in offer.prices
    ]
    assert all(fee.source and fee.source.split()[-1].count("-") == 2 for row in rows for fee in row.fees)
    assert "code_execution" not in fees(channel("claude-opus-4.8", "anthropic").price_at(at("2026-11-20")))


def test_a_price_of_ones_own_makes_searches_free_or_unpriced() -> None:
    own = channel(
        "gpt-5.5", "openai", ", price: {input: 1, output: 2, tools: {file_search: 0, maps: {amount: 1, per: request}}}"
    )
    (row,) = own.prices
    assert fees(row) == {
        "file_search": (0, "call"),
        "maps": (10**9, "request"),
        "code_interpreter": (3 * CENT, "call"),
        "web_search": (CENT, "call"),
        "web_search_preview": (CENT, "call"),
    }
    assert all(fee.source for fee in row.fees if fee.tool not in ("file_search", "maps"))
    other = channel("gpt-5.5", "openai", ", price: {input: 1, output: 2}")
    assert other.prices[0].id != row.id
    in_yuan = channel("gpt-5.5", "openai", ", price: {input: 7, output: 14, currency: CNY, tools: {web_search: 0.07}}")
    assert all(fees(row) == {"web_search": (7 * CENT, "call")} for row in in_yuan.prices)


def test_a_discount_or_a_peak_spares_the_fees() -> None:
    cheaper = channel("gpt-5.5", "openai", ", discount: 0.2")
    assert fees(cheaper.price_at(at("2026-11-20")))["web_search"] == (8_000_000, "call")
    peak = ", price: {input: 1, output: 2, peaks: [{hours: '09:00-10:00', times: 2}]}"
    one = channel("gpt-5.5", "openai", peak)
    assert fees(one.price_at(at("2026-11-20T09:30")))["web_search"] == (2 * CENT, "call")
    assert fees(one.price_at(at("2026-11-20T10:30")))["web_search"] == (CENT, "call")


def test_a_polled_price_forgets_the_fees_or_cannot_change_them(tmp_path: Path) -> None:
    prices = market.prices_of(
        json.dumps({"models": {"gpt-5.5": {"input": 4, "output": 25, "tools": {"web_search": 0.02}}}}).encode()
    )
    now = at("2026-11-01")
    news = market.with_prices(market.Market(), prices, "", "a list", now, catalogue.load())
    market.write(tmp_path, news.market)
    known = market.merged(catalogue.load(), market.read(tmp_path))
    row = channel("gpt-5.5", "openai", known=known).price_at(at("2026-11-02"))
    assert row is not None
    assert (row.rates.input, fees(row)["web_search"]) == (4 * 10**9, (2 * CENT, "call"))
    assert fees(row)["file_search"] == (2_500_000, "call")
    assert row_of(prices["gpt-5.5"], "x", "y").fees[0].tool == "web_search"
