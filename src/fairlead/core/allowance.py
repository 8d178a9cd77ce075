"""How much of a budget one attempt may take: what is held for it, and the most output that it is allowed.

A token is held at whole nano-units, rounded up: what is held is never less than what comes of it, and is reckoned without
a division.

held    a quarter more input than estimated, and all of the output limit that is sent
sent    what the caller allows; at most what an eighth of the headroom buys, yet never less than the model's longest
        usual answer (99 of 100 are shorter). So a fresh budget bears clients that ask for 128,000 tokens each time,
        and no answer is cut short for another's sake.
"""

from __future__ import annotations

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.budgets import Hold
from fairlead.core.cost import DEAREST, UNPRICED, rates_for
from fairlead.core.model import MILLION, NANO, Model, Price, Rates

MOST_HELD = 2 * DEAREST
PRIOR = 4_096
"""The longest usual answer of a model that is not known yet."""


class Need(msgspec.Struct, frozen=True):
    """What an attempt asks for."""

    input_tokens: int
    room: int
    """Tokens of output that the caller allows; 0 where it says nothing."""
    longest: int = PRIOR
    """The model's longest usual answer."""
    most: int = 0
    """What the model gives at most; 0 where that is not known."""
    answers: int = 1
    dear: bool = False
    """Whether some of its input may cost more than text does: what is written to a cache, pictures, sound."""
    silent: bool = False
    """No text comes back: embeddings have no output to limit."""


class Tariff(msgspec.Struct, frozen=True):
    """What a price row comes to at most: nano-units of USD for a token, and for each request whatever it holds."""

    input: int
    dear: int
    """Of input that is not text."""
    output: int
    fixed: int


FREE = Tariff(0, 0, 0, 0)
"""No line of it comes to anything, so that nothing is rounded up either."""


class Tariffs(msgspec.Struct, frozen=True):
    """What is worth keeping of a price row that many requests are priced by."""

    price: Price
    usual: Tariff
    tiers: tuple[tuple[int, Tariff], ...]
    """The tokens of input above which each holds, ascending."""

    def at(self, tokens: int) -> Tariff:
        """Of a request with so many tokens of input."""
        found = self.usual
        for above, tier in self.tiers:
            if tokens > above:
                found = tier
        return found


def tariffs(price: Price) -> Tariffs:
    tiers = tuple((above, tariff(price, tier)) for above, tier in price.tiers)
    return Tariffs(price, tariff(price, price.rates), tiers)


def tariff(price: Price, rates: Rates) -> Tariff:
    dear = _dearest(rates.input, rates.cache_write, rates.cache_write_1h, rates.image_input, rates.audio_input)
    output = _dearest(rates.output, rates.reasoning, rates.image_output, rates.audio_output)
    if not (dear or output or price.per_request):
        return FREE
    rounding = 1 if price.exchange == NANO else 2 + price.exchange // NANO
    return Tariff(
        _token(rates.input, price),
        _token(dear, price),
        _token(output, price),
        _usd(price.per_request, price) + rounding,
    )


def allowed(need: Need, price: Price | None, part: int | None) -> Hold:
    """`part` is what one attempt may take; None caps nothing. What is held may still be more than is left: then it does
    not fit."""
    if price is None:
        return Hold(UNPRICED)
    room = 0 if need.silent else need.room or need.most or need.longest
    if 0 < need.most < room:
        room = need.most
    rates = tariff(price, rates_for(price, need.input_tokens * 5 // 4))
    found = most(rates, need.input_tokens, room, need.answers, need.dear)
    if part is None:
        found.limit = 0
    else:
        lower(found, part, need.longest)
    return found


def most(rates: Tariff, tokens: int, room: int, answers: int, dear: bool) -> Hold:
    """What so many tokens of input, and of output for each answer, may come to."""
    fixed = rates.fixed + (tokens + tokens // 4) * (rates.dear if dear else rates.input)
    each = rates.output * answers
    amount = fixed + room * each
    return Hold(amount if amount < MOST_HELD else MOST_HELD, fixed, room, room * answers, each)


def foreseen(hold: Hold, tokens: int) -> None:
    """Holds for a prediction of so many tokens too: what the answer says otherwise is charged beside it."""
    more = (tokens + tokens // 4) * hold.each
    hold.fixed += more
    hold.amount = min(hold.amount + more, MOST_HELD)


def lower(hold: Hold, part: int, longest: int) -> None:
    """To the output that a part of what is left buys, but to no less than the longest usual answer."""
    limit, each, fixed = hold.limit, hold.each, hold.fixed
    if limit and each:
        answers = hold.counted // limit
        hold.limit = limit = min(limit, max((part - fixed) // each, longest, 1))
        hold.counted = limit * answers
        hold.amount = min(fixed + limit * each, MOST_HELD)


def least_hold(need: Need, price: Price | None) -> int:
    """With less left than this an attempt is not borne; with as much it is."""
    return allowed(need, price, 0).amount


def need(ask: Ask, model: Model) -> Need:
    """As far as it is known before anybody is chosen."""
    longest = ask.conditions.longest.get(f"{model.name}|{ask.traits.task}", PRIOR)
    silent = ask.call.operation == "embed"
    return Need(ask.input_tokens, ask.output_room, longest, model.max_output, silent=silent)


def left_for(model: str, left: tuple[tuple[str, int], ...]) -> int | None:
    """The least of what is left for a model; None where nothing bounds it."""
    least: int | None = None
    for name, amount in left:
        if (not name or name == model) and (least is None or amount < least):
            least = amount
    return least


def _token(rate: int, price: Price) -> int:
    """What one token comes to, rounded up."""
    return -(-_usd(rate, price) // MILLION)


def _usd(amount: int, price: Price) -> int:
    """Never less than it comes to."""
    return amount if price.exchange == NANO else -(-amount * price.exchange // NANO)


def _dearest(usual: int, *others: int | None) -> int:
    for rate in others:
        if rate is not None and rate > usual:
            usual = rate
    return usual
