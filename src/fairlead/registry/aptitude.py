"""What benchmarks say of a model's quality by task. A benchmark is a line: its tasks, and the scores that mean 0.5 and 1.

Scores of different benchmarks are no common measure, so each is put on the scale of the overall quality between two
anchors, then halved with that quality: one figure of one benchmark moves a model within its class, not out of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

WEIGHT = 0.5


class Benchmark(msgspec.Struct, frozen=True):
    tasks: tuple[str, ...]
    half: float
    """The score that stands for a quality of 0.5."""
    full: float
    """The score that stands for 1."""


BENCHMARKS: dict[str, Benchmark] = {
    "aider-polyglot": Benchmark(("code_generation",), 0.0, 0.95),
    "humaneval": Benchmark(("code_generation",), 0.4, 1.0),
    "livecodebench": Benchmark(("code_generation",), 0.1, 0.9),
    "scicode": Benchmark(("code_generation",), 0.05, 0.6),
    "swe-bench-verified": Benchmark(("code_debug", "code_generation"), 0.2, 0.85),
    "swe-bench-pro": Benchmark(("code_debug", "agent"), 0.05, 0.75),
    "terminal-bench-hard": Benchmark(("agent", "desktop"), 0.0, 0.5),
    "terminal-bench-2.0": Benchmark(("agent", "desktop"), 0.2, 0.9),
    "terminal-bench-2.1": Benchmark(("agent", "desktop"), 0.2, 0.9),
    "osworld": Benchmark(("desktop",), 0.1, 0.85),
    "bfcl": Benchmark(("agent",), 0.3, 0.9),
    "gpqa-diamond": Benchmark(("reasoning", "knowledge_qa"), 0.3, 0.97),
    "mmlu-pro": Benchmark(("knowledge_qa",), 0.3, 0.95),
    "aime-2025": Benchmark(("math",), 0.0, 1.0),
    "math-500": Benchmark(("math",), 0.4, 1.0),
    "mmmu": Benchmark(("multimodal",), 0.3, 0.9),
}


def by_task(benchmarks: Mapping[str, float], quality: float | None) -> dict[str, float]:
    """Quality by task, for the tasks that a known benchmark speaks of. Scores may be shares or percentages."""
    found: dict[str, list[float]] = {}
    for name, score in benchmarks.items():
        benchmark = BENCHMARKS.get(name.lower())
        if benchmark is None:
            continue
        share = score / 100 if score > 1 else score
        scaled = 0.5 + (share - benchmark.half) / (benchmark.full - benchmark.half) / 2
        for task in benchmark.tasks:
            found.setdefault(task, []).append(min(1.0, max(0.0, scaled)))
    return {task: _mixed(sum(values) / len(values), quality) for task, values in found.items()}


def _mixed(measured: float, quality: float | None) -> float:
    mixed = measured if quality is None else WEIGHT * measured + (1 - WEIGHT) * quality
    return round(mixed, 4)
