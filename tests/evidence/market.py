"""A market of a few made-up models, and rows to advise on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fairlead.evidence.advisor import advise
from fairlead.evidence.advisor_market import Market
from fairlead.evidence.advisor_sums import Kind
from fairlead.evidence.advisor_terms import Advice, Wishes
from fairlead.evidence.logs.row import Row
from fairlead.registry.catalogue import read

FIRST = 20_000
"""A day to begin with."""


def model(name: str, vendor: str, quality: float | None, prices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    region = more.pop("region", "us")
    offers = {vendor: {"upstream": name, "region": region, "prices": prices}}
    return {"name": name, "vendor": vendor, "sources": {"quality": 0}, "quality": quality, "offers": offers, **more}


def price(given: str, output: str, **more: Any) -> dict[str, Any]:
    return {"input": given, "output": output, **more}


MODELS = [
    model("grand", "openai", 0.9, [price("10", "30", cached_input="1")], context=100_000, capabilities=["tools"]),
    model("handy", "openai", 0.89, [price("1", "3")], context=100_000, capabilities=["tools"]),
    model("tiny", "mistral", 0.7, [price("0.1", "0.3")], context=4_000, region="eu"),
    model("older", "anthropic", 0.88, [price("15", "75")], flags=["deprecated"]),
    model("dated", "anthropic", 0.8, [price("8", "8"), price("2", "2", start="2025-01-01")]),
    model("stepped", "google", 0.6, [price("20", "20", tiers=[[1000, {"input": "40", "output": "40"}]])]),
    model("vectors", "openai", None, [price("0.02", "0")], capabilities=["embeddings"]),
    model("gift", "zhipu", 0.95, [price("0", "0")]),
]


def market(*more: dict[str, Any]) -> Market:
    file = {"date": "2026-01-01", "sources": [["estimate", "2026-01-01"]], "models": [*MODELS, *more]}
    return Market(read(json.dumps(file).encode()))


def work(name: str = "grand", days: int = 30, each: int = 100, **more: Any) -> Iterator[Row]:
    """So many rows a day, of 1,000 tokens in and 500 out unless told otherwise."""
    for day in range(days):
        for _ in range(each):
            yield Row(name, FIRST + day, **{"input": 1000, "output": 500, "task": "chat", **more})


def advised(*rows: Iterator[Row], read: Any = None, sample: int = 2000, **wishes: Any) -> Advice:
    return advise((row for some in rows for row in some), market(), Wishes(**wishes), read, sample)


def reading(said: str | bytes) -> Kind:
    task, _, complexity = str(said).partition(" ")
    return task, complexity.partition(" ")[0]
