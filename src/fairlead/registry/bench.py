"""Configuration to the bench and the review as the core knows them."""

from __future__ import annotations

from typing import cast

from fairlead.config import schema
from fairlead.config.bench import shipped
from fairlead.core.bench import Bench, Case, Check, Every
from fairlead.core.model import EMBEDDINGS, Snapshot
from fairlead.registry.digest import nano

USUAL_BUDGET = 1_000_000_000
"""Of a run that is asked for, where none is declared: a dollar."""


def bench(config: schema.Config, snapshot: Snapshot) -> Bench:
    given = config.bench
    named = (model for name in given.models if (model := snapshot.resolve(name)) is not None)
    every = (
        model
        for model in snapshot.models.values()
        if model.enabled and any(channel.enabled for channel in model.channels) and model.capabilities != EMBEDDINGS
    )
    return Bench(
        tuple(
            Case(name, case.task, case.prompt, cast(Check, case.check), case.expects)
            for name, case in (given.cases or shipped()).items()
        ),
        tuple(model.name for model in (named if given.models else every)),
        USUAL_BUDGET if given.budget is None else nano(given.budget),
        cast("Every | None", given.every),
        given.repeat,
        given.at_once,
        given.timeout,
        given.max_output,
    )


def review(config: schema.Config) -> Every | None:
    return cast("Every | None", config.review.every)
