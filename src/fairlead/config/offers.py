"""Which of the catalogue's offers stands behind a channel: one rule for the snapshot and for the warnings.

1. The offer for the provider's kind, unless an `openai` provider has its own address: anyone may be behind that.
2. Else the offer of the model's vendor, else the first one listed; these tell a price, never a region.
Self-hosted providers take no price from the catalogue: a machine of one's own costs what its owner says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from fairlead.config.schema import Provider
from fairlead.core.model import Price

VENDOR_KINDS = {
    "google": "gemini",
    "moonshotai": "moonshot",
    "alibaba": "dashscope",
    "qwen": "dashscope",
    "zhipuai": "zhipu",
    "zai": "zhipu",
    "z-ai": "zhipu",
    "bytedance": "volcengine",
    "doubao": "volcengine",
}
"""Where a vendor's name is not the kind of its own service."""


class Offer(Protocol):
    @property
    def upstream(self) -> str: ...
    @property
    def prices(self) -> tuple[Price, ...]: ...
    @property
    def region(self) -> str: ...
    @property
    def context(self) -> int: ...


class Entry(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def vendor(self) -> str: ...
    @property
    def aliases(self) -> tuple[str, ...]: ...
    @property
    def capabilities(self) -> int: ...
    @property
    def quality(self) -> float | None: ...
    @property
    def offers(self) -> Mapping[str, Offer]: ...


class Rate(Protocol):
    @property
    def usd(self) -> int: ...


class Catalogue(Protocol):
    """The part of the catalogue that a configuration is compared with."""

    @property
    def entries(self) -> Mapping[str, Entry]: ...
    @property
    def exchange(self) -> Mapping[str, Sequence[Rate]]: ...
    def find(self, name: str) -> Entry | None: ...


def named(entry: Entry, provider: Provider) -> Offer | None:
    """The offer that tells the model's name at this kind of provider."""
    return entry.offers.get(provider.kind)


def located(entry: Entry, provider: Provider) -> Offer | None:
    """The offer that tells the region: only for a provider at its kind's own address."""
    return None if provider.base_url is not None else entry.offers.get(provider.kind)


def priced(entry: Entry, provider: Provider) -> Offer | None:
    """The offer whose price holds."""
    if provider.is_self_hosted:
        return None
    vendor = entry.vendor.lower()
    wanted = [vendor, VENDOR_KINDS.get(vendor, vendor), *entry.offers]
    if provider.kind != "openai" or provider.base_url is None:
        wanted.insert(0, provider.kind)
    offers = (entry.offers[kind] for kind in wanted if kind in entry.offers)
    return next((offer for offer in offers if offer.prices), None)
