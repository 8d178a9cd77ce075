"""How much of a budget one attempt may take: what is held for it, and the most output that it is allowed.

held    a quarter more input than estimated, and all of the output limit that is sent
sent    what the caller allows; at most what an eighth of the headroom buys, yet never less than the model's longest
        usual answer (99 of 100 are shorter). So a fresh budget bears clients that ask for 128,000 tokens each time,
        and no answer is cut short for another's sake.
"""

from __future__ import annotations

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.cost import MILLION, UNPRICED, rates_for, rounded
from fairlead.core.model import NANO, Model, Price, Rates

SHARE, OF_TIER = 8, 2
"""Into so many parts what is left is divided: one attempt may take one, or the longest usual answer."""
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


class Allowance(msgspec.Struct, frozen=True):
    output: int
    """The output limit to send; 0 where there is none to send."""
    hold: int
    """Nano-units of USD."""
    per_million: int = 0
    """What a million tokens of output cost, all answers together."""


def allowed(need: Need, price: Price | None, part: int | None) -> Allowance:
    """`part` is what one attempt may take; None caps nothing. What is held may still be more than is left: then it does
    not fit."""
    if price is None:
        return Allowance(0, UNPRICED)
    tokens = need.input_tokens * 5 // 4
    rates = price.rates if not price.tiers else rates_for(price, tokens)
    fixed = _usd(rounded(tokens, _input(rates, need.dear)) + price.per_request, price) + 1
    if need.silent:
        return Allowance(0, fixed)
    each = _usd(_output(rates), price) * max(need.answers, 1)
    room = need.room or need.most or need.longest
    if need.most and need.most < room:
        room = need.most
    if part is None:
        return Allowance(0, fixed + rounded(room, each), each)
    if each:
        room = min(room, max((part - fixed) * MILLION // each, need.longest, 1))
    return Allowance(room, fixed + rounded(room, each), each)


def least_hold(need: Need, price: Price | None) -> int:
    """With less left than this an attempt is not borne; with as much it is."""
    return allowed(need, price, 0).hold


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


def _usd(amount: int, price: Price) -> int:
    """Never less than it comes to."""
    return amount if price.exchange == NANO else -(-amount * price.exchange // NANO)


def _input(rates: Rates, dear: bool) -> int:
    if not dear:
        return rates.input
    return _dearest(rates.input, rates.cache_write, rates.cache_write_1h, rates.image_input, rates.audio_input)


def _output(rates: Rates) -> int:
    return _dearest(rates.output, rates.reasoning, rates.image_output, rates.audio_output)


def _dearest(usual: int, *others: int | None) -> int:
    for rate in others:
        if rate is not None and rate > usual:
            usual = rate
    return usual
