"""What would flip a choice: the smallest change of one setting after which another model answers first, or one that was
left out may answer.

Every flip was tried: with the change it names `decide` comes to what it says. Where something can be solved it is
solved (weights are linear in the score), where it can be read off it is read off; only what hangs on a draw is closed in
on by halves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Literal

import msgspec

from fairlead.core import constraints, decide, expectation
from fairlead.core.allowance import least_hold, need
from fairlead.core.ask import Ask
from fairlead.core.call import Call
from fairlead.core.changes import WEIGHTS, Case, Value, changed
from fairlead.core.choice import Choice
from fairlead.core.cost import UNPRICED
from fairlead.core.model import Model, Snapshot
from fairlead.core.plan import Plan, Rejection, Target
from fairlead.core.policies import STRATEGIES, balanced, hybrid, learned
from fairlead.core.policies.cost_first import UNPRICED as LAST

NEAREST = 3
"""Other models of which a flip of the ranking is told."""
LEFT_OUT = 5
TRIED = 12
"""Rejections that are tried for one."""
DIGITS = (4, 6, 9)
"""Decimals that a weight is told with: as few as tell it."""
STEPS = 10_000
"""In which a quality is told that hangs on a draw."""
PASSED_OVER = frozenset(("outranked", "tier", "cascade"))
"""Reasons that leave a model out which may answer."""

Relation = Literal[">=", "<=", ">", "<", "="]


class Flip(msgspec.Struct, frozen=True):
    model: str
    """Who then answers first, or may answer."""
    first: bool
    """Whether it answers first; else it is merely left out no more."""
    setting: str
    """A key of `core.changes.SETTINGS`."""
    subject: str
    """The model or the tier that the setting is of; empty where it is of neither."""
    relation: Relation
    value: Value
    now: Value | None


def flips(call: Call, choice: Choice, snapshot: Snapshot, seed: int, plan: Plan) -> tuple[Flip, ...]:
    case = Case(call, choice, snapshot, seed)
    ask, named = decide.asked(call, choice, snapshot, seed)
    ask, targets, _, _ = decide.contenders(ask, choice, snapshot, named)
    found: list[Flip] = []
    if plan.steps and choice.model is None and not call.wishes.models:
        first = plan.steps[0].targets[0]
        if plan.rule:
            found += _of_rule(ask, plan, first)
        elif not named:
            look = OF_STRATEGY.get(plan.strategy)
            if look is not None:
                found += look(case, ask, targets, first)
            found += _of_standing(ask, targets, first, plan.strategy)
    kept = [flip for flip in found if holds(case, flip)]
    return (*kept, *_of_rejected(case, ask, plan))


def holds(case: Case, flip: Flip) -> bool:
    """Whether the change really does what the flip says."""
    plan = changed(case, flip.setting, flip.subject, just(flip)).plan()
    if not plan.steps:
        return False
    if flip.first:
        return plan.steps[0].targets[0].model.name == flip.model
    return _may_answer(plan, flip.model)


def just(flip: Flip) -> Value:
    """The value nearest to the present one that satisfies the relation."""
    value = flip.value
    if isinstance(value, str) or flip.relation not in (">", "<"):
        return value
    up = flip.relation == ">"
    if isinstance(value, int):
        return value + 1 if up else value - 1
    return math.nextafter(value, math.inf if up else -math.inf)


def _may_answer(plan: Plan, name: str) -> bool:
    if any(target.model.name == name for step in plan.steps for target in step.targets):
        return True
    reasons = [one.reason for one in plan.rejected if one.model == name and not one.channel]
    return bool(reasons) and PASSED_OVER.issuperset(reasons)


# ---- by strategy


def _of_weights(case: Case, ask: Ask, targets: list[Target], first: Target) -> list[Flip]:
    return _by_weights(case, ask, balanced.scored(targets, ask), first)


def _by_weights(case: Case, ask: Ask, scored: list[Target], first: Target) -> list[Flip]:
    """The score is linear in one weight when the others divide the rest as they did: who is first over all its values
    is read off where the lines cross, outwards from where it stands."""
    crossings = [(abs(bound - now), name, model, bound, now) for name in WEIGHTS for model, bound, now in _crossings(ask, scored, first, name)]  # fmt: skip
    found: dict[str, Flip] = {}
    for _, name, model, bound, now in sorted(crossings):
        if len(found) == NEAREST:
            break
        if model not in found:
            flip = _told(case, name, model, bound, now)
            if flip is not None:
                found[model] = flip
    return list(found.values())


def _crossings(ask: Ask, scored: list[Target], first: Target, name: str) -> Iterator[tuple[str, float, float]]:
    """(model, the weight at which it becomes first, the weight now)."""
    weights = ask.policy.weights
    shares = {one: getattr(weights, one) for one in WEIGHTS}
    whole = sum(shares.values())
    if not whole:  # nothing counts: the smallest share of anything is all of it
        return
    now = shares[name] / whole
    others = {one: share for one, share in shares.items() if one != name}
    rest = sum(others.values())
    divided = [(one, share / rest if rest else 0.5) for one, share in others.items()]
    lines = {one.model.name: _line(ask, one, name, divided) for one in scored}
    for way in (1, -1):
        current, at = first.model.name, now
        while True:
            start, slope = lines[current]
            meetings = [
                (max((start - other) / (rise - slope) * way, at * way), -rise * way, model)
                for model, (other, rise) in lines.items()
                if (rise - slope) * way > 0
            ]
            if not meetings:
                break
            met, _, current = min(meetings)
            at = met * way
            if not 0 <= at <= 1:
                break
            yield current, at, now


def _line(ask: Ask, target: Target, name: str, divided: list[tuple[str, float]]) -> tuple[float, float]:
    """The score where the weight is 0, with what staying is worth to the conversation's own model; and its slope."""
    parts = dict(target.parts)
    health = parts.get("health", 1.0)
    standing = ask.call.facts.standing
    stay = ask.policy.stay if standing is not None and standing.model == target.model.name else 0.0
    at_none = sum(parts[part] * share for part, share in divided) * health
    return at_none + stay, parts[name] * health - at_none


