"""What somebody wants a key to be, and the grant it comes to: checked by the world it is for, bound by who grants it.

What a wish leaves out is as the grantor's own, so that nobody has to repeat their own bounds; what it states and goes beyond
them is refused. So is touching a key that goes beyond one's own: to rotate it would be to have it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from fairlead.config.masking import masked
from fairlead.config.tenants import elsewhere, meant
from fairlead.core.budgets import Per
from fairlead.core.call import Caller
from fairlead.core.choice import nearest
from fairlead.core.cost import plain
from fairlead.core.grants import COMMON, SCOPES, Grant, Keyholder, excess, usual_scope
from fairlead.core.model import NANO
from fairlead.core.policies import STRATEGIES
from fairlead.core.policy import Limits
from fairlead.errors import BadRequest, Forbidden
from fairlead.gateway.holders import Binding
from fairlead.gateway.world import World

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,63}")
PLACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+-]{0,127}")
"""As the configuration names tenants and teams."""
OWNER = Keyholder(Caller("owner", role="admin"), Limits())
"""Whoever owns the state directory: bound by nothing."""
APART = frozenset(("limits", "expires", "budgets"))
"""Fields that a grant has in another form."""
MOST = 1_000_000
LATEST_MS = 253_402_300_799_999
"""The last instant of the year 9999 that a date can tell."""
CALLED = {"expires_ms": "expires"}
SHOWN = 100
"""Characters of a value in the audit."""
LISTS = ("models", "providers", "regions", "policies")

Text = Annotated[str, Meta(max_length=128)]
Count = Annotated[int, Meta(ge=1, le=10**12)] | None | UnsetType
Names = Annotated[tuple[Text, ...], Meta(max_length=1000)] | None | UnsetType


class WantedLimits(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    rpm: Count = UNSET
    tpm: Count = UNSET
    concurrency: Count = UNSET


class WantedBudget(Struct, frozen=True, forbid_unknown_fields=True):
    amount: Decimal
    """In USD."""
    per: Per = "month"


class Wanted(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is left out is as the grantor's own, or stays as it is; null lifts a bound."""

    name: Text | UnsetType = UNSET
    tenant: Text | UnsetType = UNSET
    team: Text | UnsetType = UNSET
    role: Literal["caller", "viewer", "operator", "admin"] | UnsetType = UNSET
    scope: Literal["team", "tenant", "gateway"] | UnsetType = UNSET
    plan: Text | UnsetType | None = UNSET
    policy: Text | UnsetType | None = UNSET
    models: Names = UNSET
    providers: Names = UNSET
    regions: Names = UNSET
    policies: Names = UNSET
    strategies: Names = UNSET
    sensitive: bool | UnsetType = UNSET
    limits: WantedLimits | UnsetType = UNSET
    expires: datetime | UnsetType | None = UNSET
    """With its zone."""
    budgets: Annotated[tuple[WantedBudget, ...], Meta(max_length=4)] | UnsetType | None = UNSET


def granted(wanted: Wanted, own: Keyholder, world: World, now_ms: int) -> Grant:
    """A new grant of who holds `own`. Raises BadRequest or Forbidden."""
    if wanted.name is UNSET:
        raise BadRequest("name is missing.", param="name", code="missing_field")
    grant = _with(_begun(own), wanted)
    if wanted.scope is UNSET:
        scopes = (usual_scope(grant.tenant, grant.team), own.caller.scope)
        grant = msgspec.structs.replace(grant, scope=min(scopes, key=SCOPES.index))
    grant = _bounded(grant, wanted, own, world.binding)
    _to_come(grant, now_ms)
    _check(grant, own, world)
    return grant


def changed(grant: Grant, wanted: Wanted, own: Keyholder, world: World, now_ms: int) -> Grant:
    for what in ("name", "tenant"):
        if getattr(wanted, what) not in (UNSET, getattr(grant, what)):
            raise BadRequest(f"A key keeps its {what}: issue another, and delete this one.", param=what)
    new = _with(grant, wanted)
    if wanted.expires is not UNSET:
        _to_come(new, now_ms)
    _check(new, own, world)
    return new


def _to_come(grant: Grant, now_ms: int) -> None:
    if grant.expires_ms is not None and grant.expires_ms <= now_ms:
        raise BadRequest(f"expires has passed already: {instant(grant.expires_ms)}.", param="expires")


def demand_within(own: Keyholder, other: Keyholder) -> None:
    beyond = excess(own, other)
    if beyond:
        raise Forbidden(f"This key goes beyond your own: {beyond}.", code="grant_exceeded")


def _begun(own: Keyholder) -> Grant:
    caller, limits = own.caller, own.limits
    return Grant(
        name="",
        tenant=COMMON if caller.scope == "gateway" else caller.tenant,
        team=caller.team if caller.scope == "team" else "",
        scope=caller.scope,
        plan=caller.plan or None,
        sensitive=caller.sensitive,
        rpm=limits.rpm,
        tpm=limits.tpm,
        concurrency=limits.concurrency,
        expires_ms=own.expires_ms,
        budgets=own.budgets,
    )


def _bounded(grant: Grant, wanted: Wanted, own: Keyholder, binding: Binding) -> Grant:
    """With the grantor's own bounds where it has none of its own, nor any that its team, plan and tenant see to."""
    mine, other = own.caller, binding.holder(grant).caller
    bounds: dict[str, object] = {}
    for what in LISTS:
        allowed, asked = getattr(mine, what), getattr(other, what)
        if getattr(wanted, what) is UNSET and allowed is not None and (asked is None or not asked <= allowed):
            bounds[what] = tuple(sorted(allowed))
    if wanted.policy is UNSET and mine.policy is not None and other.policy != mine.policy:
        bounds["policy"] = mine.policy
    return msgspec.structs.replace(grant, **bounds)


