"""Reports: what the ledger adds up to. Sums are integers in nano-units; a Decimal is made of them at the end.

- `requests` are answers that were asked for; side calls (judges, classifiers, shadow copies) are counted apart,
  but what they cost is part of the cost.
- Tokens and `attempts` count every attempt, failed ones included: they were billed.
- A group by model takes each attempt's own model and currency; the other groups take the request's cost in USD.
- A request counts with each of its tags, so groups by tag may come to more than there was, or to less.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from fairlead.core.model import Price
from fairlead.errors import StateError
from fairlead.store.answers import Answered
from fairlead.store.calls import Used, used
from fairlead.store.feedback import Judged, judged
from fairlead.store.migrations import refuse_newer
from fairlead.store.opinions import Opinions, opinions
from fairlead.store.reuses import Reused, reused
from fairlead.store.rollups import ROLLUPS, TAGS, Kind, slices
from fairlead.store.sqlite import read_only, unreadable
from fairlead.store.subscriptions import Subscription
from fairlead.store.tiers import TierGroup, tier_groups
from fairlead.store.window import EVERYTHING, Window, halves, whole

Dimension = Literal["model", "key", "tenant", "team", "task", "tag", "day"]
Prices = Mapping[str, Price | None]
"""By model; None where it has none."""

_GROUPS: dict[str, str] = {"day": "date(at_ms / 1000, 'unixepoch')"}


class Totals(msgspec.Struct, frozen=True):
    requests: int = 0
    side_calls: int = 0
    errors: int = 0
    """Requests that were not answered."""
    attempts: int = 0
    estimated: int = 0
    """Attempts whose figures are estimates."""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: int = 0
    compared_cost: int = 0
    """The cost of the requests that have a baseline."""
    baseline_cost: int = 0

    @property
    def usd(self) -> Decimal:
        return usd(self.cost)

    @property
    def usd_per_request(self) -> Decimal:
        return usd(self.cost) / self.requests if self.requests else Decimal(0)

    @property
    def usd_per_thousand(self) -> Decimal:
        return self.usd_per_request * 1000

    @property
    def estimated_share(self) -> float:
        return self.estimated / self.attempts if self.attempts else 0.0

    @property
    def saving(self) -> float | None:
        """Share of the recorded baseline's cost that was not spent; None without a baseline."""
        return 1 - self.compared_cost / self.baseline_cost if self.baseline_cost else None


class Group(msgspec.Struct, frozen=True):
    name: str
    currency: str
    requests: int
    """By model: the requests it answered."""
    attempts: int
    estimated: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost: int
    usd: int | None = None
    """The cost in USD, where the group is of one currency; else the cost is in USD."""

    @property
    def spent(self) -> int:
        """Nano-units of USD."""
        return self.cost if self.usd is None else self.usd


class Counterfactual(msgspec.Struct, frozen=True):
    """What one model alone would have cost for the tokens of every answered request."""

    model: str
    requests: int
    """Answered requests it has a price for."""
    cost: int
    actual: int
    """What was spent in the whole window, side calls and failed attempts included."""

    @property
    def saving(self) -> float | None:
        return 1 - self.actual / self.cost if self.cost else None


