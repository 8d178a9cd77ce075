"""Money: integer nano-units all the way, rounded half-even once per cost line.

A rate is nano-units per million tokens, so a line is `quantity * rate / 1_000_000`: one integer division,
as exact as decimal arithmetic and a tenth of its price. Sums of lines are then exact.

Lines are in the currency of their price row. What is compared, expected or added up over rows is in USD: the row says
what a unit of its currency is worth, and a sum of lines is converted once, half-even.

A line comes to DEAREST at most. No request costs that: a price or a count of tokens is wrong by orders of magnitude,
and a bill in proportion would not fit the 63 bits that the ledger keeps a figure in, or a sum over it.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow

from fairlead.core.model import MILLION, NANO, PLAUSIBLE, Price, Rates
from fairlead.core.record import CostLine, Usage

MOST = 1_000_000_000
"""Whole units that an amount may come to: what is counted in nano-units stays within 63 bits."""
DEAREST = 10_000_000 * NANO
COUNTED = DEAREST // PLAUSIBLE
"""Tokens that no request comes near: what so many come to is no dearer at any plausible rate."""
UNPRICED = 1 << 62
"""What an unknown price is taken for where a budget has to bear it: more than any budget."""
ByToken = tuple[int, int, int]
"""Nano-units of USD that a token of input, one of output, and the request itself cost."""
_EXACT = Context(prec=40, traps=[Inexact, InvalidOperation, Overflow])


def rounded(quantity: int, rate: int) -> int:
    """quantity x rate per million, half-even, at most DEAREST."""
    whole, rest = divmod(quantity * rate, MILLION)
    if whole >= DEAREST:
        return DEAREST
    if rest > 500_000 or (rest == 500_000 and whole & 1):
        return whole + 1
    return whole


def in_usd(amount: int, price: Price) -> int:
    """Nano-units of the row's currency in nano-units of USD, half-even."""
    exchange = price.exchange
    if exchange == NANO:
        return amount
    whole, rest = divmod(amount * exchange, NANO)
    return whole + 1 if rest > NANO // 2 or (rest == NANO // 2 and whole & 1) else whole


def rates_for(price: Price, prompt_tokens: int) -> Rates:
    """The rates of the highest tier the prompt reaches; they hold for all tokens of the request."""
    rates = price.rates
    for above, tier in price.tiers:
        if prompt_tokens <= above:
            break
        rates = tier
    return rates


def expected_cost(price: Price, input_tokens: int, output_tokens: int) -> int:
    """In nano-units of USD."""
    rates = rates_for(price, input_tokens) if price.tiers else price.rates
    each = rates.by_token
    if each is None or input_tokens > COUNTED or output_tokens > COUNTED:
        amount = rounded(input_tokens, rates.input) + rounded(output_tokens, rates.output) + price.per_request
    else:
        amount = input_tokens * each[0] + output_tokens * each[1] + price.per_request
    return amount if price.exchange == NANO else in_usd(amount, price)


def by_token(price: Price) -> ByToken | None:
    """What `expected_cost` comes to by the token, in the lowest tier and for no more tokens than COUNTED; None where there
    might be something to round, to bound or to convert."""
    each = price.rates.by_token
    return None if each is None or price.exchange != NANO else (*each, price.per_request)


def cost_lines(price: Price, usage: Usage) -> tuple[CostLine, ...]:
    """One line per kind of token that was used, per request fee and per tool that was run; cached and cache-write tokens
    are part of `usage.input` and billed apart; reasoning, images and audio are billed apart only if priced apart."""
    return billed(price, usage, is_plain(usage))[0]


def billed(price: Price, usage: Usage, plain: bool) -> tuple[tuple[CostLine, ...], int, int | None]:
    """The lines, what they add up to, and that in USD where it is another figure. `plain`: whether the usage is."""
    rates = rates_for(price, usage.input) if price.tiers else price.rates
    row, currency, fee = price.id, price.currency, price.per_request
    plain_input, plain_output = usage.input, usage.output
    each = rates.by_token if plain_input <= COUNTED and plain_output <= COUNTED else None
    lines: list[CostLine] = []
    cost = fee
    if not plain:
        plain_input, plain_output = _apart(lines, price, rates, usage)
        cost += total(lines)
    if plain_input > 0:
        amount = rounded(plain_input, rates.input) if each is None else plain_input * each[0]
        lines.append(CostLine("input", plain_input, "token", row, amount, currency))
        cost += amount
    if plain_output > 0:
        amount = rounded(plain_output, rates.output) if each is None else plain_output * each[1]
        lines.append(CostLine("output", plain_output, "token", row, amount, currency))
        cost += amount
    if fee:
        lines.append(CostLine("request", 1, "request", row, fee, currency))
    if usage.calls:
        called = [_called(price, tool, times) for tool, times in usage.calls]
        lines += called
        cost += total(called)
    return tuple(lines), cost, None if price.exchange == NANO else in_usd(cost, price)


