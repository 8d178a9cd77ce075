"""The settings that bound what may be spent, and how much may be asked: budgets, and limits of tenants, teams, models."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from fairlead.config.references import Refers
from fairlead.config.section import Section
from fairlead.config.values import Count, Money, Share, Text, Word, choice_of, name
from fairlead.core.budgets import PERIODS, SCOPES

EACH = "each"
MODES = ("hard", "soft")

Per = Annotated[str, BeforeValidator(lambda value: choice_of(value, PERIODS)), Word(" / ".join(PERIODS))]
Mode = Annotated[str, BeforeValidator(lambda value: choice_of(value, MODES)), Word(" / ".join(MODES))]
Scope = Annotated[str, BeforeValidator(lambda value: choice_of(value, SCOPES)), Word(" / ".join(SCOPES))]
ThenRef = Annotated[str, BeforeValidator(name), Word("cheapest, policy or strategy"), Refers("policy or cheapest")]


class Limits(Section):
    rpm: Count | None = Field(None, description="Requests a minute.")
    tpm: Count | None = Field(None, description="Tokens a minute.")
    concurrency: Count | None = Field(None, description="Requests at once.")


class Allotment(Section):
    """What may be spent in a while, wherever it is said for whom."""

    amount: Money = Field(description="What may be spent, in USD.")
    per: Per = Field("month", description="In which time; days, weeks and months of the calendar where the tenant is.")
    mode: Mode = Field("hard", description="Beyond it: hard refuses, soft lets pass.")
    alerts: tuple[Share, ...] = Field((0.8, 1.0), description="Shares of it that are told when they are spent.")
    then: ThenRef | None = Field(
        None, description="Of a soft one that is spent: who chooses from then on: `cheapest`, a policy, a strategy."
    )


class Budget(Allotment):
    scope: Scope = Field(description="Whose spending it is.")
    who: Text = Field(
        "",
        description="Whose of these: a name, of a team `tenant/team`, of a tier `policy/tier`; `each` (which is meant "
        "where nothing is said) gives every one its own.",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Empty where it is for each."""
        if self.who in ("", EACH):
            return ()
        parts = self.who.partition("/")
        return (parts[0], parts[2]) if self.scope in ("team", "tier") else (self.who,)
