"""What the genai-prices package says: price rows in the catalogue's form.

Rules: base prices become dated rows, ascending; prices by the hour of the day cannot be said in a row, so the base
price stays and a note tells the rest; figures finer than a billionth are rounded half-even to one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from genai_prices import types as genai  # type: ignore[import-not-found, unused-ignore]
from genai_prices.data import providers  # type: ignore[import-not-found, unused-ignore]

Row = dict[str, Any]

PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "deepseek": "deepseek",
    "moonshot": "moonshotai",
    "zhipu": "zai",
    "mistral": "mistral",
    "xai": "x-ai",
    "groq": "groq",
    "together": "together",
    "fireworks": "fireworks",
    "cerebras": "cerebras",
    "openrouter": "openrouter",
}
"""Provider kind -> the package's name of it."""
HOSTS = ("groq", "together", "fireworks", "cerebras")
"""Kinds that serve other vendors' models under names of their own."""
RATES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
}
FEES = {"web_search": "web_searches_kcount", "file_search": "storage_searches_kcount"}
"""Tool that a provider runs itself -> what a thousand uses cost."""
DATED = re.compile(r"[-@](\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")
BILLIONTH = Decimal("1e-9")


def plain(value: Decimal) -> str:
    if value != value.quantize(BILLIONTH):
        value = value.quantize(BILLIONTH, ROUND_HALF_EVEN)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rates_at(prices: genai.ModelPrice, above: int) -> Row:
    """The rates that hold for prompts of more than `above` tokens; 0 gives the base rates."""
    rates: Row = {}
    for name, attribute in RATES.items():
        value = getattr(prices, attribute)
        if value is None:
            continue
        if isinstance(value, genai.TieredPrices):
            amount = value.base
            for tier in value.tiers:
                if tier.start <= above:
                    amount = tier.price
        else:
            amount = value
        rates[name] = plain(amount)
    return rates


def price_row(prices: genai.ModelPrice) -> Row:
    starts = sorted(
        {
            tier.start
            for attribute in RATES.values()
            if isinstance(value := getattr(prices, attribute), genai.TieredPrices)
            for tier in value.tiers
        }
    )
    row = rates_at(prices, 0)
    if starts:
        row["tiers"] = [[start, rates_at(prices, start)] for start in starts]
    fees = {tool: getattr(prices, attribute, None) for tool, attribute in FEES.items()}
    row["fees"] = {tool: plain(value / 1000) for tool, value in fees.items() if isinstance(value, Decimal)}
    return row


def rows_of(info: genai.ModelInfo, released: str | None) -> tuple[list[Row], list[str]]:
    """Dated rows, ascending, and notes on what a dated row cannot say."""
    rows: list[Row] = []
    notes: list[str] = []
    prices = info.prices if isinstance(info.prices, list) else [genai.ConditionalPrice(prices=info.prices)]
    for conditional in prices:
        constraint = conditional.constraint
        if isinstance(constraint, genai.TimeOfDateConstraint):
            peak = rates_at(conditional.prices, 0)
            notes.append(
                f"Not modelled: {constraint.start_time:%H:%M}-{constraint.end_time:%H:%M} UTC costs"
                f" {peak['input']} in, {peak.get('output', '0')} out."
            )
            continue
        start = constraint.start_date.isoformat() if isinstance(constraint, genai.StartDateConstraint) else None
        row = price_row(conditional.prices)
        if "input" not in row:
            continue
        if start is None:
            rows = [{"start": released or "first", **row}]
        elif rows and {**row, "start": 0} == {**rows[-1], "start": 0}:
            continue
        else:
            rows.append({"start": start, **row})
    if len(rows) > 1 and rows[0]["start"] >= rows[1]["start"]:
        rows[0]["start"] = "first"
    first = prices[0].prices
    if getattr(first, "input_audio_mtok", None) is not None:
        notes.append("Not modelled: audio tokens are priced apart from text.")
    return rows, notes


def source(kind: str) -> genai.Provider:
    return next(provider for provider in providers if provider.id == PROVIDERS[kind])


def find(kind: str, upstream: str) -> genai.ModelInfo | None:
    provider = source(kind)
    wanted = upstream.lower()
    exact = next((m for m in provider.models if m.id.lower() == wanted), None)
    return exact if exact is not None or kind == "openrouter" else provider.find_model(upstream)


def hosted_key(identifier: str) -> str:
    """A host's id as the catalogue would spell it: `zai-org/GLM-5.1` and `glm-5p1` are both `glm-5.1`."""
    return re.sub(r"(?<=\d)p(?=\d)", ".", identifier.rsplit("/", 1)[-1].lower())


def dated_aliases(upstream: str, info: genai.ModelInfo) -> Iterator[str]:
    """The dated spellings of an id that genai-prices knows."""
    clauses = getattr(info.match, "or_", [info.match])
    for clause in clauses:
        text = getattr(clause, "equals", "")
        if DATED.sub("", text) == upstream:
            yield text