def _told(case: Case, name: str, model: str, bound: float, now: float) -> Flip | None:
    """With as few decimals as tell it, rounded to the far side."""
    up = bound > now or (bound == now and now < 1)
    for digits in DIGITS:
        scale = 10**digits
        value = (math.ceil(bound * scale) if up else math.floor(bound * scale)) / scale
        if value == now:
            value += (1 if up else -1) / scale
        flip = Flip(model, True, f"weight.{name}", "", ">=" if up else "<=", value, round(now, 4))
        if 0 <= value <= 1 and holds(case, flip):
            return flip
    return None


def _of_min_quality(case: Case, ask: Ask, targets: list[Target], first: Target) -> list[Flip]:
    """With a higher floor the next one that is better than all the cheaper ones comes first."""
    found: list[Flip] = []
    best = 0.0
    for target in STRATEGIES["cost_first"].rank(targets, ask, []):
        quality = target.expected.quality or 0.0
        if quality > best and target.model.name != first.model.name:
            found.append(Flip(target.model.name, True, "min_quality", "", ">", best, ask.min_quality))
        best = max(best, quality)
    return list(islice((flip for flip in found if holds(case, flip)), NEAREST))


def _of_quality(case: Case, ask: Ask, targets: list[Target], first: Target) -> list[Flip]:
    """What another would have to be worth; where two are equally good the cheaper one wins."""
    needed = first.expected.quality or 0.0
    ranked = STRATEGIES[case.choice.policy.strategy].rank(targets, ask, [])
    found = []
    for target in ranked[: NEAREST + 1]:
        if target.model.name == first.model.name:
            continue
        wins_even = _price(target) < _price(first)
        if wins_even or needed < 1:
            relation: Relation = ">=" if wins_even else ">"
            name = target.model.name
            found.append(Flip(name, True, "quality", name, relation, float(needed), target.expected.quality))
    return found[:NEAREST]


def _price(target: Target) -> tuple[int, str]:
    cost = target.expected.cost
    return LAST if cost is None else cost, target.model.name


def _of_draw(case: Case, ask: Ask, targets: list[Target], first: Target) -> list[Flip]:
    """The quality around which another's would have to be drawn, and the weights at which another's draw wins."""
    scored = sorted(learned.scored(targets, ask), key=balanced.key)
    found = [_drawn(case, one) for one in scored[: NEAREST + 1] if one.model.name != first.model.name]
    return [*(flip for flip in found if flip is not None), *_by_weights(case, ask, scored, first)]


