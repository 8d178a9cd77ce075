"""Benchmarks to quality by task: on one scale, within the class that the overall quality says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.classify.tasks import TASKS
from fairlead.registry.aptitude import BENCHMARKS, by_task

NAMES = st.sampled_from(sorted(BENCHMARKS))


def test_every_benchmark_speaks_of_tasks_there_are_and_has_its_scale() -> None:
    for name, benchmark in BENCHMARKS.items():
        assert benchmark.tasks, name
        assert set(benchmark.tasks) <= set(TASKS), name
        assert 0 <= benchmark.half < benchmark.full <= 1, name
        assert name == name.lower()


@given(NAMES)
def test_the_anchors_are_not_what_they_say(name: str) -> None:  # M1.2
    benchmark = BENCHMARKS[name]
    full = by_task({name: benchmark.full}, None)
    half = by_task({name: benchmark.half}, None)
    assert full == dict.fromkeys(benchmark.tasks, 1.0)
    assert half == dict.fromkeys(benchmark.tasks, 0.5)


@given(NAMES, st.integers(2, 100), st.none() | st.floats(0, 1))
def test_a_percentage_is_another_score_than_its_share(name: str, percent: int, quality: float | None) -> None:
    assert by_task({name: percent}, quality) == by_task({name.upper(): percent / 100}, quality)


@given(NAMES, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_better_score_makes_a_model_worse(name: str, one: float, other: float, quality: float) -> None:
    low, high = sorted((one, other))
    worse, better = by_task({name: low}, quality), by_task({name: high}, quality)
    assert all(0 <= worse[task] <= better[task] <= 1 for task in BENCHMARKS[name].tasks)


@given(st.dictionaries(NAMES, st.floats(0, 1), min_size=1), st.floats(0, 1))
def test_one_figure_moves_a_model_out_of_its_class(benchmarks: dict[str, float], quality: float) -> None:
    assert all(abs(found - quality) <= 0.5001 for found in by_task(benchmarks, quality).values())


def test_benchmarks_of_one_task_are_averaged_and_halved_with_the_overall_quality() -> None:  # M1.2
    both = by_task({"gpqa-diamond": 0.97, "mmlu-pro": 0.3}, 0.9)
    assert both["knowledge_qa"] == pytest.approx((1 + 0.5) / 4 + 0.45)
    assert both["reasoning"] == pytest.approx(0.95)


def test_a_benchmark_that_nobody_knows_says_something() -> None:
    assert by_task({"swe": 70, "vibes": 99}, 0.8) == {}
    assert by_task({}, 0.8) == {}
