"""A scenario of the calculator as types: the work, the models' prices, the strategies, and what was published of them.

Shares and prices stay exact: a share is a fraction, whether written 0.25, 25 % or 1/4, and so is a published figure,
which also remembers to which decimal it was printed. What depends on several settings at once is checked by who reads
the scenario.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

import msgspec
from pydantic import BeforeValidator, Field, PlainValidator

from fairlead.config.section import Section
from fairlead.config.values import Count, Name, Text, Whole, Word, choice_of, exact, expect, number, refuse

PERCENT = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?) ?%")
RATIO = re.compile(r"(\d{1,9})/(\d{1,9})")
CURRENCY = re.compile(r"[A-Z]{3}")
PAYS = ("every", "last")
BASELINES = ("random", "all_frontier", "all_cheap")
FIGURES = {
    "cost": "what all requests cost",
    "per_request": "what one request costs",
    "per_1000": "what 1,000 requests cost",
    "per_million_tokens": "what a million tokens cost, input and output together",
    "quality": "the average quality",
    "quality_ratio": "the average quality as a share of another strategy's",
    "requests": "how many requests there are",
    "calls": "how many calls of models they take",
    "saving": "the share saved against another strategy",
    "ratio": "the cost as a share of another strategy's",
    "difference": "how much less it costs than another strategy",
    "share": "a model's share of the requests",
    "spend_share": "a model's share of the cost",
    "spend": "what a model costs",
}
"""What of a strategy's outcome can be compared with a published figure."""
AGAINST = ("saving", "ratio", "difference", "quality_ratio")
OF_A_MODEL = ("share", "spend_share", "spend")


class Printed(msgspec.Struct, frozen=True):
    """A figure as it was printed: whatever rounds to it agrees with it."""

    value: Fraction
    half: Fraction
    """Half a unit of its last decimal."""


def fraction(value: object, what: str) -> Fraction:
    if isinstance(value, str) and (found := PERCENT.fullmatch(value)):
        return Fraction(found[1]) / 100
    if isinstance(value, str) and (found := RATIO.fullmatch(value)) and int(found[2]):
        return Fraction(int(found[1]), int(found[2]))
    return Fraction(value) if isinstance(value, Fraction) else Fraction(number(value, what))


def share(value: object) -> Fraction:
    result = fraction(value, "a share such as 0.25, 25 % or 1/4")
    if not 0 <= result <= 1:
        refuse(f"a share is from 0 to 1, found {float(result):g}")
    return result


def positive(value: object) -> Fraction:
    result = fraction(value, "a number above 0")
    if not 0 < result <= 1_000_000:
        refuse(f"must be more than 0 and at most 1,000,000, found {float(result):g}")
    return result


def printed(value: object) -> Printed:
    if isinstance(value, str) and (found := PERCENT.fullmatch(value)):
        return Printed(Fraction(found[1]) / 100, _half(Decimal(found[1])) / 100)
    result = number(value, "a figure such as 18000, 0.0023 or 15 %")
    return Printed(Fraction(result), _half(Decimal(result)))


def _half(figure: Decimal) -> Fraction:
    exponent = figure.as_tuple().exponent
    assert isinstance(exponent, int)
    return Fraction(1, 2) / 10**-exponent if exponent < 0 else Fraction(1, 2)


def currency(value: object) -> str:
    if not isinstance(value, str) or not CURRENCY.fullmatch(value):
        expect("a currency's three letters, such as USD", value)
    return value


def _nothing(value: object) -> object:
    """A model named with nothing after the colon is one of the catalogue."""
    return {} if value is None else value


Share = Annotated[Fraction, PlainValidator(share), Word("share")]
Positive = Annotated[Fraction, PlainValidator(positive), Word("number above 0")]
Figure = Annotated[Printed, PlainValidator(printed), Word("figure")]
Currency = Annotated[str, BeforeValidator(currency), Word("currency")]
Amount = Annotated[Decimal, BeforeValidator(exact), Field(ge=0, le=10**9), Word("amount, at most 9 decimals")]
TokenCount = Annotated[Whole, Field(ge=0, le=10**9), Word("tokens")]
Pays = Annotated[str, BeforeValidator(lambda value: choice_of(value, PAYS)), Word(" / ".join(PAYS))]
Baseline = Annotated[str, BeforeValidator(lambda value: choice_of(value, BASELINES)), Word(" / ".join(BASELINES))]
FigureName = Annotated[str, BeforeValidator(lambda value: choice_of(value, tuple(FIGURES))), Word("figure's name")]


class Tokens(Section):
    input: TokenCount | None = Field(None, description="Input tokens of a request; 1,000 unless given.")
    output: TokenCount | None = Field(None, description="Output tokens of a request; 400 unless given.")
    cached: Share | None = Field(None, description="Share of the input that the provider's prompt cache holds.")


