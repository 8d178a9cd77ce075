"""decide(call, choice, snapshot, seed) -> Plan: which models may serve a request, in which order, and why not the others.

    traits      what the signals and the caller's word come to            core/traits.py
    rule        the first of the policy's table that holds                core/table.py
    candidates  the models a rule names, else all the policy admits       core/shortlist.py
    constraints every candidate that may not, with its reason             core/constraints.py
    order       as the rule says, else as the strategy ranks              core/policies/
    standing    a conversation stays where it is, unless moving pays      core/standing.py
    arm         of an experiment: its model goes first                    core/arms.py
    ladder      who is asked where the answer is not good enough          core/ladder.py

Of what was decided before, under the same snapshot, the next plan is made where nothing but the size is another:

    named       a model that the caller names                             core/named.py
    field       the models that are weighed for requests of one kind      core/field.py

Pure: the same arguments give the same plan on any machine, on any day. Everything it knows of the world comes
in with the snapshot, everything it knows of the request with the call and its signals.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fairlead.core import arms, field, shortlist, standing, traits
from fairlead.core.ask import Ask
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.field import Field
from fairlead.core.ladder import Rungs, rungs
from fairlead.core.model import Conditions, Snapshot
from fairlead.core.named import Kept, again, kept
from fairlead.core.plan import FAILOVERS, Plan, Rejection, Step, Target, outranked, quality_of
from fairlead.core.policies import STRATEGIES, cost_first, tiered
from fairlead.core.policy import Policy, least, listed, payer
from fairlead.core.shortlist import candidates, eligible, resolved
from fairlead.core.table import NO_SETTINGS, OPEN, Rule, Settings, in_words, lookup
from fairlead.core.traits import Traits

PINNED = STRATEGIES["pinned"]
Memo = shortlist.Memo
MEMO_KEPT = 4096
Met = Literal["once", "unlike"]
"""A kind of request that was met before, and one whose requests do not share a field."""


def decide(call: Call, choice: Choice, snapshot: Snapshot, seed: int, memo: Memo | None = None) -> Plan:
    """With a memo the same plan comes sooner; it never comes out differently."""
    if memo is None:
        return _decided(call, choice, snapshot, seed)
    model = choice.model
    if model is None:
        return _chosen(call, choice, snapshot, seed, memo)
    # What requests have in common that may share a plan, as far as it is quickly compared.
    kind = model.name, choice.channel, choice.policy.hash, call.caller.name, call.operation
    before = memo.get(kind)
    plan = again(before, call) if type(before) is Kept else None
    if plan is None:
        plan = _decided(call, choice, snapshot, seed, memo)
        found = kept(call, choice, snapshot, plan)
        if found is not None:
            memo[kind] = found
    return plan


def _chosen(call: Call, choice: Choice, snapshot: Snapshot, seed: int, memo: Memo) -> Plan:
    found = traits.read(call.signals, call.wishes)
    kind = field.kind(call, choice, found)
    before = memo.get(kind)
    plan = field.plan(before, call, found) if type(before) is Field else None
    if plan is None:
        plan = _decided(call, choice, snapshot, seed, memo, found)
        if before is None:
            memo[kind] = "once"
        elif before == "once" and field.weighs(call, choice.policy, plan):
            memo[kind] = _field(call, choice, snapshot, seed, plan, found) or "unlike"
    return plan


def _field(call: Call, choice: Choice, snapshot: Snapshot, seed: int, plan: Plan, found: Traits) -> Field | None:
    """Found with a plan of its kind, which has to come of it just so."""
    ask, targets, rejected = eligible(asked(call, choice, snapshot, seed, found)[0], choice, snapshot, False)
    targets = STRATEGIES[plan.strategy].rank(targets, ask, rejected)
    made = field.found(plan, ask, targets, tuple(_once(rejected)))
    return made if made is not None and field.plan(made, call, found) == plan else None


def _decided(
    call: Call, choice: Choice, snapshot: Snapshot, seed: int, memo: Memo | None = None, found: Traits | None = None
) -> Plan:
    if memo is not None and len(memo) > MEMO_KEPT:
        memo.clear()
    policy = choice.policy
    ask, named = asked(call, choice, snapshot, seed, found)
    found, rule = ask.traits, ask.rule
    ask, targets, rejected, last_resort = contenders(ask, choice, snapshot, named, memo)
    strategy = "pinned" if named else policy.strategy
    reason, charged = "", not policy.tiers
    arm, able = None if named or call.wishes.models else call.facts.arm, targets
    climbing: list[Target] = []
    if call.wishes.models and choice.model is None:
        reason = "the caller listed it first"
    elif rule is not None:
        strategy = "table"
        targets, reason = _by_rule(ask, rule, targets if arm is None else arms.of_rule(targets, rule))
    elif targets and not named:
        strategy, targets, climbing, reason = _by_strategy(ask, targets, snapshot, rejected)
        charged = charged or strategy == "tiered"
    if arm is not None:
        free = rule is not None or not STRATEGIES[strategy].lists
        arm = arms.taken(arm, targets, able, free)
        if arm is not None and arm.model:
            targets, reason = arms.first(arm, targets, able, rejected), arms.in_words(arm)
    if not charged:
        targets = tiered.charged(targets, ask, rejected)
    if targets and (policy.critical or call.wishes.stay):
        targets = _bound(targets, ask, rejected)
    if targets and (call.facts.left or call.facts.eased):
        targets = _stood_in(targets, rejected, call, choice, snapshot, seed)
    if rejected:
        rejected = _once(rejected)
    ladder = _ladder(ask, choice, snapshot, targets, climbing, named, None if last_resort else memo)
    if len(targets) > 1 + FAILOVERS:
        rejected += _outranked(targets, ladder)
    return Plan(
        steps=_steps(targets, ladder),
        rejected=tuple(rejected),
        policy=policy.name,
        strategy=strategy,
        policy_hash=policy.hash,
        snapshot_hash=snapshot.hash,
        conditions=snapshot.conditions.version,
        task=found.task,
        rule="" if rule is None else rule.name,
        reason=reason,
        settings=NO_SETTINGS if rule is None else rule.settings,
        named=choice.model is not None,
        purse=payer(policy) if policy.tiers else "",
        handling=policy.handling,
        last_resort=last_resort and bool(targets),
        arm=arm,
    )


def contenders(
    ask: Ask, choice: Choice, snapshot: Snapshot, named: bool, memo: Memo | None = None
) -> tuple[Ask, list[Target], list[Rejection], bool]:
    """As `eligible`; where everybody has failed of late, those who may be asked all the same, as a last resort."""
    ask, targets, rejected = eligible(ask, choice, snapshot, named, memo)
    last_resort = not targets and bool(ask.conditions.ejected)
    if last_resort:
        ask = msgspec.structs.replace(ask, conditions=_anyone(ask.conditions))
        targets, rejected = candidates(ask, choice, snapshot, named)
    return ask, targets, rejected, last_resort


def _stood_in(
    targets: list[Target], rejected: list[Rejection], call: Call, choice: Choice, snapshot: Snapshot, seed: int
) -> list[Target]:
    """The first of them says so where it stands in for one that no budget bears."""
    first, facts = targets[0], call.facts
    why = first.downgraded or (facts.eased if first.model.name != facts.meant else "")
    if not why and any(one.reason == "budget" for one in rejected):
        rich = msgspec.structs.replace(call, facts=msgspec.structs.replace(facts, left=()))
        meant = decide(rich, choice, snapshot, seed).steps[0].targets[0].model.name
        why = f"the budget does not bear {meant}" if meant != first.model.name else ""
    return [msgspec.structs.replace(first, downgraded=why), *targets[1:]] if why else targets


def last_resort(call: Call, choice: Choice, snapshot: Snapshot, seed: int) -> Plan:
    """Who would answer if nobody were left alone for having failed of late."""
    anyone = msgspec.structs.replace(snapshot, conditions=_anyone(snapshot.conditions))
    return decide(call, choice, anyone, seed)


def _anyone(conditions: Conditions) -> Conditions:
    """With all that may be asked when everything has failed of late."""
    return msgspec.structs.replace(conditions, ejected=conditions.resting)


def asked(
    call: Call, choice: Choice, snapshot: Snapshot, seed: int = 0, found: Traits | None = None
) -> tuple[Ask, bool]:
    """What is asked of every candidate, and whether one model was named rather than to be chosen."""
    policy = choice.policy
    named = choice.model is not None or policy.strategy == "pinned"
    found = traits.read(call.signals, call.wishes) if found is None else found
    rule = None if choice.model is not None else rule_for(found, policy)
    return requirements(call, policy, snapshot, named, found, rule, seed), named


def _once(rejected: list[Rejection]) -> list[Rejection]:
    """Of a model that is out as a whole, what was said of its channels says nothing more."""
    whole = {one.model for one in rejected if not one.channel}
    return [one for one in rejected if not one.channel or one.model not in whole]


def rule_for(found: Traits, policy: Policy) -> Rule | None:
    """Where the table hangs on what nobody found out, the default task decides."""
    if not policy.rules:
        return None
    hit = lookup(found, policy.rules)
    if hit == OPEN and not found.task and policy.default_task:
        hit = lookup(msgspec.structs.replace(found, task=policy.default_task), policy.rules)
    return hit if isinstance(hit, Rule) else None


def requirements(
    call: Call, policy: Policy, snapshot: Snapshot, named: bool, found: Traits, rule: Rule | None, seed: int
) -> Ask:
    """Adds up what the request needs (its traits), what the caller wants and what the policy demands."""
    wishes = call.wishes
    floor = policy.min_quality
    if floor is None and rule is not None:
        floor = 0.0
    elif floor is None:
        floor = PINNED.min_quality if named else STRATEGIES[policy.strategy].min_quality
    if wishes.quality_floor is not None:
        floor = max(floor, wishes.quality_floor)
    soft = None
    if policy.floors and rule is None and not named:
        further = max(policy.floors.get(found.complexity, 0.0), policy.floors.get(found.task, 0.0))
        if further > floor:
            soft, floor = floor, further
    return Ask(
        call,
        policy,
        snapshot.conditions,
        found,
        rule,
        found.capabilities,
        found.input_tokens,
        found.output_tokens,
        found.output_room,
        floor,
        least(least(policy.max_cost, wishes.max_cost), call.caller.max_cost),
        least(policy.max_latency_ms, wishes.max_latency_ms),
        soft,
        seed,
        snapshot.models,
    )


def _by_strategy(
    ask: Ask, targets: list[Target], snapshot: Snapshot, rejected: list[Rejection]
) -> tuple[str, list[Target], list[Target], str]:
    """The strategy that held, those that answer, the members of a cascade in its order, and why who comes first does."""
    policy = ask.policy
    strategy = policy.strategy
    cheapest = ask.call.wishes.low_budget and not policy.critical
    if cheapest and not STRATEGIES[strategy].lists:
        strategy = "cost_first"
    targets = STRATEGIES[strategy].rank(targets, ask, rejected)
    if cheapest:
        targets.sort(key=cost_first.key)
    climbing = [target for target in targets if target.bar is not None]
    targets, reason = standing.kept(targets, ask)
    if policy.fallbacks and targets:
        targets = _with_fallbacks(targets, policy, snapshot, rejected)
    return strategy, targets, climbing, reason


def _by_rule(ask: Ask, rule: Rule, targets: list[Target]) -> tuple[list[Target], str]:
    """In the rule's order; its fallback goes first where the first will not do or is not sure enough to be paid for."""
    why = f"rule {rule.name}: {rule.reason or in_words(rule.match)}"
    settings = rule.settings
    if settings.thinking or settings.quality_boost:
        effort = "high" if settings.quality_boost else settings.thinking
        targets = [msgspec.structs.replace(target, thinking=effort) for target in targets]
    if len(targets) < 2 or targets[0].model.name != rule.models[0]:
        return targets, why
    instead = _instead(ask, settings)
    if not instead:
        return targets, why
    first, second, *others = targets
    return [msgspec.structs.replace(second, downgraded=instead), first, *others], f"{why}; {instead}"


