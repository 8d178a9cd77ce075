"""The price book: the dated rows by which the attempts on a channel are charged, worked out once when a configuration loads.

    channel > model > price lists that were asked > catalogue      who says it
    hours > discount > exchange rate                               what becomes of it

- A price with a start day leaves the next source's rows in force before it.
- What a price does not say of a provider's own tools, the next source does, where that is in the same currency: hardly
  anybody who writes down what tokens cost means that searches are free, or that nobody knows.
- Discounts and peak hours are reckoned exactly, rounded half-even to a nano-unit where that is finer.
- A row in another currency begins anew with each exchange rate, under an id that names the rate: one id is one way to
  reckon, for good.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import msgspec

from fairlead.config import money, offers, schema
from fairlead.core.model import WEEK, Fee, FeePer, Peak, Price, Rates
from fairlead.errors import ConfigError
from fairlead.registry import exchange
from fairlead.registry.catalogue import spelling
from fairlead.registry.digest import EXACT, digest, nano

if TYPE_CHECKING:
    from fairlead.registry.catalogue import Catalogue, Entry

Change = Callable[[int], int]
YEARS = range(2024, 2041)
"""Of these the changes of clocks are known to peak hours."""


class Book:
    def __init__(self, config: schema.Config, catalogue: Catalogue) -> None:
        self._config = config
        self._polled = catalogue.polled
        self._exchange = in_force(config.exchange, catalogue.exchange)

    def rows(self, model: str, channel: str, given: schema.Channel, entry: Entry | None) -> tuple[Price, ...]:
        """Ascending by `since`."""
        listed = offers.priced(entry, self._config.providers[given.provider]) if entry else None
        rows = listed.prices if listed else ()
        names = dict.fromkeys(spelling(name) for name in (model, *((entry.name,) if entry else ())))
        for polled in (one for name in names for one in self._polled.get(name, ())):
            if polled.provider in ("", given.provider):
                rows = _followed(rows, _with_fees(polled.price, rows))
        peaks: dict[str, tuple[money.Peak, ...]] = {}
        for owner, price in ((model, self._config.models[model].price), (f"{model}@{channel}", given.price)):
            if price is not None:
                row = _with_fees(row_of(price, f"config/{owner}", "configuration"), rows)
                rows = _followed(rows, row)
                peaks[row.id] = price.peaks
        rows = tuple(_peaked(row, peaks.get(row.id, ())) for row in rows)
        if given.discount:
            share = EXACT.subtract(Decimal(1), given.discount)
            rows = tuple(changed(row, f"*{share.normalize():f}", _times(share)) for row in rows)
        return tuple(one for row, until in _spans(rows) for one in self._worth(row, until))

    def _worth(self, row: Price, until: int | None) -> Iterator[Price]:
        """The row by each exchange rate that holds while it does."""
        if row.currency == "USD":
            yield row
            return
        rates = self._exchange.get(row.currency)
        if rates is None:
            raise ConfigError(
                [f"exchange.rates lacks {row.currency}, and no table has it: say what it is worth in USD"]
            )
        rates = rates[-exchange.LATEST :]
        for rate, following in pairwise((*rates, None)):
            assert rate is not None
            since = row.since if rate is rates[0] else max(row.since, rate.since)
            ends = following is not None and following.since <= row.since
            if not ends and (until is None or since < until):
                yield _exchanged(row, rate, since)


def in_force(given: money.Exchange, known: exchange.Table) -> exchange.Table:
    """What tables and settings say together. Raises ConfigError for a file that is no table."""
    found = known
    if given.file is not None:
        found = exchange.table(_file(given.file), found)
    today = datetime.date(1970, 1, 1)
    stated = [exchange.rate(name, today, Decimal(1), usd, "configuration") for name, usd in given.rates.items() if usd]
    return {**found, **exchange.table(stated)}


def _file(path: str) -> list[exchange.Rate]:
    try:
        return exchange.read(Path(path).read_bytes())
    except OSError as problem:
        raise ConfigError([f"exchange.file {path} cannot be read: {problem.strerror}"]) from None
    except (msgspec.DecodeError, ValueError, ArithmeticError) as problem:
        raise ConfigError([f"exchange.file {path} is no table of rates: {problem}"]) from None


def row_of(price: schema.Price, owner: str, source: str, since: int | None = None) -> Price:
    """A row says by its id what it says: other figures are another row."""
    row = Price(
        id="",
        rates=_rates(price, nano),
        currency=price.currency,
        tiers=tuple(sorted(((tier.above, _rates(tier, nano)) for tier in price.tiers), key=lambda tier: tier[0])),
        per_request=nano(price.per_request),
        since=_epoch(price.since) if price.since else since or 0,
        source=source,
        flat=0 if price.flat is None else nano(price.flat.amount),
        flat_per="" if price.flat is None else price.flat.per,
        fees=tuple(Fee(tool, nano(fee.amount), cast(FeePer, fee.per)) for tool, fee in sorted(price.tools.items())),
    )
    return msgspec.structs.replace(row, id=f"{owner}/{digest(row)[:8]}")


def _with_fees(row: Price, before: tuple[Price, ...]) -> Price:
    """With those of the row that it follows, for tools of which it says nothing."""
    named = {fee.tool for fee in row.fees}
    last = before[-1] if before else None
    if last is None or last.currency != row.currency:
        return row
    more = tuple(fee if fee.source else msgspec.structs.replace(fee, source=last.source) for fee in last.fees)
    more = tuple(fee for fee in more if fee.tool not in named)
    if not more:
        return row
    return msgspec.structs.replace(row, id=f"{row.id}+{digest(more)[:4]}", fees=(*row.fees, *more))


def _followed(rows: tuple[Price, ...], row: Price) -> tuple[Price, ...]:
    return (*(earlier for earlier in rows if earlier.since < row.since), row)


def _spans(rows: Iterable[Price]) -> Iterator[tuple[Price, int | None]]:
    """Each row, and when the next one begins."""
    for row, following in pairwise((*rows, None)):
        assert row is not None
        yield row, None if following is None else following.since


def _rates(given: schema.Rates | Rates, change: Callable[[Any], int]) -> Rates:
    """Every amount that is given, changed alike."""
    found = {name: getattr(given, name) for name in Rates.__struct_fields__}
    changed = {name: None if amount is None else change(amount) for name, amount in found.items()}
    return Rates(**changed)  # type: ignore[arg-type]  # input and output are always given


def _epoch(day: datetime.date) -> int:
    return int(datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp())


def _times(factor: Decimal) -> Change:
    return lambda amount: int(EXACT.multiply(Decimal(amount), factor).to_integral_value(ROUND_HALF_EVEN))


def changed(row: Price, mark: str, change: Change) -> Price:
    """With every amount changed alike, under an id of its own."""
    return msgspec.structs.replace(
        row,
        id=f"{row.id}{mark}",
        rates=_rates(row.rates, change),
        tiers=tuple((above, _rates(old, change)) for above, old in row.tiers),
        per_request=change(row.per_request),
        fees=tuple(msgspec.structs.replace(fee, amount=change(fee.amount)) for fee in row.fees),
        peaks=tuple(msgspec.structs.replace(peak, price=changed(peak.price, mark, change)) for peak in row.peaks),
    )


def _exchanged(row: Price, rate: exchange.Rate, since: int) -> Price:
    mark = f";{rate.day if rate.source != 'configuration' else rate.usd}"
    peaks = tuple(msgspec.structs.replace(peak, price=_exchanged(peak.price, rate, since)) for peak in row.peaks)
    return msgspec.structs.replace(
        row, id=f"{row.id}{mark}", since=since, exchange=rate.usd, exchange_source=rate.source, peaks=peaks
    )


# ---- peak hours


def _peaked(row: Price, peaks: Iterable[money.Peak]) -> Price:
    found = tuple(
        Peak(_offsets(peak.timezone), _minutes(peak), changed(row, f"*{peak.times.normalize():f}", _times(peak.times)))
        for peak in peaks
    )
    return msgspec.structs.replace(row, peaks=found) if found else row


def _minutes(peak: money.Peak) -> tuple[tuple[int, int], ...]:
    """Of the week; what goes on over midnight on Sunday begins anew on Monday."""
    begins, ends = (int(time[:2]) * 60 + int(time[3:]) for time in peak.hours.split("-"))
    if ends <= begins:
        ends += 24 * 60
    found = []
    for day in peak.days:
        first = money.DAYS.index(day) * 24 * 60
        found.append((first + begins, min(first + ends, WEEK)))
        if first + ends > WEEK:
            found.append((0, first + ends - WEEK))
    return tuple(sorted(found))


def _offsets(name: str) -> tuple[tuple[int, int], ...]:
    """When local time is how far ahead, to the hour in which it changes."""
    zone, found = ZoneInfo(name), list[tuple[int, int]]()
    at = int(datetime.datetime(YEARS.start, 1, 1, tzinfo=datetime.UTC).timestamp())
    end = int(datetime.datetime(YEARS.stop, 1, 1, tzinfo=datetime.UTC).timestamp())
    while at < end:
        ahead = _ahead(zone, at)
        if not found or found[-1][1] != ahead:
            hour = at
            while found and _ahead(zone, hour - 3600) == ahead:
                hour -= 3600
            found.append((hour, ahead))
        at += 86_400
    return tuple(found)


def _ahead(zone: ZoneInfo, at: int) -> int:
    offset = datetime.datetime.fromtimestamp(at, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
