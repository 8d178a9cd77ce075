"""What a model, or one of its channels, must fulfil for a request. One function a rule, one line in a table.

Each function answers in words why the candidate is out, or None. The table's `named` says whether the rule also
holds for a model the caller named: access, availability and size always do; taste (quality, speed, flags) does not.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from fairlead.core import egress, expectation
from fairlead.core.allowance import allowed, left_for, need
from fairlead.core.ask import Ask
from fairlead.core.budgets import SHARE
from fairlead.core.cost import plain
from fairlead.core.model import EMBEDDINGS, Channel, Extremes, Model, capability_names
from fairlead.core.plan import Rejection
from fairlead.core.policy import listed

TEXTS = frozenset(("generate", "count"))
NOT_KEPT = frozenset(("zero-retention", "no-training"))
"""Flags of channels that keep nothing of what they are sent."""


def disabled(ask: Ask, model: Model) -> str | None:
    if not model.enabled:
        return "it is switched off in the configuration"
    if model.name in ask.conditions.disabled:
        return "it is switched off just now"
    return None


def outside_policy(ask: Ask, model: Model) -> str | None:
    policy = ask.policy
    if policy.models is not None and model.name not in policy.models and model.name not in policy.fallbacks:
        return f"policy {policy.name} does not list it"
    if policy.critical and model.name not in (named := listed(policy)):
        return f"policy {policy.name} is critical and names {', '.join(sorted(named)) or 'nobody'}"
    return None


def operation(ask: Ask, model: Model) -> str | None:
    """Models that only make embeddings are told apart by their capabilities; what else a model does is rarely said."""
    only = model.capabilities == EMBEDDINGS
    if ask.call.operation == "embed":
        return None if model.capabilities & EMBEDDINGS else "it makes no embeddings"
    return "it makes embeddings, and no text" if only and ask.call.operation in TEXTS else None


def capability(ask: Ask, model: Model) -> str | None:
    missing = ask.capabilities & ~model.capabilities
    if missing:
        return f"it cannot do {', '.join(capability_names(missing))}"
    return None


def context(ask: Ask, model: Model) -> str | None:
    if not model.context or filled(ask) <= model.context:
        return None
    longest = ask.traits.longest_input
    if longest:
        return f"about {longest:,} tokens of one input exceed its context of {model.context:,}"
    room = f" and room for {ask.output_room:,} of output" if ask.output_room else ""
    return f"about {ask.input_tokens:,} tokens of input{room} exceed its context of {model.context:,}"


def filled(ask: Ask) -> int:
    """Tokens that a context has to take: where several inputs are each taken by itself, those of the longest."""
    return (ask.traits.longest_input or ask.input_tokens) + ask.output_room


def max_output(ask: Ask, model: Model) -> str | None:
    if model.max_output and ask.output_room > model.max_output:
        return f"{ask.output_room:,} tokens of output are asked for, it gives at most {model.max_output:,}"
    return None


def quality(ask: Ask, model: Model) -> str | None:
    if ask.min_quality <= 0:
        return None
    quality = expectation.quality(ask, model)
    if quality is None:
        return (
            f"its quality is unknown and at least {ask.min_quality:g} is required (declare models.{model.name}.quality)"
        )
    if quality < ask.min_quality:
        task = f" in {ask.traits.task}" if quality != model.quality else ""
        return f"its quality {quality:g}{task} is below the required {ask.min_quality:g}"
    return None


def flags(ask: Ask, model: Model) -> str | None:
    """Model flags only; a required flag may also sit on a channel, which `channel_flags` looks at."""
    barred = ask.policy.exclude_flags & model.flags
    if barred:
        return f"policy {ask.policy.name} excludes {', '.join(sorted(barred))}"
    return None


def channel_disabled(ask: Ask, model: Model, channel: Channel) -> str | None:
    if not channel.enabled:
        return "it is switched off in the configuration"
    if channel.id in ask.conditions.disabled:
        return "it is switched off just now"
    return None


def ejected(ask: Ask, model: Model, channel: Channel) -> str | None:
    if channel.id in ask.conditions.resting:
        return f"{channel.provider} has asked to be left alone for a while"
    if channel.id in ask.conditions.ejected:
        return "it has failed of late and is left alone for a while"
    return None


def channel_context(ask: Ask, model: Model, channel: Channel) -> str | None:
    if channel.context and filled(ask) > channel.context:
        return f"about {filled(ask):,} tokens exceed the {channel.context:,} that {channel.provider} serves"
    return None


def policy_region(ask: Ask, model: Model, channel: Channel) -> str | None:
    regions = ask.policy.regions
    if regions is not None and channel.region not in regions:
        return f"policy {ask.policy.name} allows the regions {', '.join(sorted(regions))}; this is {channel.region or 'undeclared'}"
    return None


def unwanted_provider(ask: Ask, model: Model, channel: Channel) -> str | None:
    wishes = ask.call.wishes
    if wishes.providers is not None and channel.provider not in wishes.providers:
        return f"the caller wants only {', '.join(wishes.providers)}"
    if channel.provider in wishes.not_providers:
        return f"the caller does not want {channel.provider}"
    return None


def unwanted_price(ask: Ask, model: Model, channel: Channel) -> str | None:
    most = ask.call.wishes.max_rates
    if most is None:
        return None
    price = channel.price_at(ask.call.facts.at)
    if price is None:
        return "its price is unknown and the caller bounds it"
    if price.rates.input > most[0] or price.rates.output > most[1]:
        return (
            f"its price of ${plain(price.rates.input)} / ${plain(price.rates.output)} per million tokens is above the "
            f"${plain(most[0])} / ${plain(most[1])} the caller pays"
        )
    return None


def collection(ask: Ask, model: Model, channel: Channel) -> str | None:
    if not ask.call.wishes.no_collection or channel.self_hosted or NOT_KEPT & (channel.flags | model.flags):
        return None
    return f"the caller wants nothing kept, and it is neither self-hosted nor flagged {' or '.join(sorted(NOT_KEPT))}"


def channel_flags(ask: Ask, model: Model, channel: Channel) -> str | None:
    barred = ask.policy.exclude_flags & channel.flags
    if barred:
        return f"policy {ask.policy.name} excludes {', '.join(sorted(barred))}"
    missing = ask.policy.require_flags - channel.flags - model.flags
    if missing:
        return f"policy {ask.policy.name} requires {', '.join(sorted(missing))}"
    return None


def latency(ask: Ask, model: Model, channel: Channel) -> str | None:
    if ask.max_latency_ms is None:
        return None
    expected = expectation.latency(ask, model, channel)
    if expected is None:
        return f"its latency is unknown and at most {ask.max_latency_ms} ms are allowed (declare models.{model.name}.latency_ms)"
    if expected > ask.max_latency_ms:
        return f"it takes about {expected} ms, at most {ask.max_latency_ms} ms are allowed"
    return None


def cost(ask: Ask, model: Model, channel: Channel) -> str | None:
    if ask.max_cost is None:
        return None
    price = channel.price_at(ask.call.facts.at)
    if price is None:
        return f"its price is unknown and at most ${plain(ask.max_cost)} is allowed (declare models.{model.name}.price)"
    expected = expectation.cost_of(ask, price, channel, expectation.output_tokens(ask, model))
    if expected > ask.max_cost:
        return f"it would cost about ${plain(expected)}, at most ${plain(ask.max_cost)} is allowed"
    return None


def unpriced(ask: Ask, model: Model, channel: Channel) -> str | None:
    if channel.price_at(ask.call.facts.at) is not None or left_for(model.name, ask.call.facts.left) is None:
        return None
    return f"its price is unknown and a budget would have to bear it (declare models.{model.name}.price)"


def budget(ask: Ask, model: Model, channel: Channel) -> str | None:
    left = left_for(model.name, ask.call.facts.left)
    if left is None:
        return None
    most = allowed(need(ask, model), channel.price_at(ask.call.facts.at), left // SHARE).amount
    if most > max(left, 0):
        return f"it may come to ${plain(most)}, and the budget has ${plain(max(left, 0))} left"
    return None


class Rule(msgspec.Struct, frozen=True):
    reason: str
    check: Callable[[Ask, Model], str | None]
    named: bool
    binds: Callable[[Ask, Extremes], bool]
    """Whether it can put anybody out for this request; what binds nobody is not asked of each."""
    sized: bool = False
    """Depends on how large the request is; all other rules give the same answer for every like request."""


class ChannelRule(msgspec.Struct, frozen=True):
    reason: str
    check: Callable[[Ask, Model, Channel], str | None]
    named: bool
    binds: Callable[[Ask, Extremes], bool]
    sized: bool = False


def _switched_off(ask: Ask, extremes: Extremes) -> bool:
    return extremes.switched_off or bool(ask.conditions.disabled)


def _too_long(ask: Ask, extremes: Extremes) -> bool:
    """For some model."""
    return 0 < extremes.context < ask.input_tokens + ask.output_room


def _too_long_there(ask: Ask, extremes: Extremes) -> bool:
    """For some channel."""
    return 0 < extremes.channel_context < ask.input_tokens + ask.output_room


RULES: tuple[Rule, ...] = (
    Rule("disabled", disabled, True, _switched_off),
    Rule("outside_policy", outside_policy, True, lambda ask, _: ask.policy.models is not None or ask.policy.critical),
    Rule("operation", operation, False, lambda ask, any_of: any_of.embeddings or ask.call.operation == "embed"),
    Rule("capability", capability, False, lambda ask, _: ask.capabilities != 0),
    Rule("quality", quality, False, lambda ask, _: ask.min_quality > 0),
    Rule("flags", flags, False, lambda ask, _: bool(ask.policy.exclude_flags)),
    Rule("context", context, True, _too_long, sized=True),
    Rule("max_output", max_output, False, lambda ask, any_of: 0 < any_of.max_output < ask.output_room, sized=True),
)

CHANNEL_RULES: tuple[ChannelRule, ...] = (
    ChannelRule("disabled", channel_disabled, True, _switched_off),
    ChannelRule("ejected", ejected, True, lambda ask, _: bool(ask.conditions.ejected)),
    ChannelRule("policy_region", policy_region, True, lambda ask, _: ask.policy.regions is not None),
    ChannelRule(
        "unwanted_provider",
        unwanted_provider,
        True,
        lambda ask, _: ask.call.wishes.providers is not None or bool(ask.call.wishes.not_providers),
    ),
    ChannelRule("unwanted_price", unwanted_price, True, lambda ask, _: ask.call.wishes.max_rates is not None),
    ChannelRule("collection", collection, True, lambda ask, _: ask.call.wishes.no_collection),
    ChannelRule(
        "flags", channel_flags, False, lambda ask, _: bool(ask.policy.exclude_flags or ask.policy.require_flags)
    ),
    ChannelRule("latency", latency, False, lambda ask, _: ask.max_latency_ms is not None),
    ChannelRule("context", channel_context, True, _too_long_there, sized=True),
    ChannelRule("cost", cost, True, lambda ask, _: ask.max_cost is not None, sized=True),
    ChannelRule("unpriced", unpriced, True, lambda ask, _: bool(ask.call.facts.left), sized=True),
    ChannelRule("budget", budget, True, lambda ask, _: bool(ask.call.facts.left), sized=True),
)


SIZED = frozenset((*[one.reason for one in RULES if one.sized], *[one.reason for one in CHANNEL_RULES if one.sized]))
"""Reasons that hang on the size of a request."""


class Rules(msgspec.Struct, frozen=True):
    """What is asked of each candidate of one request."""

    of_model: tuple[Rule, ...]
    of_channel: tuple[ChannelRule, ...]
    egress: tuple[egress.Check, ...] = ()


NO_RULES = Rules((), ())


def standing_rules(ask: Ask, named: bool, extremes: Extremes) -> Rules:
    """Those that hold for requests of this kind, whatever their size."""
    return _rules(ask, named, False, egress.binding(ask.call), extremes)


def fitting_rules(ask: Ask, named: bool, extremes: Extremes) -> Rules:
    """Those that hang on the request's size."""
    return _rules(ask, named, True, (), extremes)


