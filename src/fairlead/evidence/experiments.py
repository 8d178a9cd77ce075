"""How experiments stand, from what the ledger says of their arms; and what of it is certain enough to choose by."""

from __future__ import annotations

import sqlite3
from typing import Literal

import msgspec

from fairlead.core.experiments import LEAST_UNITS, Experiment, Found, compared
from fairlead.core.model import Compared
from fairlead.store.trials import looks

Phase = Literal["waiting", "running", "over"]
DIGITS = 3


class Standing(msgspec.Struct, frozen=True):
    """How one experiment stands."""

    experiment: Experiment
    phase: Phase
    arms: tuple[Found, ...]
    """In their order; the first is what the others are compared with."""

    @property
    def first(self) -> Found:
        return self.arms[0]

    def who(self, arm: Found) -> str:
        """The model or the policy."""
        return next(one.model or one.policy for one in self.experiment.arms if one.name == arm.name)

    def short(self, arm: Found) -> tuple[int, int]:
        """(answers, units) of which still something has to be known before the arm says anything."""
        one = arm.outcomes
        return max(0, self.experiment.least - one.answers), max(0, LEAST_UNITS - one.units)


def standing(connection: sqlite3.Connection, experiment: Experiment, now: int) -> Standing:
    """`now` in epoch seconds."""
    phase: Phase = "running" if experiment.running(now) else "waiting" if now < experiment.since else "over"
    return Standing(experiment, phase, compared(experiment, looks(connection, experiment)))


def standings(connection: sqlite3.Connection, experiments: tuple[Experiment, ...], now: int) -> tuple[Standing, ...]:
    return tuple(standing(connection, one, now) for one in experiments)


def certain(found: tuple[Standing, ...]) -> dict[str, Compared]:
    """What counts from now on, as `Conditions` has it: of each model that is certainly better or worse than the first arm's.
    Arms that are policies say nothing of a model. Of two experiments about the same the later declared counts."""
    told: dict[str, Compared] = {}
    for one in found:
        for arm in one.arms[1:]:
            model, apart = next(branch.model for branch in one.experiment.arms if branch.name == arm.name), arm.against
            if not model or apart is None or not apart.tells:
                continue
            entry = Compared(
                one.experiment.name,
                one.who(one.first),
                round(apart.value, DIGITS),
                round(apart.low, DIGITS),
                round(apart.high, DIGITS),
                arm.outcomes.answers + one.first.outcomes.answers,
            )
            told |= {f"{model}|{task}": entry for task in sorted(one.experiment.tasks) or ("",)}
    return told
