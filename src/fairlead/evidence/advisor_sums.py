"""The sums over the rows: everything the advisor keeps of them, in memory that does not grow with their number.

A cell is a period, a model and a kind of work, with requests, tokens and cost. Periods are days; where there would be
more cells than `CELLS`, two neighbouring periods become one, again and again. Names beyond a bound are one name.

The classifier costs more than all the rest, so it reads each model's first texts, then every second one, every fourth,
and so on, each standing for those between. What was not read is divided over the kinds as what was read of that model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.core.cost import rates_for, usage_cost
from fairlead.core.model import MILLION, NANO, Price
from fairlead.core.record import Usage
from fairlead.evidence.advisor_market import Choice, Market
from fairlead.evidence.logs.row import UNKNOWN_DAY, Row

REQUESTS, PLAIN, CACHED, WRITE, WRITE_1H, OUTPUT, REASONING, COST, LONGEST = range(9)
FIGURES = 9
CELLS = 100_000
MODELS, TASKS, PERIODS, GROUPS, OWNERS = 500, 64, 92, 500, 1_000
WIDEST = 1 << 16
"""Days of a period that holds all there are."""
REMEMBERED = 8_192
"""Prompts among which one that comes again is noticed."""
SAMPLE = 2_000
"""Texts that are read of a model before every second one is left out, and then before every second one of these."""
OTHERS, NOT_TOLD = "(others)", "(not told)"
SIMPLE_TASKS = frozenset(("classification", "extraction", "fast_response"))
"""Simple work, where nothing else is known of a request's complexity."""

Kind = tuple[str, str]
"""Task and complexity, each empty where unknown."""
Reader = Callable[[str | bytes], Kind]
UNKNOWN: Kind = ("", "")
UNREAD: Kind = ("(unread)", "")


class ModelSum:
    """What is known of one model's rows beside the cells."""

    __slots__ = (
        "again", "choice", "failed", "firsts", "latency", "mix", "name", "number", "prices", "risen", "rows", "sample",
        "stride", "texts", "texts_read", "texts_seen", "timed", "until_halved", "vendor",
    )  # fmt: skip

    def __init__(self, number: int, name: str, choice: Choice | None, sample: int) -> None:
        self.number, self.name, self.choice = number, name, choice
        self.vendor = choice.vendor if choice else ""
        self.rows = self.failed = self.latency = self.timed = 0
        self.again = self.risen = 0
        """Prompts that came again after this model's answer; of them, those that then went to a dearer model."""
        self.texts_seen = self.texts = self.texts_read = 0
        """Of the rows, those with a text; of these, those whose task is not told; of these, those that were read."""
        self.stride = 1 if sample else 0
        self.sample = self.until_halved = sample
        self.mix: dict[Kind, list[float]] = {}
        self.prices: dict[tuple[int, str], Price | None] = {}


class Group(NamedTuple):
    model: ModelSum
    task: str
    complexity: str


class Table(msgspec.Struct, frozen=True):
    """The cells, laid out for reckoning."""

    groups: tuple[Group, ...]
    figures: NDArray[np.float64]
    """By period, group and figure. COST is in nano-units of USD; LONGEST is the longest prompt of a single request."""
    days: tuple[int, ...]
    """The first day of each period, or UNKNOWN_DAY."""


