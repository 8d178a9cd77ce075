"""What price lists and rate tables said that were asked while the server ran: a file in the state directory.

Rows are appended, never changed, each with the time from which it holds: what was charged before keeps its price. They
come into force over the catalogue's and under the configuration's own.

A price list is JSON: `{"models": {NAME: PRICE}}`, each price as the configuration writes one. A rate table is the shipped
one's form, or the daily one of the European Central Bank.

What is not plausible is not taken: a price that is a hundred times another than the one before, or looks wrong beside the
catalogue's; a rate that is twice the one before or half of it.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
from pydantic import ValidationError

from fairlead.config import schema
from fairlead.config.checks import listed_price, strange_price
from fairlead.core.cost import plain
from fairlead.core.model import Price
from fairlead.registry import exchange
from fairlead.registry.book import row_of
from fairlead.registry.catalogue import Catalogue, Polled, spelling

FILE = "market.json"
LEAP = 100
"""So many times the price before, or that part of it, is no change but a mistake."""
SWING = 2
MODELS = 10_000
DAY_TAG = re.compile(r"""time=['"](\d{4}-\d{2}-\d{2})['"]""")
RATE_TAG = re.compile(r"""currency=['"]([A-Z]{3})['"]\s+rate=['"]([0-9.]+)['"]""")
ECB = "European Central Bank, euro foreign exchange reference rates"


class Quote(msgspec.Struct, frozen=True):
    model: str
    """As `spelling` writes it."""
    provider: str
    price: Price


class Market(msgspec.Struct, frozen=True):
    quotes: tuple[Quote, ...] = ()
    """In the order in which they came."""
    rates: tuple[exchange.Rate, ...] = ()

    def latest(self, model: str, provider: str) -> Price | None:
        rows = [one.price for one in self.quotes if (one.model, one.provider) == (model, provider)]
        return rows[-1] if rows else None


class News(NamedTuple):
    market: Market
    taken: tuple[str, ...]
    """In words, what is new."""
    refused: tuple[str, ...]
    """In words, what is not believed."""


def read(state_dir: Path) -> Market:
    """What was kept; nothing where there is no such file, or none that can be read."""
    try:
        return msgspec.json.decode((state_dir / FILE).read_bytes(), type=Market)
    except (OSError, msgspec.DecodeError):
        return Market()


def write(state_dir: Path, market: Market) -> None:
    new = state_dir / f"{FILE}.new"
    new.write_bytes(msgspec.json.encode(market))
    new.replace(state_dir / FILE)


def merged(catalogue: Catalogue, market: Market) -> Catalogue:
    polled: dict[str, tuple[Polled, ...]] = {}
    for one in market.quotes:
        polled[one.model] = (*polled.get(one.model, ()), Polled(one.provider, one.price))
    return msgspec.structs.replace(catalogue, polled=polled, exchange=exchange.table(market.rates, catalogue.exchange))


def prices_of(raw: bytes) -> dict[str, schema.Price]:
    """By model as the list names it. Raises ValueError for what is no price list."""
    found = json.loads(raw, parse_float=Decimal)
    models = found.get("models") if isinstance(found, dict) else None
    if not isinstance(models, dict) or len(models) > MODELS:
        raise ValueError('it is no object {"models": {NAME: PRICE}}')
    prices = {}
    for name, price in models.items():
        try:
            prices[name] = schema.Price.model_validate(price)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ValueError(f"the price of {name[:80]}: {where}: {first['msg']}") from None
    return prices


def with_prices(
    market: Market, prices: Mapping[str, schema.Price], provider: str, source: str, now: int, catalogue: Catalogue
) -> News:
    """What changed holds from now on, unless it says since when."""
    quotes, taken, refused = list(market.quotes), list[str](), list[str]()
    for asked, price in prices.items():
        entry = catalogue.find(asked)
        name = spelling(asked if entry is None else entry.name)
        row = row_of(price, f"polled/{name}", source, now)
        before = market.latest(name, provider)
        if before is not None and _same(before, row):
            continue
        why = _implausible(asked, price, before, row, catalogue)
        words = f"{asked}: {plain(row.rates.input)} in, {plain(row.rates.output)} out ({row.currency} per million, {source})"
        if why:
            refused.append(f"{words}: {why}")
        else:
            quotes.append(Quote(name, provider, row))
            taken.append(words)
    return News(msgspec.structs.replace(market, quotes=tuple(quotes)), tuple(taken), tuple(refused))


def _same(before: Price, row: Price) -> bool:
    since = msgspec.structs.replace
    return since(before, id="", since=0, source="") == since(row, id="", since=0, source="")


def _implausible(asked: str, price: schema.Price, before: Price | None, row: Price, catalogue: Catalogue) -> str:
    listed = listed_price(asked, catalogue)
    for n, field in enumerate(("input", "output")):
        amount: Decimal = getattr(price, field)
        known = None if before is None else getattr(before.rates, field)
        now: int = getattr(row.rates, field)
        if known and (now >= known * LEAP or now * LEAP <= known):
            return f"{field} was {plain(known)} before"
        if not known and (hint := strange_price(amount, listed[n] if listed else None)):
            return f"{field} looks wrong: {hint}"
    return ""


def rates_of(raw: bytes, source: str) -> list[exchange.Rate]:
    """Raises ValueError for what is no table of rates."""
    text = raw.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        return _of_ecb(text)
    try:
        return exchange.read(raw)
    except (msgspec.DecodeError, ArithmeticError) as problem:
        raise ValueError(f"it is no table of rates: {problem}") from None


def _of_ecb(text: str) -> list[exchange.Rate]:
    """Units of each currency for a euro; the first day it tells."""
    day = DAY_TAG.search(text)
    end = text.find("time=", day.end()) if day else -1
    units = dict(RATE_TAG.findall(text[: end if end > 0 else None]))
    if day is None or "USD" not in units:
        raise ValueError("it tells no day, or no rate of the dollar")
    dollars, on = Decimal(units.pop("USD")), datetime.date.fromisoformat(day[1])
    table = {"EUR": Decimal(1), **{name: Decimal(rate) for name, rate in units.items()}}
    return [exchange.rate(name, on, rate, dollars, f"{ECB}, {on}") for name, rate in table.items()]


def with_rates(market: Market, rates: Iterable[exchange.Rate], known: exchange.Table) -> News:
    kept, taken, refused = list(market.rates), list[str](), list[str]()
    known = exchange.table(market.rates, known)
    for one in rates:
        rows = known.get(one.currency, ())
        if any(row.since >= one.since for row in rows):
            continue
        words = f"1 {one.currency} = {plain(one.usd)} USD ({one.source})"
        if rows and not rows[-1].usd <= one.usd * SWING <= rows[-1].usd * SWING * SWING:
            refused.append(f"{words}: it was {plain(rows[-1].usd)}")
        else:
            kept.append(one)
            taken.append(words)
    return News(msgspec.structs.replace(market, rates=tuple(kept)), tuple(taken), tuple(refused))
