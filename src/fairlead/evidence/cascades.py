"""Cascades on recorded outcomes: what a policy would have cost and been worth, prompt by prompt, had it chosen.

A record says of each prompt and model how good the answer was, what it cost, and how sure one could have been of it
(`Outcomes`). The policy chooses with `decide`, as it would live, from what one part of the record says; the other part says
what that was worth. Against it stand the best single model, and random mixing: for every quality the cheapest mixture of
single models that has it. Intervals are from bootstrap over prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import msgspec
import numpy as np
import numpy.typing as npt

from fairlead.core.call import Call, Caller, Facts, Shape, Signal, Wishes
from fairlead.core.choice import Choice
from fairlead.core.decide import decide
from fairlead.core.model import Channel, Conditions, Model, Price, Rates, Snapshot
from fairlead.core.plan import Plan, Target
from fairlead.core.policy import Policy

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
NANO = 1_000_000_000
TOKEN = Rates(0, 1_000_000)
"""One nano-dollar a token of output, so that lengths stand for costs."""
AT = 0


class Outcomes(msgspec.Struct, frozen=True):
    models: tuple[str, ...]
    tasks: tuple[str, ...]
    """Of each prompt."""
    scores: Floats
    """By prompt and model."""
    costs: Floats
    """USD."""
    sure: Floats
    """Confidence in each answer."""

    def part(self, prompts: npt.NDArray[np.bool_]) -> Outcomes:
        tasks = tuple(task for task, in_it in zip(self.tasks, prompts, strict=True) if in_it)
        return Outcomes(self.models, tasks, self.scores[prompts], self.costs[prompts], self.sure[prompts])


class Run(msgspec.Struct, frozen=True):
    """What a way to choose came to, prompt by prompt."""

    scores: Floats
    costs: Floats
    asked: Ints
    """Models asked for each prompt."""


class Figure(msgspec.Struct, frozen=True):
    value: float
    low: float
    high: float


class Compared(msgspec.Struct, frozen=True):
    """A way to choose against the best single model and random mixing. Savings are shares of the other's cost."""

    quality: Figure
    cost: Figure
    gained: Figure
    """Quality above the best single model's."""
    saved: Figure
    """Against the best single model."""
    against_mixing: Figure
    """Against the cheapest mixture of single models that is as good; above the best one's quality, against that. A mixture
    may be cheaper by any factor, so a loss is told up to all of it."""
    above_mixing: Figure
    """Quality above that of the best mixture that costs as much."""
    asked: float


# ---- what the policy knows


def snapshot(known: Outcomes, bar: float = 0.0, policy: str = "") -> Snapshot:
    """The world as this part of the record says it is."""
    kinds = sorted(set(known.tasks))
    tasks = np.array(known.tasks)
    output: dict[str, int] = {}
    checked: dict[str, tuple[float, float, float, int]] = {}
    models: dict[str, Model] = {}
    for at, name in enumerate(known.models):
        qualities = {}
        for kind in kinds:
            its = tasks == kind
            qualities[kind] = float(known.scores[its, at].mean())
            output[f"{name}|{kind}"] = round(float(known.costs[its, at].mean()) * NANO)
            if policy:
                kept = float((known.sure[its, at] > bar).sum())
                checked[f"{policy}|{name}|{kind}"] = (kept, 0.0, float(its.sum()), 0)
        channel = Channel(f"{name}@recorded", "recorded", name, "recorded", name, (Price(name, TOKEN),))
        models[name] = Model(name, (channel,), quality=float(known.scores[:, at].mean()), qualities=qualities)
    return Snapshot("recorded", models, {}, Conditions(output=output, checked=checked))


class _Words:
    """Of a prompt nothing but its task is known."""

    user = ""
    answers = 1
    predicted = 0

    @property
    def max_output(self) -> int | None:
        return None

    def shape(self) -> Shape:
        return Shape(0, 0, 1)

    def texts(self) -> Iterator[tuple[str, str]]:
        return iter(())


def plans(policy: Policy, world: Snapshot, tasks: Sequence[str]) -> dict[str, Plan]:
    """What the policy decides for each kind of task."""
    return {task: decide(_call(task), Choice(None, "", policy), world, 0) for task in sorted(set(tasks))}


def _call(task: str) -> Call:
    signals = (Signal("tokens", "input", 0), Signal("tokens", "output", 0), Signal("task", task, 1.0, 1.0))
    return Call(
        "r",
        "generate",
        "openai_chat",
        "auto",
        False,
        b"",
        _Words(),
        Caller("replay"),
        Wishes(task=task),
        Facts(AT),
        signals,
    )


# ---- what it comes to


