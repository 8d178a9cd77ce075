"""A review: a dated report of a period, for people who decide what the configuration says next.

    shares       of what was spent, by model, against the period before
    quality      of each model's answers by task: judged, and on the bench against the run before
    advice       what would save money, as `fairlead recommend` says it
    experiments  what they found
    changes      of the configuration, in the period

It is written for reading, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from fairlead.core.bench import Scored
from fairlead.evidence.advice import Advised, usd
from fairlead.evidence.bench import latest
from fairlead.evidence.experiments import Standing
from fairlead.store.feedback import Judged
from fairlead.store.spending import Work

FOLDER = "reviews"
MOVED = 0.05
"""Of a share or a quality: less is not told as a change."""


class Share(msgspec.Struct, frozen=True):
    model: str
    requests: int
    cost: int
    """Nano-units of USD."""
    share: float
    before: float | None
    """Of the period before; None where nothing was spent then."""


class Benched(msgspec.Struct, frozen=True):
    model: str
    task: str
    quality: float
    cases: int
    before: float | None
    """In the run before."""


class Change(msgspec.Struct, frozen=True):
    at: int
    kind: str
    detail: str


class Review(msgspec.Struct, frozen=True):
    since: int
    """Epoch seconds."""
    until: int
    spent: int
    before: int
    shares: tuple[Share, ...]
    """Who cost most first."""
    judged: tuple[Judged, ...]
    bench: tuple[Benched, ...]
    advised: Advised
    found: tuple[str, ...]
    """What experiments found, in words."""
    changes: tuple[Change, ...]


def shares(now: Iterable[Work], before: Iterable[Work]) -> tuple[tuple[Share, ...], int, int]:
    """(by model, what was spent, what was spent before)"""
    cost, requests = _by_model(now)
    earlier, _ = _by_model(before)
    whole, whole_before = sum(cost.values()), sum(earlier.values())
    found = [
        Share(
            model,
            requests[model],
            amount,
            amount / whole if whole else 0.0,
            earlier.get(model, 0) / whole_before if whole_before else None,
        )
        for model, amount in cost.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.cost, one.model))), whole, whole_before


def _by_model(works: Iterable[Work]) -> tuple[dict[str, int], dict[str, int]]:
    cost: dict[str, int] = {}
    requests: dict[str, int] = {}
    for work in works:
        cost[work.model] = cost.get(work.model, 0) + work.cost
        requests[work.model] = requests.get(work.model, 0) + work.requests
    return cost, requests


def benched(runs: tuple[Scored, ...], since: int, until: int) -> tuple[Benched, ...]:
    """The latest scores of the period, each against the last one before it was begun."""
    within = latest(run for run in runs if since <= run.at < until)
    before = latest(run for run in runs if run.at < since)
    return tuple(
        Benched(
            score.model, score.task, score.quality, score.cases, before[place][0].quality if place in before else None
        )
        for place, (score, _) in sorted(within.items(), key=lambda one: (one[0][1], -one[1][0].quality, one[0][0]))
    )


def findings(experiments: Iterable[Standing]) -> tuple[str, ...]:
    told = []
    for one in experiments:
        for arm in one.arms[1:]:
            apart = arm.against
            if apart is None:
                told.append(f"{one.experiment.name}: too little is known of {arm.name} yet")
            elif not apart.tells:
                told.append(f"{one.experiment.name}: {arm.name} and {one.first.name} cannot be told apart yet")
            else:
                better = "better" if apart.value > 0 else "worse"
                told.append(
                    f"{one.experiment.name}: {arm.name} ({one.who(arm)}) is {better} than {one.first.name} "
                    f"({one.who(one.first)}) by {abs(apart.value):.3f} ({apart.low:+.3f} to {apart.high:+.3f})"
                )
    return tuple(told)


def markdown(review: Review) -> str:
    since, until = _day(review.since), _day(review.until)
    parts = [f"# Review of {since} to {until}", _spent(review), *_sections(review)]
    return "\n\n".join(parts) + "\n"


def _sections(review: Review) -> Iterable[str]:
    yield "## What was better or cheaper"
    if not review.judged and not review.bench:
        yield "Nobody judged an answer and the bench did not run, so qualities are those that were declared."
    if review.judged:
        rows = [(one.task or "any task", one.model, f"{one.score:.2f}", str(one.judgements)) for one in review.judged]
        yield "Answers as they were judged:\n\n" + _table(("task", "model", "mean", "judgements"), rows)
    if review.bench:
        scores = [
            (one.task, one.model, f"{one.quality:.0%}", str(one.cases), _moved(one.quality, one.before))
            for one in review.bench
        ]
        yield "On the bench:\n\n" + _table(("task", "model", "right", "questions", "since the run before"), scores)
    yield "## What would save money"
    yield (
        "\n".join(
            f"- {advice.title}: {usd(advice.saving)} a month ({'; '.join(map(str, advice.evidence))})"
            for advice in review.advised.advice
        )
        or "Nothing that is known."
    )
    if review.found:
        yield "## Experiments"
        yield "\n".join(f"- {one}" for one in review.found)
    yield "## What was changed"
    yield "\n".join(f"- {_day(one.at)} {one.kind}: {one.detail}" for one in review.changes) or "Nothing."


def _spent(review: Review) -> str:
    if not review.spent:
        return "Nothing was spent."
    told = f"{usd(review.spent)} were spent"
    told += f", {usd(review.before)} in as long a time before." if review.before else "; before, nothing."
    rows = [
        (one.model, f"{one.requests:,}", usd(one.cost), f"{one.share:.0%}", _moved(one.share, one.before))
        for one in review.shares
    ]
    return f"{told}\n\n{_table(('model', 'requests', 'cost', 'share', 'since before'), rows)}"


def _moved(now: float, before: float | None) -> str:
    if before is None:
        return "new"
    return f"{(now - before) * 100:+.0f} points" if abs(now - before) >= MOVED else "about the same"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _day(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"
