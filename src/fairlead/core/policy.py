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


class Limits(msgspec.Struct, frozen=True):
    """What one key may do at most; None means unlimited."""

    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
