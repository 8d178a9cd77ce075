"""From measurements to figures: medians over rounds, what each has to be, and whether it is.

A required ratio compares two targets of the same run. Figures that must be "no worse" than the bare proxy's may miss by
what the machine's own noise is: TOLERANCE for medians and rates, TOLERANCE_P99 for the 99th percentile.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

TOLERANCE = 1.03
TOLERANCE_P99 = 1.10
CEILING_SHARE = 0.5
Run = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    name: str
    value: float | None
    required: str
    met: bool | None  # None: it could not be measured
    detail: str = ""

    @property
    def verdict(self) -> str:
        return "not measured" if self.met is None else "pass" if self.met else "MISS"


def void_above_ceiling(rounds: list[Run]) -> None:
    """Voids the throughput of a target that comes too near to what upstream and load themselves can do."""
    for measured in rounds:
        for name, phases in measured.items():
            for phase in ("closed_32", "closed_256"):
                ceiling = measured.get("direct", {}).get(phase, {}).get("requests_per_second")
                mine = phases.get(phase, {}).get("requests_per_second")
                if name != "direct" and ceiling and mine and mine > CEILING_SHARE * ceiling:
                    phases[phase]["void"].append(
                        f"more than half of the upstream's own {ceiling:.0f} requests a second"
                    )


def _values(run: Run, target: str, phase: str, *path: str) -> list[float]:
    found = []
    for measured in run["rounds"]:
        value: Any = measured.get(target, {}).get(phase, {})
        if not isinstance(value, dict):
            value = {"value": value, "void": []}
        if value.get("void"):
            continue
        for key in path or ("value",):
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            found.append(value)
    return found


def median(run: Run, target: str, phase: str, *path: str) -> float | None:
    values = _values(run, target, phase, *path)
    return statistics.median(values) if values else None


def voids(run: Run) -> list[str]:
    found = [
        f"round {number} {target} {phase}: {reason}"
        for number, measured in enumerate(run["rounds"], 1)
        for target, phases in measured.items()
        for phase, result in phases.items()
        if isinstance(result, dict)
        for reason in result.get("void", ())
    ]
    found += [f"{name} 1,000 streams: {reason}" for name, result in run["streams"].items() for reason in result["void"]]
    return found


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _at_least(name: str, value: float | None, bound: float, unit: str, detail: str = "") -> Figure:
    return Figure(name, value, f">= {bound:g} {unit}".rstrip(), None if value is None else value >= bound, detail)


def _at_most(name: str, value: float | None, bound: float, unit: str, detail: str = "") -> Figure:
    return Figure(name, value, f"<= {bound:g} {unit}".rstrip(), None if value is None else value <= bound, detail)


def _pair(above: float | None, below: float | None, form: str = ",.0f") -> str:
    return " : ".join("-" if value is None else format(value, form) for value in (above, below))


def _throughput(run: Run) -> Iterator[Figure]:
    for target, bound in (("pinned", 1.3), ("auto", 0.85)):
        for phase, connections in (("closed_32", 32), ("closed_256", 256)):
            mine, bare = (median(run, name, phase, "requests_per_second") for name in (target, "bare"))
            name = f"{target}: throughput over the bare proxy's, {connections} connections"
            yield _at_least(name, _ratio(mine, bare), bound, "x", _pair(mine, bare))
    for target, bound in (("pinned", 110), ("rewritten", 110), ("auto", 210), ("afresh", 210)):
        for phase, connections in (("closed_32", 32), ("closed_256", 256)):
            if target in ("rewritten", "afresh") and connections == 256:
                continue
            cpu = median(run, target, phase, "cpu_us_per_request")
            yield _at_most(f"{target}: CPU per request, {connections} connections", cpu, bound, "us")
    for phase, title in (
        ("closed_32", "CPU per request, 32 connections"),
        ("paced_64", "CPU per event, 64 paced streams"),
        ("burst_16", "CPU per event, streams in one piece"),
    ):
        mine, same = (median(run, name, phase, "cpu_us_per_request") for name in ("crossed", "pinned"))
        yield _at_most(
            f"crossed: {title}, over the same dialect's",
            _ratio(mine, same),
            2.5,
            "x",
            _pair(mine, same) + " us a request",
        )
    for peer, bound in (("tensorzero", 1.5), ("litellm", 80)):
        if peer in run["targets"]:
            mine, theirs = (median(run, name, "closed_32", "requests_per_second") for name in ("pinned", peer))
            yield _at_least(
                f"pinned: throughput over {peer}'s, 32 connections",
                _ratio(mine, theirs),
                bound,
                "x",
                _pair(mine, theirs),
            )
            mine, theirs = (median(run, name, "closed_32", "cpu_us_per_request") for name in (peer, "pinned"))
            yield _at_least(
                f"pinned: {peer}'s CPU per request over ours, 32 connections",
                _ratio(mine, theirs),
                bound,
                "x",
                _pair(mine, theirs),
            )


def added(run: Run, target: str, share: str) -> float | None:
    """Microseconds that a target adds to asking the upstream directly, at one connection."""
    seen = run["latency"]
    through, direct = (seen.get(name, {}).get(share) for name in (target, "direct"))
    return None if through is None or direct is None else float(through - direct)


def _latency(run: Run) -> Iterator[Figure]:
    mine, bare = (added(run, name, "p50") for name in ("pinned", "bare"))
    yield _at_most(
        "pinned: added latency p50 over the bare proxy's", _ratio(mine, bare), 2, "x", _pair(mine, bare) + " us"
    )
    mine, bare = (added(run, name, "p99") for name in ("pinned", "bare"))
    yield _at_most(
        "pinned: added latency p99 over the bare proxy's",
        _ratio(mine, bare),
        TOLERANCE_P99,
        "x",
        _pair(mine, bare) + " us",
    )


FIRST_TOKENS = (
    ("burst_16", "16 streams in one piece"),
    ("paced_4", "4 paced streams, closed loop"),
    ("paced_64", "64 paced streams, closed loop"),
    ("at_once_4", "4 paced streams, begun at once"),
    ("at_once_64", "64 paced streams, begun at once"),
    ("by_clock_64", "64 paced streams open, 64 begun a second"),
)


CLOSED_LOOPS = ("burst_16", "paced_4", "paced_64")


def first_tokens(run: Run, way: str, share: str) -> list[tuple[float, float]]:
    """Of `pinned` and `bare`, slice by slice, where both count: what disturbs the machine then disturbs both sides of a ratio."""
    if way in CLOSED_LOOPS:
        mine, bare = (median(run, name, way, "first_token_us", share) for name in ("pinned", "bare"))
        return [(mine, bare)] if mine and bare else []
    seen = run.get("first_tokens", {})
    slices = zip(seen.get("pinned", {}).get(way, ()), seen.get("bare", {}).get(way, ()), strict=False)
    return [(mine[share], bare[share]) for mine, bare in slices if mine and bare]


def _streaming(run: Run) -> Iterator[Figure]:
    for phase, title in (
        ("burst_16", "16 streams in one piece"),
        ("paced_4", "4 paced streams"),
        ("paced_64", "64 paced streams"),
    ):
        mine, bare = (median(run, name, phase, "events_per_second") for name in ("pinned", "bare"))
        yield _at_least(
            f"pinned: events a second over bare, {title}",
            _ratio(mine, bare),
            round(1 / TOLERANCE, 2),
            "x",
            _pair(mine, bare),
        )
    for way, title in FIRST_TOKENS:
        for share, tolerance in (("p50", TOLERANCE), ("p99", TOLERANCE_P99)):
            both = first_tokens(run, way, share)
            ratio = statistics.median(mine / bare for mine, bare in both) if both else None
            detail = _pair(*(statistics.median(values) for values in zip(*both, strict=True))) if both else "-"
            yield _at_most(f"pinned: first token {share} over bare, {title}", ratio, tolerance, "x", f"{detail} us")
    if (streams := run["streams"].get("pinned")) and not streams["void"]:
        first, second = streams["waves"][1]["peak_mb"], streams["waves"][2]["peak_mb"]
        detail = f"{first:.1f} MB, then {second:.1f} MB; {streams['before_mb']:.1f} MB before"
        yield _at_most(
            "pinned: memory of 1,000 open streams, a wave over the one before",
            _ratio(second, first),
            TOLERANCE,
            "x",
            detail,
        )
    else:
        yield Figure(
            "pinned: memory of 1,000 open streams, a wave over the one before", None, f"<= {TOLERANCE:g} x", None
        )


def _footprint(run: Run) -> Iterator[Figure]:
    yield _at_most("memory when idle (PSS)", median(run, "pinned", "idle_mb"), 90, "MB")
    yield _at_most("start to first answer", median(run, "pinned", "start_seconds"), 1, "s")
    yield _at_most("installed size, core without extras", run["installed_mb"], 120, "MB")
    seconds = run["help_seconds"]
    yield _at_most("fairlead --help", None if seconds is None else 1000 * seconds, 150, "ms")


SECTIONS: tuple[tuple[str, Callable[[Run], Iterator[Figure]]], ...] = (
    ("Throughput and processor time", _throughput),
    ("Added latency at one connection", _latency),
    ("Streams", _streaming),
    ("Footprint", _footprint),
)


def figures(run: Run) -> list[tuple[str, list[Figure]]]:
    return [(title, list(section(run))) for title, section in SECTIONS]
