"""Configuration to budgets and limits, as the gateway keeps them: one list, wherever in the file they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from fairlead.config import budgets as given
from fairlead.config.schema import Config
from fairlead.core.budgets import Budget, Per, Scope
from fairlead.core.policy import Limits, Policy, payer
from fairlead.registry.digest import nano

Metered = tuple[str, ...]
"""Whose limits: ("tenant", name), ("team", tenant, name), ("model", name), ("plan", name) for each of its keys."""


def budgets(config: Config, policies: Mapping[str, Policy]) -> tuple[Budget, ...]:
    return tuple(dict.fromkeys((*_listed(config), *_beside(config), *_tiers(policies))))


def _listed(config: Config) -> Iterator[Budget]:
    for one in config.budgets:
        yield _budget(cast(Scope, one.scope), one.names, one)


def _beside(config: Config) -> Iterator[Budget]:
    """Those that stand with whom they are for."""
    for key in config.keys:
        if key.budget is not None:
            yield _budget("key", (key.name,), key.budget)
    for name, plan in config.plans.items():
        if plan.budget is not None:
            yield _budget("key", (), plan.budget, name)
    for name, tenant in config.tenants.items():
        if tenant.budget is not None:
            yield _budget("tenant", (name,), tenant.budget)
        for team, one in tenant.teams.items():
            if one.budget is not None:
                yield _budget("team", (name, team), one.budget)


def _tiers(policies: Mapping[str, Policy]) -> Iterator[Budget]:
    for policy in policies.values():
        for tier in policy.tiers:
            if tier.budget is not None:
                yield Budget("tier", (payer(policy), tier.name), tier.budget, "day")


def _budget(scope: Scope, who: tuple[str, ...], said: given.Allotment, plan: str = "") -> Budget:
    alerts = tuple(sorted(set(said.alerts)))
    return Budget(
        scope, who, nano(said.amount), cast(Per, said.per), said.mode == "hard", alerts, said.then or "", plan
    )


def limits(config: Config) -> dict[Metered, Limits]:
    """Of tenants, teams, models and plans, where there are any; what a key says of itself is the key's."""
    found: dict[Metered, given.Limits] = {("model", name): one.limits for name, one in config.models.items()}
    found.update({("plan", name): one.limits for name, one in config.plans.items()})
    for name, tenant in config.tenants.items():
        found["tenant", name] = tenant.limits
        found.update({("team", name, team): one.limits for team, one in tenant.teams.items()})
    read = {who: Limits(one.rpm, one.tpm, one.concurrency) for who, one in found.items()}
    return {who: one for who, one in read.items() if one != Limits()}
