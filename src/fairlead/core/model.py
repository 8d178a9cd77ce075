"""What fairlead knows of a model: the types of a registry entry and of the snapshot `decide` reads.

Money is integer nano-units (1e-9) of the row's currency; a token price is nano-units per million tokens.
Capabilities are bits, so that "can it do all of this" is one operation however many are asked.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Literal

import msgspec

TOOLS = 1
JSON_SCHEMA = 2
VISION = 4
AUDIO = 8
DOCUMENTS = 16
THINKING = 32
LOGPROBS = 64
EMBEDDINGS = 128
IMAGE_OUTPUT = 256
AUDIO_OUTPUT = 512

CAPABILITIES: dict[str, int] = {
    "tools": TOOLS,
    "json_schema": JSON_SCHEMA,
    "vision": VISION,
    "audio": AUDIO,
    "documents": DOCUMENTS,
    "thinking": THINKING,
    "logprobs": LOGPROBS,
    "embeddings": EMBEDDINGS,
    "image_output": IMAGE_OUTPUT,
    "audio_output": AUDIO_OUTPUT,
}


def capability_names(bits: int) -> tuple[str, ...]:
    return tuple(name for name, bit in CAPABILITIES.items() if bits & bit)


MILLION = 1_000_000
PLAUSIBLE = 10_000_000
"""Nano-units for a token of input and one of output together that no price comes near."""


class Rates(msgspec.Struct, frozen=True, dict=True):
    """Nano-units per million tokens; None means "billed like plain input" (or, for reasoning, like output)."""

    input: int
    output: int
    cached_input: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    image_input: int | None = None
    audio_input: int | None = None
    image_output: int | None = None
    audio_output: int | None = None

    @cached_property
    def by_token(self) -> tuple[int, int] | None:
        """For a token of plain input and one of plain output, where those are whole nano-units, as nearly always: so there is
        nothing to round."""
        of_input, input_rest = divmod(self.input, MILLION)
        of_output, output_rest = divmod(self.output, MILLION)
        return None if input_rest or output_rest or of_input + of_output > PLAUSIBLE else (of_input, of_output)


NANO = 1_000_000_000

FeePer = Literal["call", "request"]
"""Each use that is told, or once for a request that uses it at all."""


class Fee(msgspec.Struct, frozen=True, array_like=True):
    """What a provider takes for a tool that it runs itself, beside the tokens."""

    tool: str
    """web_search, file_search, code_interpreter..."""
    amount: int
    """Nano-units of the row's currency."""
    per: FeePer = "call"
    source: str = ""
    """Who said so, and as of which day, where that is another than the row's."""


class Price(msgspec.Struct, frozen=True):
    """One dated price row. `tiers` are (prompt tokens above which they hold, rates), ascending; all tokens
    of a request are billed at the tier its prompt reaches. A row holds at one exchange rate: where that changes, another
    row begins."""

    id: str
    rates: Rates
    currency: str = "USD"
    tiers: tuple[tuple[int, Rates], ...] = ()
    per_request: int = 0
    since: int = 0
    """Epoch seconds from which the row holds."""
    source: str = ""
    exchange: int = NANO
    """Nano-USD that a unit of the currency is worth."""
    exchange_source: str = ""
    """Who said so, and as of which day."""
    peaks: tuple[Peak, ...] = ()
    flat: int = 0
    """Nano-units that a subscription costs each period, whatever is used."""
    flat_per: str = ""
    """day, week, month or year"""
    fees: tuple[Fee, ...] = ()
    """For tools that the provider runs. What one of the others costs is not known."""

    def fee(self, tool: str) -> Fee | None:
        for fee in self.fees:
            if fee.tool == tool:
                return fee
        return None


