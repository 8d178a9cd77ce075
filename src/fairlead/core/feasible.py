"""Where nobody fulfils all that is asked: which limit stands in the way, and the nearest one that somebody fulfils.

Each limit is lifted alone; who may answer then shows how far it would have to move. Where no single limit is to blame,
all of them are lifted, and what the nearest model would take is told for each.
"""

from __future__ import annotations

import msgspec

from fairlead.core.ask import Ask
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.cost import plain
from fairlead.core.decide import asked
from fairlead.core.model import Snapshot
from fairlead.core.plan import Target
from fairlead.core.shortlist import candidates

LIMITS = ("quality-floor", "max-cost", "max-latency")


def nearest(call: Call, choice: Choice, snapshot: Snapshot) -> str:
    """In words; empty where no such limit is to blame."""
    ask, named = asked(call, choice, snapshot)
    limits = _limits(ask)
    told = []
    for limit in limits:
        target = _best(_lifted(ask, choice, snapshot, named, (limit,)), limit)
        if target is not None:
            told.append(f"{limit} {_needed(target, limit)} ({target.model.name}; asked for {limits[limit]})")
    if told:
        return f"It would do with {', or '.join(told)}."
    if len(limits) < 2:
        return ""
    target = _best(_lifted(ask, choice, snapshot, named, tuple(limits)), next(iter(limits)))
    if target is None:
        return ""
    needed = ", ".join(f"{limit} {_needed(target, limit)}" for limit in limits)
    return f"Nobody fulfils any two of these limits together; nearest is {target.model.name}, with {needed}."


def _limits(ask: Ask) -> dict[str, str]:
    """Those in force, and what they are."""
    found = {}
    if ask.min_quality > 0:
        found["quality-floor"] = f"{ask.min_quality:g}"
    if ask.max_cost is not None:
        found["max-cost"] = f"${plain(ask.max_cost)}"
    if ask.max_latency_ms is not None:
        found["max-latency"] = f"{ask.max_latency_ms} ms"
    return found


def _lifted(ask: Ask, choice: Choice, snapshot: Snapshot, named: bool, limits: tuple[str, ...]) -> list[Target]:
    """Who may answer without these limits."""
    if "quality-floor" in limits:
        ask = msgspec.structs.replace(ask, min_quality=0.0)
    if "max-cost" in limits:
        ask = msgspec.structs.replace(ask, max_cost=None)
    if "max-latency" in limits:
        ask = msgspec.structs.replace(ask, max_latency_ms=None)
    return candidates(ask, choice, snapshot, named)[0]


def _best(targets: list[Target], limit: str) -> Target | None:
    """The one for which the limit has to move least."""

    def distance(target: Target) -> float:
        expected = target.expected
        value: float | None
        if limit == "quality-floor":
            value = None if expected.quality is None else -expected.quality
        else:
            value = expected.cost if limit == "max-cost" else expected.latency_ms
        return float("inf") if value is None else value

    known = [target for target in targets if distance(target) != float("inf")]
    return min(known, key=distance, default=None)


def _needed(target: Target, limit: str) -> str:
    expected = target.expected
    if limit == "quality-floor":
        return "unknown" if expected.quality is None else f"<= {expected.quality:g}"
    if limit == "max-cost":
        return "unknown" if expected.cost is None else f">= {plain(expected.cost)}"
    return "unknown" if expected.latency_ms is None else f">= {expected.latency_ms}"
