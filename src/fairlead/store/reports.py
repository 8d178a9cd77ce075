"""Reports: what the ledger adds up to. Sums are integers in nano-units; a Decimal is made of them at the end.

- `requests` are answers that were asked for; side calls (judges, classifiers, shadow copies) are counted apart,
  but what they cost is part of the cost.
- Tokens and `attempts` count every attempt, failed ones included: they were billed.
- A group by model takes each attempt's own model and currency; the other groups take the request's cost in USD.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from fairlead.core.record import Usage
from fairlead.errors import StateError
from fairlead.store.feedback import Judged, judged
from fairlead.store.migrations import refuse_newer
from fairlead.store.opinions import Opinions, opinions
from fairlead.store.sqlite import read_only, unreadable
from fairlead.store.tiers import TierGroup, tier_groups
from fairlead.store.window import EVERYTHING, Window, halves, where_of, whole

Dimension = Literal["model", "key", "tenant", "task", "day"]
Pricing = Callable[[str, Usage], int | None]
"""What a model would charge for a usage, in nano-USD; None where it has no price."""

_GROUPS: dict[str, str] = {
    "key": "requests.key",
    "tenant": "requests.tenant",
    "task": "requests.task",
    "day": "date(requests.at_ms / 1000, 'unixepoch')",
}


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
    models: Sequence[str] = (),
    price: Pricing = lambda _model, _usage: None,
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
            counterfactuals=counterfactuals(connection, models, price, window) if models else (),
            tiers=tier_groups(connection, window),
            opinions=opinions(connection, window),
            judged=judged(connection, window),
        )
    except sqlite3.DatabaseError as error:
        raise unreadable(_file_of(connection), error) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def totals(connection: sqlite3.Connection, window: Window = EVERYTHING) -> Totals:
    where, values = where_of(window)
    compared = "CASE WHEN baseline_cost IS NOT NULL THEN cost END"
    requests, side_calls, errors, *sums = connection.execute(
        f"""SELECT coalesce(sum(purpose = 'answer'), 0), coalesce(sum(purpose <> 'answer'), 0),
            coalesce(sum(purpose = 'answer' AND outcome <> 'ok'), 0), {halves("cost", compared, "baseline_cost")}
            FROM requests WHERE {where}""",
        values,
    ).fetchone()
    cost, compared_cost, baseline_cost = whole(sums)
    source, bounds = _attempts(window)
    attempts, estimated, *sums = connection.execute(
        f"SELECT count(*), coalesce(sum(estimated), 0), {halves('input', 'output', 'cached_input')} {source}", bounds
    ).fetchone()
    read, written, cached = whole(sums)
    return Totals(
        requests=requests,
        side_calls=side_calls,
        errors=errors,
        attempts=attempts,
        estimated=estimated,
        input_tokens=read,
        output_tokens=written,
        cached_tokens=cached,
        cost=cost,
        compared_cost=compared_cost,
        baseline_cost=baseline_cost,
    )


def groups(connection: sqlite3.Connection, by: Dimension, window: Window = EVERYTHING) -> tuple[Group, ...]:
    """Dearest first; days in order."""
    if by == "model":
        found = _by_model(connection, window)
    else:
        found = _by_request(connection, _GROUPS[by], window)
    return tuple(sorted(found, key=(lambda group: group.name) if by == "day" else _dearest))


def counterfactuals(
    connection: sqlite3.Connection, models: Sequence[str], price: Pricing, window: Window = EVERYTHING
) -> tuple[Counterfactual, ...]:
    """Exact: every answered request is priced with its own tokens, so that tiers by prompt size hold."""
    where, values = where_of(window)
    (actual,) = whole(connection.execute(f"SELECT {halves('cost')} FROM requests WHERE {where}", values).fetchone())
    usages = _answered(connection, window)
    return tuple(_counterfactual(model, price, usages, actual) for model in models)


def _counterfactual(model: str, price: Pricing, usages: dict[Usage, int], actual: int) -> Counterfactual:
    requests = cost = 0
    for usage, count in usages.items():
        amount = price(model, usage)
        if amount is not None:
            requests += count
            cost += amount * count
    return Counterfactual(model, requests, cost, actual)


def _answered(connection: sqlite3.Connection, window: Window) -> dict[Usage, int]:
    """How many answered requests there are of each usage; of several good attempts the last one answered."""
    source, values = _attempts(window, joined=True)
    answered = "requests.purpose = 'answer' AND requests.outcome = 'ok' AND attempts.outcome = 'ok'"
    rows = connection.execute(
        f"""SELECT attempts.request, input, output, cached_input, cache_write, cache_write_1h, reasoning
            {source} AND {answered} ORDER BY attempts.seq""",
        values,
    )
    counts: Counter[tuple[int, ...]] = Counter()
    current: int | None = None
    usage: tuple[int, ...] = ()
    for request, *tokens in rows:
        if current is not None and request != current:
            counts[usage] += 1
        current, usage = request, tuple(tokens)
    if current is not None:
        counts[usage] += 1
    return {msgspec.convert(tokens, Usage): count for tokens, count in counts.items()}


def _by_model(connection: sqlite3.Connection, window: Window) -> list[Group]:
    """The last attempt of an answered request is the one that answered it."""
    source, values = _attempts(window, joined=True)
    last = """NOT EXISTS (SELECT 1 FROM attempts AS later
        WHERE later.seq = attempts.seq + 1 AND later.request = attempts.request)"""
    answered = f"sum(requests.purpose = 'answer' AND requests.outcome = 'ok' AND {last})"
    sums = halves("input", "output", "cached_input", "attempts.cost")
    rows = connection.execute(
        f"""SELECT attempts.model, currency, {answered}, count(*), sum(estimated), {sums} {source}
            GROUP BY attempts.model, currency""",
        values,
    )
    return [Group(*head, *whole(parts)) for head, parts in ((row[:5], row[5:]) for row in rows)]


def _by_request(connection: sqlite3.Connection, group: str, window: Window) -> list[Group]:
    where, values = where_of(window)
    source, bounds = _attempts(window, joined=True)
    tokens: dict[str, Sequence[int]] = {
        name: figures
        for name, *figures in connection.execute(
            f"SELECT {group}, count(*), sum(estimated), {halves('input', 'output', 'cached_input')} {source} GROUP BY 1",
            bounds,
        )
    }
    rows = connection.execute(
        f"SELECT {group}, sum(purpose = 'answer'), {halves('cost')} FROM requests WHERE {where} GROUP BY 1", values
    )
    found: list[Group] = []
    for name, requests, *money in rows:
        attempts, estimated, *parts = tokens.get(name, [0] * 8)
        read, written, cached, cost = whole([*parts, *money])
        found.append(Group(name, "USD", requests, attempts, estimated, read, written, cached, cost))
    return found


def _file_of(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA database_list").fetchone()[2]) or ":memory:"


def _dearest(group: Group) -> tuple[int, str]:
    return -group.cost, group.name


def _attempts(window: Window, joined: bool = False) -> tuple[str, list[int | str]]:
    """FROM and WHERE over the attempts of the window. Their `seq` follows time nearly, so the scan is bounded by
    the window's first request; the join to it is by row id."""
    where, values = where_of(window)
    if not values and not joined:
        return "FROM attempts WHERE 1", []
    first = f"coalesce((SELECT min(requests.seq) FROM requests WHERE {where}), 0)" if values else "0"
    source = "FROM attempts CROSS JOIN requests ON requests.seq = attempts.request"
    return f"{source} WHERE attempts.seq >= {first} AND {where}", values * 2 if values else []
