"""What a format is, and the values all of them share: days, amounts, counts.

A format names the columns of a CSV file, or the keys of a JSON object, by which it is known, and turns one such line
into rows. What a line cannot mean is a `ValueError` with the reason; it is told with file and line, and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from math import isfinite

import msgspec

from fairlead.core.model import NANO
from fairlead.evidence.logs.row import UNKNOWN_DAY, Row

EPOCH = date(1970, 1, 1).toordinal()
DAY = 86_400
EARLIEST_DAY, LATEST_DAY = 17_532, 60_000
"""2018-01-01, before there was anything to log; and a day in the year 2134."""
MILLISECONDS_FROM = 100_000_000_000
"""An epoch number from here on is in milliseconds: as seconds it would be of the year 5138."""
MOST_TOKENS = 1 << 50
DEAREST = 1_000_000_000

Fields = Sequence[str]
ReadFields = Callable[[Fields], Row | None]


class Columns(dict[str, int]):
    """Where each column of a CSV file is, by its name in lower case."""

    def get_any(self, *names: str) -> int:
        """The first of the columns that is there; ValueError if none is."""
        for name in names:
            if name in self:
                return self[name]
        raise ValueError(f"there is no column {names[0]}")

    def find(self, *names: str) -> int:
        """The same, or -1."""
        return next((self[name] for name in names if name in self), -1)


class Format(msgspec.Struct, frozen=True):
    name: str
    """As it is told to the user."""
    marks: frozenset[str]
    """Columns or keys that are always there, in lower case."""
    columns: Callable[[Columns], ReadFields] | None = None
    """Of a CSV file: what reads a line, once the header is known."""
    record: Callable[[bytes | msgspec.Raw], Iterable[Row]] | None = None
    """Of JSON: what reads one object."""
    any_of: frozenset[str] = frozenset()
    """Of these at least one is there, if any are named."""

    def fits(self, names: frozenset[str], table: bool) -> bool:
        if (self.columns if table else self.record) is None:
            return False
        return self.marks <= names and (not self.any_of or bool(self.any_of & names))


@lru_cache(4096)
def _date(text: str) -> int:
    return date.fromisoformat(text).toordinal() - EPOCH


def day(value: str | float | None) -> int:
    """The UTC day of a time in ISO form, or in epoch seconds or milliseconds."""
    if value is None or value == "":
        return UNKNOWN_DAY
    if not isinstance(value, str):
        return _epoch_day(value)
    text = value.strip()
    if text.isdecimal() and len(text) > len("20260101"):
        return _epoch_day(int(text))
    return _possible(_iso_day(text), text)


def _iso_day(text: str) -> int:
    try:
        if len(text) < 11 or text[-1] == "Z" or text.endswith(("+00:00", " UTC", "+00")):
            return _date(text[:10])
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            return _epoch_day(float(text))
        except ValueError:
            raise ValueError(f"{text[:40]!r} is no time") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC)
    return moment.toordinal() - EPOCH


def _epoch_day(value: float) -> int:
    if not isfinite(value) or value < 0:
        raise ValueError(f"{value} is no time")
    return _possible(int(value / 1000 if value >= MILLISECONDS_FROM else value) // DAY, f"{value:.0f}")


def _possible(found: int, told: str) -> int:
    """One wrong day would make the time that logs cover another one."""
    if not EARLIEST_DAY <= found <= LATEST_DAY:
        raise ValueError(f"{told[:40]} is no time of such a log")
    return found


def amount(value: str | float | None, share: float = 1.0) -> int | None:
    """An amount of USD in nano-units; `share` is what one of its units is worth."""
    if value is None or value == "":
        return None
    try:
        usd = float(value.replace("$", "").replace(",", "") if isinstance(value, str) else value) * share
    except ValueError:
        raise ValueError(f"{str(value)[:40]!r} is no amount") from None
    if not isfinite(usd) or abs(usd) > DEAREST:
        raise ValueError(f"{value} is no amount")
    return round(usd * NANO)


def count(value: str | float | None) -> int:
    """A number of tokens or requests; nothing is none."""
    if value is None or value == "":
        return 0
    if not isinstance(value, int):
        try:
            value = int(value) if isinstance(value, str) and value.isdecimal() else int(float(value))
        except (ValueError, OverflowError):
            raise ValueError(f"{str(value)[:40]!r} is no count") from None
    if not 0 <= value <= MOST_TOKENS:
        raise ValueError(f"{value} is no count")
    return value


def field(fields: Fields, at: int) -> str:
    """A column that need not be there."""
    return fields[at] if at >= 0 else ""
