"""Upgrades that would be none: who is asked where an answer is not good enough has to be stronger, for all that is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fairlead.config.document import NodePath
from fairlead.config.finding import Finding
from fairlead.config.schema import Config, Policy

if TYPE_CHECKING:
    from fairlead.config.offers import Catalogue


def findings(config: Config, catalogue: Catalogue) -> Iterator[Finding]:
    for name, policy in config.policies.items():
        path: NodePath = ("policies", name)
        if policy.cascade is not None and policy.strategy == "cascade":
            yield from _cascade((*path, "cascade"), policy, config, catalogue)
        elif policy.quality is not None and policy.quality.upgrades and policy.strategy == "pinned":
            yield from _pinned(path, policy, config, catalogue)


def quality(name: str | None, config: Config, catalogue: Catalogue) -> float | None:
    """What is known of a model overall."""
    given, entry = config.models.get(name or ""), catalogue.find(name or "")
    if given is not None and given.quality is not None:
        return given.quality
    return None if entry is None else entry.quality


def _cascade(path: NodePath, policy: Policy, config: Config, catalogue: Catalogue) -> Iterator[Finding]:
    assert policy.cascade is not None
    cascade = policy.cascade
    members = (("base", cascade.base), ("middle", cascade.middle), ("premium", cascade.premium))
    best: tuple[str, float] | None = None
    for field, name in members:
        if field != "base" and name == cascade.base:
            message = f"is {name}, as `base` is, and nobody is asked twice; name a stronger one"
            yield Finding((*path, field), message, wrong=False)
        known = quality(name, config, catalogue)
        if known is None:
            continue
        if best is not None and known < best[1]:
            message = f"is no upgrade: its quality is {known:g}, that of {best[0]} {best[1]:g}"
            yield Finding((*path, field), message, wrong=cascade.form == "verify")
        else:
            best = name, known


def _pinned(path: NodePath, policy: Policy, config: Config, catalogue: Catalogue) -> Iterator[Finding]:
    """Nobody but those that are listed is asked in its place."""
    first = quality(policy.model, config, catalogue)
    others = [quality(name, config, catalogue) for name in policy.fallbacks]
    if first is None or not others or any(one is None or one > first for one in others):
        return
    message = f"no fallback is stronger than {policy.model} ({first:g}), so nobody is asked instead; set `upgrades: 0`"
    yield Finding((*path, "quality"), message)
