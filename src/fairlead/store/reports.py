"""Reports: what the ledger adds up to. Sums are integers in nano-units; a Decimal is made of them at the end.

- `requests` are answers that were asked for; side calls (judges, classifiers, shadow copies) are counted apart,
  but what they cost is part of the cost.
- Tokens and `attempts` count every attempt, failed ones included: they were billed.
- A group by model takes each attempt's own model and currency; the other groups take the request's cost in USD. What was
  tried for requests that nobody answered stands apart from what it took to answer.
- Savings compare answers with what the same answers would have cost elsewhere. Side calls count as cost that routing has;
  what was spent on requests that nobody answered is left out, as nobody knows what these would have come to elsewhere.
- A request counts with each of its tags, so groups by tag may come to more than there was, or to less.
- Teams and tags are their tenant's: those of one name in two tenants are two groups.
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
from fairlead.store.migrations import refuse_newer, refuse_older, refuse_partial
from fairlead.store.opinions import Opinions, opinions
from fairlead.store.reuses import Reused, reused
from fairlead.store.rollups import ASIDE, NOTHING, ROLLUPS, TAGS, Kind, slices
from fairlead.store.sqlite import file_of, read_only, unreadable
from fairlead.store.subscriptions import Subscription
from fairlead.store.tiers import TierGroup, tier_groups
from fairlead.store.unpriced import Unpriced, unpriced
from fairlead.store.window import EVERYTHING, Window, halves, whole

Dimension = Literal["model", "key", "tenant", "team", "task", "tag", "day"]
Prices = Mapping[str, Price | None]
"""By model; None where it has none."""
Operations = frozenset[str]
TEXT: Operations = frozenset({"generate", ""})
"""With what older sums do not tell apart."""
EMBEDDING: Operations = frozenset({"embed"})

_NAMES: dict[str, str] = {
    "day": "date(at_ms / 1000, 'unixepoch')",
    "team": "CASE team WHEN '' THEN '' ELSE tenant || '/' || team END",
    "tag": "tenant || '/' || tag",
}
_OF_TENANTS = frozenset({"team", "tag"})


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
    """The cost of the answers that have a baseline, and of side calls."""
    baseline_cost: int = 0
    unanswered_cost: int = 0
    """What was spent on requests that nobody answered: in no comparison."""

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
    """What one model alone would have cost for the tokens of every answered request of the operations that it can do."""

    model: str
    requests: int
    """Those, if it has a price for them."""
    cost: int
    actual: int
    """What these were answered for, side calls and failed attempts included."""

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
    unanswered: tuple[Group, ...] = ()
    """By model, what was tried for requests that nobody answered."""
    tools: tuple[Used, ...] = ()
    """What providers ran themselves: their fees are part of the cost."""
    unpriced: tuple[Unpriced, ...] = ()
    """What is not in the cost, as nobody knew its price."""

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
        refuse_older(connection, str(path))
        refuse_partial(connection, str(path))
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
    able: Mapping[str, Operations] | None = None,
) -> Report:
    """Everything at once, of one state of the ledger. `able` says which models do other things than text."""
    try:
        connection.execute("BEGIN")
        return Report(
            totals=totals(connection, window),
            models=groups(connection, "model", window),
            keys=groups(connection, "key", window),
            tenants=groups(connection, "tenant", window),
            tasks=groups(connection, "task", window),
            days=groups(connection, "day", window),
            counterfactuals=counterfactuals(connection, prices, window, able or {}) if prices else (),
            tiers=tier_groups(connection, window),
            opinions=opinions(connection, window),
            judged=judged(connection, window),
            teams=groups(connection, "team", window),
            tags=groups(connection, "tag", window),
            reused=reused(connection, window),
            unanswered=tuple(sorted(_by_model(connection, window, f"= '{NOTHING}'"), key=_dearest)),
            tools=used(connection, window),
            unpriced=unpriced(connection, window),
        )
    except sqlite3.DatabaseError as error:
        raise unreadable(file_of(connection), error) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def totals(connection: sqlite3.Connection, window: Window = EVERYTHING) -> Totals:
    source, values = slices(connection, ROLLUPS, window)
    counts = ", ".join(
        f"coalesce(sum({name}), 0)" for name in ("requests", "side_calls", "errors", "attempts", "estimated")
    )
    compared = f"CASE result WHEN '{ASIDE}' THEN spent WHEN '{NOTHING}' THEN 0 ELSE compared END"
    baseline = f"CASE WHEN result IN ('{ASIDE}', '{NOTHING}') THEN 0 ELSE baseline END"
    unanswered = f"CASE result WHEN '{NOTHING}' THEN spent ELSE 0 END"
    sums = halves("input", "output", "cached_input", "spent", compared, baseline, unanswered)
    row = connection.execute(f"SELECT {counts}, {sums} FROM {source}", values).fetchone()
    return Totals(*row[:5], *whole(row[5:]))


def groups(connection: sqlite3.Connection, by: Dimension, window: Window = EVERYTHING) -> tuple[Group, ...]:
    """Dearest first; days in order. By model only of answers and side calls."""
    if by == "model":
        found = _by_model(connection, window, f"<> '{NOTHING}'")
    else:
        found = _by_request(connection, TAGS if by == "tag" else ROLLUPS, by, window)
    return tuple(sorted(found, key=(lambda group: group.name) if by == "day" else _dearest))


def _by_model(connection: sqlite3.Connection, window: Window, result: str) -> list[Group]:
    source, values = slices(connection, ROLLUPS, window)
    sums = halves("input", "output", "cached_input", "cost", "usd")
    rows = connection.execute(
        f"""SELECT model, currency, sum(answered), sum(attempts), sum(estimated), {sums} FROM {source}
            WHERE result {result} GROUP BY model, currency HAVING sum(attempts)""",
        values,
    )
    return [Group(*row[:5], *whole(row[5:])) for row in rows]


def _by_request(connection: sqlite3.Connection, kind: Kind, by: Dimension, window: Window) -> list[Group]:
    source, values = slices(connection, kind, window)
    apart = f"1, {by}" if by in _OF_TENANTS else "1"  # names may hold slashes too
    sums = halves("input", "output", "cached_input", "spent")
    rows = connection.execute(
        f"""SELECT {_NAMES.get(by, by)}, 'USD', sum(requests), sum(attempts), sum(estimated), {sums} FROM {source}
            GROUP BY {apart}""",
        values,
    )
    return [Group(*row[:5], *whole(row[5:])) for row in rows]


def counterfactuals(
    connection: sqlite3.Connection, prices: Prices, window: Window = EVERYTHING, able: Mapping[str, Operations] = {}
) -> tuple[Counterfactual, ...]:
    """Every answered request at the rates that its own prompt reaches. Side calls are those of routing among texts."""
    source, values = slices(connection, ROLLUPS, window)
    rows = connection.execute(f"SELECT result, {halves('spent')} FROM {source} GROUP BY 1", values)
    spent = {result: whole(sums)[0] for result, *sums in rows}
    answered = {operations: Answered(connection, operations, window) for operations in {TEXT, *able.values()}}
    found = []
    for name, price in prices.items():
        operations = able.get(name, TEXT)
        counted = operations | {ASIDE} if "generate" in operations else operations
        actual = sum(spent.get(result, 0) for result in counted)
        these = answered[operations]
        requests, cost = (0, 0) if price is None else (these.requests, these.cost(price))
        found.append(Counterfactual(name, requests, cost, actual))
    return tuple(found)


def _dearest(group: Group) -> tuple[int, str]:
    return -group.cost, group.name
