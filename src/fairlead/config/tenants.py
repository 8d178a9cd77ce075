"""What of keys, teams and tenants cannot be meant: teams nobody declared, keys whose own policy they may not use."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead.config.choosing import STRATEGY_NAMES, Plan, Team, Tenant
from fairlead.config.finding import Finding
from fairlead.config.schema import Config, Key
from fairlead.config.spelling import nearest


def findings(config: Config) -> Iterator[Finding]:
    for index, key in enumerate(config.keys):
        teams = config.tenants.get(key.tenant, Tenant()).teams
        if key.team and teams and key.team not in teams:
            hint = nearest(key.team, tuple(teams), offer=True)
            yield Finding(("keys", index, "team"), f"tenant {key.tenant!r} has no team {key.team!r}{hint}")
        if key.scope == "team" and not key.team:
            yield Finding(("keys", index, "scope"), "reaches as far as its team, and the key has none: add `team`")
        name = policy_of(config, key)
        if not may_use(config, key, name):
            message = f"policy {name!r} holds for its requests and is not among those it may use; name one that is"
            yield Finding(("keys", index, "policy"), message)


def policy_of(config: Config, key: Key) -> str:
    """Of key, team, plan and tenant the first that names one, else the default."""
    plan = config.plans.get(key.plan or "", Plan())
    tenant = config.tenants.get(key.tenant, Tenant())
    team = tenant.teams.get(key.team, Team())
    return key.policy or team.policy or plan.policy or tenant.policy or config.policy.default


def may_use(config: Config, key: Key, policy: str) -> bool:
    """Whether key, team and tenant all let it use a policy. One that is not known is somebody else's complaint."""
    tenant = config.tenants.get(key.tenant, Tenant())
    declared = config.policies.get(policy)
    strategy = policy if declared is None else declared.strategy
    if strategy not in STRATEGY_NAMES:
        return True
    return all(
        (one.policies is None or policy in one.policies) and (one.strategies is None or strategy in one.strategies)
        for one in (key, tenant, tenant.teams.get(key.team, Team()))
    )
