"""What a recommendation is, and what all of them are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from fairlead.core.cost import plain
from fairlead.core.model import Model
from fairlead.core.policy import Policy
from fairlead.evidence.worth import Classes, Judgements
from fairlead.store.spending import Seen, Work

MONTH_MS = 30 * 86_400_000

Kind = Literal["task", "dominated", "premium", "cheap", "cache"]
Value = str | bool | float | tuple[str, ...] | dict[str, str | tuple[str, ...]]


class Change(msgspec.Struct, frozen=True):
    """One setting of the configuration."""

    path: tuple[str, ...]
    value: Value


class Said(msgspec.Struct, frozen=True):
    """A sentence with what it fills in, so that it can be told in another language."""

    text: str
    values: dict[str, str] = {}

    def __str__(self) -> str:
        return self.text.format(**self.values)


class Advice(msgspec.Struct, frozen=True):
    kind: Kind
    about: str
    """The task or model it is about; with the kind it names the recommendation."""
    title: Said
    saving: int
    """Nano-units of USD a month; 0 where nothing is known to be saved."""
    evidence: tuple[Said, ...]
    changes: tuple[Change, ...] = ()
    way: Said | None = None
    """What to do where a patch does not do it."""

    @property
    def id(self) -> str:
        return f"{self.kind}:{self.about}" if self.about else self.kind


class Move(msgspec.Struct, frozen=True):
    """A work that another model would do for less."""

    work: Work
    to: str
    cost: int
    """There, in the window."""

    @property
    def saving(self) -> int:
        return self.work.cost - self.cost


class Ground(msgspec.Struct, frozen=True):
    """What recommendations are made of."""

    works: tuple[Work, ...]
    seen: Seen
    judged: Judgements
    models: Mapping[str, Model]
    policies: Mapping[str, Policy]
    default: str
    """The default policy's name."""
    tables: Mapping[str, frozenset[str]]
    """The policies that are declared, each with the tasks of its own table."""
    common: frozenset[str]
    """The tasks of the table behind the default policy's own."""
    classes: Classes
    at: int
    """Epoch seconds: which prices hold."""
    span_ms: int

    def monthly(self, amount: int) -> int:
        return amount * MONTH_MS // max(self.span_ms, 1)


class Advised(msgspec.Struct, frozen=True):
    advice: tuple[Advice, ...]
    """The largest saving first."""
    together: int
    """What all of them save, each request counted once."""
    spent: int
    """A month."""


def once(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Each setting once, in their order; the last word on it counts."""
    return tuple({change.path: change for change in changes}.values())


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def usd(nano: int) -> str:
    """To the cent, or what it is where that is less."""
    return f"${nano / 10**9:,.2f}" if nano >= 10_000_000 else f"${plain(nano)}"


def figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