def _drawn(case: Case, target: Target) -> Flip | None:
    """The same draw from a better reputation is a better one, so halving finds where it is good enough."""
    name, now = target.model.name, target.expected.quality

    def flip(step: int) -> Flip:
        return Flip(name, True, "quality", name, ">=", step / STEPS, now)

    low, high = math.floor((now or 0.0) * STEPS), STEPS
    if low >= high or not holds(case, flip(high)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(case, flip(middle)) else (middle, high)
    return flip(high)


def _of_tiers(case: Case, ask: Ask, targets: list[Target], first: Target) -> list[Flip]:
    """Who answers once the tier's budget no longer bears the first choice."""
    tier = next((tier for tier in ask.policy.tiers if tier.name == first.tier), None)
    if tier is None or tier.budget is None:
        return []
    left = dict(ask.call.facts.tiers).get(tier.name, tier.budget)
    return _whoever(case, "tier_left", tier.name, "<", _most(ask, first.model), left)


def _of_cascade(case: Case, ask: Ask, targets: list[Target], first: Target) -> list[Flip]:
    cascade, sure = ask.policy.cascade, ask.traits.task_confidence
    assert cascade is not None, "a policy of this strategy has a cascade"
    if cascade.form == "verify":
        return []
    base, middle, premium = cascade.models
    bounds: list[tuple[str, Relation, float]] = []
    if sure <= cascade.keep:
        bounds.append((base, ">", cascade.keep))
    if sure > cascade.keep:
        bounds.append((middle, "<=", cascade.keep))
    if sure <= cascade.middle:
        bounds.append((middle, ">", cascade.middle))
    if sure > cascade.middle:
        bounds.append((premium, "<=", cascade.middle))
    return [
        Flip(name, True, "confidence", "", relation, bound, sure)
        for name, relation, bound in bounds
        if name != first.model.name
    ]


def _of_sides(case: Case, ask: Ask, targets: list[Target], first: Target) -> list[Flip]:
    now = ask.traits.latency_class
    found = _whoever(case, "latency_class", "", "=", "normal" if now == "batch" else "batch", now)
    if now != "batch" and not ask.policy.commercial:
        found += _of_weights(case, ask, hybrid.chosen_among(targets, ask), first)
    return found


OF_STRATEGY: dict[str, Callable[[Case, Ask, list[Target], Target], list[Flip]]] = {
    "balanced": _of_weights,
    "learned": _of_draw,
    "cost_first": _of_min_quality,
    "quality_first": _of_quality,
    "specialist": _of_quality,
    "tiered": _of_tiers,
    "cascade": _of_cascade,
    "hybrid": _of_sides,
}


def _whoever(case: Case, setting: str, subject: str, relation: Relation, value: Value, now: Value) -> list[Flip]:
    """The flip to whichever model the change brings first."""
    flip = Flip("", True, setting, subject, relation, value, now)
    then = changed(case, setting, subject, just(flip)).plan()
    before = case.plan()
    if not then.steps or then.steps[0].targets[0].model.name == before.steps[0].targets[0].model.name:
        return []
    return [msgspec.structs.replace(flip, model=then.steps[0].targets[0].model.name)]


# ---- by table, conversation and limit


def _of_rule(ask: Ask, plan: Plan, first: Target) -> list[Flip]:
    """A rule's fallback answers below its threshold and above its longest input, and its first model otherwise."""
    rule, found = ask.rule, ask.traits
    assert rule is not None, "the plan names it"
    threshold = rule.settings.threshold or ask.policy.threshold
    longest = rule.settings.max_input
    flipped: list[Flip] = []
    if first.downgraded:
        name = rule.models[0]
        flipped.append(Flip(name, True, "confidence", "", ">=", threshold, found.task_confidence))
        flipped.append(Flip(name, True, "input_tokens", "", "<=", longest, found.input_tokens))
    elif len(plan.steps) > 1 and plan.steps[1].move == "failover":
        name = plan.steps[1].targets[0].model.name
        flipped.append(Flip(name, True, "confidence", "", "<", threshold, found.task_confidence))
        flipped.append(Flip(name, True, "input_tokens", "", ">", longest, found.input_tokens))
    return [flip for flip in flipped if flip.value and (flip.setting != "confidence" or not found.declared)]


def _of_standing(ask: Ask, targets: list[Target], first: Target, strategy: str) -> list[Flip]:
    """The `stay` of the policy under which the conversation moves, or from which on it stays."""
    standing = ask.call.facts.standing
    if standing is None or not any(target.model.name == standing.model for target in targets):
        return []
    best = STRATEGIES[strategy].rank(targets, ask, [])[0].model.name
    if best == standing.model:
        return []
    scores = {target.model.name: target.score for target in balanced.scored(targets, ask)}
    gain = scores[best] - scores[standing.model]
    if first.model.name == standing.model:
        return [Flip(best, True, "stay", "", "<", gain, ask.policy.stay)] if gain > 0 else []
    return [Flip(standing.model, True, "stay", "", ">=", gain, ask.policy.stay)]


def _of_rejected(case: Case, ask: Ask, plan: Plan) -> list[Flip]:
    """Which limit would have to give way for those that are left out by one alone."""
    answering = {target.model.name for step in plan.steps for target in step.targets}
    found: list[Flip] = []
    tried = 0
    for rejection in plan.rejected:
        limit = LIMITS.get(rejection.reason)
        model = case.snapshot.models.get(rejection.model)
        if limit is None or model is None or rejection.model in answering:
            continue
        if tried == TRIED or len(found) == LEFT_OUT:
            break
        answering.add(rejection.model)
        tried += 1
        flip = limit(ask, model, rejection)
        if flip is None or not holds(case, flip):
            continue
        first = msgspec.structs.replace(flip, first=True)
        found.append(first if holds(case, first) else flip)
    return found


def _context(ask: Ask, model: Model, rejection: Rejection) -> Flip | None:
    if rejection.channel:
        return None
    return Flip(model.name, False, "context", model.name, ">=", constraints.filled(ask), model.context)


def _max_output(ask: Ask, model: Model, rejection: Rejection) -> Flip | None:
    return Flip(model.name, False, "max_output", model.name, ">=", ask.output_room, model.max_output)


def _floor(ask: Ask, model: Model, rejection: Rejection) -> Flip | None:
    quality = expectation.quality(ask, model)
    value = 0.0 if quality is None else float(quality)
    return Flip(model.name, False, "min_quality", "", "<=", value, ask.min_quality)


def _slow(ask: Ask, model: Model, rejection: Rejection) -> Flip | None:
    known = [expectation.latency(ask, model, channel) for channel in model.channels]
    least = min((ms for ms in known if ms is not None), default=None)
    return None if least is None else Flip(model.name, False, "max_latency_ms", "", ">=", least, ask.max_latency_ms)


def _dear(ask: Ask, model: Model, rejection: Rejection) -> Flip | None:
    known = [expectation.expected(ask, model, channel).cost for channel in model.channels]
    least = min((cost for cost in known if cost is not None), default=None)
    return None if least is None else Flip(model.name, False, "max_cost", "", ">=", least, ask.max_cost)


def _spent(ask: Ask, model: Model, rejection: Rejection) -> Flip | None:
    tier = next((tier for tier in ask.policy.tiers if model.name in tier.models and tier.budget is not None), None)
    most = _most(ask, model)
    if tier is None or most >= UNPRICED:
        return None
    left = dict(ask.call.facts.tiers).get(tier.name, tier.budget)
    return Flip(model.name, False, "tier_left", tier.name, ">=", most, left)


def _unborne(ask: Ask, model: Model, rejection: Rejection) -> Flip | None:
    channel = next((one for one in model.channels if one.name == rejection.channel), model.channels[0])
    least = least_hold(need(ask, model), channel.price_at(ask.call.facts.at))
    amounts = [pair for pair in ask.call.facts.left if pair[0] in ("", model.name)]
    if least >= UNPRICED or not amounts:
        return None
    name, left = min(amounts, key=lambda pair: pair[1])
    return Flip(model.name, False, "left", name, ">=", least, left)


def _most(ask: Ask, model: Model) -> int:
    return least_hold(need(ask, model), model.channels[0].price_at(ask.call.facts.at))


LIMITS: dict[str, Callable[[Ask, Model, Rejection], Flip | None]] = {
    "context": _context,
    "max_output": _max_output,
    "quality": _floor,
    "latency": _slow,
    "cost": _dear,
    "tier_budget": _spent,
    "budget": _unborne,
}