class Report(msgspec.Struct, frozen=True):
    totals: Totals
    models: tuple[Group, ...]
    keys: tuple[Group, ...]
    tenants: tuple[Group, ...]
    tasks: tuple[Group, ...]
    days: tuple[Group, ...]
    counterfactuals: tuple[Counterfactual, ...]
    tiers: tuple[TierGroup, ...] = ()
    opinions: Opinions | None = None
    """What the model said that is asked where the built-in classifier is unsure; None where none was asked."""
    judged: tuple[Judged, ...] = ()
    """What was said of answers, by task and model."""
    teams: tuple[Group, ...] = ()
    tags: tuple[Group, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    """Beside the cost of requests."""
    reused: tuple[Reused, ...] = ()
    """Answers given again, for which nobody was asked."""
    tools: tuple[Used, ...] = ()
    """What providers ran themselves: their fees are part of the cost."""

    @property
    def hits(self) -> int:
        return sum(one.hits for one in self.reused)

    @property
    def saved(self) -> int:
        """By giving answers again, in nano-units of USD."""
        return sum(one.saved for one in self.reused)


def usd(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


def open_ledger(path: Path) -> sqlite3.Connection:
    """A read-only connection to a ledger, beside a running owner too. StateError if it cannot be read."""
    connection = read_only(path)
    try:
        refuse_newer(connection, str(path))
    except StateError:
        connection.close()
        raise
    except sqlite3.Error as error:
        connection.close()
        raise unreadable(str(path), error) from error
    return connection


def report(
    connection: sqlite3.Connection,
    window: Window = EVERYTHING,
    prices: Prices | None = None,
) -> Report:
    """Everything at once, of one state of the ledger."""
    try:
        connection.execute("BEGIN")
        return Report(
            totals=totals(connection, window),
            models=groups(connection, "model", window),
            keys=groups(connection, "key", window),
            tenants=groups(connection, "tenant", window),
            tasks=groups(connection, "task", window),
            days=groups(connection, "day", window),
            counterfactuals=counterfactuals(connection, prices, window) if prices else (),
            tiers=tier_groups(connection, window),
            opinions=opinions(connection, window),
            judged=judged(connection, window),
            teams=groups(connection, "team", window),
            tags=groups(connection, "tag", window),
            reused=reused(connection, window),
            tools=used(connection, window),
        )
    except sqlite3.DatabaseError as error:
        raise unreadable(_file_of(connection), error) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def totals(connection: sqlite3.Connection, window: Window = EVERYTHING) -> Totals:
    source, values = slices(connection, ROLLUPS, window)
    counts = ", ".join(
        f"coalesce(sum({name}), 0)" for name in ("requests", "side_calls", "errors", "attempts", "estimated")
    )
    sums = halves("input", "output", "cached_input", "spent", "compared", "baseline")
    row = connection.execute(f"SELECT {counts}, {sums} FROM {source}", values).fetchone()
    return Totals(*row[:5], *whole(row[5:]))


def groups(connection: sqlite3.Connection, by: Dimension, window: Window = EVERYTHING) -> tuple[Group, ...]:
    """Dearest first; days in order."""
    if by == "model":
        found = _by_model(connection, window)
    else:
        found = _by_request(connection, TAGS if by == "tag" else ROLLUPS, _GROUPS.get(by, by), window)
    return tuple(sorted(found, key=(lambda group: group.name) if by == "day" else _dearest))


def _by_model(connection: sqlite3.Connection, window: Window) -> list[Group]:
    source, values = slices(connection, ROLLUPS, window)
    sums = halves("input", "output", "cached_input", "cost", "usd")
    rows = connection.execute(
        f"""SELECT model, currency, sum(answered), sum(attempts), sum(estimated), {sums} FROM {source}
            GROUP BY model, currency HAVING sum(attempts)""",
        values,
    )
    return [Group(*row[:5], *whole(row[5:])) for row in rows]


def _by_request(connection: sqlite3.Connection, kind: Kind, group: str, window: Window) -> list[Group]:
    source, values = slices(connection, kind, window)
    sums = halves("input", "output", "cached_input", "spent")
    rows = connection.execute(
        f"SELECT {group}, 'USD', sum(requests), sum(attempts), sum(estimated), {sums} FROM {source} GROUP BY 1", values
    )
    return [Group(*row[:5], *whole(row[5:])) for row in rows]


def counterfactuals(
    connection: sqlite3.Connection, prices: Prices, window: Window = EVERYTHING
) -> tuple[Counterfactual, ...]:
    """Every answered request at the rates that its own prompt reaches."""
    source, values = slices(connection, ROLLUPS, window)
    (actual,) = whole(connection.execute(f"SELECT {halves('spent')} FROM {source}", values).fetchone())
    answered = Answered(connection, window)
    return tuple(
        Counterfactual(name, 0, 0, actual)
        if price is None
        else Counterfactual(name, answered.requests, answered.cost(price), actual)
        for name, price in prices.items()
    )


def _file_of(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA database_list").fetchone()[2]) or ":memory:"


def _dearest(group: Group) -> tuple[int, str]:
    return -group.cost, group.name
