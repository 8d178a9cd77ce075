"""The price book: currencies, peak hours, discounts, subscriptions, and price lists that were asked."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from fairlead.config.load import loads
from fairlead.config.schema import Config
from fairlead.core.cost import cost_lines, expected_cost, in_usd, total, usage_cost
from fairlead.core.model import Channel, Price, Rates
from fairlead.core.record import Usage
from fairlead.errors import ConfigError
from fairlead.registry import exchange, market
from fairlead.registry.catalogue import load
from fairlead.registry.snapshot import build
from tests.config.catalogue_fake import CATALOGUE

BASE = "providers: {openai: {api_key: k}, other: {kind: openai, base_url: 'http://127.0.0.1:1/v1'}}\n"


def read(text: str) -> Config:
    return loads(text, "test.yaml", {}, CATALOGUE)


def channel(price: str, more: str = "", beside: str = "") -> Channel:
    text = f"{BASE}{beside}models: {{house: {{channels: [{{provider: other, price: {{{price}}}{more}}}]}}}}\n"
    return build(read(text), CATALOGUE).models["house"].channels[0]  # type: ignore[arg-type]


def at(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())


def row(one: Channel, moment: str) -> Price:
    found = one.price_at(at(moment))
    assert found is not None
    return found


def test_a_price_in_yuan_is_added_up_as_dollars() -> None:  # M6.2
    price = row(channel("input: 7, output: 14, currency: CNY"), "2026-11-01")
    assert (price.currency, price.exchange, price.exchange_source) == ("CNY", 142_857_143, "a bank")
    usage = Usage(1_000_000, 500_000)
    assert total(cost_lines(price, usage)) == 14 * 10**9
    assert usage_cost(price, usage) == in_usd(14 * 10**9, price) == 2_000_000_002
    assert expected_cost(price, 1_000_000, 500_000) == 2_000_000_002


def test_a_new_exchange_rate_prices_what_was_before(tmp_path: Path) -> None:  # M6.2
    table = tmp_path / "rates.json"
    table.write_text(
        '{"source": "a file", "rates": [["CNY", "2026-12-01", "8", "1"], ["XAU", "2026-12-01", "1", "4000"]]}'
    )
    one = channel("input: 8, output: 8, currency: CNY", beside=f"exchange: {{file: '{table}'}}\n")
    assert [price.exchange for price in one.prices] == [142_857_143, 125_000_000]
    assert row(one, "2026-11-30T23:59:59").exchange == 142_857_143
    assert row(one, "2026-12-01").exchange == 125_000_000
    assert len({price.id for price in one.prices}) == 2
    stated = channel(
        "input: 8, output: 8, currency: CNY", beside=f"exchange: {{file: '{table}', rates: {{CNY: 0.2}}}}\n"
    )
    assert [price.exchange for price in stated.prices] == [200_000_000]


def test_a_currency_nobody_knows_counts_as_dollars() -> None:  # M6.2
    with pytest.raises(ConfigError, match=r"exchange.rates lacks XYZ"):
        channel("input: 1, output: 1, currency: XYZ")
    with pytest.raises(ConfigError, match="a currency such as USD or CNY"):
        channel("input: 1, output: 1, currency: yuan")


def test_peak_hours_are_not_the_providers_own() -> None:  # M6.2
    peak = "peaks: [{hours: 09:00-18:00, days: [mon, tue, wed, thu, fri], timezone: Asia/Shanghai, times: 2}]"
    one = channel(f"input: 1, output: 3, per_request: 0.5, {peak}", ", discount: 0.5")
    for moment, rate in (
        ("2026-11-20T00:59:59", 500_000_000),
        ("2026-11-20T01:00", 1_000_000_000),  # a Friday, 9 in the morning in Shanghai
        ("2026-11-20T09:59", 1_000_000_000),
        ("2026-11-20T10:00", 500_000_000),
        ("2026-11-21T05:00", 500_000_000),
    ):
        assert row(one, moment).rates.input == rate, moment
    assert row(one, "2026-11-20T01:00").per_request == 500_000_000
    assert row(one, "2026-11-20T01:00").id != row(one, "2026-11-20T00:00").id


def test_peak_hours_miss_the_change_of_clocks_or_midnight() -> None:
    night = "peaks: [{hours: 22:00-06:00, days: sun, timezone: Europe/Berlin, times: 0.5}]"
    one = channel(f"input: 2, output: 2, {night}")
    cheap = [
        moment
        for moment in ("2026-07-05T19:59", "2026-07-05T20:00", "2026-07-06T03:59", "2026-07-06T04:00")
        if row(one, moment).rates.input == 10**9
    ]
    assert cheap == ["2026-07-05T20:00", "2026-07-06T03:59"]  # two hours ahead in summer
    winter = [
        m for m in ("2026-12-06T20:30", "2026-12-06T21:00", "2026-12-07T04:59") if row(one, m).rates.input == 10**9
    ]
    assert winter == ["2026-12-06T21:00", "2026-12-07T04:59"]


def test_a_subscription_is_part_of_what_a_request_costs() -> None:  # M6.2
    price = row(channel("input: 0, output: 0, flat: {amount: 200, per: month}"), "2026-11-01")
    assert (price.flat, price.flat_per) == (200 * 10**9, "month")
    assert usage_cost(price, Usage(10**6, 10**6)) == 0


def test_images_and_audio_that_are_priced_apart_are_billed_as_text() -> None:
    price = row(
        channel("input: 1, output: 2, audio_input: 10, image_output: 40, tiers: [{above: 10, input: 3, output: 4}]"),
        "2026-11-01",
    )
    assert price.rates == Rates(10**9, 2 * 10**9, audio_input=10 * 10**9, image_output=40 * 10**9)
    usage = Usage(10, 10, audio_input=4, image_input=2, image_output=6)
    assert {line.kind: (line.quantity, line.amount) for line in cost_lines(price, usage)} == {
        "input": (6, 6_000),
        "audio_input": (4, 40_000),
        "output": (4, 8_000),
        "image_output": (6, 240_000),
    }  # fmt: skip


# ---- lists that are asked

LIST = (
    '{"models": {"gpt-5.4": {"input": %s, "output": 15.0}, "mine": {"input": 0.1, "output": 0.4, "currency": "CNY"}}}'
)


def taken(before: market.Market, rate: str, now: int = at("2026-11-01")) -> market.News:
    prices = market.prices_of((LIST % rate).encode())
    return market.with_prices(before, prices, "", "prices.example", now, CATALOGUE)  # type: ignore[arg-type]


def test_a_polled_price_is_lost_or_changes_history(tmp_path: Path) -> None:  # M6.2
    first = taken(market.Market(), "2.0")
    assert len(first.taken) == 2
    assert not first.refused
    assert taken(first.market, "2.0", at("2026-11-05")).taken == ()
    second = taken(first.market, "2.25", at("2026-11-10"))
    assert [words.split(":")[0] for words in second.taken] == ["gpt-5.4"]
    market.write(tmp_path, second.market)
    kept = market.read(tmp_path)
    assert kept == second.market
    text = (
        f"{BASE}models: {{gpt-5.4: {{channels: [{{provider: openai}}]}}, Mine: {{channels: [{{provider: other}}]}}}}\n"
    )
    snapshot = build(read(text), market.merged(load(), kept))
    one = snapshot.models["gpt-5.4"].channels[0]
    assert [row(one, day).rates.input for day in ("2026-11-02", "2026-11-11")] == [2 * 10**9, 2_250_000_000]
    assert row(one, "2026-10-31").source != "prices.example"
    mine = row(snapshot.models["Mine"].channels[0], "2026-11-02")
    assert mine.currency == "CNY"
    assert mine.exchange > 10**8
    stated = text.replace("{provider: openai}", "{provider: openai, price: {input: 9, output: 9}}")
    assert [
        each.rates.input
        for each in build(read(stated), market.merged(load(), kept)).models["gpt-5.4"].channels[0].prices
    ] == [9 * 10**9]


@pytest.mark.parametrize("rate", ["2500", "0.002"])
def test_a_price_per_another_unit_is_believed(rate: str) -> None:  # M6.2
    known = taken(market.Market(), "2.0")
    assert [words.split(":")[0] for words in taken(known.market, rate).refused] == ["gpt-5.4"]
    assert taken(known.market, rate).taken == ()
    assert [words.split(":")[0] for words in taken(market.Market(), rate).refused] == ["gpt-5.4"]


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"models": {"a": {"input": "1"}}}', b'{"models": {"a": {"input": -1, "output": 1}}}']
)
def test_what_is_no_price_list_is_taken_for_one(raw: bytes) -> None:
    with pytest.raises(ValueError):
        market.prices_of(raw)


ECB = b"""<?xml version="1.0" encoding="UTF-8"?><Envelope><Cube><Cube time='2026-11-20'>
<Cube currency='USD' rate='1.2'/><Cube currency='CNY' rate='8.4'/></Cube></Cube></Envelope>"""


def test_the_central_banks_table_is_read_the_wrong_way_round() -> None:  # M6.2
    rates = market.rates_of(ECB, "ecb")
    assert {one.currency: one.usd for one in rates} == {"EUR": 1_200_000_000, "CNY": 142_857_143}
    news = market.with_rates(market.Market(), rates, exchange.shipped())
    assert len(news.taken) == 2
    assert market.with_rates(news.market, rates, exchange.shipped()).taken == ()
    later = [exchange.rate("CNY", datetime(2026, 11, 21, tzinfo=UTC).date(), Decimal("84"), Decimal(1), "x")]
    assert market.with_rates(news.market, later, exchange.shipped()).refused


def test_the_shipped_rates_lack_their_day_or_source() -> None:
    for currency, rows in exchange.shipped().items():
        for one in rows:
            assert one.currency == currency
            assert "European Central Bank" in one.source
            assert one.source.endswith(one.day)
    assert 0.1 < exchange.shipped()["CNY"][-1].usd / 10**9 < 0.2


def test_a_book_with_everything_in_it_cannot_be_kept() -> None:
    """Snapshots are stored for replays, price rows for the ledger."""
    peak = "peaks: [{hours: 09:00-18:00, timezone: Europe/Berlin, times: 2}]"
    one = channel(f"input: 1, output: 3, currency: CNY, flat: {{amount: 3}}, {peak}", ", discount: 0.5")
    for kept in (one, *one.prices):
        assert msgspec.json.decode(msgspec.json.encode(kept), type=type(kept)) == kept
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(kept), type=type(kept)) == kept


def test_yuan_are_taken_for_dollars_when_a_price_looks_wrong() -> None:  # M6.2
    text = f"{BASE}models: {{house: {{channels: [{{provider: other, price: {{input: 13000, output: 13000, currency: CNY}}}}]}}}}\n"
    assert loads(text, "test.yaml", {}, CATALOGUE).warnings == ()
    assert "looks wrong" in loads(text.replace("13000", "130000"), "test.yaml", {}, CATALOGUE).warnings[0]
    assert "looks wrong" in loads(text.replace("CNY", "USD"), "test.yaml", {}, CATALOGUE).warnings[0]