def _instead(ask: Ask, settings: Settings) -> str:
    """Why a rule's fallback answers rather than its first model."""
    found = ask.traits
    if ask.call.wishes.low_budget and not ask.policy.critical:
        return "the caller's budget is low"
    if settings.max_input and found.input_tokens > settings.max_input:
        return f"about {found.input_tokens:,} tokens of input are more than the {settings.max_input:,} it is given"
    threshold = settings.threshold or ask.policy.threshold
    if found.task and not found.declared and found.task_confidence < threshold:
        return f"confidence {found.task_confidence:.2f} in task {found.task} is below {threshold:g}"
    return ""


def _with_fallbacks(
    targets: list[Target], policy: Policy, snapshot: Snapshot, rejected: list[Rejection]
) -> list[Target]:
    """The policy's own chain takes the place of the ranking behind the first: availability, in the order given."""
    by_name = {target.model.name: target for target in targets}
    others = (by_name.get(model.name) for model in resolved(policy.fallbacks, snapshot, [], targets[0].model))
    chain = [targets[0], *(target for target in others if target is not None)]
    for target in targets:
        if target not in chain:
            rejected.append(
                Rejection(target.model.name, "", "outranked", f"policy {policy.name} lists other fallbacks")
            )
    return chain


def _bound(targets: list[Target], ask: Ask, rejected: list[Rejection]) -> list[Target]:
    """No hop to another model, nor to another provider of the same one, unless the policy or the rule lists it."""
    listed = frozenset() if ask.call.wishes.stay else frozenset((*ask.policy.fallbacks, *_of_rule(ask.rule)))
    first, *others = targets
    home = first.channels[0].provider
    channels = tuple(channel for channel in first.channels if channel.provider == home)
    kept = [msgspec.structs.replace(first, channels=channels)]
    for channel in first.channels:
        if channel.provider != home:
            words = f"no hop to {channel.provider}: {_binding(ask)}"
            rejected.append(Rejection(first.model.name, channel.name, "bound", words))
    for target in others:
        if target.model.name in listed:
            kept.append(target)
        else:
            rejected.append(Rejection(target.model.name, "", "bound", f"it is not listed: {_binding(ask)}"))
    return kept


