"""decide(call, choice, snapshot, seed) -> Plan: which models may serve a request, in which order, and why not the others.

    traits      what the signals and the caller's word come to            core/traits.py
    rule        the first of the policy's table that holds                core/table.py
    candidates  the models a rule names, else all the policy admits
    constraints every candidate that may not, with its reason             core/constraints.py
    order       as the rule says, else as the strategy ranks              core/policies/
    standing    a conversation stays where it is, unless moving pays      core/standing.py
    arm         of an experiment: its model goes first                    core/arms.py
    ladder      who is asked where the answer is not good enough          core/ladder.py

Pure: the same arguments give the same plan on any machine, on any day. Everything it knows of the world comes
in with the snapshot, everything it knows of the request with the call and its signals.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fairlead.core import arms, standing, traits
from fairlead.core.ask import Ask
from fairlead.core.call import Call
from fairlead.core.choice import Choice
from fairlead.core.constraints import fitting, fitting_rules, standing_channels, standing_rules
from fairlead.core.expectation import expected, expecting
from fairlead.core.ladder import Rungs, rungs
from fairlead.core.model import Channel, Conditions, Model, Snapshot
from fairlead.core.named import Kept, again, kept
from fairlead.core.named import kind as named_kind
from fairlead.core.plan import Plan, Rejection, Step, Target, quality_of
from fairlead.core.policies import STRATEGIES, cost_first, tiered
from fairlead.core.policy import Policy, least, listed, payer
from fairlead.core.table import NO_SETTINGS, OPEN, Rule, Settings, in_words, lookup
from fairlead.core.traits import Traits

PINNED = STRATEGIES["pinned"]
FAILOVERS = 3
"""Further models a plan holds ready behind the first."""
UNKNOWN = 1 << 62
OUTRANKED = f"it would do, but {1 + FAILOVERS} others rank before it"


class Shortlist(msgspec.Struct, frozen=True):
    """The models that may serve requests of one kind, and why the others may not: all that size does not touch."""

    standing: tuple[tuple[Model, tuple[Channel, ...], bool], ...]
    """Model, channels, and whether it was named by the caller."""
    rejected: tuple[Rejection, ...]


Memo = dict[tuple[object, ...], Shortlist | Kept]
"""What requests of one kind have in common, under one snapshot. Whoever keeps one drops it with its snapshot."""


def decide(call: Call, choice: Choice, snapshot: Snapshot, seed: int, memo: Memo | None = None) -> Plan:
    """With a memo the same plan comes sooner; it never comes out differently."""
    if memo is None or choice.model is None:
        return _decided(call, choice, snapshot, seed, memo)
    kind = named_kind(call, choice)
    before = memo.get(kind)
    plan = again(before, call, seed) if type(before) is Kept else None
    if plan is None:
        plan = _decided(call, choice, snapshot, seed, memo)
        found = kept(call, choice, snapshot, plan)
        if found is not None:
            memo[kind] = found
    return plan


def _decided(call: Call, choice: Choice, snapshot: Snapshot, seed: int, memo: Memo | None) -> Plan:
    policy = choice.policy
    ask, named = asked(call, choice, snapshot, seed)
    found, rule = ask.traits, ask.rule
    targets, rejected = candidates(ask, choice, snapshot, named, memo)
    if not targets and ask.soft_floor is not None:
        ask = msgspec.structs.replace(ask, min_quality=ask.soft_floor, soft_floor=None)
        targets, rejected = candidates(ask, choice, snapshot, named, memo)
    last_resort = not targets and bool(ask.conditions.ejected)
    if last_resort:
        ask = msgspec.structs.replace(ask, conditions=_anyone(ask.conditions))
        targets, rejected = candidates(ask, choice, snapshot, named)
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
    ladder = _ladder(ask, choice, snapshot, targets, climbing, named, memo)
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
        seed=seed,
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


def _stood_in(
    targets: list[Target], rejected: list[Rejection], call: Call, choice: Choice, snapshot: Snapshot, seed: int
) -> list[Target]:
    """The first of them says so where it stands in for one that no budget bears."""
    first, facts = targets[0], call.facts
    why = first.downgraded or facts.eased
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


def asked(call: Call, choice: Choice, snapshot: Snapshot, seed: int = 0) -> tuple[Ask, bool]:
    """What is asked of every candidate, and whether one model was named rather than to be chosen."""
    policy = choice.policy
    named = choice.model is not None or policy.strategy == "pinned"
    found = traits.read(call.signals, call.wishes)
    rule = None if choice.model is not None else rule_for(found, policy)
    return requirements(call, policy, snapshot, named, found, rule, seed), named


def candidates(
    ask: Ask, choice: Choice, snapshot: Snapshot, named: bool, memo: Memo | None = None
) -> tuple[list[Target], list[Rejection]]:
    """Those that may answer, not in order yet, and why the others may not."""
    shortlist = _remembered(ask, choice, snapshot, named, memo)
    rejected = list(shortlist.rejected)
    targets: list[Target] = []
    wishes = ask.call.wishes
    as_declared = not wishes.sort and not wishes.provider_order
    rules = fitting_rules(ask, False, snapshot.extremes)
    expect = expecting(ask)
    for model, channels, spared in shortlist.standing:
        asked_of = fitting_rules(ask, True, snapshot.extremes) if spared else rules
        fit = fitting(ask, model, channels, asked_of, rejected)
        if fit:
            if not as_declared:
                fit = channels_in_order(ask, model, fit)
            targets.append(Target(model, fit, expect(model, fit[0])))
    return targets, rejected


def _once(rejected: list[Rejection]) -> list[Rejection]:
    """Of a model that is out as a whole, what was said of its channels says nothing more."""
    whole = {one.model for one in rejected if not one.channel}
    return [one for one in rejected if not one.channel or one.model not in whole]


def channels_in_order(ask: Ask, model: Model, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """As declared, unless the caller says otherwise."""
    wishes = ask.call.wishes
    if wishes.sort:
        by_price = wishes.sort == "price"

        def measure(channel: Channel) -> int:
            found = expected(ask, model, channel)
            known = found.cost if by_price else found.latency_ms
            return UNKNOWN if known is None else known

        channels = tuple(sorted(channels, key=measure))
    if wishes.provider_order:
        places = {name: place for place, name in enumerate(wishes.provider_order)}
        channels = tuple(sorted(channels, key=lambda channel: places.get(channel.provider, len(places))))
    return channels


def rule_for(found: Traits, policy: Policy) -> Rule | None:
    """Where the table hangs on what nobody found out, the default task decides."""
    if not policy.rules:
        return None
    hit = lookup(found, policy.rules)
    if hit == OPEN and not found.task and policy.default_task:
        hit = lookup(msgspec.structs.replace(found, task=policy.default_task), policy.rules)
    return hit if isinstance(hit, Rule) else None


def _remembered(ask: Ask, choice: Choice, snapshot: Snapshot, named: bool, memo: Memo | None) -> Shortlist:
    call, policy = ask.call, ask.policy
    wishes = call.wishes
    if memo is None or call.sensitive or call.facts.home or not wishes.plain:
        return _shortlist(ask, choice, snapshot, named)
    name = "" if choice.model is None else choice.model.name
    rule = None if ask.rule is None else arms.listed(ask.rule, call.facts.arm)
    kind = (
        call.caller.tenant, call.caller.name, policy.name, policy.hash, name, choice.channel, ask.capabilities, ask.traits.task,
        ask.min_quality, call.operation, rule,
    )  # fmt: skip
    found = memo.get(kind)
    if type(found) is not Shortlist:
        found = memo[kind] = _shortlist(ask, choice, snapshot, named)
    return found


def _shortlist(ask: Ask, choice: Choice, snapshot: Snapshot, named: bool) -> Shortlist:
    rejected: list[Rejection] = []
    kept = []
    of_choice = standing_rules(ask, False, snapshot.extremes)
    for place, model in enumerate(_pool(ask, choice, snapshot, rejected)):
        # Only the model that was named is spared the questions of taste; what stands in for it is chosen.
        spared = named and place == 0 and ask.rule is None
        only = choice.channel if spared else ""
        rules = standing_rules(ask, True, snapshot.extremes) if spared else of_choice
        channels = standing_channels(ask, model, rules, only, rejected)
        if channels:
            kept.append((model, channels, spared))
    return Shortlist(tuple(kept), tuple(rejected))


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


def _pool(ask: Ask, choice: Choice, snapshot: Snapshot, rejected: list[Rejection]) -> list[Model]:
    """The models to look at: those named by caller, rule or policy, or all there are."""
    policy, wishes = choice.policy, ask.call.wishes
    if choice.model is not None:
        if choice.channel or wishes.stay:  # a wish for exactly that one
            return [choice.model]
        return [choice.model, *_named((*wishes.models, *policy.fallbacks), snapshot, rejected, choice.model)]
    if wishes.models:
        return _named(wishes.models, snapshot, rejected)
    if ask.rule is not None:
        return _named(arms.listed(ask.rule, ask.call.facts.arm), snapshot, rejected)
    if policy.strategy == "pinned":
        return _named((policy.model, *policy.fallbacks), snapshot, rejected)
    return list(snapshot.models.values())


def _named(
    names: tuple[str, ...], snapshot: Snapshot, rejected: list[Rejection], first: Model | None = None
) -> list[Model]:
    found: list[Model] = []
    for name in names:
        model = snapshot.resolve(name)
        if model is None:
            rejected.append(Rejection(name, "", "unknown", "it is listed, but not configured"))
        elif model is not first and model not in found:
            found.append(model)
    return found


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
    others = (by_name.get(model.name) for model in _named(policy.fallbacks, snapshot, [], targets[0].model))
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
    return [Rejection(name, "", "outranked", OUTRANKED) for name in others if name not in rising]


def _steps(targets: list[Target], ladder: Rungs = ()) -> tuple[Step, ...]:
    if not targets:
        return ()
    move: Literal["first", "downgrade"] = "downgrade" if targets[0].downgraded else "first"
    steps: tuple[Step, ...] = (Step(move, (targets[0],)),)
    if len(targets) > 1:
        steps = (*steps, Step("failover", tuple(targets[1 : 1 + FAILOVERS])))
    return (*steps, Step("escalate", ladder)) if ladder else steps