class Peak(msgspec.Struct, frozen=True):
    """Hours of the week in which another price holds, in the provider's own time."""

    offsets: tuple[tuple[int, int], ...]
    """(epoch seconds from which it holds, seconds that local time is ahead of UTC), ascending."""
    minutes: tuple[tuple[int, int], ...]
    """(first minute of the week, the one after the last), Monday 00:00 being 0."""
    price: Price

    def holds(self, at: int) -> bool:
        ahead = 0
        for since, seconds in self.offsets:
            if since > at:
                break
            ahead = seconds
        minute = ((at + ahead) // 60 + THURSDAY) % WEEK
        return any(begins <= minute < ends for begins, ends in self.minutes)


THURSDAY = 3 * 1_440
"""The minute of the week at which the epoch began."""
WEEK = 7 * 1_440


class Channel(msgspec.Struct, frozen=True):
    """One way to reach a model: a provider's endpoint with its own price, region and upstream name."""

    id: str
    """`model@name`, unique over the snapshot."""
    name: str
    model: str
    provider: str
    upstream: str
    """The model's name at that provider."""
    prices: tuple[Price, ...] = ()
    """Ascending by `since`; empty means unpriced."""
    region: str = ""
    context: int = 0
    """Tokens this provider serves at most, where that is less than the model's own; 0 otherwise."""
    self_hosted: bool = False
    flags: frozenset[str] = frozenset()
    enabled: bool = True

    def settled(self, at: int) -> bool:
        """Whether its price is the same from then on."""
        return not self.prices or (self.prices[-1].since <= at and not self.prices[-1].peaks)

    def price_at(self, at: int) -> Price | None:
        rows = self.prices
        if not rows:
            return None
        row = rows[-1]
        if row.since <= at and not row.peaks:  # as nearly always
            return row
        return _in_force(rows, at)


def _in_force(rows: tuple[Price, ...], at: int) -> Price | None:
    for row in reversed(rows):
        if row.since <= at:
            return next((peak.price for peak in row.peaks if peak.holds(at)), row)
    return None


class Model(msgspec.Struct, frozen=True):
    name: str
    channels: tuple[Channel, ...]
    aliases: tuple[str, ...] = ()
    context: int = 0
    """Tokens of prompt and answer together; 0 means unknown, and is then not checked."""
    max_output: int = 0
    capabilities: int = 0
    quality: float | None = None
    """0 to 1, from the user's configuration or derived from the benchmarks."""
    qualities: dict[str, float] = {}
    """The same by task, where more is known."""
    benchmarks: dict[str, float] = {}
    latency_ms: int | None = None
    """The latency SLA: what a typical request takes, until measurements say otherwise."""
    flags: frozenset[str] = frozenset()
    enabled: bool = True


class Compared(msgspec.Struct, frozen=True, array_like=True):
    """What an experiment found of a model for certain."""

    experiment: str
    against: str
    """The model that it was compared with."""
    gain: float
    """How much better its answers were, from -1 to 1."""
    low: float
    high: float
    """Between which that lies."""
    answers: int
    """Of both, that an outcome is known of."""


class Conditions(msgspec.Struct, frozen=True):
    """The part of a snapshot that moves: at most renewed once a second."""

    version: int = 0
    disabled: frozenset[str] = frozenset()
    """Models and channel ids that are switched off just now."""
    ejected: frozenset[str] = frozenset()
    """Channel ids that have failed of late and are left alone."""
    resting: frozenset[str] = frozenset()
    """Of these, those that asked for it: not even the last resort."""
    latency_ms: dict[str, int] = {}
    """Measured median latency by channel id."""
    health: dict[str, float] = {}
    """Share of late attempts that a channel answered, where it is below one."""
    evidence: dict[str, tuple[float, float]] = {}
    """Judgements of answers by `model|task`: the weight of the good ones, and of all."""
    output: dict[str, int] = {}
    """Measured output tokens by `model|task`, and of all models by `|task`."""
    longest: dict[str, int] = {}
    """Of 100 answers 99 have fewer output tokens, by `model|task`."""
    cached: dict[str, float] = {}
    """Share of the input that a channel reads from its prompt cache where a conversation begins, or comes to it."""
    kept: dict[str, float] = {}
    """Of what it is taken to hold of a conversation, the share that it does."""
    checked: dict[str, tuple[float, float, float, int]] = {}
    """Answers of cascades that were checked, by `policy|model|task`: how many were kept, how many were good enough for the
    next in line, how many there were, and what a check cost, in nano-units of USD."""
    compared: dict[str, Compared] = {}
    """What experiments found for certain, by `model|task`; of one over all tasks by `model|`."""


class Extremes(msgspec.Struct, frozen=True):
    """What any of many models has, so that a rule which none of them can break is not asked of each."""

    switched_off: bool = False
    """Whether a model or a channel is, in the configuration."""
    embeddings: bool = False
    """Whether one makes embeddings and nothing else."""
    context: int = 0
    """The least of the models that have one, in tokens; 0 where none has. So with the other two."""
    channel_context: int = 0
    max_output: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """Everything `decide` may know of the world."""

    hash: str
    models: dict[str, Model]
    aliases: dict[str, str]
    """Lower-case alias or name -> name."""
    conditions: Conditions = Conditions()
    extremes: Extremes = Extremes()
    """Of its models; found when it is made, whatever is given."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "extremes", _extremes(self.models.values()))

    def resolve(self, name: str) -> Model | None:
        model = self.models.get(name)
        if model is None:
            canonical = self.aliases.get(name.lower())
            if canonical is not None:
                model = self.models[canonical]
        return model


def _extremes(models: Collection[Model]) -> Extremes:
    channels = [channel for model in models for channel in model.channels]
    return Extremes(
        not all(model.enabled for model in models) or not all(channel.enabled for channel in channels),
        any(model.capabilities == EMBEDDINGS for model in models),
        min((model.context for model in models if model.context), default=0),
        min((channel.context for channel in channels if channel.context), default=0),
        min((model.max_output for model in models if model.max_output), default=0),
    )
