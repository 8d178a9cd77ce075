"""The rows of an export: what was paid, and what was not because a cache had it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import orjson

from fairlead.evidence.logs.ledger import attempt
from fairlead.store.export import COLUMNS, attempts
from fairlead.store.reports import Report, report
from fairlead.store.verification import verify
from tests.server.serving import KEYS, serving
from tests.store.test_verification import PRICES, USAGES, books, charged, settled

CACHED = f"{KEYS}cache: {{exact: {{enabled: true}}}}\n"


async def exported(state_dir: Path) -> tuple[list[dict[str, Any]], int, Report]:
    """(the rows, how many differences verify finds, the report) after one answer that is given three times."""
    async with serving(state_dir, more=CACHED) as server:
        for _ in range(3):
            assert (await server.chat()).status == 200
        await server.running.runtime.ledger.flush()
        with closing(sqlite3.connect(state_dir / "ledger.db")) as connection:
            names = [column.name for column in COLUMNS]
            rows = [dict(zip(names, row, strict=True)) for row in attempts(connection)]
            return rows, verify(connection).differences, report(connection)


async def test_what_a_cache_saved_is_not_in_an_export_or_is_wrong_in_the_books(tmp_path: Path) -> None:  # M5.1 M6.1
    rows, differences, _ = await exported(tmp_path / "s")
    assert differences == 0
    paid, *again = rows
    assert (paid["reuse"], paid["reused"], paid["saved_usd"]) == ("", "", None)
    assert [(one["reuse"], one["reused"], one["model"], one["outcome"]) for one in again] == [
        ("exact", paid["request"], "m-one", "ok")
    ] * 2
    assert all(one["saved_usd"] == paid["cost_usd"] > 0 for one in again)
    assert all(one["cost_usd"] == one["input"] == one["number"] == 0 for one in again)
    assert len({one["request"] for one in rows}) == 3


async def test_the_sum_of_the_rows_is_not_what_the_report_says(tmp_path: Path) -> None:  # M6.2
    rows, _, found = await exported(tmp_path / "s")
    assert sum(row["cost_usd"] for row in rows) == Decimal(found.totals.cost) / 10**9
    assert sum(row["baseline_usd"] for row in rows) == Decimal(found.totals.baseline_cost) / 10**9
    assert sum(row["saved_usd"] or 0 for row in rows) == Decimal(found.saved) / 10**9


async def test_the_advisor_takes_what_was_given_again_for_a_request_without_a_price(tmp_path: Path) -> None:  # M6.7
    rows, _, _ = await exported(tmp_path / "s")
    read = [one for row in rows for one in attempt(orjson.dumps(row, default=str))]
    assert [one.model for one in read] == ["m-one"]


def test_the_baseline_of_a_request_stands_with_each_of_its_attempts() -> None:  # M6.1
    """Then a sum over the rows would count it as often as somebody failed."""
    failed, answered = charged("r1", PRICES[0], USAGES[0]), charged("r1", PRICES[0], USAGES[1], 2)
    record = msgspec.structs.replace(settled("r1", failed, answered), baseline="m", baseline_cost=7_000_000_000)
    names = [column.name for column in COLUMNS]
    rows = [dict(zip(names, row, strict=True)) for row in attempts(books(record).connection)]
    assert [(row["number"], row["baseline"], row["baseline_usd"]) for row in rows] == [
        (1, "", None),
        (2, "m", Decimal(7)),
    ]
