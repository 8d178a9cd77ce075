"""What of keys, teams and tenants cannot be meant: teams nobody declared, keys whose own policy they may not use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fairlead.config.choosing import STRATEGY_NAMES, Plan, Team, Tenant
from fairlead.config.document import NodePath
from fairlead.config.finding import Finding
from fairlead.config.schema import Config, Key
from fairlead.config.spelling import nearest, similar
from fairlead.core.grants import COMMON

SLIP = 0.8
"""How near to a declared name one that nobody declared must be to be taken for a slip: teams and tenants need not be
declared."""


def findings(config: Config) -> Iterator[Finding]:
    for index, key in enumerate(config.keys):
        yield from _team(("keys", index), key, config.tenants)
        if key.scope == "team" and not key.team:
            yield Finding(("keys", index, "scope"), "reaches as far as its team, and the key has none: add `team`")
        name = policy_of(config, key)
        if not may_use(config, key, name):
            message = f"policy {name!r} holds for its requests and is not among those it may use; name one that is"
            yield Finding(("keys", index, "policy"), message)
        for what, message in doubts(key.tenant, key.team, config.tenants):
            yield Finding(("keys", index, what), message, wrong=False)


def _team(path: NodePath, key: Key, tenants: Mapping[str, Tenant]) -> Iterator[Finding]:
    teams = tenants.get(key.tenant, Tenant()).teams
    if key.team and teams and key.team not in teams:
        hint = nearest(key.team, tuple(teams), offer=True)
        yield Finding((*path, "team"), f"tenant {key.tenant!r} has no team {key.team!r}{hint}")
    elif key.tenant == COMMON or key.tenant not in tenants:
        others = elsewhere(key.team, key.tenant, tenants)
        if others:
            message = f"tenant {key.tenant!r} has no team {key.team!r}{meant(others)}"
            yield Finding((*path, "team"), message)


def elsewhere(team: str, tenant: str, tenants: Mapping[str, Tenant]) -> tuple[str, ...]:
    """The tenants that declare such a team, where the key's own declares none: whoever leaves `tenant` out would else
    leave all that binds the team."""
    if not team or tenants.get(tenant, Tenant()).teams:
        return ()
    return tuple(name for name, one in tenants.items() if team in one.teams)


def meant(tenants: tuple[str, ...]) -> str:
    return f", did you mean tenant {' or '.join(map(repr, tenants[:3]))}?"


def doubts(tenant: str, team: str, tenants: Mapping[str, Tenant]) -> Iterator[tuple[str, str]]:
    """What is allowed of a key and looks like a slip: (setting, message)."""
    if tenant not in tenants:
        near = similar(tenant, tenants, SLIP)
        if near:
            yield "tenant", f"{tenant!r} is not declared under tenants, so nothing binds it{near}"
        elif team and not elsewhere(team, tenant, tenants):
            near = similar(team, (name for one in tenants.values() for name in one.teams), SLIP)
            if near:
                yield "team", f"no tenant declares a team {team!r}, so nothing binds it{near}"


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
