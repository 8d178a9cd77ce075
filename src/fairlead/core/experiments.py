"""Experiments: who of two or more answers a request is drawn once for each unit (a session, a user, a key, a request), and
what the arms' answers were worth is compared.

    assigned    a unit -> the arm it is in, always the same: the draw is a hash
    mean        an arm's answers, by the sums over its units: an estimate and how far it may be off
    difference  between two arms, with an interval that holds however often it is looked at

Rules:
- What counts is the unit: the answers of one conversation are alike, so a hundred of them are not a hundred words. Spreads
  are those of the units' sums (the linearised ratio), whatever the units' sizes.
- Each arm has two imagined units of the usual size more, one all good and one all bad (as Agresti and Caffo add them), so
  that ten good answers of ten do not pass for certain.
- The interval is a confidence sequence (the mixture bound of Robbins, asymptotically valid): an experiment may be looked at
  after each answer and ended when it tells, and the chance of a wrong finding is still at most `ALPHA`, shared among the arms
  that are compared with the first. It is about half as wide again as one that may be looked at only once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from math import log, sqrt
from typing import Literal, get_args

import msgspec

Unit = Literal["session", "user", "key", "request"]
UNITS: tuple[Unit, ...] = get_args(Unit)
Measure = Literal["feedback", "checks"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
ALPHA = 0.05
USUAL_SPREAD = 0.03
"""The standard error of a difference at which the interval is at its narrowest, compared with one for a single look."""
LEAST_UNITS = 20
"""Of each arm, before anything is said."""


class Branch(msgspec.Struct, frozen=True):
    """An arm as it is declared."""

    name: str
    share: float
    model: str = ""
    policy: str = ""


class Experiment(msgspec.Struct, frozen=True):
    name: str
    arms: tuple[Branch, ...]
    """The first is what the others are compared with."""
    tasks: frozenset[str] = frozenset()
    """None for all."""
    policy: str = ""
    """Whose requests; empty for every policy's."""
    by: Unit = "session"
    measure: Measure = "feedback"
    since: int = 0
    """Epoch seconds."""
    until: int | None = None
    least: int = 100
    """Answers with an outcome that an arm must have before it is compared."""

    def running(self, at: int) -> bool:
        return self.since <= at and (self.until is None or at < self.until)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(arm.model for arm in self.arms if arm.model)


class Arm(msgspec.Struct, frozen=True, array_like=True):
    """The arm that a request is in."""

    experiment: str
    name: str
    unit: str
    """A digest of whose request it is."""
    model: str = ""
    """Who comes first; empty where the arm is a policy."""
    models: tuple[str, ...] = ()
    """Those of all arms. A request takes part where each of them could answer it: else the arms had other work."""


class Sums(msgspec.Struct, frozen=True):
    """An arm's outcomes: of each unit the count and the sum of its answers' figures, and here the sums of those."""

    units: int = 0
    answers: int = 0
    whole: float = 0.0
    squares: float = 0.0
    """Of the units' sums."""
    products: float = 0.0
    """Of each unit's sum with its count."""
    counts: float = 0.0
    """Squares of the counts."""


class Mean(msgspec.Struct, frozen=True):
    value: float
    error: float
    """Its standard error."""


class Difference(msgspec.Struct, frozen=True):
    value: float
    low: float
    high: float

    @property
    def tells(self) -> bool:
        """Whether it is certainly not nothing."""
        return self.low > 0 or self.high < 0


