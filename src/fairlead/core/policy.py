"""Policy: how to choose, resolved from the configuration. Its hash names the version in every decision."""

from __future__ import annotations

from typing import Literal

import msgspec

from fairlead.core.quality import Quality
from fairlead.core.table import Match, Rule


class Weights(msgspec.Struct, frozen=True):
    """Shares of a weighted score; they need not add up to one, they are renormalised."""

    quality: float = 0.5
    cost: float = 0.3
    latency: float = 0.2


class Tier(msgspec.Struct, frozen=True):
    """One of the tiers of a policy, the highest first."""

    name: str
    models: tuple[str, ...]
    """In the order they are taken."""
    match: Match = Match()
    """Which requests it is for; the last tier is for all that are left."""
    budget: int | None = None
    """Nano-units of USD a day."""
    cost_per_1k: int | None = None
    """What 1,000 requests are expected to cost there, in nano-units."""


class Cascade(msgspec.Struct, frozen=True):
    """Base, middle and premium model by a confidence: above `keep` the base answers, above `middle` the middle."""

    models: tuple[str, str, str]
    keep: float = 0.9
    middle: float = 0.7
    form: Literal["screen", "verify"] = "screen"
    """Whose confidence it is: the classifier's in the task, or the checks' in the answer."""
    kept: float = 0.7
    """Of the answers that are checked, the share that is expected to be kept, until enough were."""
    between: float = 0.2
    """Of the base model's, the share that is expected to be good enough for the middle one."""


class Routing(msgspec.Struct, frozen=True):
    """For `cascade_routing`: what its answers are to be worth, and what the checks are taken for."""

    quality: float | None = None
    """Share of good answers; None for that of the best single model."""
    caught: float = 0.5
    """Of the bad answers, the share that does not pass the checks."""
    kept: float = 0.95
    """Of the good answers, the share that passes."""


Ending = Literal["", "blocked", "refused", "empty", "truncated"]
"""How a whole answer ended, where that is no ordinary end. `dialects.endings` reads it off."""
ENDINGS: tuple[Ending, ...] = ("blocked", "refused", "empty", "truncated")


class Handling(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a plan is carried out."""

    retries: int = 1
    """Further tries, after a pause, when everybody has failed and somebody may be better in a moment."""
    hedge_ms: int = 0
    """So long after an attempt began without content another is made beside it; 0 for never."""
    balance: str = "declared"
    """A key of `core.balance.BALANCE`: in which order the channels of a model are tried."""
    spread: int = 1
    """So many of the best models share the work by the same way."""
    failover_on: frozenset[str] = frozenset(("blocked", "empty", "truncated"))
    """Endings of an answer with which another is asked instead."""
    continue_streams: bool = False
    """Whether another goes on with a streamed text that broke off."""
    quality: Quality | None = None
    """How answers are checked; None for not at all."""
    memory: bool = False
    """Whether requests are given what is remembered, and are remembered, where they do not say."""


USUAL = Handling()


class Policy(msgspec.Struct, frozen=True):
    name: str
    strategy: str
    """A key of `core.policies.STRATEGIES`."""
    min_quality: float | None = None
    """The least quality a model must have; None takes the strategy's own default, 0 is honoured as 0."""
    floors: dict[str, float] = {}
    """Further ones by complexity and by task, as long as some model fulfils them: hard work wants better models."""
    weights: Weights = Weights()
    model: str = ""
    """For `pinned`: the model when the caller names none."""
    fallbacks: tuple[str, ...] = ()
    """Models to fail over to, in order, after the chosen ones."""
    models: frozenset[str] | None = None
    """Only these are candidates; None means all."""
    regions: frozenset[str] | None = None
    max_cost: int | None = None
    """Nano-units of USD a request may be expected to cost at most."""
    max_latency_ms: int | None = None
    require_flags: frozenset[str] = frozenset()
    exclude_flags: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    """The table: it goes before the strategy."""
    threshold: float = 0.0
    """For rules without a threshold of their own."""
    default_task: str = ""
    """What a task that nobody knows is taken for."""
    tiers: tuple[Tier, ...] = ()
    """For `tiered`, the highest first. Whoever chooses, and however: a model of a tier is paid for by its tier."""
    purse: str = ""
    """The policy whose tiers these are, where it is not this one."""
    cascade: Cascade | None = None
    routing: Routing | None = None
    self_hosted: tuple[str, ...] = ()
    """For `hybrid`: who answers what is not urgent; by default every self-hosted model."""
    commercial: tuple[str, ...] = ()
    """For `hybrid`: who answers the rest; by default every other model."""
    critical: bool = False
    """No model but those it names, no hop to another provider unless listed, nothing less to save money."""
    stay: float = 0.05
    """How much better, as a share of the score, another model must be for a conversation to move to it."""
    handling: Handling = USUAL
    hash: str = ""


def payer(policy: Policy) -> str:
    """The policy that its tiers' budgets are of."""
    return policy.purse or policy.name


def listed(policy: Policy) -> frozenset[str]:
    """Every model the policy names anywhere."""
    of_cascade = () if policy.cascade is None else policy.cascade.models
    of_rules = [name for rule in policy.rules for name in rule.models]
    of_tiers = [name for tier in policy.tiers for name in tier.models]
    names = (*policy.fallbacks, *of_rules, *of_tiers, *of_cascade, *policy.self_hosted, *policy.commercial)
    return frozenset((policy.model, *names)) - {""}


def narrowed(policy: Policy, bounds: Policy) -> Policy:
    """`policy` within the bounds of another: a caller may choose how to choose, never what its key rules out, nor
    who pays. Where the key's own is critical it is not exchanged at all."""
    if policy is bounds or bounds.critical:
        return bounds
    return msgspec.structs.replace(
        policy,
        models=_both(policy.models, bounds.models),
        fallbacks=policy.fallbacks
        if bounds.models is None
        else tuple(name for name in policy.fallbacks if name in bounds.models or name in bounds.fallbacks),
        regions=_both(policy.regions, bounds.regions),
        max_cost=least(policy.max_cost, bounds.max_cost),
        max_latency_ms=least(policy.max_latency_ms, bounds.max_latency_ms),
        require_flags=policy.require_flags | bounds.require_flags,
        exclude_flags=policy.exclude_flags | bounds.exclude_flags,
        floors={
            level: max(policy.floors.get(level, 0.0), bounds.floors.get(level, 0.0))
            for level in policy.floors.keys() | bounds.floors.keys()
        },
        min_quality=bounds.min_quality
        if policy.min_quality is None
        else max(policy.min_quality, bounds.min_quality or 0.0),
        tiers=bounds.tiers or policy.tiers,
        purse=payer(bounds) if bounds.tiers else policy.purse,
        hash=f"{policy.hash}+{bounds.hash}",
    )


def _both(a: frozenset[str] | None, b: frozenset[str] | None) -> frozenset[str] | None:
    if a is None:
        return b
    return a if b is None else a & b


def least(a: int | None, b: int | None) -> int | None:
    if a is None:
        return b
    return a if b is None else min(a, b)


class Limits(msgspec.Struct, frozen=True):
    """What one key may do at most; None means unlimited."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