def is_plain(usage: Usage) -> bool:
    """Whether plain input and output are all there is."""
    return not (
        usage.cached_input
        or usage.cache_write
        or usage.cache_write_1h
        or usage.reasoning
        or usage.image_input
        or usage.audio_input
        or usage.image_output
        or usage.audio_output
        or usage.calls
    )


def _apart(lines: list[CostLine], price: Price, rates: Rates, usage: Usage) -> tuple[int, int]:
    """Adds lines for the tokens that are billed apart; how many of input and of output are not."""
    row, currency = price.id, price.currency
    plain_input, plain_output = usage.input, usage.output
    for kind, quantity, rate in (
        ("cached_input", usage.cached_input, rates.cached_input),
        ("cache_write", usage.cache_write, rates.cache_write),
        ("cache_write_1h", usage.cache_write_1h, rates.cache_write_1h),
    ):
        if quantity:
            plain_input -= quantity
            amount = rounded(quantity, rates.input if rate is None else rate)
            lines.append(CostLine(kind, quantity, "token", row, amount, currency))
    if usage.reasoning and rates.reasoning is not None:
        plain_output -= usage.reasoning
        amount = rounded(usage.reasoning, rates.reasoning)
        lines.append(CostLine("reasoning", usage.reasoning, "token", row, amount, currency))
    if usage.image_input or usage.audio_input or usage.image_output or usage.audio_output:
        of_input = ("image_input", rates.image_input), ("audio_input", rates.audio_input)
        of_output = ("image_output", rates.image_output), ("audio_output", rates.audio_output)
        plain_input -= _priced_apart(lines, price, usage, plain_input, of_input)
        plain_output -= _priced_apart(lines, price, usage, plain_output, of_output)
    return plain_input, plain_output


def _called(price: Price, tool: str, times: int) -> CostLine:
    """A line without a price row for a tool whose fee is not known: it is no less used for that."""
    fee = price.fee(tool)
    if fee is None:
        return CostLine(tool, times, "call", "", 0, price.currency)
    if fee.per == "request":
        return CostLine(tool, 1, "request", price.id, fee.amount, price.currency)
    return CostLine(tool, times, "call", price.id, min(times * fee.amount, DEAREST), price.currency)


def _priced_apart(
    lines: list[CostLine], price: Price, usage: Usage, room: int, kinds: tuple[tuple[str, int | None], ...]
) -> int:
    """Adds lines for what is priced apart; how many of the plain tokens, `room`, that makes up."""
    taken = 0
    for kind, rate in kinds:
        quantity: int = min(getattr(usage, kind), room - taken)
        if rate is not None and quantity > 0:
            taken += quantity
            lines.append(CostLine(kind, quantity, "token", price.id, rounded(quantity, rate), price.currency))
    return taken


def usage_cost(price: Price, usage: Usage) -> int:
    """What `cost_lines` add up to in USD, without making them where plain input and output are all there is."""
    if is_plain(usage):
        return expected_cost(price, usage.input, usage.output)
    return in_usd(billed(price, usage, False)[1], price)


def total(lines: Iterable[CostLine]) -> int:
    found = 0
    for line in lines:
        found += line.amount
    return found


def plain(nano: int) -> str:
    """Nano-units as a plain decimal, no exponent, no trailing zeros: 12_500_000 -> "0.0125"."""
    if 0 < nano < NANO:
        return "0." + str(nano).zfill(9).rstrip("0")
    sign = "-" if nano < 0 else ""
    whole, rest = divmod(abs(nano), NANO)
    if not rest:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{rest:09d}".rstrip("0")


def nano(amount: Decimal) -> int:
    """An amount of whole units in nano-units; refuses what cannot be held exactly."""
    if not amount.is_finite() or amount.copy_abs() > MOST:
        raise ValueError(f"{amount} is no amount up to {MOST:,}")
    try:
        scaled = _EXACT.multiply(amount, NANO)
        whole = int(scaled)
    except DecimalException:
        raise ValueError(f"{amount} has more than nine decimals") from None
    if scaled != whole:
        raise ValueError(f"{amount} has more than nine decimals")
    return whole
