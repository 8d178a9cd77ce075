"""What would save money, from what was spent: each with its saving a month, the figures behind it and the patch for it.

task       a task that a cheaper model handles: as well as the one that does it, or well enough for such a task
dominated  a model in use that another one beats in price and in quality
premium    premium models take more than PREMIUM of the spend
cheap      cheap models take less than CHEAP of the spend or of the requests
cache      conversations send prompts again that the model would have read from its cache for less

Rules:
- A month is 30 days. What moves is taken to need the same tokens elsewhere.
- Savings overlap: the same requests may stand in several recommendations. `together` counts each once.
- A patch touches only what the configuration's file declares. Where callers name a model no patch moves them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairlead.core.cost import rounded
from fairlead.core.model import Model
from fairlead.core.policy import Policy, listed
from fairlead.evidence.advice import Advice, Advised, Change, Ground, Kind, Move, Said, figure, once, percent, usd
from fairlead.evidence.moving import LEAST, WORTHWHILE, admits, moves_of, names_of, row_of, saved, table_of
from fairlead.evidence.worth import price_of, quality, would_cost
from fairlead.store.spending import Place, Work

PREMIUM = 0.30
CHEAP = 0.50
REPEATED = 0.2
"""Share of the prompt tokens sent again, from which a cache is worth it."""
DISCOUNT = 0.5
"""Share of the price that a cached token must save."""
PROMPT = 1_024
"""Tokens; providers do not cache shorter prompts."""
ENOUGH_SEEN = 50


def recommend(ground: Ground) -> Advised:
    spent = sum(work.cost for work in ground.works)
    if not spent:
        return Advised((), 0, 0)
    moves = moves_of(ground)
    tasks = [_task(ground, task, found) for task, found in moves.items()]
    dominated = [_dominated(ground, name, other) for name, other in _beaten(ground).items()]
    cache = [advice for name in sorted(ground.seen.repeated) if (advice := _cache(ground, name)) is not None]
    shares = [advice for advice in (_premium(ground, moves), _cheap(ground, moves)) if advice is not None]
    found = sorted((*tasks, *dominated, *cache, *shares), key=lambda one: -one.saving)
    best: dict[Place, int] = {}
    for move in _all_moves(ground, moves):
        place = (move.work.model, move.work.task)
        best[place] = max(best.get(place, 0), move.saving)
    together = ground.monthly(sum(best.values())) + sum(advice.saving for advice in cache)
    return Advised(tuple(found), together, ground.monthly(spent))


def _task(ground: Ground, task: str, moves: list[Move]) -> Advice:
    to = moves[0].to
    moved = sum(move.work.requests for move in moves)
    of_task = sum(work.requests for work in ground.works if work.task == task)
    changes, way = row_of(ground, task, moves)
    return Advice(
        "task",
        task,
        Said(
            "move {share} of {task} from {models} to {to}",
            {"share": percent(moved / of_task), "task": task, "models": names_of(moves), "to": to},
        ),
        ground.monthly(saved(moves)),
        tuple(_why(ground, move) for move in moves),
        changes,
        way,
    )


def _why(ground: Ground, move: Move) -> Said:
    work, to = move.work, ground.models[move.to]
    doing = ground.models.get(work.model)
    now = None if doing is None else quality(doing, work.task, ground.judged)
    return Said(
        "{model} answered {requests} such requests for {cost} a month; {to} would take {instead} for the same tokens. "
        "Expected quality {now} and {then} (judged {count} times)",
        {
            "model": work.model,
            "requests": f"{work.requests:,}",
            "cost": usd(ground.monthly(work.cost)),
            "to": move.to,
            "instead": usd(ground.monthly(move.cost)),
            "now": figure(now),
            "then": figure(quality(to, work.task, ground.judged)),
            "count": str(ground.judged.get((move.to, work.task), (0.0, 0))[1]),
        },
    )


def _beaten(ground: Ground) -> dict[str, list[Move]]:
    """By model in use: what the one that beats it and saves most would take for its work."""
    found = {}
    for name in sorted({work.model for work in ground.works if work.requests}):
        model = ground.models.get(name)
        if model is None:
            continue
        doing = [work for work in ground.works if work.model == name and work.requests]
        offers = [_beats(ground, other, model, doing) for other in ground.models.values() if other is not model]
        best = max(offers, key=saved, default=[])
        if ground.monthly(saved(best)) >= LEAST:
            found[name] = best
    return found


def _beats(ground: Ground, other: Model, model: Model, doing: list[Work]) -> list[Move]:
    """Empty unless it costs less for the work as a whole, and is no worse at any of it and better at some."""
    price = price_of(other, ground.at)
    if price is None or not other.enabled or model.capabilities & ~other.capabilities:
        return []
    if other.context and (not model.context or other.context < model.context):
        return []
    better = False
    for task in {work.task for work in doing}:
        good, now = quality(other, task, ground.judged), quality(model, task, ground.judged)
        if good is None or now is None or good < now:
            return []
        better |= good > now
    moves = [Move(work, other.name, would_cost(price, work)) for work in doing]
    saving, spent = saved(moves), sum(work.cost for work in doing)
    return moves if better and saving >= WORTHWHILE * spent else []


def _dominated(ground: Ground, name: str, moves: list[Move]) -> Advice:
    to = moves[0].to
    model, other = ground.models[name], ground.models[to]
    tasks = sorted({move.work.task for move in moves})
    shown = tasks[:3] if tasks != [""] else [""]
    evidence = [
        Said(
            "{model} cost {cost} a month for {requests} requests; {to} would have taken {instead} for the same tokens",
            {
                "model": name,
                "cost": usd(ground.monthly(sum(move.work.cost for move in moves))),
                "requests": f"{sum(move.work.requests for move in moves):,}",
                "to": to,
                "instead": usd(ground.monthly(sum(move.cost for move in moves))),
            },
        ),
        *(
            Said(
                "expected quality at {task}: {now} and {then}",
                {
                    "task": task or "any task",
                    "now": figure(quality(model, task, ground.judged)),
                    "then": figure(quality(other, task, ground.judged)),
                },
            )
            for task in shown
        ),
    ]
    changes, way = _instead(ground, name, to)
    title = Said("{to} is better and cheaper than {model}", {"to": to, "model": name})
    return Advice("dominated", name, title, ground.monthly(saved(moves)), tuple(evidence), changes, way)


def _instead(ground: Ground, name: str, to: str) -> tuple[tuple[Change, ...], Said | None]:
    """Its rows to the other one; it is switched off where nobody names it."""
    changes, other = [], ground.models[to]
    for policy, tasks in (*ground.tables.items(), (ground.default, ground.common)):
        found = ground.policies.get(policy, Policy("", ""))
        for rule in found.rules:
            path = table_of(ground, policy, rule.name)
            if rule.name in tasks and rule.models[:1] == (name,) and path is not None and admits(found, other):
                fallbacks = tuple(one for one in (*rule.models[1:], name) if one != to)
                changes += [Change((*path, "model"), to), Change((*path, "fallbacks"), fallbacks)]
    if any(model == name for model, _ in ground.seen.named):
        return once(changes), Said(
            "some callers name {model}: let them ask for {to}, or for auto", {"model": name, "to": to}
        )
    if not changes and not any(name in listed(policy) for policy in ground.policies.values()):
        return (Change(("models", name, "enabled"), False),), None
    way = None if changes else Said("a policy names {model}: let it name {to}", {"model": name, "to": to})
    return once(changes), way


def _premium(ground: Ground, moves: Mapping[str, list[Move]]) -> Advice | None:
    spent = sum(work.cost for work in ground.works)
    premium = [work for work in ground.works if work.model in ground.classes.premium]
    share = sum(work.cost for work in premium) / spent
    if share <= PREMIUM:
        return None
    out = {task: [move for move in found if move.work.model in ground.classes.premium] for task, found in moves.items()}
    evidence = Said(
        "premium models ({models}) took {share} of the spend, more than {limit}",
        {"models": _listed(premium), "share": percent(share), "limit": percent(PREMIUM)},
    )
    return _shared(ground, "premium", Said("less work for premium models", {}), (evidence,), out)


def _cheap(ground: Ground, moves: Mapping[str, list[Move]]) -> Advice | None:
    if not ground.classes.cheap:
        return None
    spent, requests = sum(work.cost for work in ground.works), sum(work.requests for work in ground.works)
    cheap = [work for work in ground.works if work.model in ground.classes.cheap]
    of_spend = sum(work.cost for work in cheap) / spent
    of_requests = sum(work.requests for work in cheap) / requests if requests else 0.0
    below = [
        Said(
            text,
            {
                "models": _listed(cheap) or ", ".join(sorted(ground.classes.cheap)),
                "share": percent(share),
                "limit": percent(CHEAP),
            },
        )
        for text, share in (
            ("cheap models ({models}) took {share} of the spend, less than {limit}", of_spend),
            ("cheap models ({models}) answered {share} of the requests, fewer than {limit}", of_requests),
        )
        if share < CHEAP
    ]
    if not below:
        return None
    to = {task: [move for move in found if move.to in ground.classes.cheap] for task, found in moves.items()}
    return _shared(ground, "cheap", Said("more work for cheap models", {}), tuple(below), to)


def _shared(
    ground: Ground, kind: Kind, title: Said, evidence: tuple[Said, ...], moves: Mapping[str, list[Move]]
) -> Advice:
    """Of a share that is out of bounds: the tasks that would mend it."""
    changes: list[Change] = []
    way: Said | None = None
    saving = 0
    told = list(evidence)
    for task, found in moves.items():
        if found:
            rows, instead = row_of(ground, task, found)
            changes += rows
            way = way or instead
            saving += saved(found)
            values = {"task": task, "models": names_of(found), "to": found[0].to}
            told.append(Said("{task} could move from {models} to {to}", values))
    if not saving:
        way = Said(
            "no cheaper model is known to be good enough for what they do: lower a policy's `min_quality`, declare "
            "`models.*.qualities`, or have answers judged (POST /v1/feedback)"
        )
    return Advice(kind, "", title, ground.monthly(saving), tuple(told), once(changes), way)


def _cache(ground: Ground, name: str) -> Advice | None:
    repeated, looked_at = ground.seen.repeated[name]
    model = ground.models.get(name)
    price = None if model is None else price_of(model, ground.at)
    doing = [work for work in ground.works if work.model == name]
    requests = sum(work.requests for work in doing)
    prompts = sum(work.input_tokens for work in doing)
    cached = sum(work.cached_tokens for work in doing)
    if price is None or price.rates.cached_input is None or requests < ENOUGH_SEEN or prompts < PROMPT * requests:
        return None
    rates = price.rates
    share = repeated / looked_at if looked_at else 0.0
    unused = int(prompts * share) - cached
    off = rates.input - (price.rates.cached_input or 0)
    if share < REPEATED or off < DISCOUNT * rates.input or unused <= 0:
        return None
    saving = ground.monthly(rounded(unused, off))
    if saving < LEAST:
        return None
    evidence = Said(
        "{share} of the prompt tokens of {model} had been sent in the same session up to five minutes before; "
        "{cached} were billed as cached, which costs {off} less",
        {
            "share": percent(share),
            "model": name,
            "cached": percent(cached / prompts),
            "off": percent(off / rates.input),
        },
    )
    way = Said(
        "keep what prompts begin with unchanged and in front; where the provider wants it, let the client mark it "
        "(`cache_control`)"
    )
    title = Said("{model} reads from its cache for less, and hardly does", {"model": name})
    return Advice("cache", name, title, saving, (evidence,), (), way)


def _all_moves(ground: Ground, moves: Mapping[str, list[Move]]) -> Iterable[Move]:
    for found in (*moves.values(), *_beaten(ground).values()):
        yield from found


def _listed(works: Iterable[Work]) -> str:
    return ", ".join(dict.fromkeys(work.model for work in works))
