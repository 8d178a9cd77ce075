"""What of budgets cannot be meant: budgets of nobody, and those that cannot do what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fairlead.config.budgets import Allotment, Budget
from fairlead.config.choosing import Tenant
from fairlead.config.document import NodePath
from fairlead.config.finding import Finding
from fairlead.config.schema import Config
from fairlead.config.spelling import nearest, similar


def findings(config: Config, known: Mapping[str, str]) -> Iterator[Finding]:
    tiers = {f"{name}/{tier.name}" for name, policy in config.policies.items() for tier in policy.tiers}
    for index, one in enumerate(config.budgets):
        path: NodePath = ("budgets", index)
        yield from _whose(path, one, config, known, tiers)
        yield from _contradictions(path, one)
    for path, allotment in _allotments(config):
        yield from _contradictions(path, allotment)


def _allotments(config: Config) -> Iterator[tuple[NodePath, Allotment]]:
    """Those that stand with whom they are for."""
    owners: list[tuple[NodePath, Allotment | None]] = []
    owners += [(("keys", at), key.budget) for at, key in enumerate(config.keys)]
    owners += [(("plans", name), plan.budget) for name, plan in config.plans.items()]
    for name, tenant in config.tenants.items():
        owners.append((("tenants", name), tenant.budget))
        owners += [(("tenants", name, "teams", team), one.budget) for team, one in tenant.teams.items()]
    yield from (((*path, "budget"), budget) for path, budget in owners if budget is not None)


def _contradictions(path: NodePath, one: Allotment) -> Iterator[Finding]:
    if one.mode == "hard" and one.then is not None:
        yield Finding((*path, "then"), "a hard budget refuses; write `mode: soft`, or leave it out")


def _whose(path: NodePath, one: Budget, config: Config, known: Mapping[str, str], tiers: set[str]) -> Iterator[Finding]:
    at, named = (*path, "who"), bool(one.names)
    if one.scope == "gateway" and named:
        yield Finding(at, "there is one gateway: leave it out")
    elif one.scope == "tag" and not named:
        yield Finding(path, "a tag is the caller's own word: `who` says which one")
    elif one.scope in ("team", "tier") and named and "/" not in one.who:
        parts = "tenant/team" if one.scope == "team" else "policy/tier"
        yield Finding(at, f"write {parts}, found {one.who!r}")
    elif one.scope == "tier" and named and one.who not in tiers:
        yield Finding(at, f"no policy has a tier {one.who!r}")
    elif one.scope == "model" and named and one.who.lower() not in known:
        yield Finding(at, f"unknown model {one.who!r}; declare it under models")
    elif named:
        yield from _nobody(at, one.scope, one.who, config)


def _nobody(at: NodePath, scope: str, who: str, config: Config) -> Iterator[Finding]:
    """Keys of any tenant may still be issued: whom nobody declared is a slip only by its looks."""
    if scope == "key":
        known = [key.name for key in config.keys]
        message = f"no key here is called {who!r}, so it binds only one issued by that name"
    elif scope == "tenant":
        known = [*config.tenants, *(key.tenant for key in config.keys)]
        message = f"{who!r} is not declared under tenants, and no key is of it"
    elif scope == "team":
        tenant, _, team = who.partition("/")
        teams = config.tenants.get(tenant, Tenant()).teams
        if teams and team not in teams:  # nor can a key of it be issued
            yield Finding(at, f"tenant {tenant!r} has no team {team!r}{nearest(team, teams, offer=True)}")
            return
        known = [f"{name}/{one}" for name, declared in config.tenants.items() for one in declared.teams]
        known += [f"{key.tenant}/{key.team}" for key in config.keys if key.team]
        message = f"{who!r} is not declared under tenants, and no key is of it"
    else:
        return
    if who not in known:
        yield Finding(at, f"{message}{similar(who, known)}", wrong=False)
