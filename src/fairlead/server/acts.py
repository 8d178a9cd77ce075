"""`/admin/v1/audit`: what was done by those who administer, and whether the log of it is what it was; tenants and teams."""

from __future__ import annotations

import msgspec

from fairlead.config.choosing import Team, Tenant
from fairlead.core.call import Caller
from fairlead.core.grants import within
from fairlead.errors import Forbidden
from fairlead.gateway.administration import head_of, heads_of
from fairlead.server.admin import Asking, Parameter, Route
from fairlead.store.audit_chain import Asked, Checked, Row

PAGE = 100
MOST = 1000


class ActPage(msgspec.Struct, frozen=True):
    acts: list[Row]
    """The latest first."""
    next: int | None
    """What to give as `before` for the next page; null on the last one."""


class Bounds(msgspec.Struct, frozen=True):
    policy: str | None
    models: tuple[str, ...] | None
    """Null where all are allowed; so for the next ones."""
    providers: tuple[str, ...] | None
    channels: tuple[str, ...] | None
    regions: tuple[str, ...] | None
    policies: tuple[str, ...] | None
    strategies: tuple[str, ...] | None
    sensitive: bool


class TeamTold(msgspec.Struct, frozen=True):
    tenant: str
    name: str
    keys: int
    declared: bool
    """Whether the configuration names it; else only keys do."""
    bounds: Bounds


class TenantTold(msgspec.Struct, frozen=True):
    name: str
    keys: int
    declared: bool
    timezone: str
    teams: list[str]
    bounds: Bounds


class Tenants(msgspec.Struct, frozen=True):
    tenants: list[TenantTold]


class Teams(msgspec.Struct, frozen=True):
    teams: list[TeamTold]


async def acts(asking: Asking) -> ActPage:
    """A key that reaches as far as its tenant sees what concerns that one."""
    limit = asking.number("limit", PAGE, MOST) or PAGE
    own, query = asking.own.caller, asking.query
    if own.scope == "team":
        raise Forbidden("Acts are told of whole tenants; the scope of this key is its team.", code="scope")
    tenant = query.get("tenant") if own.scope == "gateway" else own.tenant
    asked = Asked(
        asking.number("before", None, 1 << 53),
        limit + 1,
        query.get("kind", ""),
        query.get("actor", ""),
        tenant,
        query.get("search", ""),
    )
    rows = await asking.runtime.administration.acts(asked)
    return ActPage(rows[:limit], rows[limit - 1].seq if len(rows) > limit else None)


async def verify(asking: Asking) -> Checked:
    heads = await asking.runtime.ledger.ask(heads_of)
    if "head" in asking.query:
        heads = (*heads, head_of(asking.query["head"]))
    return await asking.runtime.administration.verify(heads)


async def tenants(asking: Asking) -> Tenants:
    declared, callers = asking.keyring.world.binding.tenants, _callers(asking)
    names = dict.fromkeys((*declared, *(caller.tenant for caller in callers)))
    found = []
    for name in sorted(names):
        own = asking.own.caller
        if own.scope != "gateway" and own.tenant != name:
            continue
        tenant = declared.get(name, Tenant())
        mine = [caller for caller in callers if caller.tenant == name]
        teams = dict.fromkeys((*tenant.teams, *(caller.team for caller in mine if caller.team)))
        visible = sorted(team for team in teams if within(own, name, team))
        count = sum(within(own, name, caller.team) for caller in mine)
        found.append(TenantTold(name, count, name in declared, tenant.timezone, visible, _bounds(tenant)))
    return Tenants(found)


async def teams(asking: Asking) -> Teams:
    declared, callers = asking.keyring.world.binding.tenants, _callers(asking)
    named = {(tenant, name): team for tenant, one in declared.items() for name, team in one.teams.items()}
    places = {*named, *((caller.tenant, caller.team) for caller in callers if caller.team)}
    return Teams(
        [
            TeamTold(
                *place,
                sum((caller.tenant, caller.team) == place for caller in callers),
                place in named,
                _bounds(named.get(place, Team())),
            )
            for place in sorted(places)
            if within(asking.own.caller, *place)
        ]
    )


def _callers(asking: Asking) -> list[Caller]:
    """One for each key, also where several secrets open to it."""
    holders = asking.keyring.world.keys.values()
    return list({holder.caller.name: holder.caller for holder in holders}.values())


def _bounds(of: Team) -> Bounds:
    return Bounds(of.policy, of.models, of.providers, of.channels, of.regions, of.policies, of.strategies, of.sensitive)


FILTERS = (
    Parameter("before", "Only acts with a smaller number: what `next` of the page before says.", number=True),
    Parameter("limit", f"Acts on a page, {PAGE} where nothing is said, {MOST} at most.", number=True),
    Parameter("kind", "Only acts of this kind."),
    Parameter("actor", "Only what this one did."),
    Parameter("tenant", "Only what concerns this tenant."),
    Parameter("search", "Only acts in which this text stands."),
)
ROUTES = (
    Route("GET", "/admin/v1/audit", acts, "viewer", "What was done by those who administer.", ActPage, query=FILTERS),
    Route(
        "GET",
        "/admin/v1/audit/verify",
        verify,
        "viewer",
        "Compute the chain of acts anew.",
        Checked,
        wide=True,
        query=(Parameter("head", "ROW:HASH of an earlier answer, which has to be a row still."),),
    ),
    Route("GET", "/admin/v1/tenants", tenants, "viewer", "Tenants, and what binds them.", Tenants),
    Route("GET", "/admin/v1/teams", teams, "viewer", "Teams, and what binds them.", Teams),
)