class TaskGiven(Section):
    share: Share = Field(description="Its share of the requests; all tasks' shares add up to 1.")
    tokens: Tokens = Field(Tokens(), description="Where its requests differ from the others'.")
    length: Positive = Field(
        Fraction(1), description="How long its requests are: tokens, or the price of a request, times this."
    )


class ModelGiven(Section):
    input: Amount | None = Field(None, description="Price of a million input tokens.")
    output: Amount | None = Field(None, description="Price of a million output tokens.")
    cached: Amount | None = Field(None, description="Price of a million cached input tokens; the input's unless given.")
    per_request: Amount | None = Field(None, description="What a request of length 1 costs, where no token prices are.")
    discount: Share = Field(Fraction(0), description="Taken off all of these.")
    currency: Currency | None = Field(None, description="Of these prices; the scenario's unless given.")
    quality: Share | None = Field(None, description="Share of requests it answers well.")
    qualities: dict[Name, Share] = Field({}, description="The same by task.")


class Subscription(Section):
    model: Name = Field(description="The model it gives access to.")
    fee: Amount = Field(description="What it costs a period.")
    includes: Count | None = Field(None, description="Requests a period it is good for; all unless given.")
    beyond: Name | None = Field(
        None, description="The model that answers the rest at its price; without, further subscriptions are taken."
    )


class Move(Section):
    share: Share = Field(description="Share of a model's spend whose requests go elsewhere.")
    source: Name = Field(description="The model they leave.")
    to: Name = Field(description="The model they go to, at the ratio of the two models' prices.")


class StrategyGiven(Section):
    single: Name | None = Field(None, description="All requests to one model.")
    mix: dict[Name, Share] | None = Field(None, description="Shares by model, alike for every task.")
    tiered: dict[Name, Name] | None = Field(None, description="A model for each task.")
    cascade: dict[Name, Share] | None = Field(
        None, description="Models in the order they are tried, each with the share of requests that ends there."
    )
    random: tuple[Name, ...] | None = Field(None, min_length=1, description="One of these models, by chance.")
    all_frontier: Name | None = Field(None, description="All requests to this model, as the frontier.")
    all_cheap: Name | None = Field(None, description="All requests to this model, as the cheap one.")
    subscription: Subscription | None = Field(None, description="A flat fee a period.")
    observed: dict[Name, Amount] | None = Field(None, description="What each model has cost, as a bill says.")
    pays: Pays | None = Field(
        None, description="With `cascade`: for every model that was tried, or only the last (chosen beforehand); every."
    )
    kept: dict[Name, Share] = Field(
        {}, description="With `cascade`: quality of what ends at a model; else the model's."
    )
    move: Move | None = Field(None, description="With `observed`: what goes elsewhere.")
    overhead: Amount = Field(Decimal(0), description="What choosing costs a request: a classifier, a judge.")


class PublishedGiven(Section):
    figure: FigureName = Field(description="What was published: see the table of figures.")
    of: Name = Field(description="The strategy it is of.")
    against: Name | None = Field(None, description="The strategy it is compared with.")
    model: Name | None = Field(None, description="The model it is of.")
    value: Figure = Field(description="As printed: what rounds to it agrees.")
    to: Figure | None = Field(None, description="The other end, where a range was printed.")
    within: Figure | None = Field(None, description="How far off still agrees, where it was printed as about.")


class ScenarioFile(Section):
    title: Text = Field("", description="What it is about.")
    title_zh: Text = Field("", description="The same in Chinese.")
    source: Text = Field("", description="Where published figures come from.")
    date: Text = Field("", description="When they were published.")
    note: Text = Field("", description="What does not add up in them, or what had to be assumed.")
    note_zh: Text = Field("", description="The same in Chinese.")
    currency: Currency = Field("USD", description="Of all results.")
    exchange: dict[Currency, Positive] = Field({}, description="Units of another currency for one of `currency`.")
    period: Text = Field("month", description="The time in which so many requests come, as a word.")
    requests: Count = Field(1000, description="Requests a period.")
    tokens: Tokens = Field(Tokens(), description="Of a request.")
    tasks: dict[Name, TaskGiven] = Field({}, description="The mix of work; one kind of task unless given.")
    models: dict[Name, Annotated[ModelGiven, BeforeValidator(_nothing)]] = Field(
        {}, description="The models; one without prices takes the catalogue's."
    )
    strategies: dict[Name, StrategyGiven] = Field({}, description="What is compared, each by a name of its own.")
    baselines: tuple[Baseline, ...] = Field(BASELINES, description="What is compared beside them, over all models.")
    published: tuple[PublishedGiven, ...] = Field((), description="Figures to compare the results with.")


KINDS = ("single", "mix", "tiered", "cascade", "random", "all_frontier", "all_cheap", "subscription", "observed")
"""What a strategy can be: one of these settings, and no two."""


def kinds_of(strategy: StrategyGiven) -> tuple[str, ...]:
    return tuple(kind for kind in KINDS if getattr(strategy, kind) is not None)
