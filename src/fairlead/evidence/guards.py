"""Guards: what of routing itself can go wrong unseen, looked for in the ledger.

quality       the answers' average quality is below the floor: expected, or judged where enough answers were
overhead      what routing's own calls (classifiers, judges) cost is more than its share of what routing saved
cache         of the prompt tokens that could have come from providers' caches too few did
drift_models  models answer other shares of the requests than in the window before
drift_tasks   the same of what the requests are about

A window with too few requests says nothing (`unknown`), and no alarm is raised or ended by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from fairlead.classify.llm import stability
from fairlead.registry.declared import Watch

State = Literal["off", "unknown", "fine", "alarm"]
TELLING = 30
"""Judgements that are enough to go by."""


class Looked(msgspec.Struct, frozen=True):
    """What a window holds."""

    requests: int = 0
    quality: float | None = None
    judged: float = 0.0
    judgements: int = 0
    side_cost: int = 0
    saved: int | None = None
    """Against the recorded baseline, side calls not counted, in nano-units of USD; None where there was none."""
    cacheable: int = 0
    cached: int = 0
    models: Mapping[str, int] = {}
    tasks: Mapping[str, int] = {}


class GuardState(msgspec.Struct, frozen=True):
    guard: str
    state: State
    value: float | None = None
    bound: float | None = None
    why: str = ""


def verdicts(now: Looked, before: Looked, watch: Watch) -> tuple[GuardState, ...]:
    enough = now.requests >= watch.least
    return (
        _quality(now, watch.quality_floor, enough),
        _overhead(now, watch.overhead, enough),
        _cache(now, watch.cache_share, enough),
        _drift("models", now.models, before.models, watch, enough and before.requests >= watch.least),
        _drift("tasks", now.tasks, before.tasks, watch, enough and before.requests >= watch.least),
    )


def _verdict(guard: str, alarm: bool, value: float, bound: float, why: str) -> GuardState:
    return GuardState(guard, "alarm" if alarm else "fine", value, bound, why)


def _quality(now: Looked, bound: float | None, enough: bool) -> GuardState:
    if bound is None:
        return GuardState("quality", "off")
    judged = now.judged if now.judgements >= TELLING else None
    known = [one for one in (now.quality, judged) if one is not None]
    if not enough or not known:
        return GuardState("quality", "unknown", bound=bound)
    value = min(known)
    why = f"the quality of answers is {value:.3f} (expected), the floor {bound:g}"
    if value == judged:
        why = f"the quality of answers is {value:.3f} (judged {now.judgements:,} times), the floor {bound:g}"
    return _verdict("quality", value < bound, value, bound, why)


def _overhead(now: Looked, bound: float | None, enough: bool) -> GuardState:
    if bound is None:
        return GuardState("overhead", "off")
    if not enough or now.saved is None:
        return GuardState("overhead", "unknown", bound=bound)
    saved = max(now.saved, 0)
    value = now.side_cost / saved if saved else float(now.side_cost > 0) * max(bound * 2, 1.0)
    why = f"routing's own calls cost ${now.side_cost / 1e9:,.6f}, routing saved ${now.saved / 1e9:,.6f}"
    return _verdict("overhead", now.side_cost > bound * saved, value, bound, why)


def _cache(now: Looked, bound: float | None, enough: bool) -> GuardState:
    if bound is None:
        return GuardState("cache", "off")
    if not enough or not now.cacheable:
        return GuardState("cache", "unknown", bound=bound)
    value = now.cached / now.cacheable
    why = f"{value:.1%} of {now.cacheable:,} cacheable prompt tokens came from providers' caches, at least {bound:.1%} should"
    return _verdict("cache", value < bound, value, bound, why)


def _drift(of: str, now: Mapping[str, int], before: Mapping[str, int], watch: Watch, enough: bool) -> GuardState:
    guard = f"drift_{of}"
    if watch.drift is None:
        return GuardState(guard, "off")
    if not enough or not now or not before:
        return GuardState(guard, "unknown", bound=watch.drift)
    value = stability(before, now)
    name, had, has = _most_moved(before, now)
    why = (
        f"the shares of {of} have a population stability index of {value:.2f} against the window before; most moved "
        f"{name or 'none'}, from {had:.0%} to {has:.0%}"
    )
    return _verdict(guard, value > watch.drift, value, watch.drift, why)


def _most_moved(before: Mapping[str, int], now: Mapping[str, int]) -> tuple[str, float, float]:
    all_before, all_now = sum(before.values()), sum(now.values())
    shares = {
        name: (before.get(name, 0) / all_before, now.get(name, 0) / all_now) for name in before.keys() | now.keys()
    }
    name = max(sorted(shares), key=lambda one: abs(shares[one][1] - shares[one][0]))
    return name, *shares[name]
