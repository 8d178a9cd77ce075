"""Configuration to experiments as the core knows them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import cast

from fairlead.config import schema
from fairlead.config.experiments import Experiment as Given
from fairlead.core.experiments import Branch, Experiment, Measure, Unit
from fairlead.registry.policies import kinds_of


def experiments(config: schema.Config) -> tuple[Experiment, ...]:
    """In their order: a request is part of the first that it fits and that its unit is drawn for."""
    return tuple(_experiment(name, one, config) for name, one in config.experiments.items())


def _experiment(name: str, given: Given, config: schema.Config) -> Experiment:
    return Experiment(
        name,
        tuple(
            Branch(arm, share, given.arms[arm].model or "", given.arms[arm].policy or "")
            for arm, share in _shares(given).items()
        ),
        frozenset((*given.task, *(kind for task in given.task for kind in kinds_of(task, config)))),
        given.policy or "",
        cast(Unit, given.by),
        cast(Measure, given.measure),
        0 if given.since is None else _begin(given.since),
        None if given.until is None else math.ceil(given.until.timestamp()),
        given.least,
    )


def _begin(moment: datetime.datetime) -> int:
    """A day alone begins at midnight; as the end of something it lasts until the next."""
    if moment.time() == datetime.time.max:
        moment = datetime.datetime.combine(moment.date(), datetime.time.min, datetime.UTC)
    return math.floor(moment.timestamp())


def _shares(given: Given) -> Mapping[str, float]:
    """Those that say nothing share alike what the others leave."""
    silent = [name for name, arm in given.arms.items() if arm.share is None]
    left = max(0.0, 1 - sum(arm.share or 0.0 for arm in given.arms.values()))
    return {name: left / len(silent) if arm.share is None else arm.share for name, arm in given.arms.items()}
