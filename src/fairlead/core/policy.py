"""Policy: how to choose, resolved from the configuration. Its hash names the version in every decision."""

from __future__ import annotations

import msgspec


class Weights(msgspec.Struct, frozen=True):
    """Shares of a weighted score; they need not add up to one, they are renormalised."""

    quality: float = 0.5
    cost: float = 0.3
    latency: float = 0.2


class Policy(msgspec.Struct, frozen=True):
    name: str
    strategy: str
    """A key of `core.policies.STRATEGIES`."""
    min_quality: float | None = None
    """The least quality a model must have; None takes the strategy's own default, 0 is honoured as 0."""
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
    hash: str = ""


def narrowed(policy: Policy, bounds: Policy) -> Policy:
    """`policy` within the bounds of another: a caller may choose how to choose, never what its key rules out."""
    if policy is bounds:
        return policy
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
        min_quality=bounds.min_quality
        if policy.min_quality is None
        else max(policy.min_quality, bounds.min_quality or 0.0),
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