def carried_out(made: dict[str, Plan], seen: Outcomes, threshold: float) -> Run:
    """Every prompt by the plan of its task: the first answers, and whoever is stronger where it is not sure enough."""
    places = {name: at for at, name in enumerate(seen.models)}
    scores, costs = np.zeros(len(seen.tasks)), np.zeros(len(seen.tasks))
    asked = np.zeros(len(seen.tasks), dtype=np.int64)
    for at, task in enumerate(seen.tasks):
        line = _line(made[task])
        best, sure = 0.0, -1.0
        place = 0
        while place < len(line):
            target = line[place]
            model = places[target.model.name]
            costs[at] += seen.costs[at, model]
            asked[at] += 1
            found = float(seen.sure[at, model])
            if found >= sure:
                best, sure = float(seen.scores[at, model]), found
            if _kept(target, found, threshold):
                best = float(seen.scores[at, model])
                break
            leaps = target.bar is not None and target.bar.leap > 0 and found <= target.bar.leap
            place = len(line) - 1 if leaps and place < len(line) - 1 else place + 1
        scores[at] = best
    return Run(scores, costs, asked)


def _line(plan: Plan) -> list[Target]:
    return [plan.steps[0].targets[0], *(one for step in plan.steps if step.move == "escalate" for one in step.targets)]


def _kept(target: Target, sure: float, threshold: float) -> bool:
    return sure >= threshold if target.bar is None else sure > target.bar.keep


# ---- what it is compared with


def hull(costs: Floats, qualities: Floats) -> list[tuple[float, float]]:
    """The cheapest mixtures of single models: (quality, cost) of those they are made of, both rising."""
    order = sorted(zip(qualities, costs, strict=True), key=lambda pair: (pair[1], -pair[0]))
    corners: list[tuple[float, float]] = []
    for quality, cost in order:
        if corners and quality <= corners[-1][0]:
            continue
        while len(corners) > 1 and _steeper(corners[-2], corners[-1], (float(quality), float(cost))):
            corners.pop()
        corners.append((float(quality), float(cost)))
    return corners


def _steeper(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether `b` is no cheaper than a mixture of the other two."""
    return (b[1] - a[1]) * (c[0] - a[0]) >= (c[1] - a[1]) * (b[0] - a[0])


def mixing_cost(corners: Sequence[tuple[float, float]], quality: float) -> float:
    """Of the mixture that is so good; above the best one's quality, that one's cost."""
    if quality >= corners[-1][0]:
        return corners[-1][1]
    if quality <= corners[0][0]:
        return corners[0][1]
    for (low, cheap), (high, dear) in pairwise(corners):
        if quality <= high:
            return cheap + (dear - cheap) * (quality - low) / (high - low)
    return corners[-1][1]


def mixing_quality(corners: Sequence[tuple[float, float]], cost: float) -> float:
    """Of the mixture that costs so much at most; below the cheapest model's cost, that one's quality."""
    if cost >= corners[-1][1]:
        return corners[-1][0]
    for (low, cheap), (high, dear) in pairwise(corners):
        if cheap <= cost <= dear:
            return low + (high - low) * (cost - cheap) / (dear - cheap)
    return corners[0][0]


def compared(run: Run, seen: Outcomes, best: int, rounds: int = 1000, seed: int = 1) -> Compared:
    """`best` is the single model that was best by what was known before."""

    def measures(rows: Ints) -> tuple[float, ...]:
        quality, cost = float(run.scores[rows].mean()), float(run.costs[rows].mean())
        singles = seen.costs[rows].mean(axis=0), seen.scores[rows].mean(axis=0)
        alone, its = float(singles[1][best]), float(singles[0][best])
        corners = hull(*singles)
        saved = max(1 - cost / mixing_cost(corners, quality), -1.0)
        return quality, cost, quality - alone, 1 - cost / its, saved, quality - mixing_quality(corners, cost)

    quality, cost, gained, saved, mixed, above = _intervals(measures, len(seen.tasks), rounds, seed)
    return Compared(quality, cost, gained, saved, mixed, above, float(run.asked.mean()))


def _intervals(measures: Callable[[Ints], tuple[float, ...]], size: int, rounds: int, seed: int) -> list[Figure]:
    chance = np.random.default_rng(seed)
    found = np.array([measures(chance.integers(0, size, size)) for _ in range(rounds)])
    low, high = np.percentile(found, [2.5, 97.5], axis=0)
    told = measures(np.arange(size))
    return [Figure(value, float(low[at]), float(high[at])) for at, value in enumerate(told)]


# ---- how sure one could have been


def sureness(right: Floats, seen: Floats, fitted: npt.NDArray[np.bool_], rounds: int = 60) -> Floats:
    """How likely an answer is good, by a logistic model of what was seen of it, fitted on a part of the prompts."""
    centre, spread = seen[fitted].mean(axis=0), seen[fitted].std(axis=0) + 1e-9
    features = np.column_stack([np.ones(len(seen)), (seen - centre) / spread])
    weights = np.zeros(features.shape[1])
    known, target = features[fitted], right[fitted]
    for _ in range(rounds):
        chance = 1 / (1 + np.exp(-known @ weights))
        slope = known.T @ (chance - target) + 1e-2 * weights
        bend = (known * (chance * (1 - chance))[:, None]).T @ known + 1e-2 * np.eye(len(weights)) + 1e-6
        step = np.linalg.solve(bend, slope)
        weights -= step
        if float(np.abs(step).max()) < 1e-6:
            break
    sure: Floats = 1 / (1 + np.exp(-features @ weights))
    return sure