def _with(grant: Grant, wanted: Wanted) -> Grant:
    told = {
        field: value
        for field in wanted.__struct_fields__
        if field not in APART and (value := getattr(wanted, field)) is not UNSET
    }
    if isinstance(wanted.limits, WantedLimits):
        limits = {field: getattr(wanted.limits, field) for field in wanted.limits.__struct_fields__}
        told |= {field: value for field, value in limits.items() if value is not UNSET}
    if wanted.budgets is not UNSET:
        told["budgets"] = tuple((one.per, _nano(one.amount)) for one in wanted.budgets or ())
    if wanted.expires is None:
        told["expires_ms"] = None
    elif isinstance(wanted.expires, datetime):
        if wanted.expires.tzinfo is None:
            raise BadRequest("expires has to name its zone, as in 2026-12-31T18:00:00Z.", param="expires")
        told["expires_ms"] = _ms(wanted.expires)
    return msgspec.structs.replace(grant, **told)


def _ms(when: datetime) -> int:
    found = int(when.timestamp() * 1000)
    if not 0 <= found <= LATEST_MS:
        raise BadRequest("expires has to lie in the years 1970 to 9999 (UTC).", param="expires")
    return found


def _nano(amount: Decimal) -> int:
    if not amount.is_finite() or not 0 <= amount <= MOST or amount * NANO != int(amount * NANO):
        raise BadRequest(f"A budget's amount is 0 to {MOST} USD, with 9 decimals at most.", param="budgets")
    return int(amount * NANO)


def _check(grant: Grant, own: Keyholder, world: World) -> None:
    _names(grant, world)
    holder = world.binding.holder(grant, "new")
    others = _astray(grant, own, world.binding)
    if others:
        message = f"tenant {grant.tenant!r} has no team {grant.team!r}{meant(others)}"
        raise BadRequest(f"Such a key would not be bound as its team is: {message}", code="invalid_grant")
    if holder.ended:
        raise BadRequest(f"Such a key would be of no use: {holder.ended}.", code="invalid_grant")
    beyond = excess(own, holder)
    if beyond:
        raise Forbidden(f"Nobody grants more than they have: {beyond}.", code="grant_exceeded")


def _astray(grant: Grant, own: Keyholder, binding: Binding) -> tuple[str, ...]:
    """The tenants that have the team which the key's own lacks. Who reaches no further than a tenant is not told of others."""
    if own.caller.scope != "gateway" or (grant.tenant != COMMON and grant.tenant in binding.tenants):
        return ()
    return elsewhere(grant.team, grant.tenant, binding.tenants)


def _names(grant: Grant, world: World) -> None:
    if not NAME.fullmatch(grant.name):
        raise BadRequest(
            "name has to be 1 to 64 letters, digits and . _ : + -, beginning with a letter or digit.", param="name"
        )
    if masked(grant.name) != grant.name:
        raise BadRequest("name looks like a key, and names stand in reports; call it what it is for.", param="name")
    for what, place in (("tenant", grant.tenant), ("team", grant.team)):
        if place and not PLACE.fullmatch(place):
            raise BadRequest(f"{what} has to be a name as the configuration has them.", param=what)
    if not grant.tenant:
        raise BadRequest("tenant has to be a name.", param="tenant")
    if grant.scope == "team" and not grant.team:
        raise BadRequest("A key that reaches as far as its team needs a team.", param="team")
    _known(grant, world.binding)


def _known(grant: Grant, binding: Binding) -> None:
    snapshot = binding.snapshot
    for name in grant.models or ():
        if snapshot.resolve(name) is None:
            raise BadRequest(f"There is no model {name!r}.{nearest(name, list(snapshot.models))}", param="models")
    providers = {channel.provider for model in snapshot.models.values() for channel in model.channels}
    for what, names, known in (
        ("providers", grant.providers, providers),
        ("strategies", grant.strategies, set(STRATEGIES)),
    ):
        for name in names or ():
            if name not in known:
                raise BadRequest(f"There is nothing {name!r} among {what}.{nearest(name, sorted(known))}", param=what)


def difference(before: Grant, after: Grant) -> str:
    """What was changed, from what to what: an audit that says only which could not tell a budget raised and put back."""
    changed = [name for name in after.__struct_fields__ if getattr(after, name) != getattr(before, name)]
    told = (f"{CALLED.get(name, name)} {_shown(before, name)} -> {_shown(after, name)}" for name in changed)
    return "; ".join(told) or "nothing"


def _shown(grant: Grant, name: str) -> str:
    value = getattr(grant, name)
    if name == "expires_ms":
        value = instant(value)
    elif name == "budgets":
        value = tuple(f"{plain(amount)}/{per}" for per, amount in value)
    words = ", ".join(value) if isinstance(value, tuple) else str("" if value is None else value)
    return masked(words)[:SHOWN] or "none"


def instant(at_ms: int | None) -> str | None:
    """In words; beyond what a date can tell, the nearest that it can."""
    if at_ms is None:
        return None
    seconds, ms = divmod(min(max(at_ms, 0), LATEST_MS), 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=ms * 1000).isoformat().replace("+00:00", "Z")
