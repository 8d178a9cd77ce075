"""The models one could ask instead: what they cost on a day, how good they are at a task, and how sure that is.

They are the catalogue's, and those of a configuration before these, with what it says of them.

Logs spell models in many ways: with a provider in front, a date or a variant behind. `Market.find` takes these off, one
after the other, until the name is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from fairlead.config.offers import VENDOR_KINDS
from fairlead.core.model import TOOLS, VISION, Model, Price, Snapshot
from fairlead.evidence.logs.row import UNKNOWN_DAY
from fairlead.registry.aptitude import by_task
from fairlead.registry.catalogue import Catalogue, Entry, Offer, spelling

DAY = 86_400
DOUBT_PRIOR, DOUBT_ESTIMATE, DOUBT_TASK = 0.02, 0.04, 0.03
"""Standard errors that the catalogue's quality is taken to have: drawn from a published index, estimated from its
family, and on top of either for a single task that no benchmark of the model speaks of."""
NEEDS: dict[str, int] = {"multimodal": VISION, "agent": TOOLS, "desktop": TOOLS | VISION}
LEFT_OUT = frozenset(("deprecated", "preview"))
VARIANT = re.compile(r":[a-z0-9-]+$|-v\d+(:\d+)?$|@.*$")
DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4})$|-latest$")
TURNED = re.compile(r"claude-(\d[\d.]*)-([a-z]+)")
"""The version before the name of the size, as some spell it."""
REGION = re.compile(r"^(us|eu|apac|global|au|jp)\.")


class Choice(msgspec.Struct, frozen=True):
    name: str
    vendor: str
    prices: dict[str, tuple[Price, ...]]
    """By kind of provider, the vendor's own first; of a configured model by the provider's name."""
    quality: float | None
    qualities: dict[str, float]
    doubt: float
    context: int
    capabilities: int
    regions: frozenset[str]
    current: bool

    def worth(self, task: str) -> float | None:
        return self.qualities.get(task, self.quality)

    def unsure(self, task: str) -> float:
        """The standard error of that."""
        return self.doubt if task in self.qualities or not task else (self.doubt**2 + DOUBT_TASK**2) ** 0.5

    def price(self, day: int, via: str = "") -> Price | None:
        """The row that held on a day, with that kind of provider if it offers the model; of no day: the latest."""
        rows = self.prices.get(via) or next(iter(self.prices.values()), ())
        if day == UNKNOWN_DAY:
            return rows[-1] if rows else None
        return next((row for row in reversed(rows) if row.since <= (day + 1) * DAY - 1), None)


class Market:
    def __init__(self, catalogue: Catalogue, snapshot: Snapshot | None = None) -> None:
        self.choices = {name: _choice(entry) for name, entry in catalogue.entries.items()}
        self.configured: frozenset[str] = frozenset()
        if snapshot is not None:
            self.configured = frozenset(snapshot.models)
            self.choices.update({name: _configured(model, catalogue) for name, model in snapshot.models.items()})
        self._catalogue, self._snapshot = catalogue, snapshot

    def find(self, name: str) -> Choice | None:
        for each in spellings(name):
            model = self._snapshot.resolve(each) if self._snapshot else None
            if model is not None:
                return self.choices[model.name]
            entry = self._catalogue.find(each)
            if entry is not None:
                return self.choices[entry.name]
        return None


def spellings(name: str) -> Iterator[str]:
    """The name as it stands, then with less and less around it."""
    yield name
    bare = spelling(name)
    parts = bare.split("/")
    for at in range(1, len(parts)):
        yield "/".join(parts[at:])
    bare = REGION.sub("", parts[-1])
    if "." in bare and bare.split(".", 1)[0].isalpha():
        bare = bare.split(".", 1)[1]
    yield bare
    for _ in range(4):
        shorter = DATED.sub("", VARIANT.sub("", bare))
        if shorter == bare:
            break
        bare = shorter
        yield bare
    if turned := TURNED.fullmatch(bare):
        yield f"claude-{turned[2]}-{turned[1]}"


def _choice(entry: Entry) -> Choice:
    priced = {kind: offer.prices for kind, offer in _ordered(entry) if offer.prices}
    source = entry.sources.get("quality", ("estimate", ""))[0]
    return Choice(
        entry.name,
        entry.vendor,
        priced,
        entry.quality,
        by_task(entry.benchmarks, entry.quality),
        DOUBT_ESTIMATE if source.startswith("estimate") else DOUBT_PRIOR,
        entry.context,
        entry.capabilities,
        frozenset(offer.region for offer in entry.offers.values() if offer.prices),
        not entry.flags & LEFT_OUT,
    )


def _configured(model: Model, catalogue: Catalogue) -> Choice:
    entry = catalogue.find(model.name)
    return Choice(
        model.name,
        entry.vendor if entry else model.channels[0].provider if model.channels else "",
        {channel.provider: channel.prices for channel in reversed(model.channels) if channel.prices},
        model.quality,
        model.qualities,
        _choice(entry).doubt if entry and entry.quality == model.quality else DOUBT_PRIOR,
        model.context,
        model.capabilities,
        frozenset(channel.region for channel in model.channels),
        model.enabled,
    )


def _ordered(entry: Entry) -> list[tuple[str, Offer]]:
    own = VENDOR_KINDS.get(entry.vendor, entry.vendor)
    return sorted(entry.offers.items(), key=lambda each: each[0] != own)
