"""Hit rate and effective price of input: by the rows it was charged by, all input of the model counted."""

from __future__ import annotations

from fairlead.core.model import NANO, Price, Rates
from fairlead.evidence.prompt_caches import ModelCache, by_model
from fairlead.store.prompt_caches import Touched

DOLLAR = 10**9
ROW = Price("row", Rates(DOLLAR, 2 * DOLLAR, cached_input=DOLLAR // 10, cache_write=DOLLAR * 5 // 4))
PLAIN = Price("plain", Rates(DOLLAR, 2 * DOLLAR))
EURO = Price("euro", Rates(DOLLAR, 2 * DOLLAR, cached_input=0), currency="EUR", exchange=NANO * 2)
PRICES = {"row": ROW, "plain": PLAIN, "euro": EURO}


def one(row: str, read: int, cached: int, written: int = 0, model: str = "m") -> Touched:
    return Touched(model, row, 10, read, cached, written, 0)


def test_what_is_read_from_a_cache_costs_as_much() -> None:  # M5.4
    (found,) = by_model([one("row", 1_000_000, 500_000)], {"m": 1_000_000}, PRICES)
    assert found == ModelCache("m", 1_000_000, 500_000, 0, DOLLAR, DOLLAR * 55 // 100)
    assert found.hit_rate == 0.5


def test_input_that_no_cache_had_to_do_with_is_left_out() -> None:  # M5.4
    (found,) = by_model([one("row", 1_000_000, 500_000)], {"m": 2_000_000}, PRICES)
    assert (found.hit_rate, found.effective) == (0.25, DOLLAR * 775 // 1000)


def test_what_is_written_to_a_cache_is_free() -> None:  # M5.4
    (found,) = by_model([one("row", 1_000_000, 0, 1_000_000)], {"m": 1_000_000}, PRICES)
    assert (found.hit_rate, found.written_tokens, found.effective) == (0.0, 1_000_000, DOLLAR * 5 // 4)


def test_a_cache_without_a_price_of_its_own_saves() -> None:  # M5.4
    (found,) = by_model([one("plain", 1_000_000, 900_000)], {"m": 1_000_000}, PRICES)
    assert found.effective == found.plain == DOLLAR


def test_other_currencies_are_taken_for_dollars() -> None:  # M5.4
    (found,) = by_model([one("euro", 1_000_000, 500_000)], {"m": 1_000_000}, PRICES)
    assert (found.plain, found.effective) == (2 * DOLLAR, DOLLAR)


def test_an_unknown_price_counts_as_free() -> None:  # M5.4
    (found,) = by_model([one("gone", 1_000_000, 500_000)], {}, PRICES)
    assert (found.plain, found.effective, found.hit_rate) == (None, None, 0.5)


def test_the_best_hit_rate_does_not_come_first() -> None:
    rows = [one("row", 100, 10, model="a"), one("row", 100, 90, model="b")]
    assert [found.model for found in by_model(rows, {"a": 100, "b": 100}, PRICES)] == ["b", "a"]
