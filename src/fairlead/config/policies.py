"""What is wrong with a policy in itself: settings that its strategy needs or does not read, rules that lead nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fairlead.config.choosing import Work
from fairlead.config.document import NodePath
from fairlead.config.finding import Finding, named_twice
from fairlead.config.schema import Policy
from fairlead.core.policies import STRATEGIES

READ_BY = {
    "weights": ("balanced", "hybrid", "learned"),
    "model": ("pinned",),
    "tiers": ("tiered",),
    "cascade": ("cascade",),
    "routing": ("cascade_routing",),
    "self_hosted": ("hybrid",),
    "commercial": ("hybrid",),
}
"""Settings that only some strategies read."""


def policy_findings(path: NodePath, policy: Policy, said: Collection[str]) -> Iterator[Finding]:
    """`said`: its settings as they stand in the file; one that is wrong itself is not missed as well."""
    weights = policy.weights
    if weights is not None and weights.quality + weights.cost + weights.latency <= 0:
        yield Finding((*path, "weights"), "at least one weight must be above 0")
    for index, flag in enumerate(policy.require_flags):
        if flag in policy.exclude_flags:
            yield Finding((*path, "require_flags", index), f"{flag!r} is both required and excluded: nothing can pass")
    yield from _unread(path, policy)
    needed = STRATEGIES[policy.strategy].needs
    if needed and not getattr(policy, needed) and needed not in said:
        yield Finding(path, f"strategy {policy.strategy} needs `{needed}`")
    if policy.critical and not policy.model and not policy.rules and not policy.tasks:
        yield Finding((*path, "critical"), "a critical policy names its model: `strategy: pinned` and `model`")
    yield from named_twice((*path, "rules"), [rule.name for rule in policy.rules])
    yield from named_twice((*path, "tiers"), [tier.name for tier in policy.tiers])
    yield from _cascade(path, policy)
    for at, work in (
        *(((*path, "rules", index), rule) for index, rule in enumerate(policy.rules)),
        *(((*path, "tasks", task), row) for task, row in policy.tasks.items()),
    ):
        yield from work_findings(at, work)


def work_findings(path: NodePath, work: Work) -> Iterator[Finding]:
    """Of a row of a table: a model, and a fallback where a setting sends requests to one."""
    if work.model is None:
        yield Finding(path, "names no `model`")
    elif work.model in work.fallbacks:
        yield Finding((*path, "fallbacks"), f"{work.model!r} is the model itself; list others")
    if not work.fallbacks:
        for field, value in (("threshold", work.threshold), ("max_input_tokens", work.max_input_tokens)):
            if value:
                yield Finding((*path, field), "sends requests to the first of `fallbacks`, and none is listed")


def _unread(path: NodePath, policy: Policy) -> Iterator[Finding]:
    for field, strategies in READ_BY.items():
        if getattr(policy, field) and policy.strategy not in strategies and not (field == "model" and policy.critical):
            message = f"strategy {policy.strategy} does not read it; {' and '.join(strategies)} does"
            yield Finding((*path, field), message, wrong=False)


def _cascade(path: NodePath, policy: Policy) -> Iterator[Finding]:
    cascade = policy.cascade
    if cascade is not None and cascade.middle_above > cascade.keep_above:
        message = f"is above keep_above ({cascade.keep_above:g}), so the middle model would never answer"
        yield Finding((*path, "cascade", "middle_above"), message)