def assigned(experiment: Experiment, unit: str) -> Branch | None:
    """None for a unit that is in no arm, because their shares leave some out."""
    drawn = blake2b(f"{experiment.name}\0{unit}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    at = int.from_bytes(drawn, "big") / 2**64
    for arm in experiment.arms:
        if at < arm.share:
            return arm
        at -= arm.share
    return None


def concerned(experiments: Iterable[Experiment], task: str, policy: str, at: int) -> Iterator[Experiment]:
    """Those that such a request may be part of, in their order."""
    for one in experiments:
        if one.running(at) and (not one.tasks or task in one.tasks) and one.policy in ("", policy):
            yield one


def mean(sums: Sums, share: bool = True) -> Mean:
    """Of figures from 0 to 1, or, where it is no `share`, of any: these get no imagined units."""
    if not sums.answers:
        return Mean(0.5 if share else 0.0, 0.5 if share else 0.0)
    usual = sums.answers / sums.units
    more = 2 if share else 0
    units, answers = sums.units + more, sums.answers + more * usual
    value = (sums.whole + (usual if share else 0.0)) / answers
    imagined = ((usual - value * usual) ** 2 + (value * usual) ** 2) if share else 0.0
    spread = max(0.0, sums.squares - 2 * value * sums.products + value * value * sums.counts) + imagined
    return Mean(value, sqrt(spread * units / max(units - 1, 1)) / answers)


def difference(first: Mean, other: Mean, comparisons: int = 1, usual: float = USUAL_SPREAD) -> Difference:
    """How much more the other one is."""
    value, error = other.value - first.value, sqrt(first.error**2 + other.error**2)
    if not error:
        return Difference(value, value, value)
    half = error * width(usual**2 / error**2, ALPHA / comparisons)
    return Difference(value, value - half, value + half)


def width(information: float, alpha: float) -> float:
    """Standard errors to either side, by how much is known compared with what the bound is made for."""
    return sqrt((1 + 1 / information) * (log(1 + information) - 2 * log(alpha)))


def enough(experiment: Experiment, sums: Sums) -> bool:
    return sums.answers >= experiment.least and sums.units >= LEAST_UNITS


class Found(msgspec.Struct, frozen=True):
    """What an arm came to."""

    name: str
    requests: int
    outcomes: Sums
    quality: float | None
    """None where nothing was said of its answers."""
    against: Difference | None
    """What the arm is better by than the first; None for the first, and as long as too little is known."""
    cost: float = 0.0
    """Nano-units of USD, a request."""
    cost_against: Difference | None = None
    latency_ms: float = 0.0
    latency_against: Difference | None = None


class Looks(msgspec.Struct, frozen=True):
    """The sums of an arm: over its requests, and over those of them of whose answers something is known."""

    cost: Sums = Sums()
    latency: Sums = Sums()
    outcomes: Sums = Sums()


def compared(experiment: Experiment, looks: Mapping[str, Looks]) -> tuple[Found, ...]:
    """Each arm, the others against the first."""
    first = looks.get(experiment.arms[0].name, Looks())
    others = len(experiment.arms) - 1
    told = []
    for arm in experiment.arms:
        one = looks.get(arm.name, Looks())
        is_first = arm is experiment.arms[0]
        ready = not is_first and enough(experiment, one.outcomes) and enough(experiment, first.outcomes)
        busy = not is_first and min(one.cost.units, first.cost.units) >= LEAST_UNITS
        told.append(
            Found(
                arm.name,
                one.cost.answers,
                one.outcomes,
                one.outcomes.whole / one.outcomes.answers if one.outcomes.answers else None,
                _of_shares(first.outcomes, one.outcomes, others) if ready else None,
                mean(one.cost, share=False).value,
                _apart(first.cost, one.cost, others) if busy else None,
                mean(one.latency, share=False).value,
                _apart(first.latency, one.latency, others) if busy else None,
            )
        )
    return tuple(told)


def _of_shares(first: Sums, other: Sums, comparisons: int) -> Difference:
    found = difference(mean(first), mean(other), comparisons)
    return Difference(found.value, max(-1.0, found.low), min(1.0, found.high))


def _apart(first: Sums, other: Sums, comparisons: int) -> Difference:
    """Of figures of any size: the bound is made for a difference of some hundredths of them."""
    one, two = mean(first, share=False), mean(other, share=False)
    return difference(one, two, comparisons, USUAL_SPREAD * (abs(one.value) or abs(two.value) or 1.0))
