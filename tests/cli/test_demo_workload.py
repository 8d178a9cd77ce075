"""The demo's data is sound and its table adds up."""

from __future__ import annotations

import json

import pytest

from fairlead.cli.demo_workload import (
    LABEL,
    SCHEMAS,
    TOOLS,
    WORKLOAD,
    Baseline,
    Prompt,
    Served,
    ordered,
    request,
    savings,
)
from fairlead.core.model import Price, Rates
from fairlead.providers.simulated import DEFAULT_MODELS, LINEUP, Simulation
from fairlead.providers.simulated.prose import language


def test_the_mix_is_not_mostly_simple_or_misses_a_task() -> None:
    weights = {
        level: sum(p.weight for p in WORKLOAD if p.complexity == level) for level in ("simple", "medium", "complex")
    }
    assert weights["simple"] > weights["medium"] > weights["complex"] > 0
    assert weights["simple"] > 0.6 * sum(weights.values())
    known = set(LINEUP[0].behaviour.quality) - {"default"}
    assert {prompt.task for prompt in WORKLOAD} == known
    chinese = sum(language(prompt.text) == "zh" for prompt in WORKLOAD)
    assert 0.3 < chinese / len(WORKLOAD) < 0.6
    assert len({prompt.text for prompt in WORKLOAD}) == len(WORKLOAD)


def test_a_round_leaves_a_prompt_out_or_clumps() -> None:
    total = sum(prompt.weight for prompt in WORKLOAD)
    whole = ordered(total)
    assert all(whole.count(prompt) == prompt.weight for prompt in WORKLOAD)
    assert len({prompt.task for prompt in whole[:30]}) >= 8
    assert ordered(total + 3)[total:] == whole[:3]


@pytest.mark.parametrize("prompt", WORKLOAD, ids=lambda prompt: prompt.text[:30])
def test_a_prompt_is_refused_by_a_simulated_model(prompt: Prompt) -> None:
    sim = Simulation(DEFAULT_MODELS)
    body = request(prompt, "sim-large")
    turn = sim.turn("POST", "/v1/chat/completions", {}, json.dumps(body).encode())
    entry = sim.log.entries[-1]
    assert (turn.performance.status, entry.task, entry.stream) == (200, prompt.task, prompt.stream)
    assert turn.performance.answer is not None
    finish = turn.performance.answer.choices[0].finish
    assert finish == ("tool_calls" if prompt.tool else "stop")
    assert not prompt.tool or prompt.tool in TOOLS
    assert not prompt.schema or prompt.schema in SCHEMAS


def price(name: str, rate_in: int, rate_out: int) -> Price:
    return Price(name, Rates(rate_in, rate_out))


CHEAP = Baseline("cheap", price("c", 100_000_000, 400_000_000), {"easy": 0.9, "default": 0.5})
DEAR = Baseline("dear", price("d", 10_000_000_000, 40_000_000_000), {"default": 0.95})


def test_the_savings_do_not_add_up() -> None:
    served = [Served("easy", 1000, 100, "cheap", 140_000, True)] * 3 + [
        Served("hard", 1000, 100, "dear", 14_000_000, False)
    ]
    table = savings(served, [CHEAP, DEAR])
    assert (table.label, table.requests, table.routed.cost) == (LABEL, 4, 14_420_000)
    assert table.routed.right == pytest.approx(3 * 0.9 + 0.95)
    dear, cheap = table.baselines
    assert (dear.name, dear.cost, cheap.name, cheap.cost) == ("dear", 56_000_000, "cheap", 560_000)
    assert dear.saving == pytest.approx(1 - 14_420_000 / 56_000_000)
    assert cheap.saving is not None
    assert cheap.saving < 0
    assert dear.right == pytest.approx(3.8)
    assert cheap.right == pytest.approx(3.2)
    assert table.shares == (("cheap", 3), ("dear", 1))
    assert (table.observed_right, table.observed) == (3, 4)


def test_nothing_served_or_a_stranger_breaks_the_table() -> None:
    empty = savings([], [CHEAP])
    assert (empty.routed.cost, empty.routed.quality, empty.baselines[0].saving) == (0, None, None)
    stranger = savings([Served("easy", 10, 10, "unknown", 5)], [CHEAP])
    assert stranger.routed.quality is None
    assert stranger.observed == 0
