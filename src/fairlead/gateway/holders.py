"""From what a key says of itself to what it may: its own words, its team's, its plan's and its tenant's, the narrowest of
each. Keys of the configuration and keys that were issued are bound alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fairlead.config.choosing import Plan, Team, Tenant
from fairlead.config.schema import Config, Key
from fairlead.config.tenants import elsewhere
from fairlead.core.budgets import Budget
from fairlead.core.call import Caller
from fairlead.core.grants import COMMON, Grant, Keyholder, usual_scope
from fairlead.core.model import Snapshot
from fairlead.core.policy import Limits, Policy
from fairlead.registry.digest import nano

NO_PLAN, NO_TEAM, NO_TENANT = Plan(), Team(), Tenant()


class Binding(msgspec.Struct, frozen=True):
    """What of a world binds keys, beside what they say themselves."""

    plans: Mapping[str, Plan]
    tenants: Mapping[str, Tenant]
    snapshot: Snapshot
    policies: Mapping[str, Policy]
    default_policy: str

    def holder(self, grant: Grant, key_id: str = "") -> Keyholder:
        """Where something it names is not there any more, the holder says so, and is refused."""
        missing = self.missing(grant)
        plan = self.plans.get(grant.plan or "", NO_PLAN)
        tenant = self.tenants.get(grant.tenant, NO_TENANT)
        team = tenant.teams.get(grant.team, NO_TEAM)
        policy = grant.policy or team.policy or plan.policy or tenant.policy
        policies = self._policies(grant, team, tenant)
        if not missing and policies is not None and self.policies[policy or self.default_policy].name not in policies:
            missing = f"the policy that holds for it, {policy or self.default_policy!r}, is none that it may use"
        return Keyholder(
            Caller(
                called(grant) if key_id else grant.name,
                grant.tenant,
                grant.role,
                policy,
                self._models(grant.models, team.models, plan.models, tenant.models),
                _narrowest(grant.providers, team.providers, tenant.providers),
                _narrowest(grant.regions, team.regions, tenant.regions),
                grant.sensitive or team.sensitive or tenant.sensitive,
                None if plan.max_cost is None else nano(plan.max_cost),
                grant.plan or "",
                _narrowest(team.channels, tenant.channels),
                grant.wishes,
                grant.team,
                policies,
                grant.scope,
                key_id,
            ),
            Limits(grant.rpm, grant.tpm, grant.concurrency),
            grant.expires_ms,
            missing,
            key_id,
            grant,
            grant.budgets,
        )

    def missing(self, grant: Grant) -> str:
        """What it names that there is not."""
        teams = self.tenants.get(grant.tenant, NO_TENANT).teams
        astray = grant.tenant == COMMON and elsewhere(grant.team, COMMON, self.tenants)
        if astray or (grant.team and teams and grant.team not in teams):
            return f"tenant {grant.tenant!r} has no team {grant.team!r}"
        if grant.plan is not None and grant.plan not in self.plans:
            return f"there is no plan {grant.plan!r}"
        for name in (*(() if grant.policy is None else (grant.policy,)), *(grant.policies or ())):
            if name not in self.policies:
                return f"there is no policy {name!r}"
        return ""

    def _policies(self, *bounds: Grant | Team) -> frozenset[str] | None:
        """By name, also where strategies are what is named."""
        if all(one.policies is None and one.strategies is None for one in bounds):
            return None
        names = _narrowest(*(one.policies for one in bounds))
        strategies = _narrowest(*(one.strategies for one in bounds))
        return frozenset(
            policy.name
            for name, policy in self.policies.items()
            if (names is None or name in names) and (strategies is None or policy.strategy in strategies)
        )

    def _models(self, *lists: tuple[str, ...] | None) -> frozenset[str] | None:
        return _narrowest(*(None if one is None else self._resolved(one) for one in lists))

    def _resolved(self, names: Iterable[str]) -> tuple[str, ...]:
        found = (self.snapshot.resolve(name) for name in names)
        return tuple(model.name for model in found if model is not None)


def called(grant: Grant) -> str:
    """How books and logs call an issued key: names are the tenants' own, so another's says whose it is."""
    return grant.name if grant.tenant == COMMON else f"{grant.tenant}/{grant.name}"


def declared(key: Key, budgets: Iterable[Budget]) -> Grant:
    """A key of the configuration; of all budgets, those that bind it alone count."""
    limits = key.limits
    return Grant(
        key.name,
        key.tenant,
        key.team,
        key.role,
        key.scope or usual_scope(key.tenant, key.team),
        key.plan,
        key.policy,
        key.models,
        key.providers,
        key.regions,
        key.policies,
        key.strategies,
        key.sensitive,
        limits.rpm,
        limits.tpm,
        limits.concurrency,
        None if key.expires is None else int(key.expires.timestamp() * 1000),
        tuple((knob, text) for knob, text in key.wishes.items()),
        tuple((one.per, one.amount) for one in budgets if one.scope == "key" and one.who == (key.name,)),
    )


def binding(config: Config, snapshot: Snapshot, policies: Mapping[str, Policy]) -> Binding:
    return Binding(config.plans, config.tenants, snapshot, policies, config.policy.default)


def _narrowest(*lists: tuple[str, ...] | None) -> frozenset[str] | None:
    given = [frozenset(one) for one in lists if one is not None]
    return frozenset.intersection(*given) if given else None