class Sums:
    def __init__(self, market: Market, read: Reader | None, sample: int = SAMPLE, unnamed: str = "") -> None:
        self.market = market
        self.rows = self.unpriced = self.estimated = 0
        self.logged_cost = 0
        self.bills: dict[str, int] = {}
        self.bill_days: set[int] = set()
        self.first = self.last = UNKNOWN_DAY
        self.providers: dict[str, int] = {}
        """What went to whom."""
        self.owners: dict[str, int] = {}
        """Whose it was: by tenant, or by key."""
        self.models: dict[str, ModelSum] = {}
        self._spellings: dict[str, ModelSum] = {}
        self._cells: dict[tuple[int, int, Kind], list[float]] = {}
        self._kinds: dict[str, Kind] = {}
        self._width = 1
        self._recent: dict[int, ModelSum] = {}
        self._read = read
        self._sample = sample if read else 0
        self._unnamed = unnamed

    def add(self, row: Row) -> None:
        if row.bill:
            self._bill(row)
            return
        self.rows += 1
        model = self._spellings.get(row.model) or self._model(row.model)
        day = row.day
        if day != UNKNOWN_DAY:
            if day > self.last:
                self.last = day
            if day < self.first or self.first == UNKNOWN_DAY:
                self.first = day
        cost = row.cost
        if cost is None:
            cost = list_price(model, row)
            if cost is None:
                self.unpriced += 1
                return
        else:
            self.logged_cost += cost
        model.rows += 1
        if row.failed:
            model.failed += 1
        if row.latency_ms >= 0:
            model.latency += row.latency_ms
            model.timed += 1
        if row.estimated:
            self.estimated += 1
        provider = row.via or model.vendor
        self.providers[provider] = self.providers.get(provider, 0) + cost
        owner = row.tenant or row.key
        if owner not in self.owners and len(self.owners) >= OWNERS:
            owner = OTHERS
        self.owners[owner] = self.owners.get(owner, 0) + cost
        kind, weight = self._kind(row, model)
        key = (day // self._width, model.number, kind)
        cell = self._cells.get(key)
        if cell is None:
            if len(self._cells) >= CELLS and self._width < WIDEST:
                self._widen()
                key = (day // self._width, model.number, kind)
            cell = self._cells.setdefault(key, [0] * FIGURES)
        plain = row.input - row.cached - row.cache_write - row.cache_write_1h
        written = row.output - row.reasoning
        cell[0] += row.requests
        cell[1] += plain
        cell[2] += row.cached
        cell[3] += row.cache_write
        cell[4] += row.cache_write_1h
        cell[5] += written
        cell[6] += row.reasoning
        cell[7] += cost
        if row.input > cell[8] and row.requests == 1:
            cell[8] = row.input
        if weight:
            mixed = model.mix.setdefault(kind, [0.0] * FIGURES)
            for at, figure in enumerate(
                (row.requests, plain, row.cached, row.cache_write, row.cache_write_1h, written, row.reasoning, cost)
            ):
                mixed[at] += weight * figure

    def _kind(self, row: Row, model: ModelSum) -> tuple[Kind, int]:
        """Task and complexity, and how many texts a text that was read stands for; 0 where none was."""
        said = row.said
        if said:
            self._notice(said, model)
        if row.task:
            return self._named(row.task, row.complexity), 0
        if not said or not self._sample:
            return UNKNOWN, 0
        model.texts += 1
        if model.texts % model.stride:
            return UNREAD, 0
        model.texts_read += 1
        weight = model.stride
        model.until_halved -= 1
        if not model.until_halved:
            model.until_halved = model.sample
            model.stride *= 2
        assert self._read is not None
        return self._read(said), weight

    def _notice(self, said: str | bytes, model: ModelSum) -> None:
        model.texts_seen += 1
        mark = hash(said)
        before = self._recent.pop(mark, None)
        if before is not None:
            before.again += 1
            if dearer(model.choice, before.choice):
                before.risen += 1
        self._recent[mark] = model
        if len(self._recent) > REMEMBERED:
            for old in list(islice(self._recent, REMEMBERED // 2)):
                del self._recent[old]

    def _named(self, task: str, complexity: str) -> Kind:
        known = self._kinds.get(task)
        if known is None:
            name = task.strip().lower().replace(" ", "_")[:60] if len(self._kinds) < TASKS else OTHERS
            known = self._kinds[task] = (name, "simple" if name in SIMPLE_TASKS else "")
            if len(self._kinds) > TASKS * 4:
                del self._kinds[task]
        return (known[0], complexity) if complexity else known

    def _model(self, spelled: str) -> ModelSum:
        named = spelled or self._unnamed
        choice = self.market.find(named) if named else None
        name = choice.name if choice else named.strip()[:100] or NOT_TOLD
        if name not in self.models and len(self.models) >= MODELS:
            name, choice = OTHERS, None
        found = self.models.get(name)
        if found is None:
            found = self.models[name] = ModelSum(len(self.models), name, choice, self._sample)
        if len(self._spellings) < MODELS * 4:
            self._spellings[spelled] = found
        return found

    def _bill(self, row: Row) -> None:
        self.bills[row.via] = self.bills.get(row.via, 0) + (row.cost or 0)
        if row.day != UNKNOWN_DAY and len(self.bill_days) < CELLS:
            self.bill_days.add(row.day)
        if row.model:
            self._model(row.model)

    def _widen(self) -> None:
        """Two neighbouring periods become one."""
        self._width *= 2
        old, self._cells = self._cells, {}
        for (period, model, kind), figures in old.items():
            _merge(self._cells, (period // 2, model, kind), figures)

    def table(self) -> Table:
        """The cells as an array: the unread divided, periods as many as may be, small groups under their model."""
        cells: dict[tuple[int, int, Kind], list[float]] = {}
        by_number = {model.number: model for model in self.models.values()}
        for (period, number, kind), figures in self._cells.items():
            if kind != UNREAD:
                _merge(cells, (period, number, kind), figures)
                continue
            for each, part in divided(figures, by_number[number].mix):
                _merge(cells, (period, number, each), part)
        width = self._width
        while len({period for period, _, _ in cells}) > PERIODS:
            width *= 2
            old, cells = cells, {}
            for (period, number, kind), amounts in old.items():
                _merge(cells, (period // 2, number, kind), amounts)
        return _laid_out(cells, by_number, width)


def _merge(cells: dict[tuple[int, int, Kind], list[float]], key: tuple[int, int, Kind], figures: list[float]) -> None:
    found = cells.get(key)
    if found is None:
        cells[key] = list(figures)
        return
    for at in range(LONGEST):
        found[at] += figures[at]
    found[LONGEST] = max(found[LONGEST], figures[LONGEST])


def divided(figures: Iterable[float], mix: dict[Kind, list[float]]) -> list[tuple[Kind, list[float]]]:
    """Figures of texts that were not read, as the model's read ones are divided over the kinds."""
    figures = list(figures)
    totals = [sum(each[at] for each in mix.values()) for at in range(LONGEST)]
    requests = totals[REQUESTS]
    if not requests:
        return [(UNKNOWN, figures)]
    found = []
    for kind, each in mix.items():
        share = each[REQUESTS] / requests
        part = [
            figure * (each[at] / totals[at] if totals[at] else share) for at, figure in enumerate(figures[:LONGEST])
        ]
        found.append((kind, [*part, figures[LONGEST]]))
    return found


def _laid_out(cells: dict[tuple[int, int, Kind], list[float]], models: dict[int, ModelSum], width: int) -> Table:
    costs: dict[tuple[int, Kind], float] = {}
    for (_, number, kind), figures in cells.items():
        costs[number, kind] = costs.get((number, kind), 0) + figures[COST]
    kept = set(sorted(costs, key=lambda each: -costs[each])[:GROUPS])
    groups: dict[tuple[int, Kind], int] = {}
    periods = {period: at for at, period in enumerate(sorted({period for period, _, _ in cells}))}
    laid = np.zeros((len(periods), min(len(costs), GROUPS + len(models)), FIGURES))
    for (period, number, kind), figures in cells.items():
        group = (number, kind if (number, kind) in kept else UNKNOWN)
        at = groups.setdefault(group, len(groups))
        laid[periods[period], at, :LONGEST] += figures[:LONGEST]
        laid[periods[period], at, LONGEST] = max(laid[periods[period], at, LONGEST], figures[LONGEST])
    names = tuple(Group(models[number], *kind) for number, kind in groups)
    days = tuple(UNKNOWN_DAY if period < 0 else period * width for period in periods)
    return Table(names, laid[:, : len(names)], days)


def list_price(model: ModelSum, row: Row) -> int | None:
    """What a row cost by the price that held on its day, in nano-units of USD. Where the row is of many requests, the
    tier for long prompts is that of the average one."""
    if model.choice is None:
        return None
    key = (row.day, row.via)
    if key in model.prices:
        price = model.prices[key]
    else:
        price = model.choice.price(row.day, row.via)
        if len(model.prices) < 10_000:
            model.prices[key] = price
    if price is None:
        return None
    if price.tiers and row.requests != 1:
        rates = rates_for(price, row.input // max(row.requests, 1))
        price = msgspec.structs.replace(price, rates=rates, tiers=())
    usage = Usage(row.input, row.output, row.cached, row.cache_write, row.cache_write_1h, row.reasoning)
    cost = usage_cost(price, usage) + price.per_request * max(row.requests - 1, 0)
    return cost // 2 if row.batch else cost


def dearer(one: Choice | None, other: Choice | None) -> bool:
    """Whether a model costs more than another one, at three tokens in for one out and the latest prices."""
    if one is None or other is None or one is other:
        return False
    return blended(one) > blended(other)


def blended(choice: Choice) -> float:
    """Nano-units of USD for a million tokens, three in for one out."""
    price = choice.price(UNKNOWN_DAY)
    return (3 * price.rates.input + price.rates.output) / 4 if price else 0.0


def of_day(price: Price, rows: NDArray[np.float64], average: float) -> NDArray[np.float64]:
    """What tokens cost by one price row, in nano-units of USD; the last axis of `rows` is the figures."""
    rates = rates_for(price, int(average)) if price.tiers else price.rates
    plain = rates.input
    each = np.array(
        [
            price.per_request * MILLION,
            plain,
            plain if rates.cached_input is None else rates.cached_input,
            plain if rates.cache_write is None else rates.cache_write,
            plain if rates.cache_write_1h is None else rates.cache_write_1h,
            rates.output,
            rates.output if rates.reasoning is None else rates.reasoning,
        ],
        dtype=np.float64,
    )
    costs: NDArray[np.float64] = rows[..., :COST] @ each * (price.exchange / NANO / MILLION)
    return costs
