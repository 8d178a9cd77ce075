"""What a unit of a currency is worth in USD, and since when: dated, each with its source.

The shipped table is small, from the days it names and second-hand, as its source says; a file, a setting or a polled
address says it better. A rate holds
from its day on, the first one of a currency from the beginning. Amounts are nano-USD, rounded half-even.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path

import msgspec

from fairlead.registry.digest import EXACT

DAY = 86_400
LATEST = 8
"""Rates of a currency that price rows are made of: what was charged before keeps its own."""
SMALLEST, GREATEST = 1_000, 10_000_000_000_000
"""Nano-USD that a unit of a currency may be worth: a millionth of a dollar, ten thousand dollars."""


class Rate(msgspec.Struct, frozen=True):
    currency: str
    since: int
    """Epoch seconds, the beginning of a day in UTC."""
    usd: int
    """Nano-USD of one unit."""
    source: str

    @property
    def day(self) -> str:
        return datetime.datetime.fromtimestamp(self.since, datetime.UTC).date().isoformat()


Table = dict[str, tuple[Rate, ...]]
"""By currency, ascending."""


class _File(msgspec.Struct):
    source: str
    rates: list[tuple[str, str, str, str]]
    """(currency, day, so many units, are worth so many USD)"""


def rate(currency: str, day: datetime.date, units: Decimal, usd: Decimal, source: str) -> Rate:
    """Raises ValueError for what no currency is worth."""
    if not (units > 0 and usd > 0):
        raise ValueError(f"a rate of {usd} USD for {units} {currency} is none")
    worth = int(EXACT.divide(EXACT.multiply(usd, Decimal(10**9)), units).to_integral_value(ROUND_HALF_EVEN))
    if not SMALLEST <= worth <= GREATEST:
        raise ValueError(f"no {currency} is worth {usd / units:f} USD")
    since = (day.toordinal() - datetime.date(1970, 1, 1).toordinal()) * DAY
    return Rate(currency, since, worth, source)


def read(raw: bytes) -> list[Rate]:
    """`msgspec.DecodeError` or ValueError where it is no such file."""
    file = msgspec.json.decode(raw, type=_File)
    return [
        rate(currency, datetime.date.fromisoformat(day), Decimal(units), Decimal(usd), f"{file.source}, {day}")
        for currency, day, units, usd in file.rates
    ]


@cache
def shipped() -> Table:
    return table(read(Path(__file__).with_name("exchange.json").read_bytes()))


def table(rates: Iterable[Rate], over: Table | None = None) -> Table:
    """Of one day the later one holds; what stands in `over` is gone by before the first of these."""
    found: dict[str, dict[int, Rate]] = {}
    for known in (over or {}).values():
        for one in known:
            found.setdefault(one.currency, {})[one.since] = one
    for one in rates:
        found.setdefault(one.currency, {})[one.since] = one
    return {currency: tuple(days[day] for day in sorted(days)) for currency, days in sorted(found.items())}
