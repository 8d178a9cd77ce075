"""The settings of experiments: which requests, which arms, for how long, and by what their answers are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from fairlead.config.choosing import Tasks
from fairlead.config.document import NodePath
from fairlead.config.finding import Finding
from fairlead.config.references import ModelRef, PolicyRef
from fairlead.config.section import Section
from fairlead.config.values import Count, Instant, Name, Share, Word, choice_of
from fairlead.core.experiments import MEASURES, UNITS

CLOSE = 1e-9

UnitName = Annotated[str, BeforeValidator(lambda value: choice_of(value, UNITS)), Word(" / ".join(UNITS))]
MeasureName = Annotated[str, BeforeValidator(lambda value: choice_of(value, MEASURES)), Word(" / ".join(MEASURES))]


class Arm(Section):
    model: ModelRef | None = Field(None, description="Who answers first.")
    policy: PolicyRef | None = Field(None, description="The policy that chooses, instead of a model.")
    share: Share | None = Field(
        None, description="Share of the units that are in it; by default all arms share alike what is left."
    )


class Experiment(Section):
    arms: dict[Name, Arm] = Field(description="Two arms or more; the first is what the others are compared with.")
    task: Tasks = Field((), description="Tasks whose requests take part, one or a list; by default all.")
    policy: PolicyRef | None = Field(None, description="Only requests that go by this policy; by default by any.")
    by: UnitName = Field("session", description="What stays in its arm: a conversation, a user, a key, or nothing.")
    measure: MeasureName = Field(
        "feedback", description="What answers are compared by: what is said of them, or whether they pass their checks."
    )
    since: Instant | None = Field(None, description="First day (UTC), or time; by default from now on.")
    until: Instant | None = Field(None, description="Last day (UTC), or time; by default until it is taken out.")
    least: Count = Field(100, description="Answers of an arm that something must be known of before it is compared.")


def findings(experiments: Mapping[str, Experiment], known: Mapping[str, str]) -> Iterator[Finding]:
    """What their settings cannot mean together. `known`: the names and aliases of models, in lower case."""
    for name, experiment in experiments.items():
        yield from _arms(("experiments", name, "arms"), experiment, known)
        yield from _others(("experiments", name), experiment)


def _arms(path: NodePath, experiment: Experiment, known: Mapping[str, str]) -> Iterator[Finding]:
    if len(experiment.arms) < 2:
        yield Finding(path, "needs two arms or more: one is compared with another")
    given = [arm.share for arm in experiment.arms.values() if arm.share is not None]
    left = 1 - sum(given)
    if left < -CLOSE:
        yield Finding(path, f"the shares add up to {sum(given):g}, more than 1")
    elif left < CLOSE and len(given) < len(experiment.arms):
        yield Finding(path, "the shares add up to 1 and leave nothing for the arms without one")
    for name, arm in experiment.arms.items():
        if (arm.model is None) == (arm.policy is None):
            yield Finding((*path, name), "names a `model` or a `policy`, one of them")
        if arm.share == 0:
            yield Finding((*path, name, "share"), "is 0: nobody would be in this arm")
    if len({arm.model is None for arm in experiment.arms.values()}) > 1:
        yield Finding(path, "some are models and some policies: let all be the same")
    named = [known.get((arm.model or "").lower(), arm.model) or arm.policy for arm in experiment.arms.values()]
    if None not in named and len(set(named)) < len(named):
        yield Finding(path, "two arms are the same")


def _others(path: NodePath, experiment: Experiment) -> Iterator[Finding]:
    if experiment.measure == "checks" and any(arm.policy is not None for arm in experiment.arms.values()):
        message = "only arms that are models are compared by checks: a policy may ask another where an answer fails"
        yield Finding((*path, "measure"), message)
    if experiment.since is not None and experiment.until is not None and experiment.until <= experiment.since:
        yield Finding((*path, "until"), "is not after `since`")