def _of_rule(rule: Rule | None) -> tuple[str, ...]:
    return () if rule is None else rule.models


def _binding(ask: Ask) -> str:
    return "the caller wants no fallbacks" if ask.call.wishes.stay else f"policy {ask.policy.name} is critical"


def _ladder(
    ask: Ask,
    choice: Choice,
    snapshot: Snapshot,
    targets: list[Target],
    climbing: list[Target],
    named: bool,
    memo: Memo | None,
) -> Rungs:
    """Who may be asked where the answer is not good enough. Whom the caller names, or a critical policy, and whom a policy
    lists, only gives way to others that are listed. `climbing` are the members of a cascade, in its order."""
    policy = ask.policy
    quality = quality_of(policy.handling, NO_SETTINGS if ask.rule is None else ask.rule.settings)
    if quality is None or not targets or ask.call.operation != "generate":
        return ()
    first = targets[0].model.name
    ladder: Rungs
    if targets[0].bar is not None:
        at = next(place for place, one in enumerate(climbing) if one.model.name == first)
        bound = {target.model.name for target in targets} if policy.critical or ask.call.wishes.stay else None
        ladder = tuple(one for one in climbing[at + 1 :] if bound is None or one.model.name in bound)
    elif named or ask.call.wishes.models or ask.call.wishes.stay or policy.critical:
        ladder = rungs(targets, targets, ask, quality.upgrades)
    else:
        anyone = ask if ask.rule is None else msgspec.structs.replace(ask, rule=None)
        pool, _ = candidates(anyone, choice, snapshot, named, memo)
        if ask.rule is None and STRATEGIES[policy.strategy].lists:
            names = listed(policy)
            pool = [target for target in pool if target.model.name in names]
        ladder = rungs(targets, pool, ask, quality.upgrades)
    return tuple(tiered.charged(list(ladder), ask, [])) if policy.tiers else ladder


def _outranked(targets: list[Target], ladder: Rungs) -> list[Rejection]:
    """Who would do, and is held ready for nothing."""
    rising = {target.model.name for target in ladder}
    others = (target.model.name for target in targets[1 + FAILOVERS :])
    return [outranked(name) for name in others if name not in rising]


def _steps(targets: list[Target], ladder: Rungs = ()) -> tuple[Step, ...]:
    if not targets:
        return ()
    move: Literal["first", "downgrade"] = "downgrade" if targets[0].downgraded else "first"
    steps: tuple[Step, ...] = (Step(move, (targets[0],)),)
    if len(targets) > 1:
        steps = (*steps, Step("failover", tuple(targets[1 : 1 + FAILOVERS])))
    return (*steps, Step("escalate", ladder)) if ladder else steps
