"""The settings of prices beside the rates themselves: currencies, peak hours, subscriptions, fees of tools, sources that
are polled."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from fairlead.config.references import ProviderRef
from fairlead.config.section import Section
from fairlead.config.values import Address, Count, Money, Path, Text, Word, choice_of, expect, text
from fairlead.core.tools import TOOLS

PERIODS = ("day", "week", "month", "year")
PER = ("call", "request")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CODE = re.compile("[A-Z]{3}")
HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


def _hours(value: object) -> str:
    found = HOURS.fullmatch(text(value))
    if found is None or (found[3] == "24" and found[4] != "00") or found[1] + found[2] == found[3] + found[4]:
        expect("hours like 08:30-18:00", value)
    return found[0]


def _currency(value: object) -> str:
    found = text(value)
    if not CODE.fullmatch(found):
        expect("a currency such as USD or CNY", value)
    return found


def _days(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Period = Annotated[str, BeforeValidator(lambda value: choice_of(value, PERIODS)), Word(" / ".join(PERIODS))]
FeePer = Annotated[str, BeforeValidator(lambda value: choice_of(value, PER)), Word(" / ".join(PER))]
ToolName = Annotated[str, BeforeValidator(lambda value: choice_of(value, tuple(TOOLS))), Word(" / ".join(TOOLS))]
DayName = Annotated[str, BeforeValidator(lambda value: choice_of(value, DAYS)), Word(" / ".join(DAYS))]
Hours = Annotated[str, BeforeValidator(_hours), Word("hours like 08:30-18:00")]
Currency = Annotated[str, BeforeValidator(_currency), Word("currency such as USD or CNY")]


class Peak(Section):
    hours: Hours = Field(
        description="From when to when, in the time zone; over midnight where it ends before it begins."
    )
    days: Annotated[tuple[DayName, ...], BeforeValidator(_days)] = Field(
        DAYS, min_length=1, description="On which days it begins."
    )
    timezone: Text = Field("UTC", description="The provider's, such as Asia/Shanghai.")
    times: Money = Field(description="What the price is multiplied by: 2 is twice, 0.5 half.")


class Flat(Section):
    amount: Money = Field(description="What it costs, in the currency of the price.")
    per: Period = Field("month", description="For how long.")


class Fee(Section):
    amount: Money = Field(description="What it costs, in the currency of the price.")
    per: FeePer = Field("call", description="Each use that the provider tells of, or once for a request with any.")

    @model_validator(mode="before")
    @classmethod
    def _amount_alone(cls, data: Any) -> Any:
        return {"amount": data} if isinstance(data, (int, float, str, Decimal)) else data


class Exchange(Section):
    rates: dict[Currency, Money] = Field({}, description="USD that a unit is worth, whatever the tables say.")
    file: Path | None = Field(
        None, description="JSON table like the shipped one: `{source, rates: [[currency, day, units, usd]]}`."
    )
    url: Address | None = Field(
        None, description="Where such a table, or the ECB's daily one, is asked for; by default nowhere."
    )
    every: Count = Field(86_400, ge=1, description="Seconds between two times it is asked for.")


class PriceSource(Section):
    url: Address = Field(description="Where a price list is asked for.")
    every: Count = Field(3_600, ge=1, description="Seconds between two times it is asked for.")
    provider: ProviderRef | None = Field(
        None, description="A name under `providers`: whose prices they are; by default anyone's."
    )


class Prices(Section):
    sources: tuple[PriceSource, ...] = Field((), description="Price lists that are asked for; by default none.")
