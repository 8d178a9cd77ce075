"""A small catalogue, so that these tests do not move when prices do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from fairlead.core.model import JSON_SCHEMA, TOOLS, VISION, Price, Rates
from fairlead.registry.catalogue import Polled
from fairlead.registry.exchange import rate, table

NANO = 10**9


class Offer(msgspec.Struct, frozen=True):
    upstream: str
    prices: tuple[Price, ...]
    region: str = ""
    context: int = 0


class Entry(msgspec.Struct, frozen=True):
    name: str
    vendor: str
    offers: dict[str, Offer]
    aliases: tuple[str, ...] = ()
    context: int = 400_000
    max_output: int = 128_000
    capabilities: int = TOOLS | JSON_SCHEMA | VISION
    quality: float | None = 0.9
    benchmarks: dict[str, float] = {}
    latency_ms: int | None = 1500
    flags: frozenset[str] = frozenset()


class Catalogue:
    def __init__(self, *entries: Entry) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self.exchange = table([rate("CNY", date(2026, 10, 1), Decimal("7"), Decimal("1"), "a bank")])
        self.polled: dict[str, tuple[Polled, ...]] = {}

    def find(self, name: str) -> Entry | None:
        for entry in self.entries.values():
            if name.lower() in (entry.name, *entry.aliases):
                return entry
        return None


def price(row: str, dollars_in: float, dollars_out: float, since: int = 0) -> Price:
    return Price(id=row, rates=Rates(round(dollars_in * NANO), round(dollars_out * NANO)), since=since)


CATALOGUE = Catalogue(
    Entry(
        "gpt-5.4",
        "openai",
        {
            "openai": Offer("gpt-5.4", (price("old", 3, 18), price("new", 2.5, 15, since=1_770_000_000)), "us"),
            "openrouter": Offer("openai/gpt-5.4", (price("or", 2.6, 15.5),), "global"),
        },
        aliases=("gpt-5-4", "gpt54"),
        benchmarks={"swe": 70.0, "mmlu": 88.0},
        flags=frozenset({"frontier"}),
    ),
    Entry(
        "gemini-3-flash",
        "google",
        {"gemini": Offer("gemini-3-flash-preview", (price("g", 0.5, 3),), "eu")},
        quality=0.8,
    ),
    Entry("claude-opus-4.7", "anthropic", {"anthropic": Offer("claude-opus-4-7", (price("a", 5, 25),), "us")}),
)