def _rules(ask: Ask, named: bool, sized: bool, checks: tuple[egress.Check, ...], extremes: Extremes) -> Rules:
    of_model, of_channel = _TABLES[named, sized]
    models = [rule for rule in of_model if rule.binds(ask, extremes)]
    channels = [rule for rule in of_channel if rule.binds(ask, extremes)]
    return Rules(tuple(models), tuple(channels), checks) if models or channels or checks else NO_RULES


_TABLES = {
    (named, sized): (
        tuple(rule for rule in RULES if rule.sized == sized and (rule.named or not named)),
        tuple(rule for rule in CHANNEL_RULES if rule.sized == sized and (rule.named or not named)),
    )
    for named in (False, True)
    for sized in (False, True)
}


def standing_channels(
    ask: Ask, model: Model, rules: Rules, only: str, rejected: list[Rejection]
) -> tuple[Channel, ...]:
    """The channels of `model` that may serve requests of this kind, whatever their size.

    Every one that may not is added to `rejected` with its reason; so is the model, if it is out as a whole.
    """
    for rule in rules.of_model:
        words = rule.check(ask, model)
        if words is not None:
            rejected.append(Rejection(model.name, "", rule.reason, words))
            return ()
    if not (rules.of_channel or rules.egress or only):
        return model.channels
    kept = []
    for channel in model.channels:
        if only and channel.name != only:
            continue
        refused = egress.refusal(ask.call, channel, rules.egress) if rules.egress else None
        if refused is None:
            for channel_rule in rules.of_channel:
                words = channel_rule.check(ask, model, channel)
                if words is not None:
                    refused = (channel_rule.reason, words)
                    break
        if refused is None:
            kept.append(channel)
        else:
            rejected.append(Rejection(model.name, channel.name, *refused))
    return tuple(kept)


def fitting(
    ask: Ask, model: Model, channels: tuple[Channel, ...], rules: Rules, rejected: list[Rejection]
) -> tuple[Channel, ...]:
    """Those of the standing `channels` that can take a request of this size."""
    if rules is NO_RULES:
        return channels
    for rule in rules.of_model:
        words = rule.check(ask, model)
        if words is not None:
            rejected.append(Rejection(model.name, "", rule.reason, words))
            return ()
    if not rules.of_channel:
        return channels
    out: list[Channel] = []
    for channel in channels:
        for channel_rule in rules.of_channel:
            words = channel_rule.check(ask, model, channel)
            if words is not None:
                rejected.append(Rejection(model.name, channel.name, channel_rule.reason, words))
                out.append(channel)
                break
    return tuple(channel for channel in channels if channel not in out) if out else channels
