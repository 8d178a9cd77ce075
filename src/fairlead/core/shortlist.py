"""The candidates of a request: the models to look at, and which of them may answer, not in order yet.

What does not hang on the size of a request is found once for all that are alike, where there is a memo to keep it in.
"""

from __future__ import annotations

import msgspec

from fairlead.core import arms
from fairlead.core.ask import Ask
from fairlead.core.choice import Choice
from fairlead.core.constraints import fitting, fitting_rules, standing_channels, standing_rules
from fairlead.core.expectation import expected, expecting
from fairlead.core.model import Channel, Model, Snapshot
from fairlead.core.plan import Rejection, Target

Memo = dict[tuple[object, ...], object]
"""What requests of one kind have in common, under one snapshot. Whoever keeps one drops it with its snapshot."""
UNKNOWN = 1 << 62


class Shortlist(msgspec.Struct, frozen=True):
    """The models that may serve requests of one kind, and why the others may not: all that size does not touch."""

    standing: tuple[tuple[Model, tuple[Channel, ...], bool], ...]
    """Model, channels, and whether it was named by the caller."""
    rejected: tuple[Rejection, ...]


def eligible(
    ask: Ask, choice: Choice, snapshot: Snapshot, named: bool, memo: Memo | None = None
) -> tuple[Ask, list[Target], list[Rejection]]:
    """The candidates, and what was asked of them: where nobody fulfils the floor of such work, the usual one."""
    targets, rejected = candidates(ask, choice, snapshot, named, memo)
    if not targets and ask.soft_floor is not None:
        ask = msgspec.structs.replace(ask, min_quality=ask.soft_floor, soft_floor=None)
        targets, rejected = candidates(ask, choice, snapshot, named, memo)
    return ask, targets, rejected


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


def _pool(ask: Ask, choice: Choice, snapshot: Snapshot, rejected: list[Rejection]) -> list[Model]:
    """The models to look at: those named by caller, rule or policy, or all there are."""
    policy, wishes = choice.policy, ask.call.wishes
    if choice.model is not None:
        if choice.channel or wishes.stay:  # a wish for exactly that one
            return [choice.model]
        return [choice.model, *resolved((*wishes.models, *policy.fallbacks), snapshot, rejected, choice.model)]
    if wishes.models:
        return resolved(wishes.models, snapshot, rejected)
    if ask.rule is not None:
        return resolved(arms.listed(ask.rule, ask.call.facts.arm), snapshot, rejected)
    if policy.strategy == "pinned":
        return resolved((policy.model, *policy.fallbacks), snapshot, rejected)
    return list(snapshot.models.values())


def resolved(
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
