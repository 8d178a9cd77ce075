"""What the advisor is asked, and what it says: the structs of its advice, as they come out as JSON.

Amounts are nano-units of USD a month, unless they say otherwise; shares and qualities go from 0 to 1.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Capacity = Literal["unknown", "none", "some", "team"]
Compliance = Literal["unknown", "open", "strict"]
Speaks = Literal["for", "against", "neither", "unknown"]
Facts = dict[str, int | float | str]
"""What reasons speak of: amounts are named `..._usd` and are nano-units, shares `..._share`."""
TOLERANCE = 0.03
Verdict = Literal["yes", "no", "maybe"]


class Wishes(msgspec.Struct, frozen=True):
    """What logs cannot tell. The defaults are told with the advice."""

    tolerance: float | None = None
    """How much quality may be lost, on the catalogue's scale; None: nobody said, TOLERANCE holds."""
    simple: float = 0.8
    """The quality that is enough for a simple request, whatever answers it today."""
    vendors: frozenset[str] = frozenset()
    """Only models of these; empty: of all."""
    regions: frozenset[str] = frozenset()
    """Only where a provider seated there offers the model; empty: anywhere."""
    models: frozenset[str] = frozenset()
    """Only these, by canonical name; empty: all that are current."""
    compliance: Compliance = "unknown"
    capacity: Capacity = "unknown"
    days: int = 0
    """The days that the logs cover, where they do not say."""
    fleet: int = 3
    """How many models one would add at most."""
    unnamed: str = ""
    """The model that rows without one went to."""
    draws: int = 1000
    seed: int = 0

    @property
    def loss(self) -> float:
        return TOLERANCE if self.tolerance is None else self.tolerance


class Range(msgspec.Struct, frozen=True):
    low: int
    expected: int
    high: int


class Move(msgspec.Struct, frozen=True):
    """Requests of one task that another model would do for less."""

    task: str
    complexity: str
    model: str
    to: str
    requests: int
    cost: int
    saving: Range
    quality: float
    quality_to: float
    again: float
    """Share of the answers that are expected to be asked for again of the model of today, and are paid twice."""


class Saving(msgspec.Struct, frozen=True):
    spent: Range
    saved: Range
    share: float
    """Of what is spent, as expected."""
    fleet: tuple[str, ...]
    """The models that it takes beside those in use."""
    moves: tuple[Move, ...]


class Rule(msgspec.Struct, frozen=True):
    name: str
    speaks: Speaks
    reason: str
    """A code; whoever tells it has the words, and fills in the facts."""
    facts: Facts = {}
    decisive: bool = False
    """Speaks against, and nothing can outweigh it."""


class Finding(msgspec.Struct, frozen=True):
    name: str
    kind: Literal["overuse", "mismatch"]
    reason: str
    """A code, as of rules."""
    facts: Facts
    cost: int
    """What is spent on it a month."""
    saving: int | None = None


class Baseline(msgspec.Struct, frozen=True):
    """Everything given to one model; two rows are none: what is done today, and what is advised."""

    model: str
    in_use: bool
    cost: int | None
    """None where the model has no price."""
    quality: float | None


class Spending(msgspec.Struct, frozen=True):
    """Of one model."""

    model: str
    known: bool
    """Whether the catalogue knows it."""
    requests: int
    input: int
    output: int
    cost: int
    """In the time that the logs cover."""
    share: float
    quality: float | None


class Owner(msgspec.Struct, frozen=True):
    """A tenant, or a key where the log knows no tenants."""

    name: str
    cost: int
    """In the time that the logs cover."""
    share: float


class Coverage(msgspec.Struct, frozen=True):
    """What the advice rests on."""

    rows: int
    requests: int
    first_day: str
    last_day: str
    days: int
    assumed_days: bool
    cost: int
    """In that time."""
    logged_cost: int
    """Of that, what the logs say; the rest is list price."""
    billed: int
    """On invoices, beside."""
    unpriced: int
    """Rows whose model has no known price and whose log says no cost: not in any sum."""
    estimated: int
    """Rows whose tokens were counted from the text."""
    texts: int
    texts_read: int
    """Texts the classifier read: of the other ones the same model's share of tasks is assumed."""
    untold: float
    """Share of the cost whose task is unknown."""


class Advice(msgspec.Struct, frozen=True):
    verdict: Verdict
    reason: str
    """A code, as of rules."""
    facts: Facts
    rules: tuple[Rule, ...]
    saving: Saving
    findings: tuple[Finding, ...]
    baselines: tuple[Baseline, ...]
    models: tuple[Spending, ...]
    owners: tuple[Owner, ...]
    coverage: Coverage
    wishes: Wishes
