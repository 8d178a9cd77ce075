"""The settings of the bench and of the review: which questions are asked of whom, for how much, and how often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BeforeValidator, Field

from fairlead.config.finding import Finding
from fairlead.config.references import ModelRef, TaskRef
from fairlead.config.section import Section
from fairlead.config.values import Count, Money, Name, Seconds, Text, Word, choice_of
from fairlead.core.bench import CHECKS, EVERY

EveryName = Annotated[str, BeforeValidator(lambda value: choice_of(value, EVERY)), Word(" / ".join(EVERY))]
CheckName = Annotated[str, BeforeValidator(lambda value: choice_of(value, CHECKS)), Word(" / ".join(CHECKS))]


def _answers(value: Any) -> Any:
    """One counts as a list of one, and a number as how it is written."""
    given = value if isinstance(value, list) else [value]
    return [one if isinstance(one, str) else str(one) for one in given]


Expected = Annotated[tuple[Text, ...], BeforeValidator(_answers), Word("text or number, or a list")]


class Case(Section):
    task: TaskRef = Field(description="The task it is of.")
    prompt: Text = Field(min_length=1, description="The question.")
    check: CheckName = Field("exact", description="How its answer is checked.")
    expects: Expected = Field(
        min_length=1,
        description="What is right, any of these; for json the fields that it must have, each as path=value.",
    )


class Bench(Section):
    every: EveryName | None = Field(None, description="How often it runs; by default only when it is asked for.")
    budget: Money | None = Field(None, description="What a run may cost; needed where it runs by itself.")
    models: tuple[ModelRef, ...] = Field((), description="Who is asked; by default every model that answers in words.")
    cases: dict[Name, Case] = Field(
        {}, description="Questions with answers that can be checked; by default the shipped."
    )
    repeat: Count = Field(1, description="How often each question is asked.")
    at_once: Count = Field(4, description="Most questions under way at once.")
    timeout: Seconds = Field(60, description="How long an answer may take.")
    max_output: Count = Field(2_000, description="Most tokens of an answer; one that is cut off there is not counted.")


class Review(Section):
    every: EveryName | None = Field(None, description="How often a dated report is written; by default never.")


@cache
def shipped() -> Mapping[str, Case]:
    given = yaml.safe_load(Path(__file__).with_name("bench.yaml").read_text(encoding="utf-8"))
    return {name: Case(**settings) for name, settings in given.items()}


def findings(bench: Bench) -> Iterator[Finding]:
    if bench.every is not None and bench.budget is None:
        yield Finding(("bench", "every"), "a bench that runs by itself needs a `budget`: what a run may cost")
    for name, case in bench.cases.items():
        if case.check == "json" and not all("=" in field.strip("=") for field in case.expects):
            yield Finding(("bench", "cases", name, "expects"), "each field of check json is written as path=value")
