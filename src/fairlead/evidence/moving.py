"""Which work another model would do for less, and the rows of the tables that would send it there.

A model handles a task that it is expected to do as well as who does it now, or well enough for such a task.
"""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.core.model import Model
from fairlead.core.policy import Policy
from fairlead.evidence.advice import Change, Ground, Move, Said
from fairlead.evidence.worth import price_of, quality, would_cost
from fairlead.store.spending import Work

SAME = 0.02
"""Qualities that are no further apart are taken for the same."""
ENOUGH = {
    "classification": 0.6, "fast_response": 0.6, "extraction": 0.62, "translation": 0.65, "chat": 0.65,
    "rewriting": 0.65, "summarization": 0.65, "knowledge_qa": 0.7,
}  # fmt: skip
"""The quality that is enough for a task that is simple; the floors of a policy go before."""
WORTHWHILE = 0.1
"""Share of what work costs that must be saved for it to be moved."""
LEAST = 10_000_000
"""Nano-units of USD a month that must be saved."""


def moves_of(ground: Ground) -> dict[str, list[Move]]:
    """By task: to the one model that saves most, of those that handle it."""
    found = {}
    for task in sorted({work.task for work in ground.works} - {""}):
        doing = [work for work in ground.works if work.task == task and work.requests and not _only_named(ground, work)]
        offers = [_moved(ground, doing, model, task) for model in ground.models.values()]
        best = max(offers, key=saved, default=[])
        if ground.monthly(saved(best)) >= LEAST:
            found[task] = best
    return found


def _moved(ground: Ground, works: Iterable[Work], model: Model, task: str) -> list[Move]:
    price = price_of(model, ground.at)
    if price is None or not model.enabled:
        return []
    found = []
    for work in works:
        cost = would_cost(price, work)
        if work.cost - cost >= WORTHWHILE * work.cost and work.model != model.name and handles(ground, model, work):
            found.append(Move(work, model.name, cost))
    return found


def saved(moves: Iterable[Move]) -> int:
    return sum(move.saving for move in moves)


def handles(ground: Ground, model: Model, work: Work) -> bool:
    """Whether it does the work as well as who does it now, or well enough."""
    good = quality(model, work.task, ground.judged)
    if good is None or (model.context and model.context < work.prompt * 2):
        return False
    doing = ground.models.get(work.model)
    now = None if doing is None else quality(doing, work.task, ground.judged)
    policy = ground.policies.get(policy_of(ground, work))
    least, enough = 0.0, ENOUGH.get(work.task)
    if policy is not None:
        if policy.critical or not admits(policy, model):
            return False
        least, enough = policy.min_quality or 0.0, policy.floors.get(work.task, enough)
    return good >= least and ((now is not None and good >= now - SAME) or (enough is not None and good >= enough))


def admits(policy: Policy, model: Model) -> bool:
    """Whether the policy may send work there at all."""
    flags = model.flags.union(*(channel.flags for channel in model.channels[:1]))
    return (
        (policy.models is None or model.name in policy.models)
        and policy.require_flags <= flags
        and not policy.exclude_flags & flags
    )


def _only_named(ground: Ground, work: Work) -> bool:
    """Whether its callers named the model: no table moves them."""
    place = (work.model, work.task)
    return bool(ground.seen.named.get(place)) and not ground.seen.policies.get(place)


def policy_of(ground: Ground, work: Work) -> str:
    """The policy that chose most of it."""
    counts = ground.seen.policies.get((work.model, work.task), {})
    return max(counts, key=lambda name: (counts[name], name), default=ground.default)


def row_of(ground: Ground, task: str, moves: list[Move]) -> tuple[tuple[Change, ...], Said | None]:
    """The rows of the tables that send the task elsewhere, of each policy that chose it."""
    to = moves[0].to
    places = dict.fromkeys(policy_of(ground, move.work) for move in moves)
    changes: list[Change] = []
    way = None
    for name in places:
        policy = ground.policies.get(name)
        row = None if policy is None else next((rule for rule in policy.rules if rule.name == task), None)
        path = table_of(ground, name, task)
        if policy is not None and row is not None and row.models[:1] == (to,):
            way = _named_already(name, row.settings.threshold or policy.threshold, to)
        elif path is None:
            way = Said("{policy} is not declared in the configuration: declare it, with a table", {"policy": name})
        else:
            before = () if row is None else row.models
            fallbacks = tuple(dict.fromkeys((*before, *(move.work.model for move in moves))))
            fallbacks = tuple(one for one in fallbacks if one != to and _stands_in(ground, policy, one))
            if row is None:
                changes.append(Change(path, {"model": to, "fallbacks": fallbacks}))
            else:
                changes += (Change((*path, "model"), to), Change((*path, "fallbacks"), fallbacks))
    return tuple(changes), way


def _named_already(policy: str, threshold: float, to: str) -> Said:
    """The books do not tell which of the reasons it was: they know no table but today's."""
    if threshold:
        text = (
            "the table of {policy} names {to} already: these were answered before it did, or below its threshold of "
            "{threshold}. `--since` leaves out what was before; a lower threshold, or callers that state their task, help "
            "with the rest"
        )
        return Said(text, {"policy": policy, "to": to, "threshold": f"{threshold:g}"})
    text = (
        "the table of {policy} names {to} already: these were answered before it did, or sent on for a reason that "
        "`fairlead explain` tells; `--since` leaves out what was before"
    )
    return Said(text, {"policy": policy, "to": to})


def _stands_in(ground: Ground, policy: Policy | None, name: str) -> bool:
    model = ground.models.get(name)
    return model is not None and (policy is None or admits(policy, model))


def table_of(ground: Ground, policy: str, task: str) -> tuple[str, ...] | None:
    """Where the row of a task stands, or belongs."""
    if task in ground.tables.get(policy, ()):
        return "policies", policy, "tasks", task
    if policy in (ground.default, "default"):
        return "policy", "tasks", task
    return ("policies", policy, "tasks", task) if policy in ground.tables else None


def names_of(moves: Iterable[Move]) -> str:
    return ", ".join(dict.fromkeys(move.work.model for move in moves))
