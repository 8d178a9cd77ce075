"""Tools that providers ran, a row for each: what the books, the reports and a repricing make of them."""

from __future__ import annotations

import re

import msgspec
import pytest

from fairlead.core.model import Fee, Price, Rates
from fairlead.core.record import Record, Usage
from fairlead.store.answers import Answered
from fairlead.store.calls import Used, used
from fairlead.store.recovery import lost
from fairlead.store.reports import TEXT
from fairlead.store.repricing import repriced
from fairlead.store.sqlite import Projection
from fairlead.store.window import DAY_MS, Window
from tests.store.entries import AT, intent
from tests.store.test_verification import books, charged, settled, told

CENT = 10_000_000
SEARCHING = Price("a", Rates(1_000_000_000, 2_000_000_000), fees=(Fee("web_search", CENT), Fee("web_fetch", 0)))
YUAN = Price("b", Rates(0, 1_000_000_000), "CNY", exchange=137_500_000, fees=(Fee("web_search", 7 * CENT, "request"),))
PRICES = (SEARCHING, YUAN, Price("c", Rates(1_000_000_000, 1_000_000_000)))
USED = Usage(1_000, 100, calls=(("web_fetch", 2), ("web_search", 3)))
SEARCHED = Usage(1_000, 100, calls=(("web_search", 3),))


def kinds() -> list[Record]:
    return [
        settled("r1", charged("r1", SEARCHING, Usage(5, 5)), charged("r1", SEARCHING, USED, 2)),
        settled("r2", charged("r2", YUAN, SEARCHED)),
        settled("r3", charged("r3", PRICES[2], SEARCHED)),
        settled("r4", charged("r4", SEARCHING, Usage(5, 5))),
    ]


def made() -> Projection:
    return books(*kinds(), prices=PRICES)


def test_fees_of_tools_are_added_up_otherwise_or_by_nobody() -> None:  # M6.4
    assert used(made().connection) == (
        Used("web_search", "m", 9, 3, 3 * CENT + 9_625_000, 3),
        Used("web_fetch", "m", 2, 1, 0, 0),
    )
    assert used(made().connection, Window(tenant="nobody")) == ()
    found = told(made())
    assert (found.differences, found.worked_out, found.unpriced_tools) == (0, 5, 1), found.told


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE calls SET times = 4 WHERE seq = 1001 AND tool = 'web_search'", "by a: web_search 4"),
        ("UPDATE calls SET usd = usd + 1 WHERE seq = 2000", "table calls has"),
        ("UPDATE calls SET priced = 1 WHERE seq = 3000", "table calls has"),
        ("UPDATE calls SET tool = 'maps' WHERE seq = 2000", "table calls has .*'maps'"),
        ("DELETE FROM calls WHERE seq = 1001", "table calls has nothing else, its record says"),
        ("INSERT INTO calls SELECT 7, tool, at_ms, tenant, model, times, usd, priced FROM calls WHERE seq = 2000", "belong"),
        ('UPDATE prices SET price = replace(price, \'10000000,"call"\', \'20000000,"call"\') WHERE id = \'a\'', "by a: web_search 3 = 0.06"),
    ],
)  # fmt: skip
def test_a_changed_use_or_fee_goes_unseen(damage: str, words: str) -> None:  # M6.1 FAULTS 47
    projection = made()
    assert projection.connection.execute(damage).rowcount >= 1
    found = told(projection)
    assert any(re.search(words, f"{one.what} {one.detail}") for one in found.told), found.told


def test_other_fees_come_to_the_same_or_unknown_ones_to_nothing() -> None:  # M6.2
    """What the other price does not name counts as it was charged."""
    dearer = msgspec.structs.replace(SEARCHING, fees=(Fee("web_search", 5 * CENT),))
    (model,) = repriced(made().connection, lambda *_: dearer)
    tokens = 3 * (1_000 * 1_000 + 100 * 2_000) + 2 * (5 * 1_000 + 5 * 2_000)
    assert model.would == tokens + 9 * 5 * CENT
    silent = msgspec.structs.replace(SEARCHING, fees=())
    (model,) = repriced(made().connection, lambda *_: silent)
    assert model.would == tokens + 3 * CENT + 9_625_000


def test_an_attempt_that_was_lost_is_said_to_have_no_price_now() -> None:  # M6.2
    gone, _ = lost([intent("r1")], AT)
    projection = Projection(None)
    projection.ingest([(1_000, gone, msgspec.msgpack.encode(gone))], [], 1, 1)
    (model,) = repriced(projection.connection, lambda *_: SEARCHING)
    assert (model.attempts, model.lost, model.unpriced, model.was, model.would) == (1, 1, 0, 5_000, 5_000)
    projection.close()


def test_another_model_alone_would_have_searched_for_nothing() -> None:  # M6.4
    plain = Price("plain", Rates(1_000_000_000, 1_000_000_000))
    tokens = 3 * (1_000 + 100) * 1_000 + 10 * 1_000
    assert Answered(made().connection, TEXT).cost(plain) == tokens + 3 * CENT + 9_625_000


def test_uses_stay_when_their_records_are_let_go_of() -> None:
    projection = made()
    projection.retire(AT + 3 * DAY_MS, AT + 2 * DAY_MS)
    assert used(projection.connection) == ()
    assert told(projection).differences == 0
