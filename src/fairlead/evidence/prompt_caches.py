"""What a model's input really cost a token: how much of it was read from providers' prompt caches, and what that comes to.

What neither read from a cache nor wrote to one cost what the same model's plain input did in the requests that had to do
with one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fairlead.core.cost import in_usd, rates_for, rounded
from fairlead.core.model import MILLION, Price
from fairlead.store.prompt_caches import Touched


class ModelCache(msgspec.Struct, frozen=True):
    model: str
    input_tokens: int
    """All of it."""
    cached_tokens: int
    written_tokens: int
    plain: int | None
    """Nano-units of USD per million tokens of plain input; None where its price is unknown, as below."""
    effective: int | None
    """The same of all its input, as it was read, written and sent."""

    @property
    def hit_rate(self) -> float:
        return self.cached_tokens / self.input_tokens if self.input_tokens else 0.0


def by_model(
    touched: Iterable[Touched], inputs: Mapping[str, int], prices: Mapping[str, Price]
) -> tuple[ModelCache, ...]:
    """`inputs`: all input tokens by model. Those that have nothing to do with a cache are left out; best hit rate first."""
    rows: dict[str, list[Touched]] = {}
    for one in touched:
        rows.setdefault(one.model, []).append(one)
    found = [_of_model(model, some, inputs.get(model, 0), prices) for model, some in rows.items()]
    return tuple(sorted(found, key=lambda one: (-one.hit_rate, one.model)))


def _of_model(model: str, rows: list[Touched], whole_input: int, prices: Mapping[str, Price]) -> ModelCache:
    there = sum(row.input_tokens for row in rows)
    cached, written = (
        sum(row.cached_tokens for row in rows),
        sum(row.written_tokens + row.written_1h_tokens for row in rows),
    )
    whole_input = max(whole_input, there)
    plain = paid = priced = 0
    for row in rows:
        price = prices.get(row.price_row)
        if price is not None:
            priced += row.input_tokens
            plain += _cost(price, row, cached=False)
            paid += _cost(price, row, cached=True)
    if not priced:
        return ModelCache(model, whole_input, cached, written, None, None)
    a_million = plain * MILLION // priced
    # What the others paid, spread over all input: those whose price is unknown, and those without a cache, at plain cost.
    saved = plain - paid
    return ModelCache(model, whole_input, cached, written, a_million, a_million - saved * MILLION // whole_input)


def _cost(price: Price, row: Touched, cached: bool) -> int:
    rates = rates_for(price, row.input_tokens // row.attempts)
    if not cached:
        return in_usd(rounded(row.input_tokens, rates.input), price)
    parts = (
        (row.cached_tokens, rates.cached_input),
        (row.written_tokens, rates.cache_write),
        (row.written_1h_tokens, rates.cache_write_1h),
    )
    left = row.input_tokens - sum(tokens for tokens, _ in parts)
    amount = rounded(max(left, 0), rates.input)
    amount += sum(rounded(tokens, rates.input if rate is None else rate) for tokens, rate in parts)
    return in_usd(amount, price)
