"""The books are worked out again from what they were made of."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import msgspec
import pytest

from fairlead.core.cost import cost_lines, in_usd, total
from fairlead.core.model import Price, Rates
from fairlead.core.record import Attempt, Priced, Record, Usage
from fairlead.errors import StateError
from fairlead.store import tally
from fairlead.store.ledger import DATABASE, EmbeddedLedger
from fairlead.store.reports import open_ledger, totals
from fairlead.store.sqlite import PRUNED, Projection
from fairlead.store.verification import Verification, verify
from fairlead.store.window import DAY_MS
from tests.store.books import leave, rows
from tests.store.entries import AT, attempt, intent, record

YUAN = 137_500_000
PRICES = (
    Price("a", Rates(3_000_000_000, 15_000_000_000, 300_000_000, 3_750_000_000, 6_000_000_000)),
    Price("b", Rates(1_000_000_001, 2_000_000_003, reasoning=3), "CNY", exchange=YUAN, per_request=7),
    Price("c", Rates(2, 3, audio_input=5, image_output=7), tiers=((1_000, Rates(4, 6)),)),
    Price("free", Rates(0, 0)),
)
USAGES = (
    Usage(100, 20),
    Usage(5_000, 20_000, 1_234, 77, 99, 1_111),
    Usage(1_001, 999, 1_001, image_output=400),
    Usage(90, 10, audio_input=40, image_input=3, audio_output=1, estimated=True),
)


def charged(request: str, price: Price, usage: Usage, number: int = 1) -> Attempt:
    lines = cost_lines(price, usage)
    cost = total(lines)
    usd = None if price.currency == "USD" else in_usd(cost, price)
    return msgspec.structs.replace(
        attempt(request, number),
        usage=usage,
        lines=lines,
        cost=cost,
        currency=price.currency,
        price_row=price.id,
        usd=usd,
    )


def settled(request: str, *attempts: Attempt) -> Record:
    return msgspec.structs.replace(record(request, *attempts), cost=sum(one.spent for one in attempts))


def books(*records: Record, prices: tuple[Price, ...] = PRICES) -> Projection:
    made = Projection(None)
    notes = [(n, Priced(AT, price)) for n, price in enumerate(prices)]
    rows = [(1_000 * (n + 1), one, msgspec.msgpack.encode(one)) for n, one in enumerate(records)]
    made.ingest(rows, notes, 1, 1)
    return made


def all_kinds() -> list[Record]:
    return [
        settled(
            f"r{n}-{price.id}",
            charged(f"r{n}-{price.id}", price, Usage(3, 0)),
            charged(f"r{n}-{price.id}", price, usage, 2),
        )
        for n, usage in enumerate(USAGES)
        for price in PRICES
    ]


def told(made: Projection) -> Verification:
    found = verify(made.connection)
    made.close()
    return found


def test_an_attempt_cannot_be_worked_out_from_its_price_row() -> None:
    found = told(books(*all_kinds()))
    assert (found.told, found.differences) == ([], 0)
    assert (found.requests, found.attempts, found.worked_out, found.price_rows) == (16, 32, 32, 4)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE attempts SET input = input + 1 WHERE seq = 5001", "by a: .*; the ledger has input 3590 ="),
        ("UPDATE attempts SET cost = cost - 1 WHERE seq = 2000", "its lines come to"),
        ("UPDATE attempts SET cost = cost - 1 WHERE seq = 1001", "by a: output 20 = .*; the ledger has output 20 ="),
        ("UPDATE attempts SET input_cost = input_cost + 1 WHERE seq = 1001", "the ledger has input 100 = "),
        ("UPDATE attempts SET input_cost = NULL WHERE seq = 1001", "neither tokens nor money"),
        ("UPDATE attempts SET usd = usd + 1 WHERE seq = 2001", "USD"),
        ("UPDATE attempts SET price_row = 'gone' WHERE seq = 2001", "gone is not kept"),
        ("UPDATE attempts SET price_row = '' WHERE seq = 2001", "has no price row"),
        ("UPDATE requests SET cost = cost + 1 WHERE seq = 3000", "its attempts come to"),
        ("DELETE FROM attempts WHERE seq BETWEEN 1000 AND 1001", "without an attempt"),
        ("UPDATE prices SET price = replace(price, '3000000000', '3100000000') WHERE id = 'a'", "by a: "),
    ],
)
def test_a_changed_figure_goes_unseen(damage: str, words: str) -> None:
    made = books(*all_kinds())
    assert made.connection.execute(damage).rowcount >= 1
    found = told(made)
    assert found.differences >= 1
    assert any(re.search(words, one.detail) for one in found.told), found.told


def test_a_row_that_changed_under_its_id_makes_old_attempts_wrong() -> None:
    old, new = PRICES[0], msgspec.structs.replace(PRICES[0], rates=Rates(1, 1))
    records = [settled("r1", charged("r1", old, USAGES[0])), settled("r2", charged("r2", new, USAGES[0]))]
    assert told(books(*records, prices=(old, new))).differences == 0
    assert told(books(*records, prices=(old,))).differences == 1


async def kept(state_dir: Path) -> Verification:
    ledger = EmbeddedLedger(state_dir)
    await ledger.open()
    await ledger.close()
    connection = open_ledger(state_dir / DATABASE)
    try:
        return verify(connection)
    finally:
        connection.close()


async def _served(state_dir: Path) -> None:
    for prices in (PRICES, PRICES[:2]):
        ledger = EmbeddedLedger(state_dir)
        await ledger.open()
        ledger.price(prices)
        ledger.price(prices)
        await ledger.close()


def test_a_price_row_is_written_at_every_start(tmp_path: Path) -> None:
    asyncio.run(_served(tmp_path))
    assert asyncio.run(kept(tmp_path)).price_rows == len(PRICES)


def test_a_crash_leaves_costs_whose_price_row_is_lost(tmp_path: Path) -> None:
    """The row is in the spool before anything that is charged by it."""
    one = settled("r1", charged("r1", PRICES[1], USAGES[1]))
    leave(tmp_path, Priced(AT, PRICES[1]), intent("r1"), one, intent("r2", hold=90))
    found = asyncio.run(kept(tmp_path))
    assert (found.differences, found.worked_out, found.lost) == (0, 1, 1)


async def test_records_stay_longer_than_they_are_to_be_kept(tmp_path: Path) -> None:
    old, new = (settled(f"r{n}", charged(f"r{n}", PRICES[0], USAGES[n])) for n in range(2))
    now = time.time_ns() // 1_000_000
    ledger = EmbeddedLedger(tmp_path, records_days=7)
    await ledger.open()
    ledger.price(PRICES)
    before = now - 9 * DAY_MS
    attempts = tuple(msgspec.structs.replace(one, started_ms=before) for one in old.attempts)
    ledger.settle(msgspec.structs.replace(old, at_ms=before, attempts=attempts))
    ledger.settle(msgspec.structs.replace(new, at_ms=now))
    await ledger.flush()
    whole = await ledger.totals()
    await ledger.close()
    assert rows(tmp_path, "SELECT id FROM requests") == [("r1",)]
    assert (whole.requests, whole.cost) == (2, old.cost + new.cost)
    assert (await kept(tmp_path)).differences == 0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE spent SET cost = 0", "has 0 USD, the records come to"),
        ("DELETE FROM spent", "has nothing, the records come to"),
        ("UPDATE spent SET key = 'other'", "'other'.* USD, the records come to 0$"),
        ("UPDATE requests SET model = 'm2' WHERE seq = 3000", "its model is 'm2', its record says 'm'"),
        ("UPDATE prices SET since = 5 WHERE id = 'a'", "its since is 5, its price says 0"),
        ("UPDATE prices SET currency = 'CHF' WHERE id = 'free'", "its currency is 'CHF', its price says 'USD'"),
        ("UPDATE prices SET id = 'free2' WHERE id = 'free'", "its id is 'free2', its price says 'free'"),
    ],
)
def test_what_budgets_begin_with_or_a_copied_column_is_changed_unseen(damage: str, words: str) -> None:  # M6.1
    made = books(*all_kinds())
    assert made.connection.execute(damage).rowcount >= 1
    found = told(made)
    assert found.differences >= 1
    assert any(re.search(words, one.detail) for one in found.told), found.told


@pytest.mark.parametrize("damage", ["UPDATE spent SET cost = 0", "DELETE FROM spent", "UPDATE spent SET tags = 'x'"])
def test_budgets_begin_with_what_was_wrong_after_it_was_made_anew(damage: str) -> None:  # M6.1
    made = books(*all_kinds())
    before = made.connection.execute("SELECT * FROM spent ORDER BY quarter, key, model").fetchall()
    assert made.connection.execute(damage).rowcount >= 1
    made.rebuild()
    assert made.connection.execute("SELECT * FROM spent ORDER BY quarter, key, model").fetchall() == before
    assert told(made).differences == 0


def test_what_was_spent_is_lost_or_found_wrong_once_its_records_are_let_go_of() -> None:  # M6.1
    """An attempt may begin after the midnight before which its request came."""
    midnight = AT - AT % DAY_MS
    late = settled("r1", msgspec.structs.replace(charged("r1", PRICES[0], USAGES[0]), started_ms=midnight + 1_000))
    made = books(
        msgspec.structs.replace(late, at_ms=midnight - 1_000),
        *(settled(f"r{n}", charged(f"r{n}", PRICES[2], USAGES[1])) for n in (2, 3)),
    )
    before = made.connection.execute("SELECT * FROM spent ORDER BY quarter, cost").fetchall()
    assert not made.retire(AT + DAY_MS, midnight)
    made.rebuild()
    assert made.connection.execute("SELECT * FROM spent ORDER BY quarter, cost").fetchall() == before
    assert told(made).differences == 0


def with_tiers() -> list[Record]:
    found = []
    for one in all_kinds():
        attempts = tuple(msgspec.structs.replace(each, tier="cheap") for each in one.attempts)
        found.append(msgspec.structs.replace(one, attempts=attempts, policy="thrifty", tags=("nightly", "a")))
    return found


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE kept SET records_ms = 9000000000000", "are older: no sums are held against them"),
        ("DELETE FROM kept", "its only row is gone, or empty: how far back records and sums reach is not known"),
        ("UPDATE kept SET records_ms = NULL", "its only row is gone, or empty"),
        ("DELETE FROM pruned", "its only row is gone"),
        ("DELETE FROM checkpoint", "its only row is gone"),
        ("UPDATE kept SET minutes_ms = 9000000000000", "minutes are said to begin at"),
        ("UPDATE tiers SET cost = cost + 1 WHERE seq = 2001", "table tiers has"),
        ("UPDATE tiers SET tenant = 'other' WHERE seq = 2000", "table tiers has .*'other'"),
        ("DELETE FROM tiers WHERE seq = 2000", "table tiers has nothing else, its record says"),
        ("INSERT INTO tiers SELECT 1, at_ms, tenant, policy, tier, cost FROM tiers WHERE seq = 2000", "belong to no"),
        ("UPDATE tags SET tag = 'z' WHERE seq = 3000 AND tag = 'a'", "table tags has .*'z'.*'a'"),
        ("INSERT INTO tags VALUES (7, 'a')", "1 rows belong to no request"),
        ("UPDATE attempts SET provider = 'p2' WHERE seq = 3001", "table attempts has .*'p2'"),
        ("UPDATE attempts SET model = 'm2', usd = usd WHERE seq = 3001", "table attempts has .*'m2'"),
        ("UPDATE requests SET baseline_cost = 99 WHERE seq = 3000", "its baseline_cost is 99"),
        ("UPDATE requests SET at_ms = at_ms + 7 WHERE seq = 3000", "its at_ms is"),
        ("UPDATE attempts SET price_row = NULL WHERE seq = 3001", "table attempts has"),
        ("UPDATE attempts SET input = NULL WHERE seq = 3001", "neither tokens nor money"),
        ("UPDATE attempts SET cache_write = NULL WHERE seq = 3001", "table attempts has .*None"),
        ("UPDATE attempts SET lines = 'none' WHERE seq = 3001", "neither tokens nor money"),
        ("UPDATE requests SET record = 'none' WHERE seq = 3000", "its record cannot be read"),
        ("UPDATE prices SET price = 'none' WHERE id = 'a'", "its price cannot be read"),
        ("UPDATE requests SET outcome = 'failed' WHERE seq = 3000", "its outcome is 'failed', its record says 'ok'"),
    ],
)
def test_what_hangs_on_a_record_is_changed_unseen(damage: str, words: str) -> None:  # M6.1
    made = books(*with_tiers())
    made.connection.execute("BEGIN")
    tally.waiting(made.connection).write(made.connection)
    made.connection.execute("COMMIT")
    assert verify(made.connection).told == []
    assert made.connection.execute(damage).rowcount >= 1
    found = told(made)
    assert found.differences >= 1
    assert any(re.search(words, one.detail) for one in found.told), found.told


@pytest.mark.parametrize("table", ["meta", "checkpoint", "requests", "attempts", "prices", "spent", "rollups", "kept"])
def test_a_table_that_is_gone_ends_in_a_traceback(table: str) -> None:  # M6.1
    made = books(*with_tiers())
    made.connection.execute(f"DROP TABLE {table}")
    with pytest.raises(StateError, match=f"no such table: {table}"):
        verify(made.connection)


@pytest.mark.parametrize("gone_before", [0, AT, AT + 9 * DAY_MS])
def test_how_far_the_sums_reach_stays_lost_or_they_are_made_anew_of_less(gone_before: int) -> None:  # M6.1
    """Also where records have been let go of, some or all."""
    ages = (2 * DAY_MS, DAY_MS, 0)
    made = books(
        *(
            msgspec.structs.replace(settled(f"r{n}", charged(f"r{n}", PRICES[0], USAGES[0])), at_ms=AT - age)
            for n, age in enumerate(ages)
        )
    )
    made.retire(AT, gone_before)
    before = totals(made.connection)
    (records,) = made.connection.execute("SELECT records_ms FROM kept").fetchone()
    made.connection.execute("DELETE FROM kept")
    with pytest.raises(StateError, match="`fairlead ledger rebuild`"):
        totals(made.connection)
    assert verify(made.connection).differences == 1
    made.rebuild()
    assert verify(made.connection).told == []
    assert totals(made.connection) == before
    (found,) = made.connection.execute("SELECT records_ms FROM kept").fetchone()
    assert found <= records


def test_records_that_are_just_let_go_of_are_taken_for_hidden_ones() -> None:  # M6.1
    many = [settled(f"r{n}", charged(f"r{n}", PRICES[0], USAGES[0])) for n in range(PRUNED + 5)]
    made = books(*many)
    assert made.retire(AT + 3 * DAY_MS, AT + 2 * DAY_MS)
    assert made.connection.execute("SELECT count(*) FROM requests").fetchone() == (5,)
    assert verify(made.connection).told == []
    assert not made.retire(AT + 3 * DAY_MS, AT + 2 * DAY_MS)
    assert told(made).told == []
