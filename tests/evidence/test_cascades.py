"""Cascades on recorded outcomes: the policy's own plans, exact bounds, and baselines that cannot be flattered."""

from __future__ import annotations

import numpy as np
import pytest

from fairlead.config.load import loads
from fairlead.core.policy import Cascade, Handling, Policy, Routing
from fairlead.core.quality import Quality
from fairlead.evidence.cascades import (
    Outcomes,
    Run,
    carried_out,
    compared,
    hull,
    mixing_cost,
    mixing_quality,
    plans,
    snapshot,
    sureness,
)
from fairlead.library import Gateway


def outcomes(
    sure: list[list[float]], scores: list[list[float]], costs: tuple[float, ...] = (1.0, 10.0, 100.0)
) -> Outcomes:
    names = ("base", "middle", "premium")[: len(costs)]
    return Outcomes(names, ("t",) * len(sure), np.array(scores), np.array([costs] * len(sure)), np.array(sure))


CASCADE = Policy(
    "p", "cascade", cascade=Cascade(("base", "middle", "premium"), form="verify"), handling=Handling(quality=Quality())
)


@pytest.mark.parametrize(
    ("sure", "cost", "score"),
    [
        ([0.91, 0.9, 0.9], 1, 0.1),
        ([0.9, 0.71, 0.9], 11, 0.2),
        ([0.71, 0.70, 0.9], 111, 0.3),
        ([0.7, 0.99, 0.51], 101, 0.3),
        ([0.7, 0.99, 0.5], 101, 0.1),
    ],
)
def test_a_replay_has_other_bounds_than_a_live_cascade(
    sure: list[float], cost: float, score: float
) -> None:  # M4.4 M7.6
    seen = outcomes([sure], [[0.1, 0.2, 0.3]])
    known = outcomes([[0.95] * 3] * 4, [[0.5, 0.6, 0.7]] * 4)
    run = carried_out(plans(CASCADE, snapshot(known, 0.9, "p"), ["t"]), seen, 0.8)
    assert (float(run.costs[0]), float(run.scores[0])) == (cost, score)


def test_the_policy_does_not_know_what_was_recorded() -> None:
    known = outcomes([[0.5] * 2] * 1000, [[0.8, 0.9]] * 1000, (0.09, 0.1))
    world = snapshot(known, 0.9, "p")
    assert world.models["base"].qualities == {"t": pytest.approx(0.8)}
    routing = Policy("p", "cascade_routing", routing=Routing(None, 0.9, 0.95), handling=Handling(quality=Quality()))
    first = plans(routing, world, ["t"])["t"].steps[0].targets[0]
    assert first.expected.cost == 100_000_000, "nothing was ever kept, so the strong one is asked at once"
    cheap = outcomes([[0.95] * 2] * 1000, [[0.8, 0.9]] * 1000, (0.001, 0.1))
    assert plans(routing, snapshot(cheap, 0.9, "p"), ["t"])["t"].steps[0].targets[0].model.name == "base"


def test_random_mixing_is_dearer_than_it_has_to_be() -> None:
    corners = hull(np.array([1.0, 2.0, 3.0, 10.0]), np.array([0.5, 0.4, 0.55, 0.9]))
    assert corners == [(0.5, 1.0), (0.9, 10.0)], "two of them are worse than a mixture of the others"
    assert mixing_cost(corners, 0.7) == pytest.approx(5.5)
    assert mixing_quality(corners, 5.5) == pytest.approx(0.7)
    assert (mixing_cost(corners, 0.95), mixing_cost(corners, 0.3)) == (10.0, 1.0)
    assert (mixing_quality(corners, 99.0), mixing_quality(corners, 0.1)) == (0.9, 0.5)


def test_a_saving_is_told_without_its_interval() -> None:
    chance = np.random.default_rng(3)
    scores = (chance.random((400, 2)) < (0.6, 0.9)).astype(float)
    seen = Outcomes(("a", "b"), ("t",) * 400, scores, np.tile([1.0, 10.0], (400, 1)), np.zeros((400, 2)))
    half = np.where(np.arange(400) % 2 == 0, 0, 1)
    mixed = Run(scores[np.arange(400), half], np.where(half, 10.0, 1.0), np.ones(400, dtype=np.int64))
    found = compared(mixed, seen, 1, rounds=300)
    assert found.saved.value == pytest.approx(0.45)
    for figure in (found.quality, found.cost, found.gained, found.saved, found.against_mixing, found.above_mixing):
        assert figure.low <= figure.value <= figure.high
    assert found.above_mixing.low < 0 < found.above_mixing.high, "mixing at random is no better than mixing at random"


def test_what_was_seen_of_an_answer_says_nothing() -> None:
    chance = np.random.default_rng(5)
    length = chance.normal(size=(2000, 1))
    right = (chance.random(2000) < 1 / (1 + np.exp(-2 * length[:, 0]))).astype(float)
    first = np.arange(2000) < 1000
    sure = sureness(right, length, first)
    assert float(sure[~first][length[~first, 0] > 1].mean()) == pytest.approx(
        float(right[~first][length[~first, 0] > 1].mean()), abs=0.08
    )


SIMULATED = """
providers:
  own:
    kind: simulated
    models:
      small: {quality: {default: 0.6}, latency_ms: 0, output_tokens: 60}
      large: {quality: {default: 0.9}, latency_ms: 0, output_tokens: 60}
models:
  small: {channels: [{provider: own}], price: {input: 0.1, output: 0.4}, quality: 0.6, capabilities: [logprobs]}
  large: {channels: [{provider: own}], price: {input: 10, output: 40}, quality: 0.9, capabilities: [logprobs]}
policies:
  routing: {strategy: cascade_routing, routing: {caught: 0.9}, quality: {gates: [logprobs], threshold: 0.9}}
"""


async def test_cascade_routing_saves_nothing_at_the_quality_of_the_best_model() -> None:  # M4.4
    right = {"large": 0, "auto:routing": 0}
    cost = {"large": 0.0, "auto:routing": 0.0}
    async with Gateway.from_config(loads(SIMULATED), speed=1e6) as gateway:
        simulated = gateway._open()._simulated
        assert simulated is not None
        oracle = simulated.log  # type: ignore[attr-defined]  # of the simulated upstream
        for number in range(150):
            for model in right:
                asked = [{"role": "user", "content": f"Question {number}: what follows?"}]
                answer = await gateway.chat(asked, model=model, params={"logprobs": True})
                last = next(entry for entry in reversed(oracle.entries) if entry.model == answer.model)
                right[model] += bool(last.correct)
                cost[model] += float(answer.cost or 0)
    assert right["auto:routing"] >= right["large"]
    assert cost["auto:routing"] < 0.7 * cost["large"]
